//! What the console shows, seen from in front of it.

use std::time::Duration;

use dht_node::{Digest, Kind, Sequence};

use super::*;

fn stored(byte: u8, size: usize) -> StoredKey {
    StoredKey {
        key: Key::from_bytes([byte; 32]),
        kind: Kind::Named,
        size,
        digest: Digest::from_bytes([0; 32]),
        sequence: Sequence(0),
        remaining: Duration::from_secs(604_799),
        custody: Custody::Cache,
    }
}

#[test]
fn help_names_every_command_by_letter_and_in_full() {
    let text = help();
    for verb in VERBS {
        assert!(text.contains(&format!("  {}, {}", verb.letter, verb.name)), "{text}");
    }
    assert!(text.lines().all(|line| line.len() < 80), "{text}");
}

#[test]
fn the_list_gives_key_kind_size_remaining_life_and_custody() {
    let text = list(&[stored(0xab, 1_234)]);
    let line = text.lines().nth(1).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let key = "ab".repeat(32);
    assert_eq!(words, [key.as_str(), "named", "1,234", "B", "6d", "23h", "cache"]);
}

#[test]
fn an_empty_store_lists_nothing() {
    assert_eq!(list(&[]), "0 records, 0 bytes");
}

#[test]
fn a_full_store_is_not_listed_to_the_last_record() {
    let text = list(&vec![stored(1, 0); LISTED_MAX + 5]);
    assert_eq!(text.lines().last(), Some("... and 5 more"));
}

#[test]
fn text_is_shown_as_it_is() {
    assert_eq!(value(b"two words\n\tand more"), "two words\n\tand more");
    assert_eq!(value("größer".as_bytes()), "größer");
    assert_eq!(value(b""), "");
}

#[test]
fn a_value_cannot_command_the_terminal() {
    for hostile in
        [&b"\x1b[2Jgone"[..], b"\x07", b"over\rwritten", "\u{9b}2J".as_bytes(), b"\xff\xfe"]
    {
        let shown = value(hostile);
        assert!(shown.chars().all(|c| !c.is_control()), "{shown:?}");
        assert!(shown.contains("no plain text"));
    }
}
