//! Vectors of broadcasts, of messages about them, and of those that are turned away.

use std::sync::Arc;

use anyhow::Result;
use dht_proto::{
    AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, Key, NetworkId, Reply,
    Request, SentAt,
};
use prost::encoding::encode_varint;
use serde_json::{Value, json};

use super::hex;
use super::reject::{concat, field, number, reply, request};

/// A broadcast in the network `main`, as of which messages are read.
fn signed(seed: u8, sent: u64, payload: &'static str) -> Result<Arc<Broadcast>> {
    signed_for(NetworkId::default(), seed, sent, payload)
}

fn signed_for(
    network: NetworkId,
    seed: u8,
    sent: u64,
    payload: &'static str,
) -> Result<Arc<Broadcast>> {
    let secret = AuthorSecret::from_seed(&[seed; 32]);
    Ok(Arc::new(Broadcast::sign(&secret, network, SentAt(sent), payload.into())?))
}

pub(super) fn broadcasts() -> Result<Vec<Value>> {
    let (main, other) = (NetworkId::default(), NetworkId::named("other"));
    let given = [
        (main, 1, 0, ""),
        (main, 1, 1_700_000_000_123, "hello"),
        (other, 1, 1_700_000_000_123, "hello"),
        (NetworkId(0), 2, u64::MAX, "good morning"),
        (NetworkId(u32::MAX), 2, 1, "good night"),
    ];
    given
        .into_iter()
        .map(|(network, seed, sent, payload)| {
            let broadcast = signed_for(network, seed, sent, payload)?;
            Ok(json!({
                "author_seed": hex([seed; 32]),
                "author": broadcast.author().to_string(),
                "network": network.0,
                "sent": sent.to_string(),
                "payload": hex(payload),
                "signed_bytes": hex(signed_bytes(network, sent, payload)),
                "signature": hex(broadcast.signature().as_bytes()),
                "id": broadcast.id().to_string(),
            }))
        })
        .collect()
}

/// What the author signs, written a second time, from PROTOCOL.md.
fn signed_bytes(network: NetworkId, sent: u64, payload: &str) -> Vec<u8> {
    let digest = Key::content(payload.as_bytes());
    let (network, sent) = (network.0.to_le_bytes(), sent.to_le_bytes());
    concat(&[b"dht v1 broadcast", &network, &sent, digest.as_bytes()])
}

fn ids(bytes: &[u8]) -> Vec<BroadcastId> {
    bytes.iter().map(|byte| BroadcastId::from_bytes([*byte; 16])).collect()
}

pub(super) fn requests() -> Result<Vec<(&'static str, Request)>> {
    let broadcast = signed(1, 1_700_000_000_123, "hello")?;
    Ok(vec![
        ("broadcast", Request::Broadcast { broadcast: broadcast.clone(), depth: 3 }),
        ("broadcast to one node", Request::Broadcast { broadcast, depth: 256 }),
        (
            "broadcast of nothing to all",
            Request::Broadcast { broadcast: signed(2, 0, "")?, depth: 0 },
        ),
        ("compare broadcasts", Request::CompareBroadcasts { held: ids(&[3, 1, 2]), skip: 0 }),
        ("ask for broadcasts", Request::CompareBroadcasts { held: Vec::new(), skip: 0 }),
        ("ask for older broadcasts", Request::CompareBroadcasts { held: Vec::new(), skip: 40 }),
        ("pull a broadcast", Request::PullBroadcast { id: BroadcastId::from_bytes([5; 16]) }),
    ])
}

