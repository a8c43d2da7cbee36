//! Tests of the codec as a whole: what goes in comes out, and nothing that comes in does harm.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use prost::Message as _;

use super::{Plaintext, Undecodable, encode, wire};
use crate::limits::{CONTACTS_MAX, INLINE_VALUE_MAX, PADDED_REQUEST_LEN, REASON_MAX};
use crate::message::length::{padding, sealed_len};
use crate::stream::{Content, Outgoing};
use crate::{
    Body, Contact, ErrorCode, Families, Key, Load, Mention, Message, NetworkId, NodeIdentity,
    Nonce, Problem, PublicKey, Purpose, Record, Reply, Request, RequestId, Role, Ttl, Value,
    testing,
};

mod batch;
mod broadcast;
mod length;
mod reject;

/// The network that arbitrary broadcasts are signed for.
const NETWORK: NetworkId = testing::NETWORK;

fn decode(plaintext: Bytes) -> Result<Message, Undecodable> {
    super::decode(NETWORK, plaintext)
}

fn decode_frame(plaintext: Bytes) -> Result<Content, Undecodable> {
    super::decode_frame(NETWORK, plaintext)
}

fn message(body: Body) -> Message {
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(7), body }
}

fn encoded(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    encode(message, &mut out);
    out.freeze()
}

fn contact(number: u8, addr: &str) -> Mention {
    let node = NodeIdentity::new(PublicKey::from_bytes([number; 32]), Nonce(5));
    Contact::new(node, addr.parse().unwrap()).into()
}

fn nodes(closer: Vec<Mention>) -> Message {
    message(Body::Reply(Reply::Nodes { closer }))
}

fn is_download(message: &Message) -> bool {
    matches!(message.body, Body::Request(Request::Download { .. }))
}

proptest! {
    #[test]
    fn every_message_comes_back_as_it_was(message in testing::message()) {
        let bytes = encoded(&message);
        let frame = decode_frame(bytes.clone());
        prop_assert_eq!(frame, Ok(Content::Message(message.clone())));
        if is_download(&message) {
            prop_assert!(decode(bytes).is_err(), "a download travels by stream");
        } else {
            prop_assert_eq!(decode(bytes), Ok(message));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_200)) {
        let _ = decode(Bytes::from(bytes.clone()));
        let _ = decode_frame(Bytes::from(bytes));
    }

    #[test]
    fn a_damaged_message_never_panics_and_stays_within_limits(
        message in testing::message(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&message).to_vec();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(Content::Message(message)) = decode_frame(bytes.into()) {
            if let Body::Reply(reply) = &message.body {
                prop_assert!(reply.closer().len() <= CONTACTS_MAX);
            }
            let record = message.record();
            prop_assert!(record.is_none_or(|record| record.size() <= INLINE_VALUE_MAX));
        }
    }
}

#[test]
fn a_reply_lists_at_most_twenty_contacts_and_the_reader_drops_what_follows() {
    let many = (0..60).map(|number| contact(number, "10.0.0.1:3000")).collect::<Vec<_>>();
    let entries = many.chunks(CONTACTS_MAX).flat_map(super::contact::to_wire).collect::<Vec<_>>();
    assert_eq!(entries.len(), 60);
    let read = super::contact::from_wire(&entries);
    assert_eq!(read, many[..CONTACTS_MAX]);
    assert_eq!(decode(encoded(&nodes(many.clone()))), Ok(nodes(many[..CONTACTS_MAX].to_vec())));
}

#[test]
fn a_node_listed_twice_counts_once() {
    let twice = [
        contact(1, "10.0.0.1:3000"),
        contact(2, "10.0.0.1:3000"),
        contact(1, "10.0.0.9:3000"),
        contact(3, "10.0.0.1:3000"),
    ];
    let read = super::contact::from_wire(&super::contact::to_wire(&twice));
    assert_eq!(read, [twice[0], twice[1], twice[3]]);
}

#[test]
fn a_reply_with_twenty_contacts_lists_twenty_different_ones() {
    let twenty = (0..20).map(|number| contact(number, "10.0.0.1:3000")).collect::<Vec<_>>();
    let Body::Reply(reply) = decode(encoded(&nodes(twenty))).unwrap().body else {
        panic!("a reply is read as one");
    };
    let ids = reply.closer().iter().map(Mention::id).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(ids.len(), 20);
}

