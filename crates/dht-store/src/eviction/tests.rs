//! The rule on shelves that need no store: lists, searched from end to end. That stores follow it is what the
//! conformance suite and the model of `tests/model.rs` say.

use std::convert::Infallible;

use dht_proto::{Key, Kind};

use super::*;

#[derive(Debug, Default)]
struct List(Vec<(Class, Candidate)>);

impl List {
    fn with(mut self, class: Class, source: u8, end: u64, cost: u64) -> Self {
        let byte = u8::try_from(self.0.len()).unwrap();
        let place = (Moment::from_secs(end), slot(byte));
        self.0.push((class, Candidate { place, source: of(source), cost }));
        self
    }

    fn next(
        &self,
        after: Option<Place>,
        is_wanted: impl Fn(Class, &Candidate) -> bool,
    ) -> Option<Candidate> {
        let wanted = self.0.iter().filter(|(class, found)| is_wanted(*class, found));
        let later = wanted.filter(|(_, found)| after.is_none_or(|after| found.place > after));
        later.map(|(_, found)| *found).min_by_key(|found| found.place)
    }
}

impl Shelf for List {
    type Error = Infallible;

    fn next_ending(
        &self,
        wanted: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Infallible> {
        Ok(self.next(after, |class, _| class == wanted))
    }

    fn next_of_source(
        &self,
        source: Source,
        wanted: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Infallible> {
        Ok(self.next(after, |class, found| class == wanted && found.source == source))
    }

    fn next_greedy(
        &self,
        below: Option<(u64, Source)>,
    ) -> Result<Option<(u64, Source)>, Infallible> {
        let sources = self.0.iter().map(|(_, found)| found.source);
        let strangers = sources.filter(|source| !source.is_local());
        let uses = strangers.map(|source| (self.used_by(source).unwrap(), source));
        Ok(uses.filter(|found| below.is_none_or(|below| *found < below)).max())
    }

    fn used_by(&self, source: Source) -> Result<u64, Infallible> {
        let of_source = self.0.iter().filter(|(_, found)| found.source == source);
        Ok(of_source.map(|(_, found)| found.cost).sum())
    }
}

fn of(source: u8) -> Source {
    Source::from_bytes([source; 16])
}

fn slot(byte: u8) -> Slot {
    Slot { key: Key::from_bytes([byte; 32]), kind: Kind::Named }
}

/// The numbers of the records that give way to one of `source` that counts `cost` bytes and ends at 50, in a
/// store of 100,000 bytes at the time 10.
fn given_up(list: &List, class: Class, source: u8, cost: u64) -> Result<Vec<usize>, Refusal> {
    let mut quota = Quota::new(100_000);
    for (_, found) in &list.0 {
        quota.add(usize::try_from(found.cost - Quota::cost(0)).unwrap());
    }
    let incoming = Incoming {
        slot: Some(slot(99)),
        size: usize::try_from(cost - Quota::cost(0)).unwrap(),
        expires: Moment::from_secs(50),
        class,
        source: of(source),
    };
    let plan = plan(list, &quota, Moment::from_secs(10), &incoming, None);
    let victims = plan.map_err(|NoPlan::Refused(refusal)| refusal)?;
    let number = |victim: &Slot| list.0.iter().position(|(_, found)| found.place.1 == *victim);
    Ok(victims.iter().filter_map(number).collect())
}

#[test]
fn nothing_gives_way_where_there_is_room() {
    let list = List::default().with(Class::Cached, 1, 5, 40_000).with(Class::Held, 2, 5, 40_000);
    assert_eq!(given_up(&list, Class::Held, 3, 20_000), Ok(vec![]));
}

#[test]
fn no_more_gives_way_than_is_needed() {
    let list = List::default()
        .with(Class::Cached, 1, 30, 20_000)
        .with(Class::Held, 2, 5, 20_000)
        .with(Class::Cached, 1, 20, 20_000)
        .with(Class::Held, 2, 40, 20_000)
        .with(Class::Held, 4, 40, 20_000);
    assert_eq!(given_up(&list, Class::Held, 3, 20_000), Ok(vec![1]), "the ended one");
    assert_eq!(given_up(&list, Class::Held, 3, 20_001), Ok(vec![1, 2]), "the cached one");
    assert_eq!(given_up(&list, Class::Held, 3, 50_000), Ok(vec![1, 2, 0]));
    assert_eq!(given_up(&list, Class::Cached, 3, 50_000), Ok(vec![1, 2, 0]));
}

#[test]
fn a_cached_copy_takes_none_that_ends_later() {
    let list = List::default()
        .with(Class::Cached, 1, 50, 30_000)
        .with(Class::Cached, 1, 51, 20_000)
        .with(Class::Held, 2, 60, 50_000);
    assert_eq!(given_up(&list, Class::Cached, 3, 30_000), Ok(vec![0]));
    assert_eq!(given_up(&list, Class::Cached, 3, 30_001), Err(Refusal::Full));
    assert_eq!(given_up(&list, Class::Held, 3, 30_001), Ok(vec![0, 1]));
}

#[test]
fn of_several_greedy_sources_each_gives_while_it_uses_most() {
    let list = List::default()
        .with(Class::Held, 1, 40, 10_000)
        .with(Class::Held, 1, 30, 10_000)
        .with(Class::Held, 1, 20, 20_000)
        .with(Class::Held, 2, 30, 10_000)
        .with(Class::Held, 2, 20, 15_000)
        .with(Class::Held, 2, 40, 20_000)
        .with(Class::Own, 0, 1_000, 15_000);
    // 45 against 40, 30 against 40, 30 against 20.
    assert_eq!(given_up(&list, Class::Held, 3, 15_000), Ok(vec![4]));
    assert_eq!(given_up(&list, Class::Held, 3, 16_000), Ok(vec![4, 2]));
    assert_eq!(given_up(&list, Class::Held, 3, 19_000), Ok(vec![4, 2]));
    assert_eq!(given_up(&list, Class::Held, 3, 20_000), Err(Refusal::Full), "20 against 20");
    assert_eq!(given_up(&list, Class::Own, 0, 45_000), Ok(vec![4, 2, 3]));
}

#[test]
fn a_greedy_source_whose_records_may_not_go_is_passed_over() {
    let list = List::default()
        .with(Class::Own, 1, 40, 50_000)
        .with(Class::Held, 2, 30, 20_000)
        .with(Class::Held, 2, 20, 20_000)
        .with(Class::Held, 0, 20, 10_000);
    assert_eq!(given_up(&list, Class::Held, 3, 10_000), Ok(vec![2]));
    assert_eq!(given_up(&list, Class::Held, 3, 20_000), Err(Refusal::Full), "20 against 20");
}

#[test]
fn what_a_source_gives_up_for_its_share_counts_as_room_too() {
    let list = List::default()
        .with(Class::Cached, 1, 45, 20_000)
        .with(Class::Cached, 1, 40, 30_000)
        .with(Class::Cached, 2, 15, 50_000);
    assert_eq!(given_up(&list, Class::Held, 1, 30_000), Ok(vec![1]));
    assert_eq!(given_up(&list, Class::Held, 1, 31_000), Ok(vec![1, 0]));
    assert_eq!(given_up(&list, Class::Held, 1, 50_000), Ok(vec![1, 0]));
}

#[test]
fn the_record_that_is_replaced_gives_no_other_room_and_is_no_victim() {
    let list = List::default()
        .with(Class::Cached, 1, 20, 40_000)
        .with(Class::Held, 2, 30, 30_000)
        .with(Class::Held, 2, 40, 20_000);
    let mut quota = Quota::new(100_000);
    list.0.iter().for_each(|(_, found)| quota.add(usize::try_from(found.cost).unwrap() - 768));
    let (_, replaced) = list.0[0];
    let incoming = Incoming {
        slot: Some(replaced.place.1),
        size: 50_000 - 768,
        expires: Moment::from_secs(50),
        class: Class::Held,
        source: of(3),
    };
    let now = Moment::from_secs(10);
    assert_eq!(plan(&list, &quota, now, &incoming, Some(&replaced)).unwrap(), []);
    let shorter = Incoming { source: of(2), size: 1_000, ..incoming };
    let refused = plan(&list, &quota, now, &shorter, Some(&replaced));
    assert!(matches!(refused, Err(NoPlan::Refused(Refusal::Full))), "2 is at its share");
}
