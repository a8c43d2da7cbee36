//! The entries of all buckets, in arrays by what is looked at together: to find a node among those of its
//! bucket touches a cache line or two, and a table of 160 nodes takes 11 KB.
//!
//! Entries lie bucket after bucket; within a bucket in the order they entered, which is how long they are known.
//!
//! Places come from the table's own bookkeeping and from nowhere else, so that arrays are indexed by them.
//!
//! *Invariant:* all arrays have the same length.
//! *Invariant:* over the range of a bucket, `order` is a permutation of the numbers from 0: its entries, the one
//! that answered least recently first.

use std::net::SocketAddr;
use std::ops::Range;

use dht_proto::{Contact, NodeId, NodeIdentity};

use super::address::{Addresses, PackedAddr};
use super::known::{Preimage, Pulse, head};
use crate::Subnet;

/// Room made at once when the arrays are full.
const GROWTH: usize = 2;

#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    heads: Vec<u64>,
    order: Vec<u8>,
    pulses: Vec<Pulse>,
    addrs: Vec<PackedAddr>,
    preimages: Vec<Preimage>,
    pub(super) addresses: Addresses,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Where `node` is within the bucket at `range`.
    #[inline]
    pub(super) fn find(&self, range: Range<usize>, node: &NodeIdentity) -> Option<usize> {
        self.find_head(range, head(&node.id()), |preimage| preimage.makes(node))
    }

    /// Where the node with the id is within the bucket at `range`.
    pub(super) fn find_id(&self, range: Range<usize>, id: &NodeId) -> Option<usize> {
        self.find_head(range, head(id), |preimage| preimage.identity().id() == *id)
    }

    fn find_head(
        &self,
        range: Range<usize>,
        head: u64,
        is_it: impl Fn(&Preimage) -> bool,
    ) -> Option<usize> {
        let heads = &self.heads[range.clone()];
        let alike = heads.iter().zip(range).filter(|(other, _)| **other == head);
        alike.map(|(_, at)| at).find(|at| is_it(&self.preimages[*at]))
    }

    /// The entries of the bucket at `range`, least recently answered first.
    #[inline]
    pub(super) fn by_answer(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = usize> {
        let start = range.start;
        self.order[range].iter().map(move |number| start + usize::from(*number))
    }

    pub(super) fn head(&self, at: usize) -> u64 {
        self.heads[at]
    }

    #[inline]
    pub(super) fn pulse(&self, at: usize) -> Pulse {
        self.pulses[at]
    }

    pub(super) fn pulse_mut(&mut self, at: usize) -> &mut Pulse {
        &mut self.pulses[at]
    }

    pub(super) fn addr(&self, at: usize) -> SocketAddr {
        self.addresses.unpack(&self.addrs[at])
    }

    #[inline]
    pub(super) fn preimage(&self, at: usize) -> Preimage {
        self.preimages[at]
    }

    /// How many entries in `range` lie in `subnet`, counting at least up to `limit`.
    pub(super) fn count_in(&self, range: Range<usize>, subnet: Subnet, limit: usize) -> usize {
        self.addresses.count_in(&self.addrs[range], subnet, limit)
    }

    /// Adds the newest entry of the bucket at `range`, which is to be one longer from now on.
    pub(super) fn insert(&mut self, range: &Range<usize>, contact: &Contact, pulse: Pulse) {
        // The length of a bucket is bounded by `K_MAX`, which fits.
        let number = u8::try_from(range.len()).unwrap_or(u8::MAX);
        let addr = self.addresses.pack(contact.addr);
        put(&mut self.heads, range.end, head(&contact.id()));
        put(&mut self.order, range.end, number);
        put(&mut self.pulses, range.end, pulse);
        put(&mut self.addrs, range.end, addr);
        put(&mut self.preimages, range.end, Preimage::of(&contact.node));
    }

    /// Takes the entry at `at` out of the bucket at `range`, which is to be one shorter from now on.
    pub(super) fn remove(&mut self, range: Range<usize>, at: usize) {
        self.freshen(&range, at);
        self.order.remove(range.end - 1);
        let number = at - range.start;
        for other in &mut self.order[range.start..range.end - 1] {
            *other -= u8::from(usize::from(*other) > number);
        }
        self.heads.remove(at);
        self.pulses.remove(at);
        self.preimages.remove(at);
        let addr = self.addrs.remove(at);
        self.addresses.release(addr);
    }

    /// Moves the entry at `at` to the recent end of the bucket at `range`.
    pub(super) fn freshen(&mut self, range: &Range<usize>, at: usize) {
        let number = at - range.start;
        let order = &mut self.order[range.clone()];
        if let Some(place) = order.iter().position(|other| usize::from(*other) == number) {
            order[place..].rotate_left(1);
        }
    }

    /// Notes another address of the entry at `at`. Returns whether it is another one.
    pub(super) fn relocate(&mut self, at: usize, addr: SocketAddr) -> bool {
        if self.addr(at) == addr {
            return false;
        }
        let packed = self.addresses.pack(addr);
        let old = std::mem::replace(&mut self.addrs[at], packed);
        self.addresses.release(old);
        true
    }
}

/// Inserts without doubling the capacity: memory of many small tables adds up.
fn put<T>(array: &mut Vec<T>, at: usize, value: T) {
    if array.len() == array.capacity() {
        array.reserve_exact(GROWTH);
    }
    array.insert(at.min(array.len()), value);
}
