//! Vectors of every message.

use anyhow::{Context, Result};
use bytes::BytesMut;
use dht_proto::{
    AuthorSecret, Body, Contact, ErrorCode, Families, Inspection, Key, KindSet, Load, Mention,
    Message, NodeIdentity, Nonce, OfferDetails, PublicKey, Purpose, Record, Refusal, Reply,
    Request, RequestId, Role, RoughRtt, Salt, Sequence, SignedBody, Ttl, Value as Bytes,
    ValueRange, codec,
};
use serde_json::{Value, json};

use super::reflect::Schema;
use super::{batch, broadcast, hex};

const ID: RequestId = RequestId(0x0807_0605_0403_0201);

pub(super) fn messages() -> Result<Vec<Value>> {
    let schema = Schema::load()?;
    all()?
        .into_iter()
        .map(|(name, message)| {
            let plaintext = plaintext(&message);
            Ok(json!({
                "name": name,
                "encoded": hex(&plaintext),
                "message": schema.describe(&plaintext)?,
            }))
        })
        .collect()
}

/// A message without padding.
pub(super) fn plaintext(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    out
}

fn from_full_node(body: Body) -> Message {
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: ID, body }
}

fn all() -> Result<Vec<(&'static str, Message)>> {
    let client = Message {
        role: Role::Client,
        families: Families::BOTH,
        load: Load::NONE,
        id: RequestId(1),
        body: Body::Request(Request::Ping),
    };
    let body = Body::Reply(Reply::Nodes { closer: Vec::new() });
    let busy = Message { load: Load::of(1_000), ..from_full_node(body) };
    let requests = [requests()?, batch::requests()?, broadcast::requests()?].concat();
    let requests =
        requests.into_iter().map(|(name, request)| (name, from_full_node(Body::Request(request))));
    let replies = [replies()?, batch::replies()?, broadcast::replies()?]
        .concat()
        .into_iter()
        .map(|(name, reply)| (name, from_full_node(Body::Reply(reply))));
    Ok(requests
        .chain([("ping of a client", client), ("nodes of a busy node", busy)])
        .chain(replies)
        .collect())
}

pub(super) fn value() -> Result<Bytes> {
    Ok(Bytes::new("hello")?)
}

fn target() -> Key {
    Key::content(b"hello")
}

fn signed(body: SignedBody) -> Result<Record> {
    let secret = AuthorSecret::from_seed(&[1; 32]);
    Ok(Record::sign(&secret, Salt::new("salt")?, Sequence(300), body))
}

fn ttl(seconds: u32) -> Result<Ttl> {
    Ttl::from_secs(seconds).context("a life of at most 30 days")
}

fn contacts() -> Result<Vec<Mention>> {
    ["10.0.0.1:3000", "[2001:470::1]:65535", "127.0.0.1:1"]
        .iter()
        .zip(0_u8..)
        .map(|(addr, number)| {
            let key = PublicKey::from_bytes([0x10 + number; 32]);
            let node = NodeIdentity::new(key, Nonce(u32::from(number) * 1_000));
            let contact = Contact::new(node, addr.parse()?);
            // The first tells no round trip, the others 128 µs and 8.7 ms.
            let rtt = number.checked_sub(1).map(|more| RoughRtt::from_code(more * 0x61));
            Ok(Mention { rtt, ..contact.into() })
        })
        .collect()
}

