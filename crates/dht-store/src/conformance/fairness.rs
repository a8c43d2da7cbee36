//! Clauses about sources: what each may use, and whose records give way to whose.
//!
//! Told in *units*: records of which exactly sixteen fit the store, so that one source may have eight.

use dht_proto::{Custody, Moment, Purpose, Record, Refusal, SignedBody, Source, Terms, Ttl};

use super::sample::{
    NOW, after, cached, content, copied, filled, holds, insert, published, refusal, save, signed,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, Saved};

const UNITS: usize = 16;
const SHARE: usize = UNITS / 2;

/// The length of a value that, with all a record costs, takes a sixteenth of the capacity.
fn unit_length(store: &mut impl RecordStore) -> usize {
    let before = store.usage().bytes;
    insert(store, &content("measured"), published(10));
    let cost = store.usage().bytes - before - 8;
    assert!(store.remove(NOW, content("measured").slot()).unwrap());
    let unit = store.usage().capacity / UNITS as u64;
    usize::try_from(unit - cost).expect("the suite wants small stores")
}

fn unit(length: usize, number: usize) -> Record {
    Record::content(filled(number, length))
}

/// `terms` for the account of source `number`.
fn of(number: u8, terms: Terms) -> Terms {
    Terms { source: Source::from_bytes([number; 16]), ..terms }
}

/// What this node publishes itself.
fn own(seconds: u64) -> Terms {
    Terms { custody: Custody::Own { ttl: Ttl::MAX }, ..published(seconds) }
}

/// Saves as many units as `terms` are given, numbered from `first` on.
#[track_caller]
fn fill(
    store: &mut impl RecordStore,
    length: usize,
    first: usize,
    terms: impl IntoIterator<Item = Terms>,
) -> Vec<Record> {
    let mut records = Vec::new();
    for (number, terms) in (first..).zip(terms) {
        let record = unit(length, number);
        insert(store, &record, terms);
        records.push(record);
    }
    records
}

#[track_caller]
fn held(store: &impl RecordStore, records: &[Record]) -> Vec<bool> {
    records.iter().map(|record| holds(store, NOW, record)).collect()
}

/// Half of the capacity, whatever is free; others, and we ourselves, are not concerned.
pub fn a_source_fills_its_share_and_no_more<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    fill(&mut store, length, 0, [of(1, published(10)); SHARE]);
    let before = Snapshot::of(&store);
    let more = unit(length, 90);
    for terms in [published(20), copied(5), cached(5)] {
        assert_eq!(refusal(&mut store, &more, of(1, terms)), Refusal::Full);
        assert_eq!(Snapshot::of(&store), before);
    }
    insert(&mut store, &more, of(2, published(10)));
    fill(&mut store, length, 50, [published(10); SHARE - 1]);
    assert_eq!(store.usage().records, UNITS as u64, "and the store is full to the byte");
}

/// What is ours counts for nobody's share.
pub fn we_ourselves_may_fill_the_store<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    fill(&mut store, length, 0, [published(10); UNITS]);
    assert_eq!(refusal(&mut store, &unit(length, 90), published(20)), Refusal::Full);
}

/// It will never fit, so the sender is told the longest value that would.
pub fn a_value_longer_than_a_share_is_too_large_for_a_source<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let long = unit(length * 9, 1);
    let Refusal::TooLarge { limit } = refusal(&mut store, &long, of(1, published(10))) else {
        panic!("a value longer than the share must be too large");
    };
    let longest = unit(usize::try_from(limit).unwrap(), 2);
    insert(&mut store, &longest, of(1, published(10)));
    assert!(store.usage().bytes <= store.usage().capacity / 2);
    assert!(store.remove(NOW, longest.slot()).unwrap());
    insert(&mut store, &long, published(10));
}

