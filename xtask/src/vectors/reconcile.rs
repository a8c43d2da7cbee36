//! Vectors of what holders compare: fingerprints of records, digests of cells.

use dht_proto::{
    CellDigest, Custody, Digest, Fingerprint, Key, Kind, Moment, Prefix, Sequence, Slot, Summary,
};
use serde_json::{Value, json};

use super::hex;

fn record(key: Key, kind: Kind, sequence: u64, digest: u8) -> Summary {
    Summary {
        slot: Slot { key, kind },
        size: 5,
        digest: Digest::from_bytes([digest; 32]),
        sequence: Sequence(sequence),
        expires: Moment::NEVER,
        custody: Custody::Holder,
    }
}

/// Keys that differ in their first two bytes.
fn key(first: u8, second: u8) -> Key {
    let mut bytes = [0x55; 32];
    (bytes[0], bytes[1]) = (first, second);
    Key::from_bytes(bytes)
}

fn describe(record: &Summary) -> Value {
    json!({
        "key": record.slot.key.to_string(),
        "kind": record.slot.kind.to_string(),
        // A number of 64 bits is no exact number in every JSON reader.
        "sequence": record.sequence.0.to_string(),
        "digest": record.digest.to_string(),
        "fingerprint": hex(Fingerprint::of(record).as_bytes()),
    })
}

pub(super) fn fingerprints() -> Vec<Value> {
    let one = key(0xab, 0xcd);
    let records = [
        record(one, Kind::Content, 0, 1),
        record(one, Kind::Signed, 0, 1),
        record(one, Kind::Named, 0, 1),
        record(one, Kind::Signed, 1, 1),
        record(one, Kind::Signed, 0x0102_0304_0506_0708, 1),
        record(one, Kind::Signed, u64::MAX, 1),
        record(one, Kind::Content, 0, 2),
        record(key(0xab, 0xce), Kind::Content, 0, 1),
    ];
    records.iter().map(describe).collect()
}

/// Out of order, on both sides of the edges of the cells below, with three kinds at one key.
fn held() -> Vec<Summary> {
    vec![
        record(key(0xff, 0xff), Kind::Content, 0, 1),
        record(key(0xab, 0xcd), Kind::Named, 0, 2),
        record(key(0xab, 0xcd), Kind::Signed, 7, 3),
        record(key(0xab, 0xcd), Kind::Content, 0, 4),
        record(key(0xab, 0x7f), Kind::Content, 0, 5),
        record(key(0xab, 0x80), Kind::Signed, 9, 6),
        record(key(0xac, 0x00), Kind::Content, 0, 7),
        record(key(0x00, 0x00), Kind::Named, 0, 8),
    ]
}

pub(super) fn cells() -> Vec<Value> {
    let held = held();
    let mut ascending = held.clone();
    ascending.sort_by_key(|record| record.slot);
    let asked = [(0, 0, 0), (0xab, 0, 8), (0xab, 0x80, 9), (0xab, 0xcd, 16), (0xab, 0xcd, 256)];
    asked
        .into_iter()
        .chain([(0xaa, 0, 7), (0x80, 0, 1), (0x10, 0, 8)])
        .map(|(first, second, bits)| {
            let prefix = Prefix::of(&key(first, second), bits);
            let inside = ascending.iter().filter(|record| prefix.contains(&record.slot.key));
            let fingerprints = inside.map(Fingerprint::of).collect::<Vec<_>>();
            let told = fingerprints.iter().flat_map(Fingerprint::as_bytes).copied();
            json!({
                "held": held.iter().map(describe).collect::<Vec<_>>(),
                "prefix": hex(prefix.as_bytes()),
                "bits": prefix.bits(),
                "first": prefix.first().to_string(),
                "last": prefix.last().to_string(),
                "fingerprints": hex(told.collect::<Vec<u8>>()),
                "digest": hex(CellDigest::of(fingerprints).as_bytes()),
            })
        })
        .collect()
}
