//! Who gives way where a bucket is full.
//!
//! The entries of a full bucket have their places for one of three reasons. Some are known for the longest. Some have
//! the lowest *lots*: numbers that follow from a node and a secret of ours, so that low ones are a fair sample
//! of all nodes that ever answered, however often each of them was met (min-wise sampling: Brahms, Bortnikov et al.,
//! PODC 2008). The others, which are half of them, have the shortest round trips (proximity neighbour selection,
//! Gummadi et al., SIGCOMM 2003), which makes the first steps of every lookup short.
//!
//! Where a bucket is [crowded](CROWDED) an eighth are the oldest and three eighths have low lots. If age alone decided,
//! everybody would keep those who were there first and are named by all, and ask them first in every lookup. For the
//! same reason, of those that are about as near in time the ones with the lowest lots stay there, and who is
//! [busier than most](crate::load) counts as further away. Closer to us age does decide, for there those who keep
//! records together do well to know the same nodes, and a crowd of newcomers is to displace nobody.
//!
//! *Invariant:* the eighth of a full bucket that is known for the longest leaves only by
//! [`RoutingTable::failed`] and [`RoutingTable::expel`], never to make room for a newcomer: who floods us with
//! new nodes does not get rid of all of the old ones.

use std::ops::Range;
use std::time::Duration;

use dht_proto::{Contact, Key, NodeId, NodeIdentity};

use super::{Entry, RoutingTable, known};
use crate::load::Burden;
use crate::random::scramble;

/// A bucket is crowded where the deeper ones, among which as many nodes live, have more entries than this many times
/// k: so that its own are one in four of those who could be there, or fewer.
const CROWDED: usize = 3;

impl RoutingTable {
    /// Draws lots by a secret of its own. Who knows it can make nodes whose lots are low; without this, it follows
    /// from our id, which everybody knows. To be told before anything enters.
    #[must_use]
    pub fn with_secret(mut self, secret: u64) -> Self {
        self.secret = secret;
        self
    }

    /// Whether a contact that is not in the table, at a round trip of `rtt` as far as that is known, would get into its
    /// full bucket: because its lot is low, or because somebody there is clearly further away in time.
    pub fn would_prefer(&self, contact: &Contact, rtt: Option<Duration>) -> bool {
        let id = contact.id();
        let Some(zeros) = self.index(&id) else { return false };
        let range = self.range(zeros);
        range.len() >= self.k
            && self.gives_way(&id, rtt, range.clone()).is_some()
            && self.entries.find(range.clone(), &contact.node).is_none()
            && self.subnet_allows(range, contact)
    }

    /// Whether a contact that is not in the table is worth a ping: as [`would_prefer`](Self::would_prefer), but where the
    /// bucket is crowded not for being about as near as others with a lower lot.
    pub(crate) fn would_gladly_meet(&self, contact: &Contact, rtt: Option<Duration>) -> bool {
        if self.is_crowded(&contact.id().to_key()) {
            rtt.is_some_and(|rtt| self.is_nearer(contact, rtt)) || self.would_prefer(contact, None)
        } else {
            self.would_prefer(contact, rtt)
        }
    }

    /// Whether a contact that is not in the table would get into its crowded bucket for a round trip of `rtt` alone,
    /// were it as busy as most.
    pub(crate) fn is_nearer(&self, contact: &Contact, rtt: Duration) -> bool {
        let id = contact.id();
        let Some(zeros) = self.index(&id) else { return false };
        let range = self.range(zeros);
        let deeper = self.len() - range.end;
        if range.len() < self.k || !is_crowded(self.k, deeper) {
            return false;
        }
        let (old, fair) = shares(self.k, deeper);
        let contest = range.start + old..range.end;
        let further = contest.filter(|at| self.seems(*at).is_some_and(|other| band(rtt) < other));
        further.count() > fair
            && self.entries.find(range.clone(), &contact.node).is_none()
            && self.subnet_allows(range, contact)
    }

    /// Notes by how much busier than most a node is that just answered.
    pub(crate) fn burdened(&mut self, node: &NodeIdentity, burden: Burden) {
        let Some(zeros) = self.index(&node.id()) else { return };
        if let Some(at) = self.entries.find(self.range(zeros), node) {
            self.entries.pulse_mut(at).set_burden(burden);
        }
    }

