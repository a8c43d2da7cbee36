//! Vectors of what is turned away, with the reason.

use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use dht_proto::envelope::{Envelope, HelloToken, write_hello};
use dht_proto::{NetworkId, codec};
use prost::encoding::encode_varint;
use serde_json::{Value, json};

use super::{batch, broadcast, hex};

const NETWORK: NetworkId = NetworkId(0x0102_0304);

/// A length-delimited field.
pub(super) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// A field of a number; none for 0.
pub(super) fn number(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    encode_varint(value, &mut out);
    out
}

pub(super) fn concat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Version and network before a body.
fn head(version: u64, network: u32) -> Vec<u8> {
    let mut out = number(1, version);
    out.put_u8(2 << 3 | 5);
    out.put_u32_le(network);
    out
}

fn sealed(sender: usize, seal_nonce: usize, cookie: usize, ciphertext: usize) -> Vec<u8> {
    let fields = [sender, seal_nonce, cookie, ciphertext];
    let fields = fields.iter().zip(1_u8..).filter(|(length, _)| **length > 0);
    fields.flat_map(|(length, number)| field(number, &vec![number; *length])).collect()
}

pub(super) fn datagrams() -> Result<Vec<Value>> {
    let body = field(3, &sealed(36, 24, 0, 50));
    let ours = head(1, NETWORK.0);
    let with = |fields: Vec<u8>| concat(&[&ours, &field(3, &fields)]);
    let whole = with(sealed(36, 24, 0, 50));
    let mut hello = BytesMut::new();
    write_hello(NETWORK, HelloToken(1), &mut hello);
    let short_hello = concat(&[&ours, &field(4, &[9, 1, 0, 0, 0, 0, 0, 0, 0])]);
    let given = [
        ("no bytes", Vec::new()),
        ("no protobuf", b"\xff\xff\xff\xff".to_vec()),
        ("cut short", whole[..whole.len() - 1].to_vec()),
        ("longer than 1,200 bytes", with(sealed(36, 24, 0, 1_200))),
        ("no version", concat(&[&head(1, NETWORK.0)[2..], &body])),
        ("version 2", concat(&[&head(2, NETWORK.0), &body])),
        ("another network", concat(&[&head(1, 5), &body])),
        ("no network", concat(&[&number(1, 1), &body])),
        ("no body", ours.clone()),
        ("a body of a later version", concat(&[&ours, &field(15, b"later")])),
        ("two bodies", concat(&[&whole, &body])),
        ("two bodies of different types", concat(&[&whole, &hello[7..]])),
        ("a sender of 35 bytes", with(sealed(35, 24, 0, 50))),
        ("no sender", with(sealed(0, 24, 0, 50))),
        ("a seal nonce of 12 bytes", with(sealed(36, 12, 0, 50))),
        ("a cookie of 16 bytes", with(sealed(36, 24, 16, 50))),
        ("a ciphertext shorter than its tag", with(sealed(36, 24, 0, 15))),
        ("a sealed body that is no protobuf", with(b"\x0a\xff".to_vec())),
        ("a hello shorter than its answer", short_hello),
        ("a hello_ack without a node", concat(&[&ours, &field(5, &[])])),
        ("a retry without a cookie", concat(&[&ours, &field(6, &field(2, &[1; 8]))])),
        (
            "a retry with a tag of 24 bytes",
            concat(&[&ours, &field(6, &concat(&[&field(1, &[1; 8]), &field(2, &[1; 24])]))]),
        ),
    ];
    given
        .into_iter()
        .map(|(name, mut datagram)| {
            let bytes = hex(&datagram);
            let error = Envelope::parse(&mut datagram, NETWORK).err();
            let reason = error.with_context(|| format!("{name} is not rejected"))?.to_string();
            let network = NETWORK.0;
            Ok(json!({ "name": name, "network": network, "datagram": bytes, "reason": reason }))
        })
        .collect()
}

/// Id 7, a full node, IPv4.
pub(super) const HEAD: &[u8] = b"\x09\x07\0\0\0\0\0\0\0\x10\x01\x18\x01";

/// Field 1,000, which no version has yet.
const LATER: &[u8] = b"\xc2\x3e\x05later";

pub(super) fn request(body: &[u8]) -> Vec<u8> {
    concat(&[HEAD, &field(4, body)])
}

pub(super) fn reply(body: &[u8]) -> Vec<u8> {
    concat(&[HEAD, &field(5, body)])
}

/// A store with a life of a minute, published.
fn store(record: &[u8]) -> Vec<u8> {
    request(&field(5, &concat(&[&field(1, record), &number(2, 60), &number(3, 1)])))
}

fn offer(details: &[u8], ttl: u64, purpose: u64) -> Vec<u8> {
    request(&field(4, &concat(&[&field(1, details), &number(2, ttl), &number(3, purpose)])))
}

fn details(kind: u64, size: u64, digest: &[u8], sequence: u64) -> Vec<u8> {
    let key = field(1, &[1; 32]);
    concat(&[&key, &number(2, kind), &number(3, size), &field(4, digest), &number(5, sequence)])
}

