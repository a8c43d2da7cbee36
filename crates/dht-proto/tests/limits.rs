//! The limits that `proto/PROTOCOL.md` states are those of the crate, all of them.
#![allow(clippy::unwrap_used, reason = "a text that cannot be read is a failure")]

use std::collections::BTreeMap;

use dht_proto::limits::{
    AGENT_MAX, BATCH_MAX, BROADCAST_LIFE_SECONDS, BROADCAST_MAX, BROADCASTS_MAX, CELLS_MAX,
    CONTACTS_MAX, COOKIE_LEN, DATAGRAM_MAX, FINGERPRINTS_MAX, FRAME_MAX, FRESH_SECONDS, HELLO_LEN,
    ID_DIFFICULTY_DEFAULT, INLINE_VALUE_MAX, PADDED_REQUEST_LEN, PART_MAX, PAYLOAD_MAX, REASON_MAX,
    REFLECTION_FACTOR, SALT_MAX, TTL_DEFAULT_SECONDS, TTL_MAX_SECONDS, VALUE_MAX,
};

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Name and value of each row of the table of limits.
fn stated() -> BTreeMap<String, u64> {
    let text = read("../../proto/PROTOCOL.md");
    let table = text.split("## 2. Limits").nth(1).unwrap().split("## 3.").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").unwrap();
        (name.to_owned(), rest.split(' ').next().unwrap().parse().unwrap())
    })
    .collect()
}

#[test]
fn the_protocol_states_every_limit_of_the_crate() {
    let expected = [
        ("AGENT_MAX", AGENT_MAX as u64),
        ("BATCH_MAX", BATCH_MAX as u64),
        ("BROADCAST_LIFE_SECONDS", BROADCAST_LIFE_SECONDS),
        ("BROADCAST_MAX", BROADCAST_MAX as u64),
        ("BROADCASTS_MAX", BROADCASTS_MAX as u64),
        ("CELLS_MAX", CELLS_MAX as u64),
        ("CONTACTS_MAX", CONTACTS_MAX as u64),
        ("COOKIE_LEN", COOKIE_LEN as u64),
        ("FRESH_SECONDS", FRESH_SECONDS),
        ("DATAGRAM_MAX", DATAGRAM_MAX as u64),
        ("FINGERPRINTS_MAX", FINGERPRINTS_MAX as u64),
        ("FRAME_MAX", FRAME_MAX as u64),
        ("HELLO_LEN", HELLO_LEN as u64),
        ("ID_DIFFICULTY_DEFAULT", u64::from(ID_DIFFICULTY_DEFAULT)),
        ("INLINE_VALUE_MAX", INLINE_VALUE_MAX as u64),
        ("PAYLOAD_MAX", PAYLOAD_MAX as u64),
        ("PADDED_REQUEST_LEN", PADDED_REQUEST_LEN as u64),
        ("PART_MAX", PART_MAX as u64),
        ("REASON_MAX", REASON_MAX as u64),
        ("REFLECTION_FACTOR", REFLECTION_FACTOR as u64),
        ("SALT_MAX", SALT_MAX as u64),
        ("TTL_DEFAULT_SECONDS", u64::from(TTL_DEFAULT_SECONDS)),
        ("TTL_MAX_SECONDS", u64::from(TTL_MAX_SECONDS)),
        ("VALUE_MAX", VALUE_MAX as u64),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(stated(), BTreeMap::from(expected));
}

#[test]
fn no_limit_of_the_crate_is_left_out() {
    // The version has a section of its own, and the period of cookies is stated as text.
    let elsewhere = ["VERSION", "COOKIE_PERIOD"];
    let code = read("src/limits.rs");
    let names = code
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .map(|line| line.split(':').next().unwrap())
        .filter(|name| !elsewhere.contains(name));
    let stated = stated();
    for name in names {
        assert!(stated.contains_key(name), "{name} is not stated");
    }
}