/// Ended ones first, then cached copies, soonest to end first, and only its own.
pub fn a_source_at_its_share_makes_room_of_what_is_cheap_of_its_own<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let others = fill(&mut store, length, 50, [of(2, cached(1)), of(2, published(2))]);
    let mut terms = [of(1, published(99)); SHARE];
    (terms[2], terms[3], terms[4]) = (of(1, cached(40)), of(1, cached(30)), of(1, published(20)));
    let records = fill(&mut store, length, 0, terms);
    let give = |store: &mut S, now: Moment, number| {
        let record = unit(length, number);
        store.save(now, record, of(1, published(99))).unwrap();
        records.iter().map(|record| holds(store, NOW, record)).collect::<Vec<_>>()
    };
    assert_eq!(give(&mut store, after(20), 90)[2..5], [true, true, false]);
    assert_eq!(give(&mut store, after(20), 91)[2..5], [true, false, false]);
    assert_eq!(give(&mut store, after(20), 92)[2..5], [false, false, false]);
    assert_eq!(refusal(&mut store, &unit(length, 93), of(1, published(99))), Refusal::Full);
    assert_eq!(held(&store, &others), [true, true]);
}

/// Soonest to end first, and of those that use most at each step.
pub fn the_greediest_source_gives_way_soonest_to_end_first<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let sevens = |source| [40, 10, 30, 20, 50, 60, 70].map(|end| of(source, published(end)));
    let one = fill(&mut store, length, 0, sevens(1));
    let other = fill(&mut store, length, 20, sevens(2));
    let third = fill(&mut store, length, 40, [of(3, published(1)); 2]);
    // Of equal uses, the higher source is the first to give.
    for (number, (gone_of_one, gone_of_other)) in [(0, 1), (1, 1), (1, 2)].into_iter().enumerate() {
        insert(&mut store, &unit(length, 60 + number), of(4, published(5)));
        let left = |gone: usize| [true, gone < 1, true, gone < 2, true, true, true];
        assert_eq!(held(&store, &one), left(gone_of_one), "after {number}");
        assert_eq!(held(&store, &other), left(gone_of_other), "after {number}");
    }
    assert_eq!(held(&store, &third), [true; 2]);
}

/// Not even by one byte: the one who comes must use less than the other is left with.
pub fn who_would_use_as_much_as_the_greediest_pushes_nothing_out<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    fill(&mut store, length, 0, [of(1, published(10)); 6]);
    fill(&mut store, length, 20, [of(2, published(10)); 4]);
    fill(&mut store, length, 40, [published(10); 6]);
    let before = Snapshot::of(&store);
    assert_eq!(refusal(&mut store, &unit(length, 60), of(1, published(99))), Refusal::Full);
    assert_eq!(
        refusal(&mut store, &unit(length, 60), of(2, published(99))),
        Refusal::Full,
        "five against five"
    );
    assert_eq!(refusal(&mut store, &unit(length, 60), published(99)), Refusal::Full, "we use most");
    assert_eq!(Snapshot::of(&store), before);
    insert(&mut store, &unit(length, 61), of(3, published(1)));
}

/// However often they try, it comes to rest.
pub fn two_sources_never_push_each_other_out_in_turns<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    fill(&mut store, length, 0, [published(10); 2]);
    fill(&mut store, length, 10, [of(1, published(10)); SHARE]);
    fill(&mut store, length, 30, [of(2, published(10)); 6]);
    let mut taken = 0;
    for number in 0..20 {
        let record = unit(length, 50 + number);
        let source = if number % 2 == 0 { 1 } else { 2 };
        taken += usize::from(store.save(NOW, record, of(source, published(9))).is_ok());
    }
    assert_eq!(taken, 0, "eight and six: one more for the lesser would leave seven against seven");
    for (number, source) in (80..).zip([3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4]) {
        let record = unit(length, number);
        taken += usize::from(store.save(NOW, record, of(source, published(9))).is_ok());
    }
    assert!((4..=8).contains(&taken), "{taken} were taken: fair shares are three or four");
    let before = Snapshot::of(&store);
    for (number, source) in (100..).zip([1, 2, 3, 4, 1, 2, 3, 4]) {
        let record = unit(length, number);
        assert_eq!(refusal(&mut store, &record, of(source, published(9))), Refusal::Full);
    }
    assert_eq!(Snapshot::of(&store), before);
}

