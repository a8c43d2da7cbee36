//! Vectors of whole datagrams.

use anyhow::Result;
use bytes::BytesMut;
use dht_proto::envelope::{
    HelloToken, RetryTag, SealNonce, write_hello, write_hello_ack, write_retry,
};
use dht_proto::limits::PADDED_REQUEST_LEN;
use dht_proto::seal::Sealer;
use dht_proto::{
    Body, Cookie, Families, Key, Load, Message, Moment, NetworkId, Reply, Request, RequestId, Role,
};
use prost::encoding::encode_varint;
use serde_json::{Value, json};

use super::hex;
use super::identity::local;
use super::message::plaintext;

pub(super) fn datagrams() -> Result<Vec<Value>> {
    let mut vectors = clear();
    let find = Request::FindNode { target: Key::content(b"hello") };
    let observed = "203.0.113.5:4000".parse()?;
    let cookie = Cookie::from_bytes([0xc0, 1, 2, 3, 4, 5, 6, 7]);
    let given = [
        ("ping", Body::Request(Request::Ping), None),
        ("pong", Body::Reply(Reply::Pong { observed }), None),
        ("padded find_node", Body::Request(find.clone()), None),
        ("ping with a cookie", Body::Request(Request::Ping), Some(cookie)),
        ("padded find_node with a cookie", Body::Request(find), Some(cookie)),
    ];
    for ((name, body, cookie), number) in given.into_iter().zip(1..) {
        vectors.push(sealed(name, body, cookie, number)?);
    }
    Ok(vectors)
}

fn clear() -> Vec<Value> {
    let network = NetworkId::default();
    let token = HelloToken(0x0807_0605_0403_0201);
    let node = local(1, 1_000).node();
    let cookie = Cookie::from_bytes([0xc0, 1, 2, 3, 4, 5, 6, 7]);
    let answers = RetryTag([1; 8]);
    let written = |write: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        write(&mut out);
        hex(out)
    };
    vec![
        json!({
            "name": "hello",
            "kind": "hello",
            "network": network.0,
            "token": token.0.to_string(),
            "datagram": written(&|out| write_hello(network, token, out)),
        }),
        json!({
            "name": "hello_ack",
            "kind": "hello_ack",
            "network": network.0,
            "token": token.0.to_string(),
            "public_key": node.public().to_string(),
            "nonce": node.nonce().0,
            "datagram": written(&|out| write_hello_ack(network, &node, token, out)),
        }),
        json!({
            "name": "retry",
            "kind": "retry",
            "network": network.0,
            "cookie": hex(cookie.as_bytes()),
            "answers": hex(answers.0),
            "datagram": written(&|out| write_retry(network, &cookie, answers, out)),
        }),
    ]
}

fn sealed(name: &str, body: Body, cookie: Option<Cookie>, number: u8) -> Result<Value> {
    let network = NetworkId::default();
    let (sender, receiver) = (local(1, 1_000), local(2, 0));
    let sealed_at = Moment::from_millis(1_800_000_000_000 + u64::from(number));
    let random = std::array::from_fn(|i| number ^ i.to_le_bytes()[0]);
    let seal_nonce = SealNonce::new(random, sealed_at);
    let id = RequestId(u64::from(number));
    let message = Message { role: Role::Full, families: Families::V4, load: Load::NONE, id, body };
    let mut datagram = BytesMut::new();
    let mut sealer = Sealer::new(sender.clone(), network, 1);
    sealer.seal(&receiver.node().public(), &message, seal_nonce, cookie, &mut datagram)?;
    Ok(json!({
        "name": name,
        "kind": "sealed",
        "network": network.0,
        "sender_secret_key": hex(sender.secret_bytes()),
        "sender_nonce": sender.node().nonce().0,
        "receiver_secret_key": hex(receiver.secret_bytes()),
        "seal_nonce": hex(seal_nonce.0),
        "sealed_at_ms": (sealed_at.as_micros() / 1_000).to_string(),
        "cookie": cookie.map(|cookie| hex(cookie.as_bytes())),
        "plaintext": hex(padded_plaintext(&message, cookie.is_some())),
        "datagram": hex(&datagram),
    }))
}

/// What must have been sealed, written a second time: the message, and as many zeros as the datagram
/// lacks in length. Around a plaintext of that length are 93 bytes, and 10 of a cookie.
fn padded_plaintext(message: &Message, has_cookie: bool) -> Vec<u8> {
    let mut out = plaintext(message).to_vec();
    if matches!(&message.body, Body::Request(request) if request.wants_long_answer()) {
        let around = if has_cookie { 103 } else { 93 };
        let length = PADDED_REQUEST_LEN - around;
        let zeros = length - out.len() - 3;
        out.push(7 << 3 | 2);
        encode_varint(zeros as u64, &mut out);
        out.resize(length, 0);
    }
    out
}
