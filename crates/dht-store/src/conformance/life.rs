//! Clauses about the life of records: they end on time, and are absent from then on.

use std::time::Duration;

use dht_proto::{KindSet, Moment, Record, Slot, Terms};

use super::sample::{
    NOW, after, cached, content, copied, find, holds, insert, named, published, value, version,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, SaveError, Saved};

/// Records end on time, not at the next sweep: `expires` itself is the first moment without the record.
pub fn a_record_lives_to_the_last_microsecond_and_no_longer<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let record = content("a");
    insert(&mut store, &record, published(10));
    let end = after(10);
    assert!(holds(&store, end - Duration::from_micros(1), &record));
    assert_eq!(find(&store, end, record.slot()), None);
}

/// Without any call of `expire`: not loaded, not listed, not removed, not renewed, not in the way.
pub fn a_record_whose_life_has_ended_is_absent_in_every_call<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let record = named("n", "old");
    let later = after(10);
    let mut ended = || {
        let mut store = make();
        insert(&mut store, &record, published(10));
        store
    };
    let store = ended();
    assert_eq!(find(&store, later, record.slot()), None);
    assert_eq!(store.load(later, record.key(), KindSet::ALL, 0).unwrap(), None);
    assert_eq!(store.list(later, Slot::FIRST, usize::MAX).unwrap(), []);
    assert!(!ended().remove(later, record.slot()).unwrap());
    assert!(!ended().renew(later, record.slot(), record.digest(), published(99)).unwrap());
    let other = named("n", "new");
    assert_eq!(ended().save(later, other, published(99)).unwrap(), Saved::Inserted);
    assert_eq!(ended().save(later, record.clone(), published(99)).unwrap(), Saved::Inserted);
}

/// Another value may be stored under a name from the moment the old one ends, and is then the only one.
pub fn a_name_is_free_once_its_record_has_ended<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    insert(&mut store, &named("n", "old"), published(10));
    let new = named("n", "new");
    assert_eq!(store.save(after(10), new.clone(), published(20)).unwrap(), Saved::Inserted);
    assert!(holds(&store, after(10), &new));
    assert_eq!(store.usage().records, 1);
    assert_eq!(store.next_expiry(), Some(after(20)));
    assert_eq!(store.expire(after(19)).unwrap(), 0, "nothing of the old record is left to expire");
}

/// The rules compare with the live record only: a version that has ended holds no place.
pub fn an_older_version_may_come_once_the_newer_has_ended<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &version(9, "newer"), published(10));
    let older = version(2, "older");
    assert_eq!(store.save(after(10), older.clone(), published(20)).unwrap(), Saved::Inserted);
    assert!(holds(&store, after(10), &older));
}

/// `expire` counts and frees what has ended, of every purpose, and touches nothing else.
pub fn expiry_frees_the_ended_records_and_no_other<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    insert(&mut store, &content("published"), published(10));
    insert(&mut store, &content("copied"), copied(10));
    insert(&mut store, &content("cached"), cached(9));
    let survivor = content("survivor");
    insert(&mut store, &survivor, published(11));
    assert_eq!(store.expire(after(8)).unwrap(), 0);
    assert_eq!(store.expire(after(9)).unwrap(), 1);
    assert_eq!(store.expire(after(10)).unwrap(), 2);
    assert_eq!(store.usage().records, 1);
    assert!(holds(&store, after(10), &survivor));
    assert_eq!(store.expire(after(10)).unwrap(), 0);
    assert_eq!(store.expire(Moment::NEVER).unwrap(), 1);
    assert_eq!((store.usage().records, store.usage().bytes), (0, 0));
    assert_eq!(store.next_expiry(), None);
}

/// [`Moment::NEVER`] is an end of life like any other, and the last.
pub fn a_record_that_never_ends_outlives_every_other<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = content("a");
    let terms = Terms { expires: Moment::NEVER, ..published(0) };
    insert(&mut store, &record, terms);
    let late = Moment::from_micros(u64::MAX - 1);
    assert_eq!(store.expire(late).unwrap(), 0);
    assert!(holds(&store, late, &record));
    assert_eq!(store.next_expiry(), Some(Moment::NEVER));
}

/// It follows saves, renewals and removals, and names an end in the past until that record is freed.
pub fn the_next_expiry_is_the_earliest_end_of_life<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let (early, late) = (content("early"), content("late"));
    insert(&mut store, &late, published(20));
    assert_eq!(store.next_expiry(), Some(after(20)));
    insert(&mut store, &early, cached(10));
    assert_eq!(store.next_expiry(), Some(after(10)));
    assert_eq!(store.list(after(15), Slot::FIRST, usize::MAX).unwrap().len(), 1);
    assert_eq!(store.next_expiry(), Some(after(10)), "it is not freed yet");
    assert_eq!(store.save(NOW, early, published(30)).unwrap(), Saved::Kept);
    assert_eq!(store.next_expiry(), Some(after(20)));
    assert!(store.remove(NOW, late.slot()).unwrap());
    assert_eq!(store.next_expiry(), Some(after(30)));
}

/// It is turned away before any rule is asked: no live record gives way to one that is already absent.
pub fn a_record_that_has_ended_before_it_comes_displaces_nothing<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let live = version(1, "live");
    insert(&mut store, &live, published(10));
    let before = Snapshot::of(&store);
    for terms in [published(0), Terms { expires: Moment::EPOCH, ..published(0) }] {
        for record in [version(2, "newer"), live.clone(), Record::content(value("another"))] {
            let result = store.save(NOW, record, terms);
            assert!(matches!(result, Err(SaveError::Ended)), "{result:?}");
        }
    }
    assert_eq!(Snapshot::of(&store), before);
}
