//! How the console shows what a node knows. Plain text, without a newline at the end.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use dht_node::{
    Broadcast, BroadcastReport, Contact, Custody, Distance, Key, MirrorProgress, MirrorRound,
    NodeId, NodeStatus, Ponged, StoredKey,
};

use super::command::VERBS;
use crate::quantity::{plural, show_bytes, show_count, show_span};

/// Records listed at most; a store may hold a million.
const LISTED_MAX: usize = 1_000;

/// Characters of a broadcast that are shown.
const ANNOUNCED_MAX: usize = 500;

/// Every command.
pub(super) fn help() -> String {
    let mut text = String::from("Commands:");
    for verb in VERBS {
        let call = format!("{}, {} {}", verb.letter, verb.name, verb.arguments);
        let _ = write!(text, "\n  {call:<24} {}", verb.purpose);
    }
    text.push_str(
        "\nA key is 64 hexadecimal digits. Tab completes commands, keys, names, addresses.",
    );
    text
}

/// How a broadcast of ours got away.
pub(crate) fn broadcast(report: &BroadcastReport) -> String {
    let BroadcastReport { acknowledged, reach, .. } = report;
    let confirmed = format!("{acknowledged} node{} confirmed it", plural(*acknowledged as u64));
    match reach - 1 {
        0 => "no other node is known".to_owned(),
        others => format!("{confirmed}; it reaches about {} in all", show_count(others)),
    }
}

/// A broadcast of somebody else: the start of its author's key, and what it says. Control characters, which could make
/// a terminal lie, are left out, and so is all beyond the first line or two.
pub(super) fn announcement(message: &Broadcast) -> String {
    let text = String::from_utf8_lossy(message.payload());
    let shown: String = text.chars().filter(|c| !c.is_control()).take(ANNOUNCED_MAX).collect();
    let more = if text.chars().nth(ANNOUNCED_MAX).is_some() { ".." } else { "" };
    let author = message.author().to_string();
    format!("{} says: {shown}{more}", author.get(..8).unwrap_or(&author))
}

/// The routing table: a heading for each bucket that is not empty, and its contacts.
pub(super) fn route(local: NodeId, peers: &[Contact]) -> String {
    let mut buckets: Vec<(u32, Vec<&Contact>)> = Vec::new();
    for peer in peers {
        let shared = Distance::between(local.as_bytes(), peer.id().as_bytes()).leading_zeros();
        match buckets.last_mut() {
            Some((bucket, contacts)) if *bucket == shared => contacts.push(peer),
            _ => buckets.push((shared, vec![peer])),
        }
    }
    let mut text = format!(
        "{} node{} in {} bucket{}; this one is {local}",
        peers.len(),
        plural(peers.len() as u64),
        buckets.len(),
        plural(buckets.len() as u64),
    );
    for (shared, contacts) in buckets {
        let _ = write!(
            text,
            "\nbucket {shared}: {} node{} whose id starts with the same {shared} bit{}",
            contacts.len(),
            plural(contacts.len() as u64),
            plural(u64::from(shared)),
        );
        for contact in contacts {
            let _ = write!(text, "\n  {}  {}", contact.id(), contact.addr);
        }
    }
    text
}

/// The node's own records: key, kind, size, remaining life, why it is here.
pub(super) fn list(held: &[StoredKey]) -> String {
    let bytes: u64 = held.iter().map(|record| record.size as u64).sum();
    let count = held.len() as u64;
    let mut text = format!("{} record{}, {}", show_count(count), plural(count), show_bytes(bytes));
    for record in held.iter().take(LISTED_MAX) {
        let _ = write!(
            text,
            "\n{} {:<7} {:>9} B {:>7} {}",
            record.key,
            record.kind.to_string(),
            show_count(record.size as u64),
            show_span(record.remaining),
            custody(record.custody),
        );
    }
    if held.len() > LISTED_MAX {
        let _ = write!(text, "\n... and {} more", show_count((held.len() - LISTED_MAX) as u64));
    }
    text
}

fn custody(custody: Custody) -> &'static str {
    match custody {
        Custody::Own { .. } => "own",
        Custody::Holder => "holder",
        Custody::Mirror => "mirror",
        Custody::Cache { .. } => "cache",
    }
}

