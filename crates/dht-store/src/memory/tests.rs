//! What holds of the memory store: the contract of every store, and what only it promises.

use dht_proto::limits::VALUE_MAX;
use dht_proto::{Purpose, Refusal, Ttl, Value};

use super::*;
use crate::RECORD_COST;

mod contract {
    use crate::MemoryStore;

    crate::conformance_tests!(|| MemoryStore::new(1_000_000));
}

fn filled(byte: u8, length: usize) -> Record {
    Record::content(Value::new(vec![byte; length]).unwrap())
}

fn terms(seconds: u64) -> Terms {
    Terms {
        expires: Moment::from_secs(seconds),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    }
}

#[test]
fn an_empty_store_is_176_bytes_and_no_allocation() {
    // The maps allocate with their first entry; what is left is the struct itself.
    assert!(size_of::<MemoryStore>() <= 176, "{}", size_of::<MemoryStore>());
}

#[test]
fn the_default_store_takes_500_megabytes_and_values_of_5_megabytes() {
    let mut store = MemoryStore::default();
    assert_eq!(store.usage().capacity, 500_000_000);
    let record = filled(1, VALUE_MAX);
    let week = Terms { expires: Ttl::default().ends(Moment::EPOCH), ..terms(0) };
    assert_eq!(store.save(Moment::EPOCH, record.clone(), week).unwrap(), Saved::Inserted);
    let held = store.load(Moment::EPOCH, record.key(), KindSet::ALL, VALUE_MAX).unwrap();
    assert_eq!(held.and_then(|held| held.record), Some(record));
}

/// Whether the value of a store's copy is the one that was saved, not only equal.
fn is_shared(mut store: MemoryStore, length: usize) -> bool {
    let record = filled(1, length);
    store.save(Moment::EPOCH, record.clone(), terms(1)).unwrap();
    let held = store.load(Moment::EPOCH, record.key(), KindSet::ALL, VALUE_MAX).unwrap();
    let loaded = held.and_then(|held| held.record).unwrap();
    assert_eq!(loaded, record);
    let address = |record: &Record| record.value().map(|value| value.as_bytes().as_ptr());
    address(&loaded) == address(&record)
}

#[test]
fn long_values_are_shared_with_whoever_saved_them_and_short_ones_copied() {
    assert!(is_shared(MemoryStore::default(), 100_000));
    assert!(is_shared(MemoryStore::default(), 901));
    assert!(!is_shared(MemoryStore::default(), 900));
    assert!(is_shared(MemoryStore::default().sharing_values(), 900));
}

#[test]
fn the_item_limit_refuses_longer_values_and_spares_what_is_held() {
    let mut store = MemoryStore::new(1_000_000);
    let long = filled(1, 101);
    store.save(Moment::EPOCH, long.clone(), terms(9)).unwrap();
    let mut store = store.with_item_limit(100);
    let refused = store.save(Moment::EPOCH, filled(2, 101), terms(9));
    let Err(SaveError::Refused(Refusal::TooLarge { limit: 100 })) = refused else {
        panic!("{refused:?}");
    };
    store.save(Moment::EPOCH, filled(3, 100), terms(9)).unwrap();
    let again = store.save(Moment::EPOCH, long, terms(99));
    assert_eq!(again.unwrap(), Saved::Kept, "what is held may be renewed");
}

#[test]
fn a_store_without_capacity_refuses_everything_as_full() {
    for capacity in [0, RECORD_COST - 1] {
        let mut store = MemoryStore::new(capacity);
        let refused = store.save(Moment::EPOCH, filled(1, 0), terms(1));
        assert!(matches!(refused, Err(SaveError::Refused(Refusal::Full))), "{refused:?}");
    }
}

#[test]
fn a_store_filled_to_the_byte_is_full_and_not_over() {
    let mut store = MemoryStore::new(2 * RECORD_COST + 20);
    store.save(Moment::EPOCH, filled(1, 10), terms(1)).unwrap();
    store.save(Moment::EPOCH, filled(2, 10), terms(1)).unwrap();
    assert_eq!(store.usage().bytes, store.usage().capacity);
    let refused = store.save(Moment::EPOCH, filled(3, 0), terms(1));
    assert!(matches!(refused, Err(SaveError::Refused(Refusal::Full))), "{refused:?}");
}

#[test]
fn what_has_ended_is_freed_a_bounded_number_at_a_time() {
    let mut store = MemoryStore::default();
    for number in 0..=EXPIRED_MAX {
        store
            .save(
                Moment::EPOCH,
                Record::content(Value::new(number.to_le_bytes().to_vec()).unwrap()),
                terms(1),
            )
            .unwrap();
    }
    let end = Moment::from_secs(1);
    assert_eq!(store.expire(end).unwrap(), EXPIRED_MAX);
    assert_eq!(store.next_expiry(), Some(end), "there is more");
    assert_eq!(store.expire(end).unwrap(), 1);
    assert_eq!(store.expire(end).unwrap(), 0);
    assert_eq!(store.next_expiry(), None);
}

#[test]
fn the_debug_form_names_the_figures_and_no_records() {
    let mut store = MemoryStore::new(1_000);
    store.save(Moment::EPOCH, filled(1, 10), terms(1)).unwrap();
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore(Usage { records: 1, bytes: 778, capacity: 1000 })"
    );
}
