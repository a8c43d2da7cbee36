//! Vectors of frames of a stream that are turned away.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use dht_proto::NetworkId;
use dht_proto::stream::Frame;
use serde_json::{Value, json};

use super::hex;
use super::reject::{HEAD, concat, field, number, reply, request};

fn download(fields: &[u8]) -> Vec<u8> {
    request(&field(6, &concat(&[&field(1, &[1; 32]), &number(2, 1), fields])))
}

fn found(streamed: &[u8]) -> Vec<u8> {
    let record = concat(&[&field(2, streamed), &field(4, &[])]);
    reply(&field(4, &concat(&[&field(1, &record), &number(2, 60)])))
}

fn streamed(size: u64, offset: u64, length: u64, outline: usize) -> Vec<u8> {
    let outline = if outline > 0 { field(4, &vec![7; outline]) } else { Vec::new() };
    found(&concat(&[&number(1, size), &number(2, offset), &number(3, length), &outline]))
}

fn part(fields: &[u8]) -> Vec<u8> {
    concat(&[HEAD, &field(6, fields)])
}

pub(super) fn frames() -> Result<Vec<Value>> {
    let outlined = number(5, 1);
    let malformed = [
        ("a download with outline from within a part", concat(&[&number(3, 65_537), &outlined])),
        ("a download with outline to within a part", concat(&[&number(4, 100_000), &outlined])),
        ("a download of a kind of a later version", number(2, 9)),
    ];
    let ignored = [
        ("a streamed value of 900 bytes", streamed(900, 0, 900, 0)),
        ("a streamed value of 5,000,001 bytes", streamed(5_000_001, 0, 5_000_001, 0)),
        ("a streamed value from past its end", streamed(1_000, 1_001, 0, 0)),
        ("a streamed value to past its end", streamed(1_000, 1, 1_000, 0)),
        ("an outline of a value of one part", streamed(65_536, 0, 65_536, 32)),
        ("an outline of one part too few", streamed(131_073, 0, 131_073, 64)),
        ("an outline of one part too many", streamed(131_072, 0, 131_072, 96)),
        ("an outline with half a chaining value", streamed(131_072, 0, 131_072, 48)),
        ("a part without bytes", part(&number(1, 5))),
        ("a part of 65,537 bytes", part(&field(2, &vec![0; 65_537]))),
        ("a part past the longest value", part(&concat(&[&number(1, 5_000_001), &field(2, b"x")]))),
    ];
    let malformed = malformed.into_iter().map(|(name, fields)| (name, download(&fields), Some(2)));
    let ignored = ignored.into_iter().map(|(name, bytes)| (name, bytes, None));
    malformed.chain(ignored).map(vector).collect()
}

/// Long frames are given by their head, and the number of equal bytes that follow it.
fn vector((name, bytes, answer): (&str, Vec<u8>, Option<u32>)) -> Result<Value> {
    let repeated = bytes.iter().rev().take_while(|byte| Some(*byte) == bytes.last()).count();
    let last = bytes.last().copied().unwrap_or_default();
    let (head, repeated) =
        if repeated > 64 { (bytes.len() - repeated, repeated) } else { (bytes.len(), 0) };
    let encoded = hex(bytes.get(..head).unwrap_or_default());
    let rejected = Frame::decode(NetworkId::default(), Bytes::from(bytes))
        .err()
        .with_context(|| format!("{name} is taken"))?;
    let found = rejected.answer.map(|(_, code)| match code {
        dht_proto::ErrorCode::Unknown => 1,
        _ => 2,
    });
    ensure!(found == answer, "{name} is answered by {found:?}");
    let id = rejected.answer.map(|(id, _)| id.0.to_string());
    Ok(json!({
        "name": name,
        "encoded": encoded,
        "repeated": { "byte": last, "times": repeated },
        "answer": answer,
        "id": id,
        "reason": rejected.to_string(),
    }))
}
