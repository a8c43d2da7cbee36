//! Renewing what we published: when to look for records whose life is half over.
//!
//! What is due is found in our own store, where our own copy tells until when a record lives; renewing it there
//! marks it as done. So nothing needs to be remembered, and a restart loses nothing. A round that renewed
//! something is soon followed by a look at whether our own store has kept it: what it has not is due still.
//!
//! While nobody confirms a record, as nobody can where the network is only ourselves, our own copy is kept from
//! ending, and stays due.

use std::time::Duration;

use dht_proto::{Custody, Moment, Summary, Ttl};

use crate::random::Random;

/// From joining until the first look, before jitter.
const SETTLING: Duration = Duration::from_mins(2);
/// Shortest time between two looks, doubled up to [`RETRY_MAX`] as long as each finds something due.
const RETRY_MIN: Duration = Duration::from_mins(1);
const RETRY_MAX: Duration = Duration::from_hours(1);

/// The life of a record that is ours, if it is.
pub(crate) fn life_of(summary: &Summary) -> Option<Ttl> {
    match summary.custody {
        Custody::Own { ttl } => Some(ttl),
        Custody::Holder | Custody::Mirror | Custody::Cache => None,
    }
}

/// From when on a record of ours is to be renewed: when half of its life is over.
pub(crate) fn due(summary: &Summary, ttl: Ttl) -> Moment {
    summary.expires - Duration::from_secs(u64::from(ttl.as_secs())) / 2
}

/// Whether a record of ours is renewed along with those that are due: soon it would be.
pub(crate) fn is_nearly_due(now: Moment, summary: &Summary, ttl: Ttl) -> bool {
    due(summary, ttl) <= now + Duration::from_secs(u64::from(ttl.as_secs())) / 16
}

/// Until when our own copy is kept that nobody else confirmed, if it would end sooner: it stays due.
pub(crate) fn held_on(now: Moment, summary: &Summary, ttl: Ttl) -> Option<Moment> {
    let life = Duration::from_secs(u64::from(ttl.as_secs()));
    (summary.expires < now + life / 4).then(|| now + life * 3 / 8)
}

/// What a round of renewing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundReport {
    /// When the next record is due that is not yet.
    pub(crate) next: Moment,
    /// Records that were renewed.
    pub(crate) renewed: usize,
    /// Records that are due and could not be renewed.
    pub(crate) missed: usize,
    /// Lookups that were made.
    pub(crate) lookups: usize,
}

/// When to look.
#[derive(Debug, Clone)]
pub(crate) struct Publications {
    /// `NEVER` until joined.
    due: Moment,
    retry: Duration,
    busy: bool,
}

impl Publications {
    pub(crate) fn new() -> Self {
        Self { due: Moment::NEVER, retry: RETRY_MIN, busy: false }
    }

    /// We have joined, or were found.
    pub(crate) fn awake(&mut self, now: Moment, random: &mut Random) {
        if self.due == Moment::NEVER && !self.busy {
            self.due = now + random.jitter(SETTLING);
        }
    }

    /// A record of ours was kept, to be renewed with this life.
    pub(crate) fn published(&mut self, now: Moment, ttl: Ttl) {
        let half = now + Duration::from_secs(u64::from(ttl.as_secs())) / 2;
        // What a round under way has passed already is found by the next one.
        self.due = self.due.min(half);
    }

