//! The routing table: 256 buckets made on demand, by shared prefix with our own id (Kademlia, section 2.2).
//!
//! It owns who is known and alive; it sends nothing. [`RoutingTable::answered`] is the only way in.
//!
//! *Invariant:* every entry answered a request of ours at the address it is listed with.
//! *Invariant:* the half of a full bucket that is known for the longest leaves only by
//! [`RoutingTable::failed`], never to make room for a newcomer: who floods us with new nodes does not get rid
//! of the old ones. The other half goes to the nodes with the shortest round trips (proximity neighbour
//! selection, Gummadi et al., SIGCOMM 2003), which makes the first steps of every lookup short.

use std::time::Duration;

use dht_proto::{Contact, Distance, Key, Moment, NodeId};

use crate::rtt::RttEstimate;

mod bucket;
mod subnet;
#[cfg(test)]
mod tests;

use bucket::Bucket;
pub use bucket::Entry;
use subnet::Subnet;

/// Failures in a row after which an entry is given up.
pub const FAILURES_MAX: u8 = 2;
/// Entries of one subnet in a bucket at most; loopback and private addresses are exempt.
pub const SUBNET_PER_BUCKET: usize = 2;
/// Entries of one subnet in the whole table at most; loopback and private addresses are exempt.
pub const SUBNET_PER_TABLE: usize = 10;

/// What became of a contact that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It was in the table; its round-trip time and age were renewed.
    Renewed,
    /// It entered the table.
    Inserted,
    /// It entered the table in the place of an entry that is further away in time, which waits now.
    Displaced {
        /// The entry that left.
        left: Contact,
    },
    /// Its bucket is full; it waits in the replacement cache. `oldest` is the entry that has not answered
    /// for the longest time: if it does not answer a ping, the newcomer can have its place.
    Waiting {
        /// The entry to ping before anything is evicted (Kademlia, section 2.2).
        oldest: Contact,
        /// When `oldest` answered last.
        since: Moment,
    },
    /// Its subnet has as many entries as it may have, or it is our own id.
    Refused,
}

/// What became of a contact that did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It was not in the table.
    Unknown,
    /// It stays, with one more failure.
    Kept,
    /// It was removed; a waiting contact, which answered us once, may be pinged to take the place.
    Evicted {
        /// The contact that waited the shortest, if any.
        candidate: Option<Contact>,
    },
}

/// A Kademlia routing table.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    local: NodeId,
    k: usize,
    buckets: Vec<Bucket>,
    len: usize,
}

impl RoutingTable {
    /// An empty table of the node `local`, with buckets of `k` entries.
    pub fn new(local: NodeId, k: usize) -> Self {
        Self { local, k, buckets: Vec::new(), len: 0 }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no node is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of buckets made so far: 1 more than the longest prefix shared with an entry.
    pub fn depth(&self) -> usize {
        self.buckets.len()
    }

    /// All entries, furthest bucket first, least recently answered first within a bucket.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets.iter().flat_map(Bucket::entries)
    }

    /// Entries of the bucket whose nodes share exactly `zeros` leading bits with us.
    pub fn bucket(&self, zeros: usize) -> &[Entry] {
        self.buckets.get(zeros).map_or(&[], |bucket| bucket.entries())
    }

    /// The entry of `id`.
    pub fn entry(&self, id: &NodeId) -> Option<&Entry> {
        self.buckets.get(self.index(id)?)?.entry(id)
    }

    /// Whether a contact could enter: its bucket has room, its subnet too, and it is not in the table.
    pub fn has_room_for(&self, contact: &Contact) -> bool {
        let Some(index) = self.index(&contact.id()) else { return false };
        let bucket = self.buckets.get(index);
        let full = bucket.is_some_and(|bucket| bucket.entries().len() >= self.k);
        let known = bucket.is_some_and(|bucket| bucket.entry(&contact.id()).is_some());
        !full && !known && self.subnet_allows(index, contact)
    }

    /// A contact answered a request of ours after `rtt`.
    pub fn answered(&mut self, now: Moment, contact: Contact, rtt: Duration) -> Answered {
        let Some(index) = self.index(&contact.id()) else { return Answered::Refused };
        if let Some(bucket) = self.buckets.get_mut(index)
            && bucket.renew(now, contact, rtt)
        {
            return Answered::Renewed;
        }
        if !self.subnet_allows(index, &contact) {
            return Answered::Refused;
        }
        if self.buckets.len() <= index {
            self.buckets.resize_with(index + 1, Bucket::default);
        }
        let k = self.k;
        let Some(bucket) = self.buckets.get_mut(index) else { return Answered::Refused };
        let rtt = RttEstimate::first(rtt);
        let entry = Entry { contact, rtt, answered: now, since: now, failures: 0 };
        match bucket.entries().first() {
            Some(oldest) if bucket.entries().len() >= k => {
                let (oldest, since) = (oldest.contact, oldest.answered);
                if let Some(left) = bucket.displace(entry, k.div_ceil(2)) {
                    return Answered::Displaced { left };
                }
                bucket.wait(contact);
                Answered::Waiting { oldest, since }
            }
            _ => {
                bucket.insert(entry);
                self.len += 1;
                Answered::Inserted
            }
        }
    }

