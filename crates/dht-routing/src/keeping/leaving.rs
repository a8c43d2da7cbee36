//! Leaving in order: until every partner has had its turn, or the time is up.

use std::collections::BTreeSet;
use std::time::Duration;

use dht_proto::{Moment, NodeId};

use super::TurnReport;
use crate::OperationId;

/// Time it may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) operation: OperationId,
    /// Copies that others lacked and have taken.
    pub(crate) handed_over: usize,
}

/// A leave under way.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    farewell: Farewell,
    deadline: Moment,
    open: BTreeSet<NodeId>,
}

impl Leaving {
    pub(super) fn new(now: Moment, operation: OperationId, open: BTreeSet<NodeId>) -> Self {
        let farewell = Farewell { operation, handed_over: 0 };
        Self { farewell, deadline: now + DEADLINE, open }
    }

    pub(super) fn operation(&self) -> OperationId {
        self.farewell.operation
    }

    pub(super) fn ended(&mut self, report: &TurnReport) {
        self.farewell.handed_over += report.delivered;
        self.open.remove(&report.partner);
    }

    /// When it is over: at once if nobody is left to be told.
    pub(super) fn due(&self) -> Moment {
        if self.open.is_empty() { Moment::EPOCH } else { self.deadline }
    }

    pub(super) fn farewell(self) -> Farewell {
        self.farewell
    }
}
