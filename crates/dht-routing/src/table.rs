//! The routing table: 256 buckets made on demand, by shared prefix with our own id (Kademlia, section 2.2).
//!
//! It owns who is known and alive; it sends nothing. [`RoutingTable::answered`] is the only way in.
//!
//! *Invariant:* every entry answered a request of ours at the address it is listed with.
//! Who gives way to whom in a full bucket is told in `contest`.

use std::ops::Range;
use std::time::Duration;

use dht_proto::{Contact, Key, Moment, NodeId, NodeIdentity};

use crate::Subnet;
use crate::rtt::RttEstimate;

pub(crate) mod address;
mod bucket;
mod contest;
mod entries;
mod entry;
mod known;
#[cfg(test)]
mod model;
mod search;
#[cfg(test)]
mod tests;

use bucket::{Bucket, Queue};
use entries::Entries;
pub use entry::Entry;
use known::{Preimage, Pulse};

/// Failures in a row after which an entry is given up.
pub const FAILURES_MAX: u8 = 2;
/// Entries of a bucket at most, whatever is asked for.
pub const K_MAX: usize = 255;
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
    /// It entered the table in the place of an entry that is further away in time, or drew a higher lot, which
    /// waits now.
    Displaced {
        /// The entry that left.
        left: Contact,
    },
    /// Its bucket is full; it waits in the replacement cache. If the [oldest](RoutingTable::oldest_beside) entry
    /// of the bucket does not answer a ping, the newcomer can have its place: nothing is evicted unasked
    /// (Kademlia, section 2.2).
    Waiting {
        /// When the oldest entry answered last.
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
    /// What lots follow from.
    secret: u64,
    buckets: Vec<Bucket>,
    /// Who waits for a place in each bucket.
    queues: Vec<Queue>,
    /// The bucket with the entry that has not answered for the longest time.
    stalest: usize,
    /// When that entry answered; never while there is none.
    stalest_answer: Moment,
    entries: Entries,
}

impl RoutingTable {
    /// An empty table of the node `local`, with buckets of `k` entries: 1..=[`K_MAX`], else the nearest of those.
    pub fn new(local: NodeId, k: usize) -> Self {
        let k = k.clamp(1, K_MAX);
        Self {
            local,
            k,
            secret: known::head(&local),
            buckets: Vec::new(),
            queues: Vec::new(),
            stalest: 0,
            stalest_answer: Moment::NEVER,
            entries: Entries::default(),
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no node is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of buckets made so far: 1 more than the longest prefix shared with an entry.
    pub fn depth(&self) -> usize {
        self.buckets.len()
    }

    /// All entries, furthest bucket first, least recently answered first within a bucket.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.buckets.len()).flat_map(|zeros| self.bucket(zeros))
    }

    /// Entries of the bucket whose nodes share exactly `zeros` leading bits with us.
    pub fn bucket(&self, zeros: usize) -> impl ExactSizeIterator<Item = Entry<'_>> {
        self.entries.by_answer(self.range(zeros)).map(|at| self.at(at))
    }

