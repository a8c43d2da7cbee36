//! The golden vectors of `proto/vectors/`, read through the public API: what other implementations are
//! held against holds here too.
#![cfg(feature = "codec")]
#![allow(clippy::unwrap_used, reason = "a vector that cannot be read is a failure")]

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use dht_proto::envelope::{Envelope, HelloToken, SealNonce};
use dht_proto::limits::{HELLO_LEN, VALUE_MAX};
use dht_proto::seal::{PairKey, Sealer};
use dht_proto::stream::{Assembly, Channel, Received};
use dht_proto::{
    AuthorKey, AuthorSecret, Body, Cookie, Difficulty, Distance, ErrorCode, Key, LocalIdentity,
    Moment, NetworkId, NodeIdentity, Nonce, PublicKey, Record, Salt, Scope, Sequence, Signature,
    SignedBody, Value, codec,
};
use serde_json::Value as Json;

mod admission;
mod broadcast;
mod reconciliation;

/// The vectors of a file.
fn vectors(name: &str) -> Vec<Json> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/vectors");
    let text = std::fs::read_to_string(format!("{directory}/{name}.json")).unwrap();
    let file = serde_json::from_str::<Json>(&text).unwrap();
    let vectors = file["vectors"].as_array().unwrap().clone();
    assert!(!vectors.is_empty(), "{name} has no vectors");
    vectors
}

fn text<'a>(vector: &'a Json, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector} is no text"))
}

fn number(vector: &Json, field: &str) -> u64 {
    let parsed = vector[field].as_str().and_then(|text| text.parse().ok());
    parsed.or(vector[field].as_u64()).unwrap_or_else(|| panic!("{field} of {vector} is no number"))
}

fn small(vector: &Json, field: &str) -> u32 {
    number(vector, field).try_into().unwrap()
}

