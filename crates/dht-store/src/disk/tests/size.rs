//! That bytes freed are bytes free: the file does not grow beyond what its page says.

use dht_proto::{AuthorSecret, Salt, Sequence, SignedBody};

use super::medium::Medium;
use super::script::Dice;
use super::*;
use crate::RECORD_COST;

const CAPACITY: usize = 3_000_000;
/// Bytes of records between two flushes.
const BATCH: usize = 300_000;
/// What the batch under way and the one before it take, and the database itself.
const SLACK: usize = 3 * BATCH + 300_000;

fn store(medium: &Medium) -> DiskStore {
    medium.open(DiskOptions::new().capacity(CAPACITY as u64)).unwrap()
}

/// Saves cached copies that count `total` bytes, with ends from `first` on, and flushes now and then.
fn churn(store: &mut DiskStore, first: u64, total: usize, mut length: impl FnMut() -> usize) {
    let (mut came, mut flushed) = (0, 0);
    for number in first.. {
        let mut bytes = vec![0x5a; length().max(8)];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        came += bytes.len() + usize::try_from(RECORD_COST).unwrap();
        let record = Record::content(Value::new(bytes).unwrap());
        let terms = until(2_000 + number);
        let terms = Terms {
            purpose: Purpose::Cache,
            custody: Custody::Cache { until: Moment::NEVER },
            ..terms
        };
        store.save(NOW, record, terms).unwrap();
        if came - flushed > BATCH {
            store.flush().unwrap();
            flushed = came;
        }
        if came > total {
            return store.flush().unwrap();
        }
    }
}

#[test]
fn a_full_store_takes_about_its_capacity_whatever_the_length_of_its_values() {
    for length in [100, 900, 1_400, 2_040, 4_100, 30_000, 250_000] {
        let medium = Medium::default();
        let mut store = store(&medium);
        churn(&mut store, 0, 4 * CAPACITY, || length);
        let taken = medium.taken();
        assert!(taken < CAPACITY + CAPACITY / 8 + SLACK, "{length}: {taken} bytes are taken");
    }
}

#[test]
fn a_file_does_not_grow_however_much_passes_through() {
    let mut dice = Dice::new(1);
    let mut length = || match dice.roll(10) {
        0 => 60_000,
        1 => 20_000,
        2 => 3_000,
        _ => 900,
    };
    let medium = Medium::default();
    let mut store = store(&medium);
    churn(&mut store, 0, 4 * CAPACITY, &mut length);
    let (taken, file) = (medium.taken(), medium.len());
    churn(&mut store, 1_000_000, 12 * CAPACITY, &mut length);
    assert!(medium.taken() <= taken + taken / 16, "{} after {taken}", medium.taken());
    assert!(medium.len() <= 2 * file, "{} after {file}", medium.len());
    assert!(medium.len() <= 2 * (CAPACITY + CAPACITY / 8 + SLACK));
}

#[test]
fn removal_in_any_order_leaves_room_for_any_length() {
    let mut dice = Dice::new(2);
    let medium = Medium::default();
    let mut store = store(&medium);
    for (round, length) in (1..).zip([900, 1_400, 300, 2_040, 700, 5_000, 1_366, 40_000, 1_010]) {
        churn(&mut store, round * 1_000_000, CAPACITY, || length);
        let listed = store.list(NOW, Slot::FIRST, usize::MAX).unwrap();
        let removed = listed.iter().filter(|_| dice.roll(3) > 0).collect::<Vec<_>>();
        for batch in removed.chunks(100) {
            for summary in batch {
                assert!(store.remove(NOW, summary.slot).unwrap());
            }
            store.flush().unwrap();
        }
    }
    let taken = medium.taken();
    assert!(taken < CAPACITY / 10 * 17 + SLACK, "{taken} bytes are taken");
}

#[test]
fn records_without_values_take_no_more_than_they_count() {
    let medium = Medium::default();
    let mut store = store(&medium);
    let author = AuthorSecret::from_seed(&[3; 32]);
    for number in 0..3_500_u64 {
        let mut salt = vec![7; 32];
        salt[..8].copy_from_slice(&number.to_le_bytes());
        let salt = Salt::new(salt).unwrap();
        let record = Record::sign(&author, salt, Sequence(1), SignedBody::Deleted);
        store.save(NOW, record, until(2_000 + number)).unwrap();
        if number % 300 == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    let (taken, counted) = (medium.taken(), usize::try_from(store.usage().bytes).unwrap());
    assert!(taken < counted + SLACK / 2, "{taken} for {counted}");
}

#[test]
fn closing_a_store_that_was_emptied_cuts_its_file() {
    let medium = Medium::default();
    let mut full = store(&medium);
    churn(&mut full, 0, CAPACITY, || 5_000);
    while full.expire(Moment::NEVER).unwrap() > 0 {}
    full.flush().unwrap();
    drop(full);
    drop(store(&medium));
    assert!(medium.len() < CAPACITY / 2, "{} bytes are left", medium.len());
}
