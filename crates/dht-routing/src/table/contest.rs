//! Who gives way where a bucket is full.
//!
//! The entries of a full bucket have their places for one of three reasons. Some are known for the longest. Some have
//! the lowest *lots*: numbers that follow from a node and a secret of ours, so that low ones are a fair sample
//! of all nodes that ever answered, however often each of them was met (min-wise sampling: Brahms, Bortnikov et al.,
//! PODC 2008). The others, which are half of them, have the shortest round trips (proximity neighbour selection,
//! Gummadi et al., SIGCOMM 2003), which makes the first steps of every lookup short.
//!
//! Where a bucket is [crowded](CROWDED) an eighth are the oldest and three eighths have low lots. If age alone decided,
//! everybody would keep those who were there first and are named by all, and ask them first in every lookup. Closer
//! to us it does decide, for there those who keep records together do well to know the same nodes.
//!
//! *Invariant:* the eighth of a full bucket that is known for the longest leaves only by
//! [`RoutingTable::failed`] and [`RoutingTable::expel`], never to make room for a newcomer: who floods us with
//! new nodes does not get rid of all of the old ones.

use std::ops::Range;
use std::time::Duration;

use dht_proto::{Contact, Key, NodeId};

use super::{RoutingTable, known};

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

    /// Whether so many more nodes than `k` could be in the bucket where `target` belongs that it matters which are.
    pub(crate) fn is_crowded(&self, target: &Key) -> bool {
        let zeros = target.distance(&self.local).leading_zeros() as usize;
        self.len() - self.range(zeros.min(self.depth())).end > CROWDED * self.k
    }

    /// How many buckets, the furthest first, are crowded.
    pub(crate) fn crowded(&self) -> usize {
        let is_crowded = |zeros: &usize| self.len() - self.range(*zeros).end > CROWDED * self.k;
        (0..self.depth()).take_while(is_crowded).count()
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
        let limit = rtt? * 4 / 3;
        let further = contest.clone().filter(|at| way(*at).is_some_and(|way| limit <= way));
        further.filter(|at| lower(self.lot_of(*at)) >= fair).max_by_key(|at| way(*at))
    }

    fn lot_of(&self, at: usize) -> u64 {
        self.lot(self.entries.head(at))
    }

    /// The lot of a node whose id begins with `head`: the finalizer of `SplitMix64` (Steele et al., OOPSLA 2014).
    /// Lots are told to nobody, so that it need not be hard to find the secret from them.
    pub(super) fn lot(&self, head: u64) -> u64 {
        let lot = head ^ self.secret;
        let lot = (lot ^ lot >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let lot = (lot ^ lot >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        lot ^ lot >> 31
    }
}

/// Entries of a full bucket of `k` that are known for the longest, and those that have low lots, where the deeper
/// buckets have so many entries.
pub(super) fn shares(k: usize, deeper: usize) -> (usize, usize) {
    let half = k.div_ceil(2);
    let old = if deeper > CROWDED * k { k.div_ceil(8) } else { half };
    (old, half - old)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dht_proto::{Moment, NodeIdentity, Nonce, PublicKey};

    use super::*;
    use crate::table::Answered;

    const RTT: Duration = Duration::from_millis(10);
    const K: usize = 16;

    fn contact(number: u32) -> Contact {
        let node = NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number));
        Contact::new(node, std::net::SocketAddr::from(([127, 0, 0, 1], 3_000)))
    }

    fn local() -> NodeId {
        contact(u32::MAX).id()
    }

    /// Contacts that belong into the furthest bucket.
    fn contacts(count: usize) -> Vec<Contact> {
        let furthest = |contact: &Contact| local().distance(&contact.id()).leading_zeros() == 0;
        (0..).map(contact).filter(furthest).take(count).collect()
    }

    /// A table whose furthest bucket is crowded, that all of them answered, one after the other, at the round trips told.
    fn met(secret: u64, contacts: &[Contact], rtt: impl Fn(u32) -> Duration) -> RoutingTable {
        let mut table = RoutingTable::new(local(), K).with_secret(secret);
        let closer = |contact: &Contact| local().distance(&contact.id()).leading_zeros() > 0;
        for contact in (0..300).map(contact).filter(closer) {
            table.answered(Moment::EPOCH, contact, RTT);
        }
        assert!(table.len() > CROWDED * K && table.crowded() > 0);
        for (at, contact) in (0..).zip(contacts) {
            table.answered(Moment::from_secs(at.into()), *contact, rtt(at));
        }
        table
    }

    fn has(table: &RoutingTable, contact: &Contact) -> bool {
        table.entry(&contact.id()).is_some()
    }

    #[test]
    fn an_eighth_of_a_bucket_stays_whoever_comes() {
        let contacts = contacts(500);
        for secret in 0..50 {
            let table = met(secret, &contacts, |at| RTT * (500 - at));
            assert!(has(&table, &contacts[0]) && has(&table, &contacts[1]), "secret {secret}");
            assert_eq!(table.bucket(0).len(), K);
        }
    }

    #[test]
    fn three_eighths_are_those_with_the_lowest_lots_whenever_they_came_and_however_far_they_are() {
        let contacts = contacts(300);
        for secret in 0..20 {
            let table = met(secret, &contacts, |at| RTT * (1 + at * 7 % 50));
            let mut others = contacts[2..].to_vec();
            others.sort_by_key(|contact| table.lot(known::head(&contact.id())));
            assert!(others[..6].iter().all(|contact| has(&table, contact)), "secret {secret}");
        }
    }

    #[test]
    fn where_few_nodes_live_half_of_a_bucket_are_the_oldest() {
        let contacts = contacts(100);
        let mut table = RoutingTable::new(local(), K);
        for (at, contact) in (0..).zip(&contacts) {
            table.answered(Moment::from_secs(at), *contact, RTT * 30);
            assert!(!table.would_prefer(contact, None));
        }
        for contact in &contacts[50..] {
            table.answered(Moment::from_secs(200), *contact, RTT);
        }
        assert!(contacts[..8].iter().all(|old| has(&table, old)));
        assert!(contacts[8..50].iter().all(|young| !has(&table, young)));
    }

    #[test]
    fn half_are_the_nearest_in_time() {
        let contacts = contacts(300);
        let (near, far) = (RTT, RTT * 30);
        let table = met(7, &contacts, |at| if at % 20 == 19 { near } else { far });
        let nearest = contacts.iter().enumerate().filter(|(at, _)| at % 20 == 19);
        let kept = nearest.filter(|(_, contact)| has(&table, contact)).count();
        assert!(kept >= 8, "{kept}");
    }

    #[test]
    fn nodes_that_everybody_meets_first_are_in_few_tables_for_all_that() {
        let contacts = contacts(200);
        let mut tables: BTreeMap<Contact, usize> = BTreeMap::new();
        for secret in 0..400 {
            // Where all are equally far, lots are all that differs.
            let table = met(secret << 40 | 5, &contacts, |_| RTT);
            table.bucket(0).for_each(|entry| *tables.entry(entry.contact()).or_default() += 1);
        }
        // The eighth, and those who fill the half of the nearest, are the first comers of these tables.
        let later = contacts[K..].iter().map(|contact| tables.get(contact).copied().unwrap_or(0));
        let later: Vec<usize> = later.collect();
        let expected = 400 * 6 / 198;
        assert!(
            later.iter().all(|count| (expected / 4..=expected * 3).contains(count)),
            "{later:?}"
        );
    }

    #[test]
    fn a_full_bucket_prefers_a_newcomer_that_is_clearly_nearer_in_time_and_not_yet_there() {
        let contacts = contacts(60);
        let table = met(3, &contacts[..K - 1], |_| RTT * 10);
        assert!(!table.would_prefer(&contacts[20], Some(RTT)), "the bucket has room");
        let mut table = met(3, &contacts[..K], |_| RTT * 10);
        let high = |contact: &&Contact| !table.would_prefer(contact, None);
        let high = *contacts[K..].iter().find(high).unwrap();
        assert!(table.would_prefer(&high, Some(RTT)));
        assert!(!table.would_prefer(&high, Some(RTT * 9)), "hardly nearer");
        assert!(!table.would_prefer(&contacts[0], Some(RTT)), "there already");
        let answered = table.answered(Moment::from_secs(99), high, RTT);
        assert!(matches!(answered, Answered::Displaced { .. }));
    }

    #[test]
    fn a_low_lot_is_preferred_at_any_round_trip_and_displaces_the_furthest_of_those_it_may() {
        let contacts = contacts(60);
        let mut table = met(4, &contacts[..K], |at| RTT * if at == 9 { 40 } else { 10 });
        let low = |contact: &&Contact| table.would_prefer(contact, None);
        let low = *contacts[K..].iter().find(low).unwrap();
        let lots: Vec<u64> =
            contacts[2..K].iter().map(|one| table.lot(known::head(&one.id()))).collect();
        let is_low = lots.iter().filter(|lot| **lot < lots[7]).count() + 1 < 6;
        let left = table.answered(Moment::from_secs(99), low, RTT * 100);
        let furthest = Answered::Displaced { left: contacts[9] };
        assert_eq!(left == furthest, !is_low);
        assert!(matches!(left, Answered::Displaced { .. }) && has(&table, &low));
    }
}
