//! Vectors of streams.

use anyhow::Result;
use bytes::BytesMut;
use dht_proto::envelope::SealNonce;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{
    Body, Families, Key, Load, Message, NetworkId, Outline, Purpose, Record, Reply, Request,
    RequestId, Role, Ttl, Value as Bytes, ValueRange,
};
use serde_json::{Value, json};

use super::hex;
use super::identity::local;

/// What values consist of: prime in length, so that no two parts are alike.
const PATTERN: &[u8] = b"0123456789abcdefghi";

/// Frames up to this length are given whole.
const WHOLE: usize = 1_200;

pub(super) fn streams() -> Result<Vec<Value>> {
    let content = |size| value(size).map(Record::content);
    let found =
        |record| Body::Reply(Reply::Found { record, ttl: Ttl::default(), closer: Vec::new() });
    let store = |record| {
        let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
        Body::Request(Request::Store { record, ttl, purpose, expected: None })
    };
    let named = Record::at(Key::named(b"name"), value(1_000)?);
    let slot = named.slot();
    let range = ValueRange::starting_at(65_000);
    let download = Request::Download { slot, range, outlined: false };
    let range = ValueRange::of_parts(1..2);
    let of_parts = Request::Download { slot, range, outlined: true };
    let piece = ValueRange { offset: 1_000, length: Some(500) };
    let whole = ValueRange::WHOLE;
    Ok(vec![
        vector("download", Body::Request(download), whole, false)?,
        vector("download of parts", Body::Request(of_parts), whole, false)?,
        vector("a value of 900 bytes in one frame", found(content(900)?), whole, false)?,
        vector("a value of 901 bytes in parts", found(content(901)?), whole, false)?,
        vector("store of a name in parts", store(named), whole, false)?,
        vector("a value of three parts", found(content(140_000)?), whole, false)?,
        vector(
            "a value from an offset",
            found(content(140_000)?),
            ValueRange::starting_at(65_000),
            false,
        )?,
        vector("a piece of a value", found(content(140_000)?), piece, false)?,
        vector("a value with its outline", found(content(140_000)?), whole, true)?,
        vector("parts of a value with its outline", found(content(140_000)?), range, true)?,
        vector("a value of one part, which has no outline", found(content(65_536)?), whole, true)?,
    ])
}

fn value(size: usize) -> Result<Bytes> {
    Ok(Bytes::new(PATTERN.iter().copied().cycle().take(size).collect::<Vec<_>>())?)
}

fn vector(name: &str, body: Body, asked: ValueRange, outlined: bool) -> Result<Value> {
    let network = NetworkId::default();
    let (sender, receiver) = (local(1, 1_000), local(2, 0));
    let channel = Channel::new(&sender, network, receiver.node())?;
    let (role, families, id) = (Role::Full, Families::V4, RequestId(1));
    let message = Message { role, families, load: Load::NONE, id, body };
    let size = message.record().map(Record::size);
    let value = message.record().and_then(Record::value).filter(|_| outlined);
    let outline = value.and_then(|value| Outline::of(value.as_bytes()));
    let mut outgoing = Outgoing::of_range(message, asked);
    if let Some(outline) = outline {
        outgoing = outgoing.with_outline(outline);
    }
    let mut frames = Vec::new();
    for (frame, number) in outgoing.zip(1_u8..) {
        let seal_nonce = SealNonce([number; 24]);
        let mut bytes = BytesMut::new();
        channel.seal(&frame, seal_nonce, &mut bytes)?;
        let mut vector = json!({ "seal_nonce": hex(seal_nonce.0), "length": bytes.len() });
        if bytes.len() <= WHOLE {
            vector["bytes"] = json!(hex(&bytes));
        } else {
            vector["blake3"] = json!(Key::content(&bytes).to_string());
        }
        frames.push(vector);
    }
    Ok(json!({
        "name": name,
        "network": network.0,
        "sender_secret_key": hex(sender.secret_bytes()),
        "sender_nonce": sender.node().nonce().0,
        "receiver_secret_key": hex(receiver.secret_bytes()),
        "pattern": hex(PATTERN),
        "size": size,
        "offset": asked.offset,
        "outlined": outlined,
        "frames": frames,
    }))
}
