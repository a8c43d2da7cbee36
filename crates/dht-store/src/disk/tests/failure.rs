//! What happens when reads, writes and syncs fail, and when there is no more room.

use dht_proto::Refusal;

use super::medium::Medium;
use super::script::Dice;
use super::*;
use crate::conformance::snapshot::Snapshot;
use crate::{SaveError, Saved};

const OPTIONS: DiskOptions = DiskOptions::new().capacity(2_000_000);

/// Goes on after failures, as a node does. Returns how many calls and flushes failed.
fn run(medium: &Medium, store: &mut DiskStore, seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let mut failures = 0;
    let mut flushed = Snapshot::of(store);
    for _ in 0..40 {
        let called = dice.call(store);
        failures += usize::from(called.is_err());
        if called.is_ok() && dice.roll(3) > 0 {
            continue;
        }
        let flushing = Snapshot::of(store);
        if store.flush().is_ok() {
            flushed = flushing;
        } else {
            failures += 1;
            let found = Snapshot::of(store);
            assert!(found == flushed || found == flushing, "a failed flush left a part");
            flushed = found;
        }
        let reopened = medium.copied().open(OPTIONS).unwrap();
        assert_eq!(Snapshot::of(&reopened), flushed, "what is on the medium is what is told");
    }
    failures
}

#[test]
fn any_call_of_the_medium_may_fail_and_what_was_flushed_stays() {
    let mut failures = 0;
    for seed in 0..5 {
        let quiet = Medium::default();
        run(&quiet, &mut quiet.open(OPTIONS).unwrap(), seed);
        let mut dice = Dice::new(seed);
        for _ in 0..40 {
            let medium = Medium::default();
            let mut store = medium.open(OPTIONS).unwrap();
            medium.fail_on(medium.calls() + dice.roll(quiet.calls()));
            failures += run(&medium, &mut store, seed);
        }
    }
    assert!(failures > 50, "{failures} failures were seen");
}

#[test]
fn a_store_that_fails_to_open_may_be_opened_again() {
    let calls = {
        let medium = Medium::default();
        drop(medium.open(OPTIONS).unwrap());
        medium.calls()
    };
    for call in 0..calls {
        let medium = Medium::default();
        medium.fail_on(call);
        let opened = medium.open(OPTIONS);
        drop(opened);
        medium.heal();
        let mut store = medium.open(OPTIONS).unwrap_or_else(|error| panic!("{call}: {error}"));
        assert_eq!(store.save(NOW, filled(1, 10), until(2_000)).unwrap(), Saved::Inserted);
        store.flush().unwrap();
    }
}

#[test]
fn a_store_lives_on_when_its_medium_is_back() {
    let medium = Medium::default();
    let mut store = medium.open(OPTIONS).unwrap();
    store.save(NOW, filled(1, 10_000), until(2_000)).unwrap();
    store.flush().unwrap();
    store.save(NOW, filled(2, 10_000), until(2_000)).unwrap();
    medium.off_from(medium.calls());
    assert!(store.flush().is_err());
    assert!(store.load(NOW, filled(1, 10_000).key(), KindSet::ALL, usize::MAX).is_err());
    let refused = store.save(NOW, filled(3, 10), until(2_000)).unwrap_err();
    assert_eq!(Refusal::from(refused), Refusal::StorageFailed);
    assert_eq!(store.next_expiry(), None);
    assert_eq!(store.usage().records, 1, "what was flushed last");
    medium.heal();
    assert!(holds(&store, &filled(1, 10_000)));
    assert!(!holds(&store, &filled(2, 10_000)), "its flush failed");
    assert_eq!(store.usage().records, 1);
    store.save(NOW, filled(3, 10), until(2_000)).unwrap();
    store.flush().unwrap();
}

#[test]
fn a_flush_tells_of_calls_that_another_call_undid() {
    let medium = Medium::default();
    let mut store = medium.open(OPTIONS).unwrap();
    store.save(NOW, filled(1, 10), until(2_000)).unwrap();
    medium.off_from(medium.calls());
    // More than fits the cache has to be written before the flush.
    let failed =
        (2..200).find_map(|byte| store.save(NOW, filled(byte, 100_000), until(2_000)).err());
    assert!(matches!(failed, Some(SaveError::Failed(_)) | None), "{failed:?}");
    medium.heal();
    let error = match failed {
        Some(_) => store.flush().unwrap_err(),
        None => return,
    };
    assert_eq!(error.to_string(), "changes since the last flush were undone by an earlier failure");
    assert_eq!(store.usage().records, 0);
    store.flush().expect("it was told once");
}

#[test]
fn a_full_disk_refuses_and_takes_again_once_there_is_room() {
    let medium = Medium::default();
    let mut store = medium.open(DiskOptions::new().capacity(50_000_000)).unwrap();
    medium.leave_room(1_000_000);
    let mut flushed = Vec::new();
    let mut failed = 0;
    for byte in 0..250 {
        let record = filled(byte, 30_000);
        match store.save(NOW, record.clone(), until(2_000)) {
            Ok(_) => {}
            Err(SaveError::Failed(_)) => failed += 1,
            Err(other) => panic!("{other}"),
        }
        match store.flush() {
            Ok(()) if failed == 0 => flushed.push(record),
            Ok(()) => {}
            Err(_) => failed += 1,
        }
        assert!(flushed.iter().all(|record| holds(&store, record)), "after {byte}");
        if failed > 5 {
            break;
        }
    }
    assert!(failed > 5 && flushed.len() > 10, "{} flushed", flushed.len());

    medium.heal();
    let record = filled(255, 300_000);
    store.save(NOW, record.clone(), until(2_000)).unwrap();
    store.flush().unwrap();
    assert!(holds(&store, &record));
}
