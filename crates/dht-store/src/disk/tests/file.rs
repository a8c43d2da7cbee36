//! What holds of real files.

use std::io::ErrorKind;

use super::*;
use crate::RECORD_COST;

fn open(directory: &tempfile::TempDir, options: DiskOptions) -> Result<DiskStore, OpenError> {
    DiskStore::open(&directory.path().join("records.redb"), options)
}

#[test]
fn what_was_flushed_is_there_when_the_file_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory, DiskOptions::default()).unwrap();
    let long = filled(2, 5_000_000);
    store.save(NOW, filled(1, 10), until(2_000)).unwrap();
    store.save(NOW, long.clone(), until(1_500)).unwrap();
    store.flush().unwrap();
    store.save(NOW, filled(3, 10), until(2_000)).unwrap();
    let usage = Usage { records: 2, bytes: 5_000_010 + 2 * RECORD_COST, ..store.usage() };
    drop(store);

    let mut store = open(&directory, DiskOptions::default()).unwrap();
    assert_eq!(store.usage(), usage);
    assert!(holds(&store, &filled(1, 10)) && holds(&store, &long));
    assert!(!holds(&store, &filled(3, 10)), "it was not flushed");
    assert_eq!(store.next_expiry(), Some(Moment::from_secs(1_500)), "ends survive a restart");
    assert_eq!(store.expire(Moment::from_secs(1_500)).unwrap(), 1);
}

#[test]
fn a_file_in_use_is_refused_and_free_once_its_store_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, DiskOptions::default()).unwrap();
    let error = open(&directory, DiskOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().ends_with("records.redb is in use by another process"));
    drop(store);
    open(&directory, DiskOptions::default()).unwrap();
}

#[test]
fn a_directory_that_does_not_exist_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing").join("records.redb");
    let error = DiskStore::open(&path, DiskOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
}

#[test]
fn a_file_of_anything_else_is_damaged_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records.redb");
    let text = b"a letter to somebody".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = open(&directory, DiskOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), text);
}

#[test]
fn what_the_operating_system_says_is_told_apart() {
    let told = |kind: ErrorKind| OpenError::new(Path::new("x"), io::Error::from(kind).into());
    assert!(matches!(told(ErrorKind::PermissionDenied), OpenError::NotWritable { .. }));
    assert!(matches!(told(ErrorKind::ReadOnlyFilesystem), OpenError::NotWritable { .. }));
    assert!(matches!(told(ErrorKind::StorageFull), OpenError::NoRoom { .. }));
    assert!(matches!(told(ErrorKind::QuotaExceeded), OpenError::NoRoom { .. }));
    assert!(matches!(told(ErrorKind::UnexpectedEof), OpenError::Damaged { .. }));
    assert!(matches!(told(ErrorKind::IsADirectory), OpenError::Failed { .. }));
}

#[test]
fn a_smaller_capacity_gives_up_cached_copies_then_the_greediest() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(&directory, DiskOptions::default()).unwrap();
    let of = |source: u8, terms: Terms| Terms { source: Source::from_bytes([source; 16]), ..terms };
    let cached = Terms {
        purpose: Purpose::Cache,
        custody: Custody::Cache { until: Moment::NEVER },
        ..until(9_000)
    };
    let own = Terms { custody: Custody::Own { ttl: dht_proto::Ttl::MAX }, ..until(2_000) };
    let kept = [(1, of(1, until(2_001))), (2, of(2, until(2_000))), (3, own)];
    let given_up = [(4, of(1, until(2_000))), (5, cached), (6, of(2, cached))];
    for (byte, terms) in kept.into_iter().chain(given_up) {
        store.save(NOW, filled(byte, 100_000), terms).unwrap();
    }
    store.flush().unwrap();
    drop(store);

    let small = DiskOptions::default().capacity(3 * (100_000 + RECORD_COST));
    let store = open(&directory, small).unwrap();
    let held =
        |store: &DiskStore| [1, 2, 3, 4, 5, 6].map(|byte| holds(store, &filled(byte, 100_000)));
    assert_eq!(held(&store), [true, true, true, false, false, false]);
    drop(store);

    let mut store = open(&directory, DiskOptions::default().capacity(1_000)).unwrap();
    assert_eq!(held(&store), [false, false, true, false, false, false], "our own stay");
    let refused = store.save(NOW, filled(9, 0), own);
    assert!(refused.is_err(), "{refused:?}");
    assert!(store.remove(NOW, filled(3, 100_000).slot()).unwrap());
    store.save(NOW, filled(9, 0), own).unwrap();
}

#[test]
fn a_store_can_be_moved_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<DiskStore>();
}
