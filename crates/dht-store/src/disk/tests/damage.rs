//! What is told of a file whose bytes are not those that were written.

use redb::{Database, TableDefinition};

use super::medium::Medium;
use super::script::Dice;
use super::*;
use dht_proto::{AuthorSecret, Salt, Sequence, SignedBody};

const OPTIONS: DiskOptions = DiskOptions::new().capacity(2_000_000);

/// One record of each kind, long and short, with values found easily.
fn records() -> Vec<Record> {
    let value = |byte: u8, length| Value::new(vec![byte; length]).unwrap();
    let author = AuthorSecret::from_seed(&[5; 32]);
    let sign = |byte, length| {
        let body = SignedBody::Value(value(byte, length));
        Record::sign(&author, Salt::new(vec![byte]).unwrap(), Sequence(1), body)
    };
    vec![
        Record::content(value(0xa1, 500)),
        Record::content(value(0xa2, 30_000)),
        Record::named(b"short", value(0xa3, 500)),
        Record::named(b"long", value(0xa4, 30_000)),
        sign(0xa5, 500),
        sign(0xa6, 30_000),
    ]
}

fn filled_medium() -> Medium {
    let medium = Medium::default();
    let mut store = medium.open(OPTIONS).unwrap();
    for record in records() {
        store.save(NOW, record, until(2_000)).unwrap();
    }
    store.flush().unwrap();
    drop(store);
    medium
}

#[test]
fn a_value_with_a_flipped_bit_is_reported_once_and_dropped() {
    let whole = filled_medium();
    for damaged in records() {
        let bytes = damaged.value().unwrap().as_bytes().slice(..400);
        let places = whole.find(&bytes);
        let medium = whole.copied();
        for place in places {
            medium.flip(place * 8 + 100);
        }
        let mut store = medium.open(OPTIONS).unwrap();
        let kinds = KindSet::only(damaged.kind());
        let load = |store: &DiskStore| store.load(NOW, damaged.key(), kinds, usize::MAX);
        let described = store.load(NOW, damaged.key(), kinds, 0).unwrap();
        assert!(described.is_some(), "nobody has looked at the value yet");
        let error = load(&store).unwrap_err().to_string();
        let expected = format!("{} record at {} is damaged", damaged.kind(), damaged.key());
        assert_eq!(error, expected);
        assert!(load(&store).unwrap().is_none());
        for other in records().iter().filter(|other| **other != damaged) {
            assert!(holds(&store, other));
        }
        assert_eq!(store.usage().records, 5);
        store.save(NOW, damaged.clone(), until(2_000)).unwrap();
        store.flush().unwrap();
        assert!(holds(&store, &damaged));
    }
}

#[test]
fn a_damaged_head_is_no_record_and_its_slot_is_free() {
    let whole = filled_medium();
    // The author key stands in the heads of the signed records, and nowhere else.
    let author = AuthorSecret::from_seed(&[5; 32]).author();
    let signed: Vec<_> = records().into_iter().filter(|r| r.as_signed().is_some()).collect();
    let medium = whole.copied();
    for place in medium.find(author.as_bytes()) {
        medium.flip(place * 8);
    }
    let mut store = medium.open(OPTIONS).unwrap();
    let listed = store.list(NOW, Slot::FIRST, usize::MAX).unwrap();
    assert_eq!(listed.len(), 4);
    for record in &signed {
        let kinds = KindSet::only(record.kind());
        assert!(store.load(NOW, record.key(), kinds, 0).is_err());
        assert!(store.load(NOW, record.key(), kinds, 0).unwrap().is_none());
        store.save(NOW, record.clone(), until(3_000)).unwrap();
        assert!(holds(&store, record));
    }
    // What the damaged heads left in the indexes goes in time, and takes nothing along.
    store.expire(Moment::from_secs(2_000)).unwrap();
    assert_eq!(store.next_expiry(), Some(Moment::from_secs(3_000)));
    assert!(signed.iter().all(|record| holds(&store, record)));
    store.flush().unwrap();
}

/// Looks at everything. What comes back must be what was kept.
fn look(store: &DiskStore) {
    let mut known = records();
    known.push(filled(9, 900));
    let _ = store.list(NOW, Slot::FIRST, usize::MAX).map(|listed| {
        for summary in listed {
            assert!(known.iter().any(|r| r.slot() == summary.slot && r.digest() == summary.digest));
        }
    });
    for record in &known {
        let kinds = KindSet::only(record.kind());
        if let Ok(Some(held)) = store.load(NOW, record.key(), kinds, usize::MAX) {
            assert_eq!(held.record.as_ref(), Some(record));
        }
    }
}

#[test]
fn whatever_bits_are_flipped_no_wrong_record_is_handed_out() {
    let whole = filled_medium();
    let mut dice = Dice::new(3);
    let mut opened = 0;
    for _ in 0..400 {
        let medium = whole.copied();
        for _ in 0..8 {
            medium.flip(usize::try_from(dice.roll(whole.len() as u64 * 8)).unwrap());
        }
        if let Ok(store) = medium.open(OPTIONS) {
            opened += 1;
            look(&store);
            // Closing trusts the pages that tell which others are free.
            std::mem::forget(store);
        }
    }
    assert!(opened > 20, "{opened} stores could be opened");
}

#[test]
fn a_file_cut_anywhere_is_refused_or_hands_out_nothing_wrong() {
    // One that was closed, and one whose machine lost power.
    let closed = filled_medium();
    let crashed = Medium::default();
    let mut store = crashed.open(OPTIONS).unwrap();
    for record in records() {
        store.save(NOW, record, until(2_000)).unwrap();
    }
    store.flush().unwrap();
    let crashed = crashed.after_power_loss(|| true);
    let mut dice = Dice::new(4);
    let mut refused = 0;
    for medium in [closed, crashed] {
        for _ in 0..60 {
            let cut = medium.copied();
            cut.cut(usize::try_from(dice.roll(medium.len() as u64)).unwrap().max(1));
            match cut.open(OPTIONS) {
                Ok(mut store) => {
                    look(&store);
                    // Whether these succeed depends on what is missing.
                    let _ = store.save(NOW, filled(9, 900), until(2_000));
                    let _ = store.flush();
                    look(&store);
                    let _ = store.expire(Moment::from_secs(2_000));
                    let _ = store.flush();
                }
                Err(problem) => {
                    refused += 1;
                    let error = OpenError::new(Path::new("store"), problem);
                    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
                }
            }
        }
    }
    assert!(refused >= 60, "{refused} were refused");
}

fn refusal(make: impl FnOnce(&Database)) -> OpenError {
    let medium = Medium::default();
    let backend = Backend::new(medium.clone());
    make(&Database::builder().create_with_backend(backend).unwrap());
    OpenError::new(Path::new("store"), medium.open(OPTIONS).err().unwrap())
}

#[test]
fn a_database_of_another_program_is_refused() {
    let error = refusal(|database| {
        let batch = database.begin_write().unwrap();
        batch.open_table(TableDefinition::<u8, u8>::new("birds")).unwrap();
        batch.commit().unwrap();
    });
    assert_eq!(error.to_string(), "store is damaged: it is a database of another program");
}

#[test]
fn a_later_format_is_refused_by_its_number() {
    let error = refusal(|database| {
        let batch = database.begin_write().unwrap();
        batch.open_table(table::META).unwrap().insert("format", 2).unwrap();
        batch.commit().unwrap();
    });
    assert!(matches!(error, OpenError::Newer { version: 2, known: 1, .. }));
    assert_eq!(error.to_string(), "store has format 2, known is 1");
}
