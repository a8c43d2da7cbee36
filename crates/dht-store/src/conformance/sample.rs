//! The words the clauses are written in: moments, records, terms, and steps on a store.

use std::time::Duration;

use dht_proto::{
    AuthorSecret, Custody, Held, Key, KindSet, Moment, Purpose, Record, Refusal, Salt, Sequence,
    SignedBody, Slot, Source, Terms, Value,
};

use crate::{RecordStore, SaveError, Saved};

/// When most clauses begin.
pub(super) const NOW: Moment = Moment::from_secs(1_000);

pub(super) const NO_KEY: Key = Key::from_bytes([0; 32]);

/// `seconds` after [`NOW`].
pub(super) fn after(seconds: u64) -> Moment {
    NOW + Duration::from_secs(seconds)
}

pub(super) fn value(text: &str) -> Value {
    Value::new(text.as_bytes().to_vec()).unwrap()
}

/// `length` bytes that no other `number` starts with.
pub(super) fn filled(number: usize, length: usize) -> Value {
    let mut bytes = vec![0x5a; length.max(8)];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.truncate(length);
    Value::new(bytes).unwrap()
}

pub(super) fn content(text: &str) -> Record {
    Record::content(value(text))
}

pub(super) fn named(name: &str, text: &str) -> Record {
    Record::named(name.as_bytes(), value(text))
}

/// A version of the one signed record the clauses write.
pub(super) fn version(sequence: u64, text: &str) -> Record {
    signed(sequence, SignedBody::Value(value(text)))
}

pub(super) fn deletion(sequence: u64) -> Record {
    signed(sequence, SignedBody::Deleted)
}

pub(super) fn signed(sequence: u64, body: SignedBody) -> Record {
    let author = AuthorSecret::from_seed(&[7; 32]);
    Record::sign(&author, Salt::default(), Sequence(sequence), body)
}

/// From its publisher, until `seconds` after [`NOW`].
pub(super) fn published(seconds: u64) -> Terms {
    Terms {
        expires: after(seconds),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    }
}

/// A holder's copy, until `seconds` after [`NOW`].
pub(super) fn copied(seconds: u64) -> Terms {
    Terms { purpose: Purpose::Replicate, ..published(seconds) }
}

/// A cached copy, until `seconds` after [`NOW`].
pub(super) fn cached(seconds: u64) -> Terms {
    Terms {
        purpose: Purpose::Cache,
        custody: Custody::Cache { until: Moment::NEVER },
        ..published(seconds)
    }
}

/// Compare-and-swap from `sequence`.
pub(super) fn expecting(sequence: u64) -> Terms {
    Terms { expected: Some(Sequence(sequence)), ..published(100) }
}

#[track_caller]
pub(super) fn save(store: &mut impl RecordStore, record: &Record, terms: Terms) -> Saved {
    store.save(NOW, record.clone(), terms).expect("the record must be taken")
}

#[track_caller]
pub(super) fn insert(store: &mut impl RecordStore, record: &Record, terms: Terms) {
    assert_eq!(save(store, record, terms), Saved::Inserted, "{record:?} must be taken as new");
}

#[track_caller]
pub(super) fn refusal(store: &mut impl RecordStore, record: &Record, terms: Terms) -> Refusal {
    match store.save(NOW, record.clone(), terms) {
        Err(SaveError::Refused(refusal)) => refusal,
        other => panic!("the record must be refused, not {other:?}"),
    }
}

#[track_caller]
pub(super) fn find(store: &impl RecordStore, now: Moment, slot: Slot) -> Option<Held> {
    store.load(now, slot.key, KindSet::only(slot.kind), usize::MAX).expect("loading must not fail")
}

/// Whether `slot` holds exactly `record` at `now`.
#[track_caller]
pub(super) fn holds(store: &impl RecordStore, now: Moment, record: &Record) -> bool {
    find(store, now, record.slot()).is_some_and(|held| held.record.as_ref() == Some(record))
}
