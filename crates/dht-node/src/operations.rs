//! Operations under way: who waits for their outcome.

use std::collections::BTreeMap;

use dht_routing::{Busy, OperationId, Outcome};
use tokio::sync::oneshot;

use crate::control::OperationNumber;

type Reply = oneshot::Sender<Result<Outcome, Busy>>;

/// The callers of a node's operations.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    callers: BTreeMap<OperationId, (OperationNumber, Reply)>,
    ids: BTreeMap<OperationNumber, OperationId>,
}

impl Operations {
    /// An operation was started for a caller.
    pub(crate) fn started(&mut self, id: OperationId, number: OperationNumber, reply: Reply) {
        self.callers.insert(id, (number, reply));
        self.ids.insert(number, id);
    }

    /// An operation ended: its caller, if it has one, gets the outcome.
    pub(crate) fn finished(&mut self, id: OperationId, outcome: Outcome) {
        if let Some((number, reply)) = self.callers.remove(&id) {
            self.ids.remove(&number);
            // A caller that is gone has cancelled the operation; there is nobody to tell.
            let _ = reply.send(Ok(outcome));
        }
    }

    /// A caller is gone. Returns the operation to be cancelled, unless it has ended or never started.
    pub(crate) fn cancelled(&mut self, number: OperationNumber) -> Option<OperationId> {
        let id = self.ids.remove(&number)?;
        self.callers.remove(&id);
        Some(id)
    }
}
