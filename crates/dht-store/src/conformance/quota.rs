//! Clauses about the quota: what counts, what gives way, and what is refused.

use dht_proto::limits::VALUE_MAX;
use dht_proto::{Moment, Record, Refusal, Sequence, SignedBody, Slot, Terms, Value};

use super::sample::{
    NOW, after, cached, content, deletion, filled, find, holds, insert, named, published, refusal,
    save, signed, version,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, SaveError, Saved};

/// A value of which three fit `store` and four do not.
fn quarter(store: &impl RecordStore, number: usize) -> Record {
    Record::content(filled(number, quarter_length(store)))
}

fn quarter_length(store: &impl RecordStore) -> usize {
    usize::try_from(store.usage().capacity / 4).expect("the suite wants small stores")
}

/// Fills `store` so that no further [`quarter`] fits.
#[track_caller]
fn fill(store: &mut impl RecordStore, terms: [Terms; 3]) -> [Record; 3] {
    let records = [1, 2, 3].map(|number| quarter(store, number));
    for (record, terms) in records.iter().zip(terms) {
        insert(store, record, terms);
    }
    records
}

/// Which of `records` are held at [`NOW`].
fn held<const N: usize>(store: &impl RecordStore, records: &[Record; N]) -> [bool; N] {
    records.each_ref().map(|record| holds(store, NOW, record))
}

/// The bytes used grow by the length of the value and one constant, whatever kind, key or terms.
pub fn every_record_counts_with_its_value_and_one_fixed_cost<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &content(""), published(10));
    let cost = store.usage().bytes;
    let more = [content("four"), named("n", "four"), version(1, "four"), quarter(&store, 1)];
    for (number, (record, terms)) in
        more.iter().zip([published(10), cached(10), published(99), cached(10)]).enumerate()
    {
        let before = store.usage();
        insert(&mut store, record, terms);
        let size = u64::try_from(record.size()).unwrap();
        assert_eq!(store.usage().bytes, before.bytes + cost + size, "record {number}");
        assert_eq!(store.usage().records, before.records + 1);
        assert_eq!(store.usage().capacity, before.capacity);
    }
}

/// To the byte, down to nothing.
pub fn bytes_are_freed_by_expiry_removal_and_replacement<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &version(1, "a longer value"), published(10));
    insert(&mut store, &version(2, "short"), published(10));
    let replaced = store.usage();
    let mut fresh = make();
    insert(&mut fresh, &version(2, "short"), published(10));
    assert_eq!(replaced, fresh.usage());

    insert(&mut store, &content("removed"), published(10));
    assert!(store.remove(NOW, content("removed").slot()).unwrap());
    assert_eq!(store.usage(), replaced);

    insert(&mut store, &content("expires"), published(5));
    assert_eq!(store.expire(after(5)).unwrap(), 1);
    assert_eq!(store.usage(), replaced);

    insert(&mut store, &deletion(3), published(10));
    assert!(store.remove(NOW, deletion(3).slot()).unwrap());
    assert_eq!((store.usage().records, store.usage().bytes), (0, 0));
}

/// Never a live record silently: the sender is told, and all stays as it was.
pub fn a_full_store_refuses_and_keeps_every_live_record<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    fill(&mut store, [published(10), published(99), published(10)]);
    let before = Snapshot::of(&store);
    for terms in [published(50), cached(50)] {
        let fourth = quarter(&store, 4);
        assert_eq!(refusal(&mut store, &fourth, terms), Refusal::Full);
        assert_eq!(Snapshot::of(&store), before);
    }
    assert!(store.usage().bytes <= store.usage().capacity);
}

/// Without any call of `expire`.
pub fn records_that_have_ended_make_room_unasked<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let records = fill(&mut store, [published(99), published(10), published(99)]);
    let fourth = quarter(&store, 4);
    let result = store.save(after(9), fourth.clone(), published(99));
    assert!(matches!(result, Err(SaveError::Refused(Refusal::Full))), "{result:?}");
    assert_eq!(store.save(after(10), fourth.clone(), published(99)).unwrap(), Saved::Inserted);
    assert!(holds(&store, after(10), &fourth));
    assert!(holds(&store, after(10), &records[0]) && holds(&store, after(10), &records[2]));
}

/// A live cached copy stays as long as there is something dead to drop.
pub fn ended_records_give_way_before_cached_copies<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let records = fill(&mut store, [cached(20), published(10), cached(30)]);
    let fourth = quarter(&store, 4);
    assert_eq!(store.save(after(10), fourth.clone(), published(99)).unwrap(), Saved::Inserted);
    assert!(holds(&store, after(10), &records[0]));
    assert!(holds(&store, after(10), &records[2]));
    assert_eq!(store.expire(after(10)).unwrap(), 0, "the ended record is gone already");
}

