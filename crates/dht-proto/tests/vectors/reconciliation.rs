//! What holders compare.

use dht_proto::{
    CellDigest, Custody, Digest, Fingerprint, Key, Kind, Moment, Prefix, Sequence, Slot, Summary,
};
use serde_json::Value as Json;

use super::{array, bytes, number, small, text, vectors};

fn record(told: &Json) -> Summary {
    let name = text(told, "kind");
    let kind = Kind::ALL.into_iter().find(|kind| kind.to_string() == name).unwrap();
    Summary {
        slot: Slot { key: text(told, "key").parse().unwrap(), kind },
        size: 0,
        digest: text(told, "digest").parse::<Digest>().unwrap(),
        sequence: Sequence(number(told, "sequence")),
        expires: Moment::NEVER,
        custody: Custody::Holder,
    }
}

#[test]
fn records_have_their_fingerprints() {
    for vector in vectors("fingerprints") {
        let fingerprint = Fingerprint::of(&record(&vector));
        assert_eq!(*fingerprint.as_bytes(), array(&vector, "fingerprint"), "{vector}");
    }
}

#[test]
fn cells_have_their_edges_and_digests() {
    for vector in vectors("cells") {
        let mut first = bytes(&vector, "prefix");
        first.resize(32, 0);
        let key = Key::from_bytes(first.try_into().unwrap());
        let prefix = Prefix::of(&key, small(&vector, "bits").try_into().unwrap());
        assert_eq!(prefix.first().to_string(), text(&vector, "first"));
        assert_eq!(prefix.last().to_string(), text(&vector, "last"));
        let mut held: Vec<_> = vector["held"].as_array().unwrap().iter().map(record).collect();
        held.retain(|record| prefix.contains(&record.slot.key));
        held.sort_by_key(|record| record.slot);
        let fingerprints: Vec<_> = held.iter().map(Fingerprint::of).collect();
        let told: Vec<u8> = fingerprints.iter().flat_map(Fingerprint::as_bytes).copied().collect();
        assert_eq!(told, bytes(&vector, "fingerprints"), "{vector}");
        assert_eq!(*CellDigest::of(fingerprints).as_bytes(), array(&vector, "digest"));
    }
}