fn requests() -> Result<Vec<(&'static str, Request)>> {
    let named = Record::named(b"name", value()?);
    let content = Record::content(value()?);
    let (week, publish) = (Ttl::default(), Purpose::Publish);
    let store = |record: &Record, purpose, expected| {
        let record = record.clone();
        Request::Store { record, ttl: week, purpose, expected }
    };
    let signed_value = signed(SignedBody::Value(value()?))?;
    let offer = |record: &Record, ttl, purpose, expected| {
        let details = OfferDetails::of(record);
        Request::Offer { details, ttl, purpose, expected }
    };
    let slot = named.slot();
    let empty = Record::content(Bytes::default());
    Ok(vec![
        ("ping", Request::Ping),
        ("find_node", Request::FindNode { target: target() }),
        ("fetch of proven kinds", Request::Fetch { key: target(), kinds: KindSet::PROVEN }),
        ("fetch of all kinds", Request::Fetch { key: target(), kinds: KindSet::ALL }),
        ("offer of content", offer(&content, week, publish, None)),
        ("offer of a name", offer(&named, ttl(1)?, Purpose::Replicate, None)),
        (
            "offer of a signed record",
            offer(&signed_value, Ttl::MAX, Purpose::Cache, Some(Sequence(299))),
        ),
        ("store of content", store(&content, publish, None)),
        ("store of an empty value", store(&empty, publish, None)),
        ("store of a name", store(&named, Purpose::Replicate, None)),
        ("store of a signed record", store(&signed_value, publish, Some(Sequence(0)))),
        ("store of a deletion", store(&signed(SignedBody::Deleted)?, publish, None)),
        ("download", Request::Download { slot, range: ValueRange::WHOLE, outlined: false }),
        (
            "download of a range",
            Request::Download {
                slot,
                range: ValueRange { offset: 65_536, length: Some(0) },
                outlined: false,
            },
        ),
        (
            "download of parts with an outline",
            Request::Download { slot, range: ValueRange::of_parts(20..39), outlined: true },
        ),
        ("inspect", Request::Inspect),
        ("custom", Request::Custom { payload: "what time is it?".into() }),
        ("custom without payload", Request::Custom { payload: "".into() }),
    ])
}

fn replies() -> Result<Vec<(&'static str, Reply)>> {
    let content = Record::content(value()?);
    let mut long = OfferDetails::of(&content);
    long.size = 5_000_000;
    let mut vectors = vec![
        ("pong to IPv4", Reply::Pong { observed: "203.0.113.5:4000".parse()? }),
        ("pong to IPv6", Reply::Pong { observed: "[2001:470::5]:4000".parse()? }),
        ("nodes", Reply::Nodes { closer: contacts()? }),
        ("no nodes", Reply::Nodes { closer: Vec::new() }),
        ("nodes from a node that wants a copy", Reply::Wanting { closer: contacts()? }),
        ("found content", Reply::Found { record: content, ttl: ttl(60)?, closer: contacts()? }),
        (
            "found a signed record",
            Reply::Found {
                record: signed(SignedBody::Value(value()?))?,
                ttl: ttl(60)?,
                closer: Vec::new(),
            },
        ),
        ("held", Reply::Held { details: long, ttl: ttl(60)?, closer: contacts()? }),
        ("wanted", Reply::Wanted { closer: contacts()? }),
        ("have", Reply::Have { closer: Vec::new() }),
        ("stored", Reply::Stored { closer: contacts()? }),
        (
            "inspection",
            Reply::Inspection(Inspection {
                agent: "example 1.0".to_owned(),
                uptime_seconds: 86_400,
                contacts: 200,
                records: 1_000,
                bytes: 1_000_000_000_000,
                capacity: u64::MAX,
                network_size: 0,
            }),
        ),
        ("error", Reply::Error { code: ErrorCode::Unknown, text: "what is this?".to_owned() }),
        ("error: unwilling", Reply::Error { code: ErrorCode::Unwilling, text: String::new() }),
        ("error: failed", Reply::Error { code: ErrorCode::Failed, text: "no clock".to_owned() }),
        ("error: by stream", Reply::Error { code: ErrorCode::ByStream, text: String::new() }),
        ("custom reply", Reply::Custom { payload: "noon".into() }),
        ("pending", Reply::Pending),
    ];
    vectors.extend(refusals()?);
    Ok(vectors)
}

fn refusals() -> Result<Vec<(&'static str, Reply)>> {
    let reason = "not on Sundays".to_owned();
    let current = Sequence(300);
    let all = [
        ("refused: full", Refusal::Full),
        ("refused: too large", Refusal::TooLarge { limit: 1_000_000 }),
        ("refused: name taken", Refusal::NameTaken),
        ("refused: stale", Refusal::Stale { current }),
        ("refused: sequence mismatch", Refusal::SequenceMismatch { current }),
        ("refused: policy", Refusal::Policy { reason }),
        ("refused: busy", Refusal::Busy),
        ("refused: storage failed", Refusal::StorageFailed),
        ("refused: not storing", Refusal::NotStoring),
    ];
    let closer = contacts()?;
    let reply = |refusal| Reply::Refused { refusal, closer: closer[..1].to_vec() };
    Ok(all.map(|(name, refusal)| (name, reply(refusal))).to_vec())
}