/// One by one, no more than are needed, and held records never.
pub fn cached_copies_give_way_soonest_to_end_first<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let records = fill(&mut store, [cached(30), published(5), cached(20)]);
    let [fourth, fifth, sixth] = [4, 5, 6].map(|number| quarter(&store, number));
    insert(&mut store, &fourth, published(99));
    assert_eq!(held(&store, &records), [true, true, false]);
    insert(&mut store, &fifth, published(99));
    assert_eq!(held(&store, &records), [false, true, false]);
    assert_eq!(refusal(&mut store, &sixth, published(99)), Refusal::Full);
    assert_eq!(held(&store, &records), [false, true, false]);
}

/// Among cached copies the longer-lived stays: a short-lived newcomer is refused.
pub fn a_cached_copy_pushes_out_none_that_ends_later<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let records = fill(&mut store, [cached(30), cached(20), cached(40)]);
    let before = Snapshot::of(&store);
    let fourth = quarter(&store, 4);
    assert_eq!(refusal(&mut store, &fourth, cached(19)), Refusal::Full);
    assert_eq!(Snapshot::of(&store), before);
    insert(&mut store, &fourth, cached(25));
    assert_eq!(held(&store, &records), [true, false, true]);
}

/// Neither once its publisher came by, nor once a holder did.
pub fn a_cached_copy_made_a_held_one_is_evicted_no_more<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let records = fill(&mut store, [cached(10), cached(10), published(10)]);
    assert_eq!(save(&mut store, &records[0], published(20)), Saved::Kept);
    let held_now = Terms { purpose: dht_proto::Purpose::Replicate, ..published(10) };
    assert!(store.renew(NOW, records[1].slot(), records[1].digest(), held_now).unwrap());
    let fourth = quarter(&store, 4);
    assert_eq!(refusal(&mut store, &fourth, published(99)), Refusal::Full);
    assert_eq!(held(&store, &records), [true; 3]);
}

/// The bytes of what is replaced count as free, so that a record can be updated in a full store, and
/// nothing else is evicted for it.
pub fn a_newer_version_takes_the_room_of_the_older<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let length = quarter_length(&store) * 3;
    let long = |sequence| signed(sequence, SignedBody::Value(filled(9, length)));
    insert(&mut store, &content("bystander"), cached(1));
    insert(&mut store, &long(1), cached(5));
    let before = store.usage();
    insert(&mut store, &long(2), published(10));
    assert!(holds(&store, NOW, &long(2)));
    assert!(holds(&store, NOW, &content("bystander")));
    assert_eq!(store.usage(), before);
}

/// The old version is dropped for the new one only if that one is kept.
pub fn a_newer_version_that_does_not_fit_leaves_the_older<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &version(1, "short"), published(10));
    fill(&mut store, [published(10); 3]);
    let before = Snapshot::of(&store);
    let longer = signed(2, SignedBody::Value(filled(9, quarter_length(&store))));
    assert_eq!(refusal(&mut store, &longer, published(10)), Refusal::Full);
    let longest = signed(2, SignedBody::Value(filled(9, VALUE_MAX)));
    assert!(matches!(refusal(&mut store, &longest, published(10)), Refusal::TooLarge { .. }));
    assert_eq!(Snapshot::of(&store), before);
    assert_eq!(
        find(&store, NOW, longer.slot()).map(|held| held.summary.sequence),
        Some(Sequence(1))
    );
}

/// The limit told is exact, and nothing is evicted in vain.
pub fn a_value_that_no_empty_store_could_hold_is_too_large<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    fill(&mut store, [cached(10); 3]);
    let before = Snapshot::of(&store);
    let longest = Record::content(filled(1, VALUE_MAX));
    let Refusal::TooLarge { limit } = refusal(&mut store, &longest, published(10)) else {
        panic!("a value longer than the capacity must be too large");
    };
    let limit = usize::try_from(limit).unwrap();
    let over = Record::content(filled(1, limit + 1));
    assert!(matches!(refusal(&mut store, &over, published(10)), Refusal::TooLarge { .. }));
    assert_eq!(Snapshot::of(&store), before);
    insert(&mut store, &Record::content(filled(1, limit)), published(10));
    assert_eq!(store.list(Moment::EPOCH, Slot::FIRST, usize::MAX).unwrap().len(), 1);
    let empty = Record::content(Value::default());
    assert_eq!(refusal(&mut store, &empty, published(10)), Refusal::Full);
}
