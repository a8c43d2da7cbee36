//! What holds of a store on disk: the contract of every store, and what only it promises.

use dht_proto::{Custody, Moment, Purpose, Record, Source, Terms, Value};

use super::*;

mod contract;
mod crash;
mod damage;
mod failure;
mod file;
mod medium;
mod script;
mod size;

const NOW: Moment = Moment::from_secs(1_000);

fn filled(byte: u8, length: usize) -> Record {
    Record::content(Value::new(vec![byte; length]).unwrap())
}

/// From its publisher, until `seconds` after the epoch.
fn until(seconds: u64) -> Terms {
    Terms {
        expires: Moment::from_secs(seconds),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    }
}

fn holds(store: &DiskStore, record: &Record) -> bool {
    let held = store.load(NOW, record.key(), record.kind().into(), usize::MAX).unwrap();
    held.is_some_and(|held| held.record.as_ref() == Some(record))
}
