//! The order in which records end, and in which they give way.
//!
//! Invariant: a record is listed once, under the end of life and custody it was last listed with.
//! Cached copies are listed apart, because only they are evicted while they live.

use std::collections::BTreeSet;

use dht_proto::{Custody, Moment, Slot};

#[derive(Debug, Clone)]
pub(super) struct Deadlines {
    held: BTreeSet<(Moment, Slot)>,
    cached: BTreeSet<(Moment, Slot)>,
}

impl Deadlines {
    pub(super) const fn new() -> Self {
        Self { held: BTreeSet::new(), cached: BTreeSet::new() }
    }

    pub(super) fn insert(&mut self, slot: Slot, expires: Moment, custody: Custody) {
        self.of(custody).insert((expires, slot));
    }

    pub(super) fn remove(&mut self, slot: Slot, expires: Moment, custody: Custody) {
        self.of(custody).remove(&(expires, slot));
    }

    /// When the first record ends.
    pub(super) fn next(&self) -> Option<Moment> {
        let first = |set: &BTreeSet<(Moment, Slot)>| set.first().map(|(expires, _)| *expires);
        [first(&self.held), first(&self.cached)].into_iter().flatten().min()
    }

    /// Records that have ended at `now`.
    pub(super) fn ended(&self, now: Moment) -> impl Iterator<Item = Slot> {
        let up_to = move |(expires, _): &&(Moment, Slot)| *expires <= now;
        let held = self.held.iter().take_while(up_to);
        held.chain(self.cached.iter().take_while(up_to)).map(|(_, slot)| *slot)
    }

    /// Records that may be dropped at `now` in favour of one that ends at `expires` and is kept in
    /// `custody`, in the order in which they go: ended ones, then cached copies, soonest to end first.
    pub(super) fn yielding(
        &self,
        now: Moment,
        expires: Moment,
        custody: Custody,
    ) -> impl Iterator<Item = Slot> {
        let last = if custody == Custody::Cache { expires } else { Moment::NEVER };
        let cached = self
            .cached
            .iter()
            .skip_while(move |(end, _)| *end <= now)
            .take_while(move |(end, _)| *end <= last)
            .map(|(_, slot)| *slot);
        self.ended(now).chain(cached)
    }

    fn of(&mut self, custody: Custody) -> &mut BTreeSet<(Moment, Slot)> {
        match custody {
            Custody::Own { .. } | Custody::Holder | Custody::Mirror => &mut self.held,
            Custody::Cache => &mut self.cached,
        }
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Key, Kind};

    use super::*;

    fn slot(byte: u8) -> Slot {
        Slot { key: Key::from_bytes([byte; 32]), kind: Kind::Content }
    }

    fn sample() -> Deadlines {
        let mut deadlines = Deadlines::new();
        deadlines.insert(slot(1), Moment::from_secs(5), Custody::Holder);
        deadlines.insert(slot(2), Moment::from_secs(15), Custody::Mirror);
        deadlines.insert(slot(3), Moment::from_secs(20), Custody::Cache);
        deadlines.insert(slot(4), Moment::from_secs(4), Custody::Cache);
        deadlines.insert(slot(5), Moment::from_secs(12), Custody::Cache);
        deadlines
    }

    #[test]
    fn the_next_end_is_the_earliest_of_any_custody() {
        let mut deadlines = sample();
        assert_eq!(deadlines.next(), Some(Moment::from_secs(4)));
        deadlines.remove(slot(4), Moment::from_secs(4), Custody::Cache);
        assert_eq!(deadlines.next(), Some(Moment::from_secs(5)));
        assert_eq!(Deadlines::new().next(), None);
    }

    #[test]
    fn a_record_has_ended_at_the_very_moment_of_its_end() {
        let ended: Vec<_> = sample().ended(Moment::from_secs(5)).collect();
        assert_eq!(ended, [slot(1), slot(4)]);
    }

    #[test]
    fn ended_records_give_way_first_then_cached_copies_soonest_to_end_first() {
        let order: Vec<_> = sample()
            .yielding(Moment::from_secs(10), Moment::from_secs(1), Custody::Holder)
            .collect();
        assert_eq!(order, [slot(1), slot(4), slot(5), slot(3)]);
    }

    #[test]
    fn a_cached_copy_pushes_out_none_that_ends_later() {
        let order: Vec<_> = sample()
            .yielding(Moment::from_secs(10), Moment::from_secs(12), Custody::Cache)
            .collect();
        assert_eq!(order, [slot(1), slot(4), slot(5)]);
    }
}
