//! Stocktaking of a plain list, which is changed between calls.

use std::cell::Cell as Counter;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::RangeBounds;

use dht_proto::{Custody, Digest, Key, Kind, Sequence};
use proptest::prelude::*;

use super::*;

const NOW: Moment = Moment::from_secs(10);

/// A list that counts how many records were looked at.
#[derive(Default)]
struct List {
    records: BTreeMap<Slot, Summary>,
    looked: Counter<usize>,
    stocktaking: Stocktaking,
}

impl List {
    fn with(records: impl IntoIterator<Item = Summary>) -> Self {
        let records = records.into_iter().map(|summary| (summary.slot, summary)).collect();
        Self { records, ..Self::default() }
    }

    fn put(&mut self, summary: Summary) {
        self.records.insert(summary.slot, summary);
        self.stocktaking.changed(summary.slot);
    }

    fn drop(&mut self, slot: Slot) {
        self.records.remove(&slot);
        self.stocktaking.changed(slot);
    }

    fn take(&mut self, now: Moment, parts: &[Prefix], effort: usize) -> Vec<Stock> {
        let list = |slots: Slots, limit: usize, page: &mut Vec<Summary>| {
            let within = self.records.values().filter(|one| slots.contains(&one.slot));
            page.extend(within.filter(|one| one.expires > now).take(limit));
            self.looked.set(self.looked.get() + page.len());
            Ok::<_, Infallible>(())
        };
        let Ok(stocks) = self.stocktaking.take(now, parts, effort, list);
        stocks
    }

    /// How many records are looked at to tell of `part`; what is told is what there is.
    #[track_caller]
    fn looks_for(&mut self, now: Moment, part: Prefix) -> usize {
        self.looked.set(0);
        assert_eq!(self.take(now, &[part], usize::MAX), [self.truth(now, part)]);
        self.looked.get()
    }

    fn truth(&self, now: Moment, part: Prefix) -> Stock {
        let within = self.records.values().filter(|one| part.contains(&one.slot.key));
        Stock::of(&within.filter(|one| one.expires > now).copied().collect::<Vec<_>>())
    }
}

fn key(number: u32) -> Key {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Key::from_bytes(bytes)
}

fn summary(number: u32, end: u64, custody: Custody) -> Summary {
    Summary {
        slot: Slot { key: key(number), kind: Kind::Named },
        size: 1,
        digest: Digest::from_bytes([7; 32]),
        sequence: Sequence(0),
        expires: Moment::from_secs(end),
        custody,
    }
}

/// So many records, spread over the space.
fn spread(count: u32) -> impl Iterator<Item = Summary> {
    let step = u32::MAX / count;
    (0..count).map(move |number| summary(number * step, 100, Custody::Holder))
}

#[test]
fn what_has_not_changed_is_not_looked_at_again() {
    let mut list = List::with(spread(5_000));
    assert_eq!(list.looks_for(NOW, Prefix::ALL), 5_000);
    assert_eq!(list.looks_for(NOW, Prefix::ALL), 0);
}

#[test]
fn a_change_costs_a_look_at_what_is_near_it() {
    let mut list = List::with(spread(5_000));
    list.looks_for(NOW, Prefix::ALL);
    list.put(summary(77, 100, Custody::Holder));
    assert!((1..=2 * RUN).contains(&list.looks_for(NOW, Prefix::ALL)));
    list.drop(summary(77, 100, Custody::Holder).slot);
    assert!((1..=2 * RUN).contains(&list.looks_for(NOW, Prefix::ALL)));
    assert_eq!(list.looks_for(NOW, Prefix::ALL), 0);
}

#[test]
fn a_change_elsewhere_costs_nothing() {
    let mut list = List::with(spread(1_000));
    let (low, high) = (Prefix::of(&key(0), 1), Prefix::of(&key(u32::MAX), 1));
    list.looks_for(NOW, low);
    list.looks_for(NOW, high);
    list.put(summary(3, 100, Custody::Holder));
    assert_eq!(list.looks_for(NOW, high), 0);
    assert!(list.looks_for(NOW, low) > 0);
}

#[test]
fn records_that_end_are_left_out_from_that_moment_on() {
    let records = spread(600).enumerate().map(|(number, one)| {
        let end = if number % 100 == 0 { 20 } else { 100 };
        Summary { expires: Moment::from_secs(end), ..one }
    });
    let mut list = List::with(records);
    list.looks_for(NOW, Prefix::ALL);
    assert_eq!(list.looks_for(Moment::from_micros(20_000_000 - 1), Prefix::ALL), 0);
    assert!(list.looks_for(Moment::from_secs(20), Prefix::ALL) > 0);
    // A clock that goes back finds what lived then.
    assert!(list.looks_for(NOW, Prefix::ALL) > 0);
}

