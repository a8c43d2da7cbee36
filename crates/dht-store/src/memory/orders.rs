//! The orders of the records of a store in memory: by end of life, and by who is charged for them.
//!
//! Invariant: a record is listed once in each order, under the end of life, custody and source it was last
//! listed with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use dht_proto::{Moment, Slot, Source};

use crate::eviction::{Candidate, Class, Place};

#[derive(Debug, Clone)]
pub(super) struct Orders {
    ends: BTreeSet<(Class, Place)>,
    source_ends: BTreeSet<(Source, Class, Place)>,
    uses: BTreeMap<Source, u64>,
    /// Who uses most; without ourselves.
    greed: BTreeSet<(u64, Source)>,
}

impl Orders {
    pub(super) const fn new() -> Self {
        Self {
            ends: BTreeSet::new(),
            source_ends: BTreeSet::new(),
            uses: BTreeMap::new(),
            greed: BTreeSet::new(),
        }
    }

    pub(super) fn insert(&mut self, class: Class, record: &Candidate) {
        self.ends.insert((class, record.place));
        self.source_ends.insert((record.source, class, record.place));
        self.charge(record.source, record.cost, 0);
    }

    pub(super) fn remove(&mut self, class: Class, record: &Candidate) {
        self.ends.remove(&(class, record.place));
        self.source_ends.remove(&(record.source, class, record.place));
        self.charge(record.source, 0, record.cost);
    }

    /// When the first record ends.
    pub(super) fn next_end(&self) -> Option<Moment> {
        let first = |class| self.next_ending(class, None).map(|(end, _)| end);
        Class::ALL.into_iter().filter_map(first).min()
    }

    /// Records that have ended at `now`.
    pub(super) fn ended(&self, now: Moment) -> impl Iterator<Item = Slot> {
        Class::ALL
            .into_iter()
            .flat_map(move |class| {
                let first = (class, (Moment::EPOCH, Slot::FIRST));
                let of_class =
                    self.ends.range(first..).take_while(move |(other, _)| *other == class);
                of_class.map(|(_, place)| *place).take_while(move |(end, _)| *end <= now)
            })
            .map(|(_, slot)| slot)
    }

    pub(super) fn next_ending(&self, class: Class, after: Option<Place>) -> Option<Place> {
        let first = match after {
            Some(place) => Bound::Excluded((class, place)),
            None => Bound::Included((class, (Moment::EPOCH, Slot::FIRST))),
        };
        let (found, place) = self.ends.range((first, Bound::Unbounded)).next()?;
        (*found == class).then_some(*place)
    }

    pub(super) fn next_of_source(
        &self,
        source: Source,
        class: Class,
        after: Option<Place>,
    ) -> Option<Place> {
        let first = match after {
            Some(place) => Bound::Excluded((source, class, place)),
            None => Bound::Included((source, class, (Moment::EPOCH, Slot::FIRST))),
        };
        let found = self.source_ends.range((first, Bound::Unbounded)).next()?;
        ((found.0, found.1) == (source, class)).then_some(found.2)
    }

    pub(super) fn next_greedy(&self, below: Option<(u64, Source)>) -> Option<(u64, Source)> {
        match below {
            Some(most) => self.greed.range(..most).next_back().copied(),
            None => self.greed.last().copied(),
        }
    }

    pub(super) fn used_by(&self, source: Source) -> u64 {
        self.uses.get(&source).copied().unwrap_or(0)
    }

    fn charge(&mut self, source: Source, more: u64, less: u64) {
        let before = self.used_by(source);
        let after = before.saturating_add(more).saturating_sub(less);
        if after > 0 {
            self.uses.insert(source, after);
        } else {
            self.uses.remove(&source);
        }
        if !source.is_local() {
            self.greed.remove(&(before, source));
            if after > 0 {
                self.greed.insert((after, source));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Key, Kind};

    use super::*;

    const ONE: Source = Source::from_bytes([1; 16]);
    const OTHER: Source = Source::from_bytes([2; 16]);

    fn place(seconds: u64, byte: u8) -> Place {
        (Moment::from_secs(seconds), Slot { key: Key::from_bytes([byte; 32]), kind: Kind::Content })
    }

    fn sample() -> Orders {
        let mut orders = Orders::new();
        for (class, place, source, cost) in [
            (Class::Held, place(5, 1), ONE, 10),
            (Class::Held, place(15, 2), OTHER, 20),
            (Class::Own, place(4, 3), Source::LOCAL, 1_000),
            (Class::Cached, place(20, 4), ONE, 30),
            (Class::Cached, place(20, 5), OTHER, 1),
            (Class::Cached, place(12, 6), ONE, 40),
        ] {
            orders.insert(class, &Candidate { place, source, cost });
        }
        orders
    }

    #[test]
    fn the_next_end_is_the_earliest_of_any_class() {
        let mut orders = sample();
        assert_eq!(orders.next_end(), Some(Moment::from_secs(4)));
        let own = Candidate { place: place(4, 3), source: Source::LOCAL, cost: 1_000 };
        orders.remove(Class::Own, &own);
        assert_eq!(orders.next_end(), Some(Moment::from_secs(5)));
        assert_eq!(Orders::new().next_end(), None);
    }

    #[test]
    fn a_record_has_ended_at_the_very_moment_of_its_end() {
        let ended = |seconds| sample().ended(Moment::from_secs(seconds)).count();
        assert_eq!([3, 4, 5, 11, 12, 20].map(ended), [0, 1, 2, 2, 3, 6]);
    }

    #[test]
    fn each_order_goes_on_after_the_one_named_last() {
        let orders = sample();
        let ends = |class| {
            let next = |after: &Place| orders.next_ending(class, Some(*after));
            std::iter::successors(orders.next_ending(class, None), next).collect::<Vec<_>>()
        };
        assert_eq!(ends(Class::Cached), [place(12, 6), place(20, 4), place(20, 5)]);
        assert_eq!(ends(Class::Held), [place(5, 1), place(15, 2)]);
        let first = orders.next_of_source(ONE, Class::Cached, None);
        assert_eq!(first, Some(place(12, 6)));
        assert_eq!(orders.next_of_source(ONE, Class::Cached, first), Some(place(20, 4)));
        assert_eq!(orders.next_of_source(ONE, Class::Cached, Some(place(20, 4))), None);
        assert_eq!(orders.next_of_source(ONE, Class::Own, None), None);
    }

    #[test]
    fn the_greediest_comes_first_and_we_ourselves_never() {
        let mut orders = sample();
        assert_eq!(orders.used_by(Source::LOCAL), 1_000);
        assert_eq!(orders.next_greedy(None), Some((80, ONE)));
        assert_eq!(orders.next_greedy(Some((80, ONE))), Some((21, OTHER)));
        assert_eq!(orders.next_greedy(Some((21, OTHER))), None);
        let last = Candidate { place: place(15, 2), source: OTHER, cost: 20 };
        orders.remove(Class::Held, &last);
        orders.remove(Class::Cached, &Candidate { place: place(20, 5), cost: 1, ..last });
        assert_eq!(orders.next_greedy(Some((80, ONE))), None, "who holds nothing is no source");
    }
}
