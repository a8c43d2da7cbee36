//! Records that somebody was just told to send: whoever offers them meanwhile is told that they are here, so that
//! a newcomer gets each of its records once.
//!
//! A promise that is not kept is forgotten after a while, and the next sweep repairs it.

use std::collections::BTreeMap;
use std::time::Duration;

use dht_proto::{Digest, Moment, NodeId, Slot};

/// How long a record is awaited.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records awaited at once, at most; beyond it everybody is told to send.
const AWAITED_MAX: usize = 4_096;

/// What is awaited, and from whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promises {
    awaited: BTreeMap<(Slot, Digest), (Moment, NodeId)>,
}

impl Promises {
    /// `holder` offers a record that we want. Returns whether it is to send it, and expects it then.
    pub(crate) fn ask(&mut self, now: Moment, record: (Slot, Digest), holder: NodeId) -> bool {
        if let Some((until, sender)) = self.awaited.get(&record)
            && *until > now
        {
            // Who asks again has not heard our answer.
            return *sender == holder;
        }
        if self.awaited.len() >= AWAITED_MAX {
            self.awaited.retain(|_, (until, _)| *until > now);
        }
        if self.awaited.len() < AWAITED_MAX {
            self.awaited.insert(record, (now + PATIENCE, holder));
        }
        true
    }

    /// A record came, or will not: nobody is awaited any more.
    pub(crate) fn settle(&mut self, record: &(Slot, Digest)) {
        if self.awaited.remove(record).is_some() && self.awaited.is_empty() {
            self.awaited = BTreeMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Key, Kind};

    use super::*;

    const ONE: NodeId = NodeId::from_bytes([1; 32]);
    const TWO: NodeId = NodeId::from_bytes([2; 32]);

    fn record(byte: u8) -> (Slot, Digest) {
        let slot = Slot { key: Key::from_bytes([byte; 32]), kind: Kind::Named };
        (slot, Digest::from_bytes([byte; 32]))
    }

    #[test]
    fn only_the_first_of_two_holders_is_to_send() {
        let mut promises = Promises::default();
        let now = Moment::from_secs(5);
        assert!(promises.ask(now, record(1), ONE));
        assert!(!promises.ask(now, record(1), TWO));
        assert!(promises.ask(now, record(1), ONE), "it did not hear the answer");
        assert!(promises.ask(now, record(2), TWO), "another record");
        promises.settle(&record(1));
        assert!(promises.ask(now, record(1), TWO));
    }

    #[test]
    fn a_promise_that_is_not_kept_is_forgotten() {
        let mut promises = Promises::default();
        assert!(promises.ask(Moment::EPOCH, record(1), ONE));
        assert!(promises.ask(Moment::EPOCH + PATIENCE, record(1), TWO));
    }

    #[test]
    fn only_so_many_are_awaited_and_more_are_asked_of_everybody() {
        let mut promises = Promises::default();
        let slot = |n: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            (Slot { key: Key::from_bytes(key), kind: Kind::Named }, Digest::from_bytes([0; 32]))
        };
        assert!((0..10_000).all(|n| promises.ask(Moment::EPOCH, slot(n), ONE)));
        assert_eq!(promises.awaited.len(), AWAITED_MAX);
        assert!(promises.ask(Moment::EPOCH, slot(9_999), TWO));
        assert!(promises.ask(Moment::from_secs(60), slot(9_999), TWO));
        assert_eq!(promises.awaited.len(), 1, "what was awaited in vain is gone");
    }
}