/// Neither those of ours that others wanted kept too, nor those charged to somebody else.
pub fn our_own_records_are_never_evicted<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    let local = fill(&mut store, length, 0, [own(1); 9]);
    let charged = fill(&mut store, length, 20, [of(1, own(1)); 7]);
    for terms in [of(2, published(99)), published(99), own(99)] {
        assert_eq!(refusal(&mut store, &unit(length, 60), terms), Refusal::Full);
    }
    assert!(held(&store, &[local, charged].concat()).iter().all(|held| *held));
}

/// Even where this node itself uses most.
pub fn what_we_publish_takes_the_room_of_the_greediest<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let ours = fill(&mut store, length, 0, [own(1); 10]);
    let one = fill(&mut store, length, 20, [4, 3, 2, 1].map(|end| of(1, published(end))));
    let other = fill(&mut store, length, 40, [of(2, published(1)); 2]);
    for number in 0..6 {
        insert(&mut store, &unit(length, 60 + number), own(9));
        let expected: &[bool] = match number {
            0 => &[true, true, true, false],
            1 => &[true, true, false, false],
            _ => continue,
        };
        assert_eq!(held(&store, &one), expected);
        assert_eq!(held(&store, &other), [true; 2]);
    }
    assert_eq!(held(&store, &one), [false; 4]);
    assert_eq!(held(&store, &other), [false; 2]);
    assert_eq!(held(&store, &ours), [true; 10]);
    assert_eq!(refusal(&mut store, &unit(length, 90), own(9)), Refusal::Full);
}

/// Whoever they are charged to, and in no other order.
pub fn room_is_made_of_ended_then_cached_then_greedy_records<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let mut greedy = [of(1, published(50)); SHARE];
    (greedy[0], greedy[1]) = (of(1, published(20)), of(1, published(30)));
    let greedy = fill(&mut store, length, 0, greedy);
    let cheap = fill(&mut store, length, 20, [of(2, cached(40)), of(2, published(10)), cached(35)]);
    fill(&mut store, length, 40, [published(99); 5]);
    let mut take = |number| {
        let saved = store.save(after(10), unit(length, number), of(3, published(99)));
        assert_eq!(saved.unwrap(), Saved::Inserted);
        (held(&store, &cheap), held(&store, &greedy)[..3].to_vec())
    };
    assert_eq!(take(60), (vec![true, false, true], vec![true; 3]), "the ended one");
    assert_eq!(take(61), (vec![true, false, false], vec![true; 3]), "the cached one of ours");
    assert_eq!(take(62), (vec![false, false, false], vec![true; 3]), "the other cached one");
    assert_eq!(take(63).1, [false, true, true], "of the greediest, the soonest to end");
}

/// Not of the greediest, not of anybody.
pub fn a_cached_copy_pushes_out_no_held_record<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    fill(&mut store, length, 0, [of(1, published(10)); SHARE]);
    fill(&mut store, length, 20, [of(2, published(10)); SHARE]);
    let before = Snapshot::of(&store);
    assert_eq!(refusal(&mut store, &unit(length, 60), of(3, cached(99))), Refusal::Full);
    assert_eq!(Snapshot::of(&store), before);
    insert(&mut store, &unit(length, 60), of(3, copied(99)));
}

/// Whoever sends a newer version pays for it, and the sender of the older one no more.
pub fn a_newer_version_counts_for_its_sender<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    let version = |sequence| signed(sequence, SignedBody::Value(filled(9, length)));
    fill(&mut store, length, 0, [of(1, published(10)); SHARE - 1]);
    insert(&mut store, &version(1), of(1, published(10)));
    assert_eq!(refusal(&mut store, &unit(length, 60), of(1, published(10))), Refusal::Full);
    insert(&mut store, &version(2), of(1, published(10)));
    insert(&mut store, &version(3), of(2, published(10)));
    insert(&mut store, &unit(length, 60), of(1, published(10)));
    fill(&mut store, length, 20, [of(2, published(10)); SHARE - 1]);
    assert_eq!(refusal(&mut store, &unit(length, 61), of(2, published(10))), Refusal::Full);
}

