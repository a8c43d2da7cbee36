//! Copies of content that is in demand: whether we want one, how long it lives, and how much of them we take.
//!
//! A copy is kept by nodes on the way to the holders, so that most who ask meet it before them. It lives the shorter
//! the further the node is from the holders: [`LIFE`] halves with every step that a lookup takes to them from there.
//! The node that keeps it decides that from the density of its own table, whatever the sender says.
//!
//! *Invariant:* only content is copied: there is no newer version that a copy could hide, and nothing that the
//! agreement of holders would have to settle.
//! *Invariant:* nothing is taken that was not in demand here; bytes taken within [`LIFE`] are bounded.

use std::time::Duration;

use dht_proto::{Key, Moment, NodeId, Source};

use crate::RoutingTable;
use crate::demand::Demand;
use crate::lookup::BITS_PER_STEP;

/// Life of a copy where the holders are.
pub(crate) const LIFE: Duration = Duration::from_mins(30);
/// Halvings, at most.
const HALVINGS_MAX: u32 = 6;
/// Where fewer nodes live than k doubled so many times, every lookup meets a holder soon enough.
const DOUBLINGS_MIN: u32 = 2;
/// Share of the capacity, as its divisor, that may be taken within [`LIFE`]. As many bytes again may still be alive
/// from the time before.
const SHARE: u64 = 16;

/// What this node has to do with copies. Made when somebody asks for what is not held here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caching {
    demand: Demand,
    /// Bytes taken since `since`.
    taken: u64,
    since: Moment,
}

impl Caching {
    /// Somebody that stands for `source` asked for `key`, and got a copy or nothing.
    pub(crate) fn asked(&mut self, now: Moment, key: Key, source: Source) {
        self.demand.asked(now, key, source);
    }

    /// Whether a copy is worth asking for.
    pub(crate) fn wants(&self, now: Moment, key: &Key) -> bool {
        self.demand.is_high(now, key)
    }

    /// Whether a copy of `size` bytes, which somebody sends or offers, was asked for and has its room here.
    pub(crate) fn may_take(&self, now: Moment, key: &Key, (size, capacity): (usize, u64)) -> bool {
        self.demand.is_awaited(now, key) && self.has_room(now, (size, capacity))
    }

    /// Whether the share of the capacity that is for copies has room for `size` bytes more.
    pub(crate) fn has_room(&self, now: Moment, (size, capacity): (usize, u64)) -> bool {
        let taken = if now.since(self.since) < LIFE { self.taken } else { 0 };
        taken + size as u64 <= capacity / SHARE
    }

    /// A copy is taken.
    pub(crate) fn took(&mut self, now: Moment, size: usize) {
        if now.since(self.since) >= LIFE {
            (self.taken, self.since) = (0, now);
        }
        self.taken += size as u64;
    }

    /// Drops what nobody asked for lately. Returns whether nothing is left to remember.
    pub(crate) fn forget(&mut self, now: Moment) -> bool {
        self.demand.forget(now) && (self.taken == 0 || now.since(self.since) >= LIFE)
    }
}

/// How long a copy of what lives at `key` lives here; `None` in a network so small that everybody is near
/// the holders.
pub(crate) fn life(table: &RoutingTable, local: &NodeId, k: usize, key: &Key) -> Option<Duration> {
    let radius = table.radius(k).leading_zeros();
    let way = key.distance(local).leading_zeros();
    let steps = radius.saturating_sub(way).div_ceil(BITS_PER_STEP);
    is_large(table, k).then(|| LIFE / (1 << steps.min(HALVINGS_MAX)))
}

/// Whether the network has so many nodes that copies are worth it.
pub(crate) fn is_large(table: &RoutingTable, k: usize) -> bool {
    table.radius(k).leading_zeros() >= DOUBLINGS_MIN
}

#[cfg(test)]
mod tests {
    use dht_proto::{Contact, NodeIdentity, Nonce, PublicKey};

    use super::*;

    const NOW: Moment = Moment::from_secs(50);

    fn identity(number: u32) -> NodeIdentity {
        NodeIdentity::new(PublicKey::from_bytes([3; 32]), Nonce(number))
    }

    fn table(nodes: u32) -> RoutingTable {
        let mut table = RoutingTable::new(identity(0).id(), 2);
        for number in 1..nodes {
            let addr = std::net::SocketAddr::from(([127, 0, 0, 1], 1_000));
            table.answered(NOW, Contact::new(identity(number), addr), Duration::from_millis(1));
        }
        table
    }

    /// A key that shares so many leading bits with the node, and not one more.
    fn key(zeros: u32) -> Key {
        let mut bytes = *identity(0).id().as_bytes();
        bytes[zeros as usize / 8] ^= 0x80 >> (zeros % 8);
        Key::from_bytes(bytes)
    }

    #[test]
    fn a_life_halves_with_every_step_on_the_way_to_the_holders() {
        let (table, local) = (table(3_000), identity(0).id());
        let radius = table.radius(2).leading_zeros();
        assert!(radius > 2 * BITS_PER_STEP, "{radius}");
        let life = |zeros| life(&table, &local, 2, &key(zeros));
        assert_eq!(life(radius + 3), Some(LIFE), "among the holders");
        assert_eq!(life(radius), Some(LIFE));
        assert_eq!(life(radius - 1), Some(LIFE / 2));
        assert_eq!(life(radius - BITS_PER_STEP), Some(LIFE / 2));
        assert_eq!(life(radius - BITS_PER_STEP - 1), Some(LIFE / 4));
    }

    #[test]
    fn in_a_network_of_a_few_times_k_nodes_nothing_is_copied() {
        let small = table(4);
        assert!(!is_large(&small, 2));
        assert_eq!(life(&small, &identity(0).id(), 2, &key(200)), None);
    }

    #[test]
    fn bytes_that_were_taken_count_for_as_long_as_a_copy_may_live() {
        let mut caching = Caching::default();
        caching.took(NOW, 900);
        assert!(caching.has_room(NOW, (100, 16_000)) && !caching.has_room(NOW, (101, 16_000)));
        assert!(caching.has_room(NOW + LIFE, (1_000, 16_000)));
        assert!(!caching.forget(NOW) && caching.forget(NOW + LIFE));
    }
}