#[test]
fn contacts_that_can_be_no_nodes_are_left_out() {
    let good = contact(9, "[2001:470::1]:3000");
    let bad = [
        "10.0.0.1:0",
        "0.0.0.0:3000",
        "255.255.255.255:3000",
        "224.0.0.1:3000",
        "192.0.2.1:3000",
        "[::]:3000",
        "[ff02::1]:3000",
        "[2001:db8::1]:3000",
    ];
    let mut contacts = bad.map(|addr| contact(1, addr)).to_vec();
    contacts.push(good);
    assert_eq!(decode(encoded(&nodes(contacts))), Ok(nodes(vec![good])));
}

#[test]
fn contacts_of_an_unknown_length_are_left_out() {
    let good = contact(9, "10.0.0.1:3000");
    let packed = super::contact::to_wire(&[good]);
    let lengths = [0, 1, 41, 44, 53, 56, 100];
    let entries = lengths
        .map(|length| Bytes::from(vec![1; length]))
        .into_iter()
        .chain(packed)
        .collect::<Vec<_>>();
    assert_eq!(super::contact::from_wire(&entries), [good]);
}

#[test]
fn a_mapped_address_is_read_and_written_as_ipv4() {
    let mapped = contact(1, "[::ffff:10.0.0.1]:3000");
    let plain = contact(1, "10.0.0.1:3000");
    assert_eq!(super::contact::to_wire(&[mapped]), super::contact::to_wire(&[plain]));
    let mut entry = super::contact::to_wire(&[plain])[0][..36].to_vec();
    entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1, 0x0b, 0xb8]);
    assert_eq!(super::contact::from_wire(&[entry.into()]), [plain]);
}

#[test]
fn the_id_of_a_contact_is_computed_and_not_on_the_wire() {
    let contact = contact(1, "10.0.0.1:3000");
    let packed = super::contact::to_wire(&[contact]);
    assert_eq!(packed[0].len(), 42);
    assert!(!packed[0].windows(8).any(|bytes| bytes == &contact.id().as_bytes()[..8]));
    assert_eq!(super::contact::from_wire(&packed)[0].id(), contact.id());
}

#[test]
fn fields_of_later_versions_are_ignored() {
    let message = message(Body::Request(Request::Ping));
    let mut bytes = encoded(&message).to_vec();
    prost::encoding::bytes::encode(1_000, &b"from the future".to_vec(), &mut bytes);
    assert_eq!(decode(bytes.into()), Ok(message));
}

#[test]
fn an_unknown_role_is_a_client_unknown_families_are_none_and_more_load_than_the_most_is_the_most() {
    let wire = wire::Message {
        id: 1,
        role: 77,
        families: 0b1100,
        body: Some(wire::message::Body::Request(wire::Request {
            body: Some(wire::request::Body::Ping(wire::Ping {})),
        })),
        padding: Bytes::new(),
        load: 1_000,
    };
    let message = decode(wire.encode_to_vec().into()).unwrap();
    assert_eq!(message.role, Role::Client);
    assert_eq!(message.families, Families { v4: false, v6: false });
    assert_eq!(message.load, Load::MAX);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let text = "é".repeat(REASON_MAX);
    let reply = Reply::Error { code: ErrorCode::Busy, text: text.clone() };
    match decode(encoded(&message(Body::Reply(reply)))).unwrap().body {
        Body::Reply(Reply::Error { text: read, .. }) => {
            assert_eq!(read.len(), REASON_MAX);
            assert!(text.starts_with(&read));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_read_from_a_datagram_does_not_keep_the_datagram_in_memory() {
    let value = Value::new("short").unwrap();
    let record = Record::at(Key::named(b"name"), value);
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    let store = Request::Store { record, ttl, purpose, expected: None };
    let bytes = encoded(&message(Body::Request(store)));
    let within = bytes.as_ptr_range();
    let message = decode(bytes.clone()).unwrap();
    let value = message.record().and_then(Record::value).unwrap();
    assert!(!within.contains(&value.as_bytes().as_ptr()));
}