fn malformed_requests() -> Vec<(&'static str, Vec<u8>)> {
    let content = field(4, &[]);
    let named = field(5, &field(1, &[1; 32]));
    let value = field(1, b"value");
    let deleted = field(3, &[]);
    let streamed = field(2, &concat(&[&number(1, 1_000), &number(3, 1_000)]));
    let signed = field(6, &concat(&[&field(1, &[1; 32]), &field(4, &[1; 64])]));
    let long_salt =
        field(6, &concat(&[&field(1, &[1; 32]), &field(2, &[1; 33]), &field(4, &[1; 64])]));
    let of = |parts: &[&[u8]]| store(&concat(parts));
    let named_details = details(3, 5, &[2; 32], 0);
    vec![
        ("a target of 31 bytes", request(&field(2, &field(1, &[1; 31])))),
        ("a fetch without a key", request(&field(3, &number(2, 7)))),
        ("an offer without details", request(&field(4, &number(2, 60)))),
        ("a life of 0 seconds", offer(&named_details, 0, 1)),
        ("a life of 30 days and a second", offer(&named_details, 2_592_001, 1)),
        ("no purpose", offer(&named_details, 60, 0)),
        ("a purpose of a later version", offer(&named_details, 60, 4)),
        ("a kind of a later version", offer(&details(4, 5, &[2; 32], 0), 60, 1)),
        ("a size over 5,000,000", offer(&details(3, 5_000_001, &[2; 32], 0), 60, 1)),
        ("a name without a digest", offer(&details(3, 5, &[], 0), 60, 1)),
        ("content with a digest", offer(&details(1, 5, &[2; 32], 0), 60, 1)),
        ("a name with a sequence", offer(&details(3, 5, &[2; 32], 1), 60, 1)),
        ("a store without a record", request(&field(5, &number(2, 60)))),
        ("a record without a value", of(&[&content])),
        ("a record without a kind", of(&[&value])),
        ("a value of 901 bytes", of(&[&field(1, &[0; 901]), &content])),
        ("a streamed value in a datagram", of(&[&streamed, &content])),
        ("deleted content", of(&[&deleted, &content])),
        ("a deleted name", of(&[&deleted, &named])),
        ("a name's key of 5 bytes", of(&[&value, &field(5, &field(1, b"short"))])),
        ("a signature that does not verify", of(&[&value, &signed])),
        ("a salt of 33 bytes", of(&[&value, &long_salt])),
        (
            "a download in a datagram",
            request(&field(6, &concat(&[&field(1, &[1; 32]), &number(2, 1)]))),
        ),
    ]
}

pub(super) fn messages() -> Result<Vec<Value>> {
    let unknown = [
        ("a request without a body", request(&[])),
        ("a request of a later version", request(LATER)),
    ];
    let ignored = [
        ("no bytes", Vec::new()),
        ("no protobuf", b"\xff\xff\xff\xff".to_vec()),
        ("a group", b"\x23\x24".to_vec()),
        ("a length that does not follow", b"\x22\xff\xff\xff\xff\x07".to_vec()),
        ("no body", HEAD.to_vec()),
        ("a reply without a body", reply(&[])),
        ("a reply of a later version", reply(LATER)),
        ("a part in a datagram", concat(&[HEAD, &field(6, &field(2, b"part"))])),
        ("a pong without an address", reply(&field(2, &[]))),
        ("a pong with 7 bytes of address", reply(&field(2, &field(1, &[1; 7])))),
        ("nodes that want a text", reply(&field(3, &field(1, b"copy")))),
        ("nodes that want a number cut short", reply(&field(3, &[1 << 3, 0x80]))),
        ("found with a life of 0 seconds", reply(&field(4, &field(1, &[])))),
        ("refused without a code", reply(&field(9, &[]))),
        ("an error without a code", reply(&field(11, &[]))),
        ("an error with text that is no UTF-8", reply(&field(11, &field(2, b"\xff")))),
    ];
    let unknown = unknown.into_iter().map(|(name, bytes)| (name, bytes, Some(1)));
    let malformed =
        [malformed_requests(), batch::malformed_requests(), broadcast::malformed_requests()?]
            .concat();
    let malformed = malformed.into_iter().map(|(name, bytes)| (name, bytes, Some(2)));
    let ignored = ignored.into_iter().map(|(name, bytes)| (name, bytes, None));
    let others = [batch::ignored_replies(), broadcast::ignored_replies()?].concat();
    let others = others.into_iter().map(|(name, bytes)| (name, bytes, None));
    unknown.chain(malformed).chain(ignored).chain(others).map(message_vector).collect()
}

fn message_vector((name, bytes, answer): (&str, Vec<u8>, Option<u32>)) -> Result<Value> {
    let encoded = hex(&bytes);
    let undecodable = codec::decode(NetworkId::default(), Bytes::from(bytes)).err();
    let undecodable = undecodable.with_context(|| format!("{name} is not rejected"))?;
    let code = undecodable.answer.map(|(_, code)| match code {
        dht_proto::ErrorCode::Unknown => 1,
        _ => 2,
    });
    ensure!(code == answer, "{name} is answered with {code:?}");
    Ok(json!({
        "name": name,
        "encoded": encoded,
        "answer": answer,
        "id": undecodable.answer.map(|(id, _)| id.0.to_string()),
        "reason": undecodable.to_string(),
    }))
}