    /// A request of ours to the node was not answered. After [`FAILURES_MAX`] in a row it is removed.
    pub fn failed(&mut self, id: &NodeId) -> Failed {
        let Some(bucket) = self.index(id).and_then(|index| self.buckets.get_mut(index)) else {
            return Failed::Unknown;
        };
        match bucket.fail(id) {
            Failed::Evicted { candidate } => {
                self.len -= 1;
                Failed::Evicted { candidate }
            }
            other => other,
        }
    }

    /// Notes that a lookup passed through the range of `target`'s bucket, which need not be refreshed soon.
    pub fn touch(&mut self, now: Moment, target: &Key) {
        let zeros = target.distance(&self.local).leading_zeros() as usize;
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(zeros.min(last)) {
            bucket.touched = now;
        }
    }

    /// The bucket that saw no lookup for the longest time, with the moment of the last one.
    pub fn stalest_bucket(&self) -> Option<(usize, Moment)> {
        let buckets = self.buckets.iter().enumerate();
        buckets.map(|(zeros, bucket)| (zeros, bucket.touched)).min_by_key(|(_, touched)| *touched)
    }

    /// The entry with the shortest round trip.
    pub fn nearest_in_time(&self) -> Option<Contact> {
        self.iter().min_by_key(|entry| entry.rtt.smoothed()).map(|entry| entry.contact)
    }

    /// The entry that has not answered for the longest time.
    pub fn stalest_entry(&self) -> Option<&Entry> {
        self.buckets.iter().filter_map(|bucket| bucket.entries().first()).min_by_key(|e| e.answered)
    }

    /// The distance from us within which about `k` nodes live: that of our k-th closest entry, or all of
    /// the space while fewer are known. Density is even over the space, so it holds around any key.
    pub fn radius(&self, k: usize) -> Distance {
        let closest = self.closest(&self.local.to_key(), k, |_| true);
        match closest.last() {
            Some(last) if closest.len() >= k => last.id().distance(&self.local),
            _ => Distance::MAX,
        }
    }

    /// Estimated number of nodes in the network, ourselves included, from [`radius`](Self::radius).
    pub fn network_size(&self) -> u64 {
        let radius = self.radius(self.k);
        if radius == Distance::MAX {
            return self.len as u64 + 1;
        }
        let head = radius.as_bytes().first_chunk().copied().map_or(1, u64::from_be_bytes).max(1);
        let estimate = (u128::from(u64::MAX) * self.k as u128) / u128::from(head);
        u64::try_from(estimate).unwrap_or(u64::MAX).max(self.len as u64 + 1)
    }

    /// The `count` entries closest to `target` that `wanted` accepts, closest first.
    pub fn closest(
        &self,
        target: &Key,
        count: usize,
        mut wanted: impl FnMut(&Entry) -> bool,
    ) -> Vec<Contact> {
        let shared = target.distance(&self.local).leading_zeros() as usize;
        let mut found = Vec::with_capacity(count.min(self.len));
        let mut group: Vec<(Distance, &Contact)> = Vec::new();
        // The target's own bucket holds what is closest to it, then come all deeper buckets at one
        // distance class, then each shallower bucket is a class of its own.
        let own = shared..shared.saturating_add(1);
        let deeper = shared.saturating_add(1)..self.buckets.len();
        let shallower = (0..shared.min(self.buckets.len())).rev().map(|zeros| zeros..zeros + 1);
        for range in [own, deeper].into_iter().chain(shallower) {
            if found.len() >= count {
                break;
            }
            group.clear();
            for bucket in self.buckets.get(clip(range, self.buckets.len())).unwrap_or(&[]) {
                let entries = bucket.entries().iter().filter(|entry| wanted(entry));
                group.extend(entries.map(|e| (target.distance(&e.contact.id()), &e.contact)));
            }
            group.sort_unstable_by_key(|(distance, _)| *distance);
            found.extend(group.iter().map(|(_, contact)| **contact).take(count - found.len()));
        }
        found
    }

    fn index(&self, id: &NodeId) -> Option<usize> {
        let zeros = self.local.distance(id).leading_zeros() as usize;
        (zeros < 256).then_some(zeros)
    }

    fn subnet_allows(&self, index: usize, contact: &Contact) -> bool {
        let Some(subnet) = Subnet::of(contact.addr.ip()) else { return true };
        let in_subnet = |entry: &&Entry| Subnet::of(entry.contact.addr.ip()) == Some(subnet);
        self.bucket(index).iter().filter(in_subnet).count() < SUBNET_PER_BUCKET
            && self.iter().filter(in_subnet).count() < SUBNET_PER_TABLE
    }
}

fn clip(range: std::ops::Range<usize>, end: usize) -> std::ops::Range<usize> {
    range.start.min(end)..range.end.min(end)
}
