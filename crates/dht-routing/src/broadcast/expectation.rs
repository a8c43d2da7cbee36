//! Broadcasts that another node was told to send, so that no second one is told so meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use dht_proto::{BroadcastId, BroadcastVerdict, Moment};

use super::Head;

/// How long a broadcast is waited for before somebody else may send it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Broadcasts waited for, at most.
const EXPECTED_MAX: usize = 1_024;

/// Broadcasts waited for from one node, at most: who promises much and sends nothing does not keep others from
/// sending.
const EXPECTED_OF_ONE_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Promise {
    by: Head,
    until: Moment,
}

/// What is waited for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expectations {
    promised: BTreeMap<BroadcastId, Promise>,
}

impl Expectations {
    /// What to tell `by`, which has a broadcast that is not here. If it is to send it, it is waited for.
    pub(super) fn expect(&mut self, now: Moment, id: BroadcastId, by: Head) -> BroadcastVerdict {
        match self.promised.get(&id) {
            Some(promise) if promise.until > now && promise.by != by => {
                return BroadcastVerdict::Expected;
            }
            Some(_) => {}
            None => {
                if self.promised.len() >= EXPECTED_MAX {
                    self.promised.retain(|_, promise| promise.until > now);
                }
                let of_this_one = self.promised.values().filter(|promise| promise.by == by).count();
                if self.promised.len() >= EXPECTED_MAX || of_this_one >= EXPECTED_OF_ONE_MAX {
                    return BroadcastVerdict::Refused;
                }
            }
        }
        self.promised.insert(id, Promise { by, until: now + PATIENCE });
        BroadcastVerdict::Wanted
    }

    /// When the last of it is waited for no longer.
    pub(super) fn last(&self) -> Moment {
        self.promised.values().map(|promise| promise.until).max().unwrap_or(Moment::EPOCH)
    }

    /// A broadcast came, or will not. Returns whether it was waited for.
    pub(super) fn met(&mut self, id: &BroadcastId) -> bool {
        self.promised.remove(id).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Head = Head(1);
    const OTHER: Head = Head(2);

    fn id(number: u16) -> BroadcastId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        BroadcastId::from_bytes(bytes)
    }

    #[test]
    fn a_second_node_is_told_to_send_only_when_the_first_took_too_long() {
        let mut expectations = Expectations::default();
        let start = Moment::from_secs(1);
        assert_eq!(expectations.expect(start, id(1), ONE), BroadcastVerdict::Wanted);
        assert_eq!(expectations.expect(start, id(1), OTHER), BroadcastVerdict::Expected);
        assert_eq!(expectations.expect(start, id(1), ONE), BroadcastVerdict::Wanted, "repeated");
        let later = start + PATIENCE;
        assert_eq!(expectations.expect(later, id(1), OTHER), BroadcastVerdict::Wanted);
        assert!(expectations.met(&id(1)) && !expectations.met(&id(1)));
    }

    #[test]
    fn endless_ids_of_one_node_or_of_many_take_bounded_memory() {
        let mut expectations = Expectations::default();
        let now = Moment::from_secs(1);
        let wanted = |expectations: &mut Expectations, numbers: std::ops::Range<u16>, by| {
            let verdicts = numbers.map(|number| expectations.expect(now, id(number), by));
            verdicts.filter(|verdict| *verdict == BroadcastVerdict::Wanted).count()
        };
        assert_eq!(wanted(&mut expectations, 0..500, ONE), EXPECTED_OF_ONE_MAX);
        assert_eq!(expectations.expect(now, id(1_000), OTHER), BroadcastVerdict::Wanted);
        for by in 3_u16..100 {
            wanted(&mut expectations, by * 100..by * 100 + 100, Head(by.into()));
        }
        assert_eq!(expectations.promised.len(), EXPECTED_MAX);
        let later = now + PATIENCE;
        assert_eq!(expectations.expect(later, id(20_000), ONE), BroadcastVerdict::Wanted);
        assert_eq!(expectations.promised.len(), 1);
    }
}
