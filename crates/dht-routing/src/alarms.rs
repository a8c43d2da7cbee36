//! When operations want to look at how things stand, though nothing has happened.
//!
//! *Invariant:* an operation has one alarm at most.

use std::collections::BTreeSet;

use dht_proto::Moment;

use crate::OperationId;

/// The alarms of operations. There are few: only what has a transfer under way has one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarms {
    due: BTreeSet<(Moment, OperationId)>,
}

impl Alarms {
    /// Sets the alarm of an operation to `at`, or takes it away.
    pub(crate) fn set(&mut self, operation: OperationId, at: Option<Moment>) {
        self.due.retain(|(_, other)| *other != operation);
        self.due.extend(at.map(|at| (at, operation)));
    }

    /// The earliest alarm.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next operation whose alarm has gone off, which has none any more.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<OperationId> {
        self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.pop_first().map(|(_, operation)| operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_woken_once_at_the_time_it_asked_for_last() {
        let mut alarms = Alarms::default();
        let (one, two) = (OperationId(1), OperationId(2));
        let at = |millis| Some(Moment::from_millis(millis));
        alarms.set(one, at(10));
        alarms.set(two, at(20));
        alarms.set(one, at(30));
        assert_eq!(alarms.next_due(), at(20));
        assert_eq!(alarms.pop_due(Moment::from_millis(19)), None);
        assert_eq!(alarms.pop_due(Moment::from_millis(40)), Some(two));
        assert_eq!(alarms.pop_due(Moment::from_millis(40)), Some(one));
        assert_eq!(alarms.pop_due(Moment::from_millis(40)), None);
        alarms.set(one, at(50));
        alarms.set(one, None);
        assert_eq!(alarms.next_due(), None);
    }
}