pub(super) fn replies() -> Result<Vec<(&'static str, Reply)>> {
    let entry = |(id, size)| BroadcastEntry { id, size };
    let more = ids(&[7, 8]).into_iter().zip([0, 65_536]).map(entry).collect();
    let verdicts = vec![
        BroadcastVerdict::Have,
        BroadcastVerdict::Wanted,
        BroadcastVerdict::Expected,
        BroadcastVerdict::Refused,
    ];
    let taken = vec![BroadcastVerdict::Taken];
    let pulled = Some(signed(1, 1_700_000_000_123, "hello")?);
    Ok(vec![
        ("broadcasts compared", Reply::BroadcastsCompared { verdicts, more }),
        ("broadcast taken", Reply::BroadcastsCompared { verdicts: taken, more: Vec::new() }),
        ("broadcast pulled", Reply::BroadcastPulled { broadcast: pulled }),
        ("broadcast not here", Reply::BroadcastPulled { broadcast: None }),
    ])
}

/// A field with a number above 15.
fn long_field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_varint(number << 3 | 2, &mut out);
    encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// Fields of a signed broadcast; a signature of ones verifies for nobody.
fn fields(author: usize, signature: usize) -> Vec<u8> {
    concat(&[&field(1, &vec![1; author]), &field(3, &vec![1; signature]), &field(4, b"hello")])
}

/// Fields of a broadcast that was signed in another network: by the author, for the time and the payload of a
/// vector of messages.
fn fields_from_elsewhere() -> Result<Vec<u8>> {
    let (sent, payload) = (1_700_000_000_123, "hello");
    let broadcast = signed_for(NetworkId::named("other"), 1, sent, payload)?;
    let author = field(1, broadcast.author().as_bytes());
    let signature = field(3, broadcast.signature().as_bytes());
    Ok(concat(&[&author, &number(2, sent), &signature, &field(4, payload.as_bytes())]))
}

pub(super) fn malformed_requests() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let elsewhere = fields_from_elsewhere()?;
    let broadcast = |parts: &[&[u8]]| request(&long_field(16, &concat(parts)));
    let compare = |lengths: &[usize]| {
        let ids = lengths.iter().flat_map(|length| field(1, &vec![1; *length]));
        request(&long_field(17, &ids.collect::<Vec<_>>()))
    };
    let pull = |length| request(&long_field(18, &field(1, &vec![1; length])));
    Ok(vec![
        ("no broadcast", broadcast(&[])),
        ("a broadcast to 257 bits", broadcast(&[&field(1, &fields(32, 64)), &number(2, 257)])),
        ("an author of 31 bytes", broadcast(&[&field(1, &fields(31, 64))])),
        ("a signature of 63 bytes", broadcast(&[&field(1, &fields(32, 63))])),
        ("a broadcast that was not signed", broadcast(&[&field(1, &fields(32, 64))])),
        (
            "a broadcast that was signed in another network",
            broadcast(&[&field(1, &elsewhere), &number(2, 3)]),
        ),
        ("an id of 15 bytes", compare(&[16, 15])),
        ("33 ids", compare(&[16; 33])),
        ("a pull of an id of 17 bytes", pull(17)),
        ("a pull of nothing", pull(0)),
    ])
}

pub(super) fn ignored_replies() -> Result<Vec<(&'static str, Vec<u8>)>> {
    let elsewhere = fields_from_elsewhere()?;
    let compared = |parts: &[&[u8]]| reply(&long_field(18, &concat(parts)));
    let entry = |size| concat(&[&field(1, &[1; 16]), &number(2, size)]);
    let many: Vec<u8> = (0..33).flat_map(|size| field(2, &entry(size))).collect();
    Ok(vec![
        ("33 verdicts about broadcasts", compared(&[&field(1, &[1; 33])])),
        ("a verdict about a broadcast of a later version", compared(&[&field(1, &[6])])),
        ("an entry of 65,537 bytes", compared(&[&field(2, &entry(65_537))])),
        ("an entry without an id", compared(&[&field(2, &number(2, 5))])),
        ("33 entries", compared(&[&many])),
        (
            "a pulled broadcast that was not signed",
            reply(&long_field(19, &field(1, &fields(32, 64)))),
        ),
        (
            "a pulled broadcast that was signed in another network",
            reply(&long_field(19, &field(1, &elsewhere))),
        ),
    ])
}