/// The node's figures, one a line.
pub(super) fn info(status: &NodeStatus) -> String {
    let NodeStatus { store, traffic, dropped, .. } = status;
    let mut rows = vec![
        ("node id", status.node.id().to_string()),
        ("address", status.addr.to_string()),
        ("running for", show_span(status.uptime)),
        ("network", format!("about {} nodes", show_count(status.network_size))),
        ("routing table", format!("{} nodes", show_count(status.contacts as u64))),
        (
            "under way",
            format!(
                "{} operations, {} requests, {} streams",
                status.operations, status.requests, status.streams
            ),
        ),
        (
            "store",
            format!(
                "{} record{}, {} of {}",
                show_count(store.records),
                plural(store.records),
                show_count(store.bytes),
                show_bytes(store.capacity)
            ),
        ),
        (
            "received",
            format!(
                "{} datagrams, {}",
                show_count(traffic.datagrams_in),
                show_bytes(traffic.bytes_in)
            ),
        ),
        (
            "sent",
            format!(
                "{} datagrams, {}",
                show_count(traffic.datagrams_out),
                show_bytes(traffic.bytes_out)
            ),
        ),
        ("dropped", format!("{} datagrams and streams", show_count(dropped.total()))),
    ];
    if let Some(progress) = &status.mirror {
        rows.push(("mirror", mirror(progress)));
        if let Some((round, ago)) = &progress.last {
            rows.push(("last round", last_round(round, *ago)));
        }
    }
    let lines: Vec<String> =
        rows.into_iter().map(|(name, value)| format!("{name:<14} {value}")).collect();
    lines.join("\n")
}

/// How far a mirror is with the round under way.
fn mirror(progress: &MirrorProgress) -> String {
    let MirrorProgress { rounds, swept, current, .. } = progress;
    let ended = format!("{} round{} ended", show_count(*rounds), plural(*rounds));
    if *swept == 0 && current.told == 0 {
        return ended;
    }
    format!("{ended}, {}.{} % of the next: {}", swept / 10, swept % 10, counts(current))
}

/// What the last whole round of a mirror came to: its coverage is the share of what others hold that it holds.
fn last_round(round: &MirrorRound, ago: Duration) -> String {
    let mut text = counts(round);
    if let Some(coverage) = round.coverage() {
        // Not all is not a hundred percent, however little is missing.
        let _ = write!(text, ", {:.1} %", (coverage * 1_000.0).floor() / 10.0);
    }
    let parts = [
        (round.refused, "did not fit"),
        (round.undelivered, "not delivered"),
        (round.unwilling, "parts of the network do not tell"),
        (round.missed, "parts did not answer"),
    ];
    for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, "; {} {what}", show_count(count));
    }
    let _ = write!(text, "; took {}, ended {} ago", show_span(round.took), show_span(ago));
    text
}

fn counts(round: &MirrorRound) -> String {
    let MirrorRound { told, held, .. } = round;
    format!("{} of {} record{} held", show_count(*held), show_count(*told), plural(*told))
}

/// A node that answered.
pub(super) fn ping(addr: SocketAddr, ponged: &Ponged) -> String {
    format!(
        "{} at {addr} answered in {}; it sees this node at {}",
        ponged.node.id(),
        show_span(ponged.rtt),
        ponged.observed
    )
}

/// Nodes with the number of bits they share with the target, closest first.
pub(super) fn closest(target: Key, nodes: &[Contact]) -> String {
    let count = nodes.len() as u64;
    let mut text = format!("{count} node{}, the closest first", plural(count));
    for node in nodes {
        let shared = target.distance(&node.id()).leading_zeros();
        let _ = write!(text, "\n  {}  {:<21}  {shared} bits shared", node.id(), node.addr);
    }
    text
}

/// A value as a terminal can show it: text as it is; anything else by its size and first bytes, since
/// control characters would command the terminal.
pub(super) fn value(bytes: &[u8]) -> String {
    let is_plain = |text: &&str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(is_plain) {
        return text.to_owned();
    }
    let first: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > 16 { " .." } else { "" };
    format!(
        "{} that are no plain text: {}{more} (`dht -f KEY > FILE` writes them to a file)",
        show_bytes(bytes.len() as u64),
        first.join(" ")
    )
}

#[cfg(test)]
mod tests;
