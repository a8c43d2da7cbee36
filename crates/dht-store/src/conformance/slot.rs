//! Clauses about slots: what is saved is found, and no kind is in the way of another.

use dht_proto::{Key, KindSet, Record, Slot};

use super::sample::{
    NO_KEY, NOW, content, deletion, filled, find, holds, insert, named, published, value, version,
};
use crate::{RecordStore, Usage};

/// Nothing is found, listed, used or due in a new store.
pub fn an_empty_store_holds_nothing<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    assert_eq!(store.load(NOW, NO_KEY, KindSet::ALL, usize::MAX).unwrap(), None);
    assert_eq!(store.list(NOW, Slot::FIRST, usize::MAX).unwrap(), []);
    assert_eq!(store.next_expiry(), None);
    assert_eq!(store.expire(NOW).unwrap(), 0);
    assert!(!store.remove(NOW, content("absent").slot()).unwrap());
    let Usage { records, bytes, capacity } = store.usage();
    assert_eq!((records, bytes), (0, 0));
    assert!((200_000..=4_000_000).contains(&capacity), "this suite wants small stores");
}

/// Content, named and signed records and deletions come back as they were, with terms and hash.
pub fn a_record_of_every_kind_loads_back_equal<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let terms = published(100);
    for record in [content("a"), named("n", "b"), version(3, "c")] {
        insert(&mut store, &record, terms);
        let held = find(&store, NOW, record.slot()).expect("it was just saved");
        assert_eq!(held.record.as_ref(), Some(&record));
        assert_eq!(held.summary.slot, record.slot());
        assert_eq!(held.summary.size, record.size());
        assert_eq!(held.summary.digest, record.digest());
        assert_eq!(held.summary.sequence, record.sequence());
        assert_eq!(held.summary.expires, terms.expires);
        assert_eq!(held.summary.custody, terms.custody);
    }
    insert(&mut store, &deletion(4), terms);
    assert!(holds(&store, NOW, &deletion(4)));
}

/// No length is special: 1, 899, 900, 901, 4,000, 20,000, 65,536 and 70,000 bytes.
pub fn values_of_any_length_come_back_equal<S: RecordStore>(mut make: impl FnMut() -> S) {
    for length in [1, 899, 900, 901, 4_000, 20_000, 65_536, 70_000] {
        let mut store = make();
        let record = Record::content(filled(length, length));
        insert(&mut store, &record, published(100));
        assert!(holds(&store, NOW, &record), "{length} bytes");
    }
}

/// A record with an empty value is there, unlike one that was never saved.
pub fn an_empty_value_is_a_value<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    insert(&mut store, &content(""), published(100));
    insert(&mut store, &named("empty", ""), published(100));
    assert!(holds(&store, NOW, &content("")));
    assert!(holds(&store, NOW, &named("empty", "")));
    assert_eq!(store.usage().records, 2);
}

/// Bytes come along up to the length asked for, and the description always.
pub fn a_long_value_is_described_without_its_bytes<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = Record::content(filled(1, 1_000));
    insert(&mut store, &record, published(100));
    let load = |whole_up_to| {
        store.load(NOW, record.key(), KindSet::ALL, whole_up_to).unwrap().expect("it is held")
    };
    assert_eq!(load(999).record, None);
    assert_eq!(load(0).summary, load(1_000).summary);
    assert_eq!(load(1_000).record, Some(record.clone()));
}

/// A name squatting on the key of a content or signed record neither hides nor replaces it, whichever
/// came first.
pub fn a_value_of_one_kind_never_shadows_another_kind_at_the_same_key<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    for proven in [content("true"), version(1, "true")] {
        let squatter = Record::at(proven.key(), value("false"));
        for order in [[&proven, &squatter], [&squatter, &proven]] {
            let mut store = make();
            for record in order {
                insert(&mut store, record, published(100));
            }
            assert!(holds(&store, NOW, &proven));
            assert!(holds(&store, NOW, &squatter));
            let first = store.load(NOW, proven.key(), KindSet::ALL, usize::MAX).unwrap();
            assert_eq!(first.and_then(|held| held.record).as_ref(), Some(&proven));
        }
    }
}

/// A kind that was not asked for is not returned, nor does it hide one that was.
pub fn only_records_of_the_wanted_kinds_are_found<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = named("n", "value");
    insert(&mut store, &record, published(100));
    let find = |key: Key, kinds| store.load(NOW, key, kinds, usize::MAX).unwrap();
    assert_eq!(find(record.key(), KindSet::PROVEN), None);
    assert_eq!(find(record.key(), KindSet::EMPTY), None);
    assert_eq!(find(NO_KEY, KindSet::ALL), None);
    assert!(find(record.key(), KindSet::ALL).is_some());
}

/// Removing names one slot, not all of a key.
pub fn removing_one_kind_leaves_the_other_at_the_same_key<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let proven = content("true");
    let squatter = Record::at(proven.key(), value("false"));
    insert(&mut store, &proven, published(100));
    insert(&mut store, &squatter, published(100));
    let Slot { key, .. } = squatter.slot();
    assert!(store.remove(NOW, squatter.slot()).unwrap());
    assert!(holds(&store, NOW, &proven));
    let left = store.load(NOW, key, KindSet::ALL, usize::MAX).unwrap();
    assert_eq!(left.and_then(|held| held.record), Some(proven));
}

/// The second removal finds nothing, and the slot can be filled again.
pub fn a_record_is_removed_once<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let record = content("a");
    insert(&mut store, &record, published(100));
    assert!(store.remove(NOW, record.slot()).unwrap());
    assert!(!store.remove(NOW, record.slot()).unwrap());
    assert_eq!(find(&store, NOW, record.slot()), None);
    insert(&mut store, &record, published(100));
    assert!(holds(&store, NOW, &record));
}