    /// Whether so many more nodes than `k` could be in the bucket where `target` belongs that it matters which are.
    pub(crate) fn is_crowded(&self, target: &Key) -> bool {
        let zeros = target.distance(&self.local).leading_zeros() as usize;
        is_crowded(self.k, self.len() - self.range(zeros.min(self.depth())).end)
    }

    /// How many buckets, the furthest first, are crowded.
    pub(crate) fn crowded(&self) -> usize {
        let deeper = |zeros: usize| self.len() - self.range(zeros).end;
        (0..self.depth()).take_while(|zeros| is_crowded(self.k, deeper(*zeros))).count()
    }

    /// Whether a node has its place in a crowded bucket for its age alone.
    pub(crate) fn is_elder(&self, entry: &Entry<'_>) -> bool {
        let range = self.range(self.buckets.partition_point(|bucket| bucket.end <= entry.at));
        let deeper = self.len() - range.end;
        let (old, _) = shares(self.k, deeper);
        is_crowded(self.k, deeper) && entry.at < range.start + old
    }

    /// The entry of the full bucket at `range` that leaves it to a newcomer at a round trip of `rtt`, if any.
    pub(super) fn gives_way(
        &self,
        newcomer: &NodeId,
        rtt: Option<Duration>,
        range: Range<usize>,
    ) -> Option<usize> {
        let (old, fair) = shares(self.k, self.len() - range.end);
        let contest = range.start + old..range.end;
        let lower = |lot: u64| contest.clone().filter(|at| self.lot_of(*at) < lot).count();
        let way = |at: usize| self.entries.pulse(at).rtt.smoothed();
        if lower(self.lot(known::head(newcomer))) < fair {
            // It replaces the highest of the low lots, whose owner stays if somebody else is further away.
            let others = contest.clone().filter(|at| lower(self.lot_of(*at)) + 1 >= fair);
            return others.max_by_key(|at| way(*at));
        }
        let others = contest.clone().filter(|at| lower(self.lot_of(*at)) >= fair);
        if !is_crowded(self.k, self.len() - range.end) {
            let limit = rtt? * 4 / 3;
            let further = others.filter(|at| way(*at).is_some_and(|way| limit <= way));
            return further.max_by_key(|at| way(*at));
        }
        let others = others.filter_map(|at| Some(((self.seems(at)?, self.lot_of(at)), at)));
        let (furthest, at) = others.max()?;
        ((band(rtt?), self.lot(known::head(newcomer))) < furthest).then_some(at)
    }

    /// The band of the round trip of an entry, which is a further one where it is busy.
    fn seems(&self, at: usize) -> Option<u32> {
        let pulse = self.entries.pulse(at);
        Some(band(pulse.rtt.smoothed()?) + u32::from(pulse.burden().steps()))
    }

    fn lot_of(&self, at: usize) -> u64 {
        self.lot(self.entries.head(at))
    }

    /// The lot of a node whose id begins with `head`.
    pub(super) fn lot(&self, head: u64) -> u64 {
        scramble(head ^ self.secret)
    }

    /// What the [taste](crate::lookup::Lookup::with_taste) of lookups of `target` follows from: as secret as lots, and
    /// with nothing in common with them.
    pub(crate) fn taste(&self, target: &Key) -> u64 {
        scramble(!self.secret ^ known::head_of(target.as_bytes()))
    }
}

/// Round trips of one band are alike: bands begin at powers of two, in microseconds, and at the middles between them.
pub(super) fn band(rtt: Duration) -> u32 {
    let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(2);
    let log = micros.ilog2();
    2 * log + u32::from(micros >> (log - 1) & 1 == 1)
}

/// Whether a bucket is [crowded](CROWDED) where the deeper ones have so many entries.
pub(super) fn is_crowded(k: usize, deeper: usize) -> bool {
    deeper > CROWDED * k
}

/// Entries of a full bucket of `k` that are known for the longest, and those that have low lots, where the deeper
/// buckets have so many entries.
pub(super) fn shares(k: usize, deeper: usize) -> (usize, usize) {
    let half = k.div_ceil(2);
    let old = if is_crowded(k, deeper) { k.div_ceil(8) } else { half };
    (old, half - old)
}

#[cfg(test)]
mod tests;