    /// A round ended.
    pub(crate) fn ended(&mut self, now: Moment, report: &RoundReport) {
        self.busy = false;
        let is_open = report.missed > 0 || report.renewed > 0;
        let wait = if is_open { self.retry } else { RETRY_MIN };
        self.retry = if is_open { RETRY_MAX.min(self.retry * 2) } else { RETRY_MIN };
        let next = if is_open { now } else { report.next };
        self.due = self.due.min(next).max(now + wait);
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.busy && self.due != Moment::NEVER).then_some(self.due)
    }

    /// Whether a round is to begin at `now`. While our network is `down` it is put off.
    pub(crate) fn pop_due(&mut self, now: Moment, down: bool) -> bool {
        if self.busy || self.due > now {
            return false;
        }
        if down {
            self.due = now + RETRY_MIN;
            return false;
        }
        self.busy = true;
        self.due = Moment::NEVER;
        true
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Digest, Key, Kind, Sequence, Slot};

    use super::*;
    use crate::Seed;

    fn report(next: u64, missed: usize) -> RoundReport {
        RoundReport { next: Moment::from_secs(next), renewed: 0, missed, lookups: 1 }
    }

    fn begun() -> Publications {
        let mut publications = Publications::new();
        publications.awake(Moment::EPOCH, &mut Random::new(Seed([1; 32])));
        let due = publications.next_due().unwrap();
        assert!(due >= Moment::from_secs(60));
        assert!(!publications.pop_due(Moment::from_secs(1), false));
        assert!(publications.pop_due(due, false) && publications.next_due().is_none());
        publications
    }

    #[test]
    fn the_next_round_begins_when_the_next_record_is_due() {
        let mut publications = begun();
        publications.ended(Moment::from_secs(500), &report(5_000, 0));
        assert_eq!(publications.next_due(), Some(Moment::from_secs(5_000)));
        publications.published(Moment::from_secs(600), Ttl::from_secs(1_000).unwrap());
        assert_eq!(publications.next_due(), Some(Moment::from_secs(1_100)));
    }

    #[test]
    fn what_is_published_during_a_round_is_not_forgotten() {
        let mut publications = begun();
        publications.published(Moment::from_secs(600), Ttl::from_secs(1_000).unwrap());
        publications.ended(Moment::from_secs(700), &report(5_000, 0));
        assert_eq!(publications.next_due(), Some(Moment::from_secs(1_100)));
    }

    #[test]
    fn what_could_not_be_renewed_is_tried_again_ever_less_often() {
        let mut publications = begun();
        let mut waits = Vec::new();
        for _ in 0..9 {
            publications.ended(Moment::from_secs(500), &report(5_000, 3));
            let due = publications.next_due().unwrap();
            waits.push(due.since(Moment::from_secs(500)).as_secs());
            assert!(publications.pop_due(due, false));
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn whether_our_own_store_has_kept_what_was_renewed_is_looked_at_soon() {
        let mut publications = begun();
        let renewed = RoundReport { renewed: 3, ..report(5_000, 0) };
        let mut now = Moment::from_secs(500);
        for wait in [60, 120, 240] {
            publications.ended(now, &renewed);
            let due = publications.next_due().unwrap();
            assert_eq!(due, now + Duration::from_secs(wait), "a store that fails is not worn out");
            assert!(publications.pop_due(due, false));
            now = due;
        }
        publications.ended(now, &report(5_000, 0));
        assert_eq!(publications.next_due(), Some(Moment::from_secs(5_000)));
    }

    #[test]
    fn our_own_copy_does_not_end_while_nobody_confirms_it_and_stays_due() {
        let ttl = Ttl::from_secs(1_600).unwrap();
        let mut summary = Summary {
            slot: Slot { key: Key::from_bytes([1; 32]), kind: Kind::Named },
            size: 1,
            digest: Digest::from_bytes([1; 32]),
            sequence: Sequence(0),
            expires: Moment::from_secs(2_000),
            custody: Custody::Own { ttl },
        };
        assert_eq!(held_on(Moment::from_secs(1_600), &summary, ttl), None);
        let now = Moment::from_secs(1_601);
        summary.expires = held_on(now, &summary, ttl).unwrap();
        assert_eq!(summary.expires, Moment::from_secs(2_201));
        assert!(due(&summary, ttl) < now);
    }

    #[test]
    fn without_a_network_nothing_is_begun() {
        let mut publications = begun();
        publications.ended(Moment::from_secs(500), &report(600, 0));
        assert!(!publications.pop_due(Moment::from_secs(600), true));
        assert_eq!(publications.next_due(), Some(Moment::from_secs(660)));
    }

    #[test]
    fn a_record_is_due_when_half_of_its_life_is_over() {
        let ttl = Ttl::from_secs(1_600).unwrap();
        let summary = Summary {
            slot: Slot { key: Key::from_bytes([1; 32]), kind: Kind::Named },
            size: 1,
            digest: Digest::from_bytes([1; 32]),
            sequence: Sequence(0),
            expires: Moment::from_secs(2_000),
            custody: Custody::Own { ttl },
        };
        assert_eq!(life_of(&summary), Some(ttl));
        assert_eq!(due(&summary, ttl), Moment::from_secs(1_200));
        assert!(is_nearly_due(Moment::from_secs(1_100), &summary, ttl));
        assert!(!is_nearly_due(Moment::from_secs(1_099), &summary, ttl));
        assert_eq!(life_of(&Summary { custody: Custody::Holder, ..summary }), None);
    }
}