#[test]
fn what_takes_more_than_the_effort_is_gone_on_with() {
    let mut list = List::with(spread(1_000));
    let parts = [Prefix::of(&key(0), 1), Prefix::of(&key(u32::MAX), 1)];
    let mut seen = 0;
    for _ in 0..4 {
        let stocks = list.take(NOW, &parts, RUN);
        let Stock::AtLeast { records } = stocks[0] else { break };
        assert!(records > seen, "each call gets further");
        assert_eq!(stocks[1], Stock::AtLeast { records: 0 });
        seen = records;
    }
    assert!(seen > 2 * RUN);
    let expected = parts.map(|part| list.truth(NOW, part));
    assert_eq!(list.take(NOW, &parts, usize::MAX), expected);
    assert_eq!(list.looked.get(), 1_000, "nothing was looked at twice");
}

#[test]
fn many_cached_copies_do_not_keep_a_part_from_being_gone_through() {
    let mut list = List::with(
        spread(2_000)
            .map(|one| Summary { custody: Custody::Cache { until: Moment::NEVER }, ..one }),
    );
    let calls = (1..=2_000).find(|_| list.take(NOW, &[Prefix::ALL], RUN) == [Stock::of(&[])]);
    assert!(calls.is_some_and(|calls| calls <= 2_000 / RUN + 2));
}

#[test]
fn a_list_that_fails_is_asked_again() {
    let mut stocktaking = Stocktaking::new();
    let failed = stocktaking.take(NOW, &[Prefix::ALL], 1, |_, _, _| Err("broken"));
    assert_eq!(failed, Err("broken"));
    let stocks = stocktaking.take(NOW, &[Prefix::ALL], 1, |_, _, _| Ok::<_, &str>(()));
    assert_eq!(stocks, Ok(vec![Stock::of(&[])]));
}

#[test]
fn however_many_parts_are_asked_about_what_is_kept_is_bounded() {
    let mut list = List::with(spread(20_000));
    for bits in 1..12_u16 {
        let parts: Vec<Prefix> =
            (0..1_u32 << bits).map(|n| Prefix::of(&key(n << (32 - bits)), bits)).collect();
        for some in parts.chunks(32) {
            list.take(NOW, some, usize::MAX);
        }
    }
    let Stocktaking { cells, lengths, kept, .. } = &list.stocktaking;
    assert_eq!(cells.len(), CELLS_KEPT);
    assert_eq!(lengths.iter().map(|(_, count)| count).sum::<usize>(), CELLS_KEPT);
    assert_eq!(cells.values().map(Cell::kept).sum::<usize>(), *kept);
    assert!(*kept <= FINGERPRINTS_KEPT);
}

#[derive(Debug, Clone)]
enum Act {
    Put(u32, u64, bool),
    Drop(u32),
    Wait(u64),
    Take(u32, u16, usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    // A few keys close together and many apart.
    let number = || prop_oneof![0..400_u32, any::<u32>().prop_map(|number| number & !0xf_ffff)];
    let act = prop_oneof![
        12 => (number(), 5..60_u64, any::<bool>()).prop_map(|(a, b, c)| Act::Put(a, b, c)),
        2 => number().prop_map(Act::Drop),
        1 => (0..3_u64).prop_map(Act::Wait),
        6 => (number(), 0..30_u16, 0..300_usize).prop_map(|(a, b, c)| Act::Take(a, b, c)),
    ];
    proptest::collection::vec(act, 1..800)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn whatever_changes_what_is_told_is_what_there_is(acts in acts()) {
        let mut list = List::default();
        let mut now = Moment::EPOCH;
        for act in acts {
            match act {
                Act::Put(number, life, cached) => {
                    let custody = if cached { Custody::Cache { until: Moment::NEVER } } else { Custody::Holder };
                    let one = summary(number, 0, custody);
                    list.put(Summary { expires: now + std::time::Duration::from_secs(life), ..one });
                }
                Act::Drop(number) => list.drop(summary(number, 0, Custody::Holder).slot),
                Act::Wait(seconds) => now += std::time::Duration::from_secs(seconds),
                Act::Take(number, bits, effort) => {
                    let parts = [Prefix::of(&key(number), bits), Prefix::ALL];
                    for (part, stock) in parts.into_iter().zip(list.take(now, &parts, effort)) {
                        match stock {
                            Stock::Whole { .. } => prop_assert_eq!(stock, list.truth(now, part)),
                            Stock::AtLeast { records } => {
                                prop_assert!(records <= list.truth(now, part).records());
                            }
                        }
                    }
                }
            }
            let kept: usize = list.stocktaking.cells.values().map(Cell::kept).sum();
            prop_assert_eq!(kept, list.stocktaking.kept);
        }
    }
}
