//! How much each node sends: nobody may send so much that others do not get their turn.
//!
//! What is counted has been opened, so it is the node's own; what is over the limit is dropped before it is
//! opened, which costs next to nothing.
//!
//! Invariant: bounded: past [`NODES`] in one second further nodes go uncounted.

use std::collections::HashMap;
use std::time::Duration;

use dht_proto::{Moment, PublicKey};

/// Nodes counted in one second, at most.
const NODES: usize = 4_096;

/// Time after which counting starts anew.
const WINDOW: Duration = Duration::from_secs(1);

/// Of the datagrams over the limit, every so many-th is answered with a demand for a cookie: who answers that is
/// really there.
const DEMAND_EACH: u32 = 64;

/// What is to be done with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Take it.
    Free,
    /// Drop it.
    Closed,
    /// Drop it, and ask for a cookie.
    Demand,
    /// Drop it: its sender is proven to be where it comes from, and floods us.
    Flood,
}

/// The beginning of a public key. To make a key that begins like another one takes as many key pairs as there are
/// beginnings, 2^64.
type Short = [u8; 8];

fn short(key: &PublicKey) -> Short {
    let mut short = Short::default();
    short.copy_from_slice(&key.as_bytes()[..8]);
    short
}

/// Requests of each node in the present second.
#[derive(Debug)]
pub(crate) struct Flow {
    limit: u32,
    since: Moment,
    counts: HashMap<Short, u32>,
    dropped: u32,
}

impl Flow {
    /// At most `limit` requests of a node in a second.
    pub(crate) fn new(limit: u32, now: Moment) -> Self {
        Self { limit, since: now, counts: HashMap::new(), dropped: 0 }
    }

    /// Counts a request that was opened.
    pub(crate) fn count(&mut self, now: Moment, sender: PublicKey) {
        self.turn(now);
        let sender = short(&sender);
        if self.counts.len() < NODES || self.counts.contains_key(&sender) {
            let count = self.counts.entry(sender).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// What to do with a datagram that claims to be of `sender`; `proven` if a cookie came with it.
    pub(crate) fn check(&mut self, now: Moment, sender: &PublicKey, proven: bool) -> Passage {
        self.turn(now);
        let Some(count) = self.counts.get_mut(&short(sender)).filter(|count| **count >= self.limit)
        else {
            return Passage::Free;
        };
        if proven && *count != u32::MAX {
            // Once in a second is enough to hold it against the node.
            *count = u32::MAX;
            return Passage::Flood;
        }
        self.dropped = self.dropped.wrapping_add(1);
        if self.dropped % DEMAND_EACH == 1 { Passage::Demand } else { Passage::Closed }
    }

    fn turn(&mut self, now: Moment) {
        if now.since(self.since) >= WINDOW {
            self.since = now;
            // Nothing is kept for a node that is left alone.
            self.counts = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_secs(7);

    fn sender(number: u16) -> PublicKey {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        PublicKey::from_bytes(bytes)
    }

    /// A flow in which the first sender has reached its limit of 10.
    fn busy() -> Flow {
        let mut flow = Flow::new(10, NOW);
        for _ in 0..10 {
            assert_eq!(flow.check(NOW, &sender(1), false), Passage::Free);
            flow.count(NOW, sender(1));
        }
        flow
    }

    #[test]
    fn a_node_over_its_limit_is_cut_off_for_the_rest_of_the_second_and_others_are_not() {
        let mut flow = busy();

        assert_eq!(flow.check(NOW, &sender(1), false), Passage::Demand);
        assert_eq!(flow.check(NOW, &sender(1), false), Passage::Closed);
        assert_eq!(flow.check(NOW, &sender(2), false), Passage::Free);
        assert_eq!(flow.check(NOW + WINDOW, &sender(1), false), Passage::Free);
    }

    #[test]
    fn only_who_is_proven_to_be_there_floods_and_that_once_a_second() {
        let mut flow = busy();

        assert_eq!(flow.check(NOW, &sender(1), true), Passage::Flood);
        assert_ne!(flow.check(NOW, &sender(1), true), Passage::Flood);
        assert_ne!(flow.check(NOW, &sender(1), false), Passage::Flood);
    }

    #[test]
    fn a_demand_is_made_for_few_of_the_datagrams() {
        let mut flow = busy();

        let checks = (0..6_400).map(|_| flow.check(NOW, &sender(1), false));
        assert_eq!(checks.filter(|passage| *passage == Passage::Demand).count(), 100);
    }

    #[test]
    fn very_many_senders_take_no_more_room() {
        let mut flow = Flow::new(10, NOW);
        for number in 0..u16::MAX {
            flow.count(NOW, sender(number));
        }
        assert_eq!(flow.counts.len(), NODES);
        flow.count(NOW + WINDOW, sender(1));
        assert_eq!(flow.counts.len(), 1);
    }
}