    /// The entry of `id`. Where all of an identity is at hand, [`entry_of`](Self::entry_of) costs less.
    pub fn entry(&self, id: &NodeId) -> Option<Entry<'_>> {
        self.entries.find_id(self.range(self.index(id)?), id).map(|at| self.at(at))
    }

    /// The entry of a node.
    pub fn entry_of(&self, node: &NodeIdentity) -> Option<Entry<'_>> {
        self.entries.find(self.range(self.index(&node.id())?), node).map(|at| self.at(at))
    }

    /// Whether a contact could enter: its bucket has room, its subnet too, and it is not in the table.
    pub fn has_room_for(&self, contact: &Contact) -> bool {
        let Some(zeros) = self.index(&contact.id()) else { return false };
        let range = self.range(zeros);
        range.len() < self.k
            && self.entries.find(range.clone(), &contact.node).is_none()
            && self.subnet_allows(range, contact)
    }

    /// A contact answered a request of ours after `rtt`.
    pub fn answered(&mut self, now: Moment, contact: Contact, rtt: Duration) -> Answered {
        let Some(zeros) = self.index(&contact.id()) else { return Answered::Refused };
        let range = self.range(zeros);
        if let Some(at) = self.entries.find(range.clone(), &contact.node) {
            self.renew(now, zeros, at, &contact, rtt);
            return Answered::Renewed;
        }
        if !self.subnet_allows(range.clone(), &contact) {
            return Answered::Refused;
        }
        let missing = (zeros + 1).saturating_sub(self.buckets.len());
        self.buckets.reserve_exact(missing);
        self.queues.reserve_exact(missing);
        for _ in 0..missing {
            self.buckets.push(Bucket::new(self.len()));
            self.queues.push(Queue::default());
        }
        let pulse = Pulse::new(now, RttEstimate::first(rtt));
        if range.len() < self.k {
            self.insert(zeros, &contact, pulse);
            return Answered::Inserted;
        }
        let since = self.buckets[zeros].oldest;
        if let Some(at) = self.gives_way(&contact.id(), pulse.rtt.smoothed(), range) {
            let left = self.at(at).contact();
            self.remove(zeros, at);
            self.insert(zeros, &contact, pulse);
            self.wait(zeros, &left);
            return Answered::Displaced { left };
        }
        self.wait(zeros, &contact);
        Answered::Waiting { since }
    }

    /// A request of ours to the node was not answered. After [`FAILURES_MAX`] in a row it is removed.
    pub fn failed(&mut self, node: &NodeIdentity) -> Failed {
        let Some(zeros) = self.index(&node.id()) else { return Failed::Unknown };
        if let Some(at) = self.entries.find(self.range(zeros), node) {
            let pulse = self.entries.pulse_mut(at);
            pulse.failed();
            if pulse.failures() < FAILURES_MAX {
                return Failed::Kept;
            }
        }
        self.expel(node)
    }

    /// Removes a node, however well it answers.
    pub fn expel(&mut self, node: &NodeIdentity) -> Failed {
        let Some(zeros) = self.index(&node.id()) else { return Failed::Unknown };
        let at = self.entries.find(self.range(zeros), node);
        let Some(queue) = self.queues.get_mut(zeros) else { return Failed::Unknown };
        queue.forget(&mut self.entries.addresses, &Preimage::of(node));
        let Some(at) = at else { return Failed::Unknown };
        let candidate = queue.pop(&mut self.entries.addresses);
        self.remove(zeros, at);
        Failed::Evicted { candidate }
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

    /// The `count` entries with the shortest round trips, nearest first.
    pub fn nearest_in_time(&self, count: usize) -> Vec<Contact> {
        let rtt = |at: &usize| (self.entries.pulse(*at).rtt.smoothed(), *at);
        let mut entries: Vec<usize> = (0..self.len()).collect();
        if count < entries.len() {
            entries.select_nth_unstable_by_key(count, rtt);
            entries.truncate(count);
        }
        entries.sort_unstable_by_key(rtt);
        entries.into_iter().map(|at| self.at(at).contact()).collect()
    }

    /// The entry that has not answered for the longest time.
    pub fn stalest_entry(&self) -> Option<Entry<'_>> {
        self.bucket(self.stalest).next()
    }

    /// Entries that have not answered since `moment`.
    pub fn silent_since(&self, moment: Moment) -> impl Iterator<Item = Entry<'_>> {
        let stale = move |(_, bucket): &(usize, &Bucket)| bucket.oldest < moment;
        let buckets = self.buckets.iter().enumerate().filter(stale);
        buckets.flat_map(move |(zeros, _)| {
            self.bucket(zeros).take_while(move |entry| entry.answered() < moment)
        })
    }

    /// When that entry answered. Known without looking for it.
    pub fn stalest_answer(&self) -> Option<Moment> {
        Some(self.stalest_answer).filter(|_| !self.is_empty())
    }

    /// The entry that has not answered for the longest time of those in the bucket where `id` belongs.
    pub fn oldest_beside(&self, id: &NodeId) -> Option<Entry<'_>> {
        self.bucket(self.index(id)?).next()
    }

    fn index(&self, id: &NodeId) -> Option<usize> {
        let zeros = self.local.distance(id).leading_zeros() as usize;
        (zeros < 256).then_some(zeros)
    }

    /// Where the entries of a bucket lie.
    fn range(&self, zeros: usize) -> Range<usize> {
        let end = |zeros: usize| self.buckets.get(zeros).map_or(self.entries.len(), |b| b.end);
        zeros.checked_sub(1).map_or(0, end)..end(zeros)
    }

    fn at(&self, at: usize) -> Entry<'_> {
        Entry { entries: &self.entries, at }
    }

    /// An answer from another address moves the entry there: the node itself answered from it.
    fn renew(&mut self, now: Moment, zeros: usize, at: usize, contact: &Contact, rtt: Duration) {
        let mut estimate = self.entries.pulse(at).rtt;
        if self.entries.relocate(at, contact.addr) {
            estimate = RttEstimate::first(rtt);
        } else {
            estimate.update(rtt);
        }
        *self.entries.pulse_mut(at) = Pulse::new(now, estimate);
        self.entries.freshen(&self.range(zeros), at);
        self.note_oldest(zeros);
    }

    fn insert(&mut self, zeros: usize, contact: &Contact, pulse: Pulse) {
        let range = self.range(zeros);
        self.entries.insert(&range, contact, pulse);
        self.buckets.iter_mut().skip(zeros).for_each(|bucket| bucket.end += 1);
        if let Some(queue) = self.queues.get_mut(zeros) {
            queue.forget(&mut self.entries.addresses, &Preimage::of(&contact.node));
        }
        self.note_oldest(zeros);
    }

    fn remove(&mut self, zeros: usize, at: usize) {
        let range = self.range(zeros);
        self.entries.remove(range, at);
        self.buckets.iter_mut().skip(zeros).for_each(|bucket| bucket.end -= 1);
        self.note_oldest(zeros);
    }

    fn note_oldest(&mut self, zeros: usize) {
        let oldest = self.bucket(zeros).next().map_or(Moment::NEVER, |entry| entry.answered());
        if let Some(bucket) = self.buckets.get_mut(zeros) {
            bucket.oldest = oldest;
        }
        let buckets = self.buckets.iter().enumerate();
        let stalest = buckets.min_by_key(|(_, bucket)| bucket.oldest);
        if let Some((zeros, bucket)) = stalest {
            (self.stalest, self.stalest_answer) = (zeros, bucket.oldest);
        }
    }

    fn wait(&mut self, zeros: usize, contact: &Contact) {
        if let Some(queue) = self.queues.get_mut(zeros) {
            let node = Preimage::of(&contact.node);
            queue.wait(&mut self.entries.addresses, node, contact.addr);
        }
    }

    fn subnet_allows(&self, bucket: Range<usize>, contact: &Contact) -> bool {
        let Some(subnet) = Subnet::of(contact.addr.ip()) else { return true };
        let count = |range, limit| self.entries.count_in(range, subnet, limit);
        count(bucket, SUBNET_PER_BUCKET) < SUBNET_PER_BUCKET
            && count(0..self.len(), SUBNET_PER_TABLE) < SUBNET_PER_TABLE
    }
}