fn bytes(vector: &Json, field: &str) -> Vec<u8> {
    let text = text(vector, field);
    let digit = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn array<const N: usize>(vector: &Json, field: &str) -> [u8; N] {
    bytes(vector, field).try_into().unwrap()
}

fn salt(vector: &Json) -> Salt {
    Salt::new(bytes(vector, "salt")).unwrap()
}

/// Sender, receiver and network of a sealed vector.
fn parties(vector: &Json) -> (LocalIdentity, LocalIdentity, NetworkId) {
    let sender_nonce = Nonce(small(vector, "sender_nonce"));
    let sender = LocalIdentity::from_parts(array(vector, "sender_secret_key"), sender_nonce);
    let receiver = LocalIdentity::from_parts(array(vector, "receiver_secret_key"), Nonce(0));
    (sender, receiver, NetworkId(small(vector, "network")))
}

#[test]
fn networks_have_their_ids() {
    for vector in vectors("networks") {
        let id = NetworkId(small(&vector, "id"));
        assert_eq!(NetworkId::named(text(&vector, "name")), id, "{vector}");
    }
}

#[test]
fn nodes_have_their_ids_and_the_work_in_them() {
    for vector in vectors("nodes") {
        let public = text(&vector, "public_key").parse::<PublicKey>().unwrap();
        let node = NodeIdentity::new(public, Nonce(small(&vector, "nonce")));
        assert_eq!(node.id().to_string(), text(&vector, "id"));
        let hash = *Key::content(node.id().as_bytes()).as_bytes();
        assert_eq!(u64::from(Distance::from_bytes(hash).leading_zeros()), number(&vector, "zeros"));
        if vector["first"].is_u64() {
            let bits = Difficulty::new(small(&vector, "first").try_into().unwrap()).unwrap();
            let searched = LocalIdentity::search(array(&vector, "secret_key"), bits);
            assert_eq!(searched.node(), node);
        }
    }
}

#[test]
fn two_nodes_share_their_key() {
    for vector in vectors("shared_keys") {
        let ours = LocalIdentity::from_parts(array(&vector, "secret_key"), Nonce(0));
        let theirs = LocalIdentity::from_parts(array(&vector, "peer_secret_key"), Nonce(0));
        assert_eq!(ours.node().public().to_string(), text(&vector, "public_key"));
        assert_eq!(theirs.node().public().to_string(), text(&vector, "peer_public_key"));
        for (one, other) in [(&ours, &theirs), (&theirs, &ours)] {
            let key = PairKey::derive(one, &other.node().public()).unwrap();
            assert_eq!(*key.secret_bytes(), array(&vector, "key"));
        }
    }
}

#[test]
fn no_key_is_shared_with_a_weak_one() {
    for vector in vectors("weak_keys") {
        let local = LocalIdentity::from_parts([1; 32], Nonce(0));
        let weak = text(&vector, "public_key").parse::<PublicKey>().unwrap();
        assert!(PairKey::derive(&local, &weak).is_err(), "{vector}");
    }
}

#[test]
fn values_have_their_keys() {
    for vector in vectors("keys") {
        let key = match text(&vector, "kind") {
            "content" => Key::content(&bytes(&vector, "value")),
            "named" => Key::named(&bytes(&vector, "name")),
            "signed" => {
                let author = text(&vector, "author").parse::<AuthorKey>().unwrap();
                Key::signed(&author, &salt(&vector))
            }
            other => panic!("no kind {other}"),
        };
        assert_eq!(key.to_string(), text(&vector, "key"), "{vector}");
    }
}

#[test]
fn signed_records_verify() {
    for vector in vectors("signed_records") {
        let secret = AuthorSecret::from_seed(&array(&vector, "author_seed"));
        assert_eq!(secret.author().to_string(), text(&vector, "author"));
        let sequence = Sequence(number(&vector, "sequence"));
        let body = if vector["value"].is_null() {
            SignedBody::Deleted
        } else {
            SignedBody::Value(Value::new(bytes(&vector, "value")).unwrap())
        };
        let signature = Signature::from_bytes(array(&vector, "signature"));
        let message = bytes(&vector, "signed_bytes");
        assert_eq!(secret.author().verify(&message, &signature), Ok(()));
        let taken =
            Record::signed(secret.author(), salt(&vector), sequence, body.clone(), signature);
        let record = Record::sign(&secret, salt(&vector), sequence, body);
        assert_eq!(taken.as_ref(), Ok(&record));
        assert_eq!(record.key().to_string(), text(&vector, "key"));
    }
}

#[test]
fn messages_come_back_as_they_were() {
    for vector in vectors("messages") {
        let encoded = Bytes::from(bytes(&vector, "encoded"));
        if vector["message"]["request"]["download"].is_object() {
            assert!(
                codec::decode(NetworkId::default(), encoded).is_err(),
                "a download travels by stream"
            );
            continue;
        }
        let message = codec::decode(NetworkId::default(), encoded.clone()).unwrap();
        assert_eq!(message.id.0, number(&vector["message"], "id"));
        let direction = match message.body {
            Body::Request(_) => "request",
            Body::Reply(_) => "reply",
        };
        assert!(vector["message"][direction].is_object(), "{vector}");
        let mut again = BytesMut::new();
        codec::encode(&message, &mut again);
        assert_eq!(again, encoded, "{vector}");
    }
}

#[test]
fn sealed_datagrams_are_made_and_opened() {
    let sealed = vectors("datagrams").into_iter().filter(|vector| vector["kind"] == "sealed");
    for vector in sealed {
        let (sender, receiver, network) = parties(&vector);
        let mut datagram = bytes(&vector, "datagram");
        let whole = datagram.clone();
        let mut opening = Sealer::new(receiver.clone(), network, 1);
        let Ok(Envelope::Sealed(sealed)) = Envelope::parse(&mut datagram, network) else {
            panic!("{vector} is not sealed");
        };
        let cookie = sealed.cookie().copied();
        let given = vector["cookie"].is_string();
        assert_eq!(cookie, given.then(|| Cookie::from_bytes(array(&vector, "cookie"))));
        let (from, message) = opening.open(sealed).unwrap();
        assert_eq!(from, sender.node());
        let plaintext = Bytes::from(bytes(&vector, "plaintext"));
        assert_eq!(codec::decode(NetworkId::default(), plaintext).as_ref(), Ok(&message));
        let seal_nonce = SealNonce(array(&vector, "seal_nonce"));
        assert_eq!(seal_nonce.sealed_at(), Moment::from_millis(number(&vector, "sealed_at_ms")));
        let mut again = BytesMut::new();
        Sealer::new(sender, network, 1)
            .seal(&receiver.node().public(), &message, seal_nonce, cookie, &mut again)
            .unwrap();
        assert_eq!(again, whole);
    }
}

#[test]
fn clear_datagrams_are_read() {
    let clear = vectors("datagrams").into_iter().filter(|vector| vector["kind"] != "sealed");
    for vector in clear {
        let mut datagram = bytes(&vector, "datagram");
        let length = datagram.len();
        let network = NetworkId(small(&vector, "network"));
        match Envelope::parse(&mut datagram, network).unwrap() {
            Envelope::Hello { token } => {
                assert_eq!(token, HelloToken(number(&vector, "token")));
                assert_eq!(length, HELLO_LEN);
            }
            Envelope::HelloAck { node, token } => {
                assert_eq!(token, HelloToken(number(&vector, "token")));
                assert_eq!(node.public().to_string(), text(&vector, "public_key"));
                assert_eq!(node.nonce(), Nonce(small(&vector, "nonce")));
                assert_eq!(length, HELLO_LEN);
            }
            Envelope::Retry { cookie, answers } => {
                assert_eq!(cookie, Cookie::from_bytes(array(&vector, "cookie")));
                assert_eq!(answers.0, array(&vector, "answers"));
            }
            Envelope::Sealed(sealed) => panic!("{sealed:?} is not clear"),
        }
    }
}

#[test]
fn streams_are_opened_and_put_together() {
    for vector in vectors("streams") {
        let (sender, receiver, network) = parties(&vector);
        let channel = Channel::new(&receiver, network, sender.node()).unwrap();
        let frames = vector["frames"].as_array().unwrap();
        let offset = usize::try_from(number(&vector, "offset")).unwrap();
        let pattern = bytes(&vector, "pattern");
        let value = |size| pattern.iter().copied().cycle().take(size).collect::<Vec<_>>();
        let mut assembly = Assembly::resume(VALUE_MAX, value(offset));
        let whole = frames.iter().take_while(|frame| frame["bytes"].is_string());
        let mut last = None;
        for frame in whole {
            let mut bytes = BytesMut::from(&bytes(frame, "bytes")[..]);
            let length = u32::from_be_bytes(bytes.split_to(4)[..].try_into().unwrap());
            assert_eq!(length as usize, bytes.len());
            last = Some(assembly.push(channel.open(bytes).unwrap()).unwrap());
        }
        let record = match last.unwrap() {
            Received::Message(message) => message.record().cloned(),
            Received::Complete(unverified) => unverified.verify().unwrap().record().cloned(),
            Received::More { size, .. } | Received::Partial { size, .. } => {
                assert_eq!(size as u64, number(&vector, "size"));
                None
            }
        };
        if let Some(record) = record {
            let size = usize::try_from(number(&vector, "size")).unwrap();
            assert_eq!(record.value().unwrap().as_bytes(), &value(size));
        }
    }
}

#[test]
fn datagrams_to_be_dropped_are_dropped_for_their_reason() {
    for vector in vectors("reject_datagrams") {
        let mut datagram = bytes(&vector, "datagram");
        let network = NetworkId(small(&vector, "network"));
        let error = Envelope::parse(&mut datagram, network).unwrap_err();
        assert_eq!(error.to_string(), text(&vector, "reason"), "{vector}");
    }
}

#[test]
fn messages_to_be_rejected_are_answered_as_they_must() {
    for vector in vectors("reject_messages") {
        let undecodable =
            codec::decode(NetworkId::default(), bytes(&vector, "encoded").into()).unwrap_err();
        assert_eq!(undecodable.to_string(), text(&vector, "reason"), "{vector}");
        let code = match vector["answer"].as_u64() {
            None => None,
            Some(1) => Some(ErrorCode::Unknown),
            Some(2) => Some(ErrorCode::Malformed),
            Some(other) => panic!("no code {other}"),
        };
        assert_eq!(undecodable.answer.map(|(_, code)| code), code, "{vector}");
        if let Some((id, _)) = undecodable.answer {
            assert_eq!(id.0, number(&vector, "id"));
        }
    }
}

#[test]
fn addresses_have_their_scopes() {
    for vector in vectors("scopes") {
        let scope = match vector["scope"].as_str() {
            None => None,
            Some("loopback") => Some(Scope::Loopback),
            Some("private") => Some(Scope::Private),
            Some("public") => Some(Scope::Public),
            Some(other) => panic!("no scope {other}"),
        };
        let address = text(&vector, "address").parse::<IpAddr>().unwrap();
        assert_eq!(Scope::of(address), scope, "{vector}");
    }
}
