//! What the console shows, seen from in front of it.

use std::time::Duration;

use dht_node::{Digest, Kind, Moment, Sequence};

use super::*;

fn stored(byte: u8, size: usize) -> StoredKey {
    StoredKey {
        key: Key::from_bytes([byte; 32]),
        kind: Kind::Named,
        size,
        digest: Digest::from_bytes([0; 32]),
        sequence: Sequence(0),
        remaining: Duration::from_secs(604_799),
        custody: Custody::Cache { until: Moment::NEVER },
    }
}

#[test]
fn a_broadcast_is_shown_as_one_line_that_cannot_drive_the_terminal() {
    let secret = dht_node::AuthorSecret::from_seed(&[1; 32]);
    let shown = |text: String| {
        let message = Broadcast::sign(
            &secret,
            dht_node::NetworkId::default(),
            dht_node::SentAt(1),
            text.into(),
        )
        .unwrap();
        announcement(&message)
    };
    let author = &secret.author().to_string()[..8];
    assert_eq!(shown("a\x1b[2J\nb".to_owned()), format!("{author} says: a[2Jb"));
    let long = shown("x".repeat(60_000));
    assert!(long.ends_with("xx..") && long.len() < 530, "{} bytes", long.len());
}

#[test]
fn what_became_of_a_broadcast_is_told_in_nodes() {
    let id = dht_node::BroadcastId::from_bytes([0; 16]);
    let told = |acknowledged, reach| broadcast(&BroadcastReport { id, acknowledged, reach });
    assert_eq!(told(0, 1), "no other node is known");
    assert_eq!(told(1, 2), "1 node confirmed it; it reaches about 1 in all");
    assert_eq!(told(20, 1_001), "20 nodes confirmed it; it reaches about 1,000 in all");
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
fn the_list_says_why_each_record_is_here() {
    for (custody, word) in [
        (Custody::Own { ttl: dht_node::Ttl::MAX }, "own"),
        (Custody::Holder, "holder"),
        (Custody::Mirror, "mirror"),
        (Custody::Cache { until: Moment::NEVER }, "cache"),
    ] {
        let text = list(&[StoredKey { custody, ..stored(1, 0) }]);
        assert!(text.ends_with(&format!(" {word}")), "{text}");
    }
}

#[test]
fn a_mirror_tells_how_far_it_is_and_how_much_it_has() {
    let round = |told, held| MirrorRound { told, held, ..MirrorRound::default() };
    let mut progress = MirrorProgress { rounds: 1, ..MirrorProgress::default() };
    assert_eq!(mirror(&progress), "1 round ended");
    (progress.swept, progress.current) = (425, round(1_234, 1_200));
    assert_eq!(mirror(&progress), "1 round ended, 42.5 % of the next: 1,200 of 1,234 records held");
    let whole = MirrorRound { took: Duration::from_secs(65), ..round(1_000_000, 999_999) };
    let text =
        last_round(&MirrorRound { refused: 1, unwilling: 2, ..whole }, Duration::from_secs(3));
    assert_eq!(
        text,
        "999,999 of 1,000,000 records held, 99.9 %; 1 did not fit; \
         2 parts of the network do not tell; took 1m 5s, ended 3.0s ago"
    );
    assert!(last_round(&whole, Duration::ZERO).contains(" 99.9 %;"), "not all is not 100 %");
    assert!(last_round(&round(7, 7), Duration::ZERO).contains(" 100.0 %;"));
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
