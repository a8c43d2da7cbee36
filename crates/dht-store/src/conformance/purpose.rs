//! Clauses about the same value coming again: who may extend a life, and who may not.

use dht_proto::{Custody, Digest, Moment, Record, Terms};

use super::sample::{
    NOW, after, cached, content, copied, find, insert, named, published, save, version,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, Saved};

#[track_caller]
fn terms_of(store: &impl RecordStore, record: &Record) -> (Moment, Custody) {
    let held = find(store, NOW, record.slot()).expect("it is held");
    (held.summary.expires, held.summary.custody)
}

/// Of every kind; it is no stale version of itself.
pub fn a_byte_identical_re_publication_extends_the_life<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    for record in [content("a"), named("n", "a"), version(1, "a")] {
        for first in [published(10), copied(10), cached(10)] {
            let mut store = make();
            insert(&mut store, &record, first);
            assert_eq!(save(&mut store, &record, published(20)), Saved::Kept);
            assert_eq!(terms_of(&store, &record), (after(20), Custody::Holder));
            assert_eq!(store.usage().records, 1);
            assert_eq!(store.expire(after(10)).unwrap(), 0, "the first end is forgotten");
        }
    }
}

/// A publisher that names a shorter life does not take back the longer one.
pub fn a_re_publication_never_shortens_a_life<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = content("a");
    insert(&mut store, &record, published(20));
    assert_eq!(save(&mut store, &record, published(10)), Saved::Kept);
    assert_eq!(terms_of(&store, &record), (after(20), Custody::Holder));
}

/// However late the end it carries, and whether the record was published here or copied.
pub fn a_holders_copy_never_extends_a_life<S: RecordStore>(mut make: impl FnMut() -> S) {
    for record in [content("a"), named("n", "a"), version(1, "a")] {
        for first in [published(10), copied(10)] {
            let mut store = make();
            insert(&mut store, &record, first);
            let before = Snapshot::of(&store);
            assert_eq!(save(&mut store, &record, copied(99)), Saved::Kept);
            assert_eq!(Snapshot::of(&store), before);
        }
    }
}

/// Whatever it meets, another cached copy included.
pub fn a_cached_copy_never_extends_a_life<S: RecordStore>(mut make: impl FnMut() -> S) {
    for first in [published(10), copied(10), cached(10)] {
        let mut store = make();
        insert(&mut store, &content("a"), first);
        let before = Snapshot::of(&store);
        assert_eq!(save(&mut store, &content("a"), cached(99)), Saved::Kept);
        assert_eq!(Snapshot::of(&store), before);
    }
}

/// With the life the copy carries.
pub fn a_holders_copy_makes_a_cached_one_a_held_one<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = content("a");
    insert(&mut store, &record, cached(10));
    assert_eq!(save(&mut store, &record, copied(20)), Saved::Kept);
    assert_eq!(terms_of(&store, &record), (after(20), Custody::Holder));
}

/// For every purpose in place and coming, and ends before, at and after the old one.
pub fn renewing_by_hash_does_what_saving_again_does<S: RecordStore>(mut make: impl FnMut() -> S) {
    let record = named("n", "a");
    for first in [published(20), copied(20), cached(20)] {
        for seconds in [10, 20, 30] {
            for again in [published(seconds), copied(seconds), cached(seconds)] {
                let (mut saved, mut renewed) = (make(), make());
                insert(&mut saved, &record, first);
                insert(&mut renewed, &record, first);
                assert_eq!(save(&mut saved, &record, again), Saved::Kept);
                assert!(renewed.renew(NOW, record.slot(), record.digest(), again).unwrap());
                assert_eq!(Snapshot::of(&renewed), Snapshot::of(&saved), "{first:?} {again:?}");
            }
        }
    }
}

/// Another value, an empty slot, or one whose record has ended: false, and nothing changes.
pub fn renewing_needs_the_very_value_alive<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = content("a");
    insert(&mut store, &record, published(10));
    let before = Snapshot::of(&store);
    let absent = content("b").slot();
    assert!(!store.renew(NOW, record.slot(), Digest::from_bytes([1; 32]), published(99)).unwrap());
    assert!(!store.renew(NOW, absent, record.digest(), published(99)).unwrap());
    assert!(!store.renew(after(10), record.slot(), record.digest(), published(99)).unwrap());
    assert_eq!(Snapshot::of(&store), before);
}

/// Usage stays, and so does a life that the terms would have ended earlier.
pub fn renewing_touches_no_bytes<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = version(1, "a");
    insert(&mut store, &record, published(10));
    let before = store.usage();
    let past = Terms { expires: Moment::EPOCH, ..published(0) };
    assert!(store.renew(NOW, record.slot(), record.digest(), past).unwrap());
    assert_eq!(terms_of(&store, &record), (after(10), Custody::Holder));
    assert!(store.renew(NOW, record.slot(), record.digest(), published(99)).unwrap());
    assert_eq!(store.usage(), before);
    let held = find(&store, NOW, record.slot()).expect("it is held");
    assert_eq!(held.record, Some(record));
}