/// Unless the record becomes our own: then nobody else is charged for it.
pub fn a_renewed_record_still_counts_for_its_first_sender<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let length = unit_length(&mut store);
    let records = fill(&mut store, length, 0, [of(1, published(10)); SHARE]);
    assert_eq!(save(&mut store, &records[0], of(2, published(20))), Saved::Kept);
    assert!(store.renew(NOW, records[1].slot(), records[1].digest(), published(20)).unwrap());
    assert_eq!(refusal(&mut store, &unit(length, 60), of(1, published(10))), Refusal::Full);
    assert_eq!(save(&mut store, &records[0], own(20)), Saved::Kept);
    insert(&mut store, &unit(length, 60), of(1, published(10)));
    assert!(store.renew(NOW, records[1].slot(), records[1].digest(), own(20)).unwrap());
    insert(&mut store, &unit(length, 61), of(1, published(10)));
    assert_eq!(refusal(&mut store, &unit(length, 62), of(1, published(10))), Refusal::Full);
}

/// By removal, by the end of life and by eviction.
pub fn what_goes_no_longer_counts_for_its_source<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = unit_length(&mut store);
    let mut terms = [of(1, published(99)); SHARE];
    (terms[0], terms[1]) = (of(1, published(5)), of(1, cached(50)));
    let records = fill(&mut store, length, 0, terms);
    assert!(store.remove(NOW, records[2].slot()).unwrap());
    assert_eq!(store.expire(after(5)).unwrap(), 1);
    fill(&mut store, length, 20, [of(1, published(99)); 2]);
    fill(&mut store, length, 40, [published(99); SHARE]);
    insert(&mut store, &unit(length, 60), of(2, published(99)));
    assert!(!holds(&store, NOW, &records[1]), "the cached copy gave way");
    assert_eq!(save(&mut store, &records[3], of(1, published(99))), Saved::Kept);
    assert!(store.remove(NOW, unit(length, 60).slot()).unwrap());
    insert(&mut store, &unit(length, 61), of(1, published(99)));
    assert_eq!(refusal(&mut store, &unit(length, 62), of(1, published(99))), Refusal::Full);
}

/// Where two reasons to keep a record meet, in whatever order and by whichever call.
pub fn the_better_reason_to_keep_a_record_stays<S: RecordStore>(mut make: impl FnMut() -> S) {
    let custodies = [
        Custody::Own { ttl: Ttl::MAX },
        Custody::Holder,
        Custody::Mirror,
        Custody::Cache { until: Moment::NEVER },
    ];
    let terms = |custody: Custody| {
        let is_cached = custody.is_cached();
        let purpose = if is_cached { Purpose::Cache } else { Purpose::Publish };
        Terms { purpose, custody, ..published(20) }
    };
    let record = content("kept");
    let mut store = make();
    for first in custodies {
        for second in custodies {
            for by_renewal in [false, true] {
                insert(&mut store, &record, terms(first));
                if by_renewal {
                    let digest = record.digest();
                    assert!(store.renew(NOW, record.slot(), digest, terms(second)).unwrap());
                } else {
                    assert_eq!(save(&mut store, &record, terms(second)), Saved::Kept);
                }
                let listed = store.list(NOW, record.slot(), 1).unwrap();
                assert_eq!(listed[0].custody, first.min(second), "{first:?} {second:?}");
                assert!(store.remove(NOW, record.slot()).unwrap());
            }
        }
    }
}

/// At any time, between any calls, and again when there is nothing to flush.
pub fn flushing_changes_nothing_that_is_seen<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    store.flush().expect("an empty store can be flushed");
    insert(&mut store, &content("a"), of(1, published(10)));
    insert(&mut store, &content("b"), cached(20));
    let before = Snapshot::of(&store);
    for _ in 0..2 {
        store.flush().expect("flushing must not fail");
        assert_eq!(Snapshot::of(&store), before);
    }
    assert!(store.remove(NOW, content("a").slot()).unwrap());
    let before = Snapshot::of(&store);
    store.flush().expect("flushing must not fail");
    assert_eq!(Snapshot::of(&store), before);
}
