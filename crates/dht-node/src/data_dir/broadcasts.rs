//! The text form of the broadcasts that were heard: one a line: when it was sent, whose, which.

use std::fmt::Write as _;

use dht_proto::{BroadcastId, SentAt};
use dht_routing::HeardBroadcast;

/// Lines read at most: as many broadcasts as a peer remembers.
const HEARD_MAX: usize = 8_192;

/// The lines of the file.
pub(super) fn to_text(heard: &[HeardBroadcast]) -> String {
    let mut text = String::new();
    for HeardBroadcast { id, author, sent } in heard {
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{} {author} {id}", sent.0);
    }
    text
}

/// Reads what [`to_text`] wrote. Lines that are no broadcast are left out.
pub(super) fn parse(text: &str) -> Vec<HeardBroadcast> {
    text.lines().filter_map(heard).take(HEARD_MAX).collect()
}

fn heard(line: &str) -> Option<HeardBroadcast> {
    let mut words = line.split(' ');
    let sent = SentAt(words.next()?.parse().ok()?);
    let author = words.next()?.parse().ok()?;
    let id = id(words.next()?)?;
    Some(HeardBroadcast { id, author, sent })
}

/// 32 hexadecimal digits.
fn id(text: &str) -> Option<BroadcastId> {
    // A sign would be a number, too.
    let is_hex = text.len() == 2 * BroadcastId::LEN && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
    Some(BroadcastId::from_bytes(number.to_be_bytes()))
}
