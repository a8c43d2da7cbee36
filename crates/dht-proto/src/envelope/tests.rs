//! Tests of the clear part of datagrams.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use prost::Message as _;

use super::{Envelope, HelloToken, RetryTag, Sealed, write_hello, write_hello_ack, write_retry};
use crate::codec::wire;
use crate::limits::{DATAGRAM_MAX, FRAME_MAX, HELLO_LEN};
use crate::{Cookie, DecodeError, NetworkId, NodeIdentity, Nonce, Problem, PublicKey};

const NETWORK: NetworkId = NetworkId(0xa1b2_c3d4);
const TOKEN: HelloToken = HelloToken(0x0102_0304_0506_0708);

fn node() -> NodeIdentity {
    NodeIdentity::new(PublicKey::from_bytes([3; 32]), Nonce(4))
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

fn hello() -> Vec<u8> {
    written(|out| write_hello(NETWORK, TOKEN, out))
}

fn hello_ack() -> Vec<u8> {
    written(|out| write_hello_ack(NETWORK, &node(), TOKEN, out))
}

fn retry() -> Vec<u8> {
    let cookie = Cookie::from_bytes([6; 8]);
    written(|out| write_retry(NETWORK, &cookie, RetryTag([7; 8]), out))
}

fn sealed() -> wire::Sealed {
    wire::Sealed {
        sender: vec![1; 36].into(),
        seal_nonce: vec![2; 24].into(),
        cookie: Bytes::new(),
        ciphertext: vec![3; 50].into(),
    }
}

fn of_body(body: wire::datagram::Body) -> Vec<u8> {
    wire::Datagram { version: 1, network: NETWORK.0, body: Some(body) }.encode_to_vec()
}

fn sealed_with(change: impl FnOnce(&mut wire::Sealed)) -> Vec<u8> {
    let mut sealed = sealed();
    change(&mut sealed);
    of_body(wire::datagram::Body::Sealed(sealed))
}

#[track_caller]
fn assert_rejected(mut datagram: Vec<u8>, field: &'static str, problem: Problem) {
    let error = Envelope::parse(&mut datagram, NETWORK).unwrap_err();
    assert_eq!(error, DecodeError { field, problem });
}

#[test]
fn hello_its_answer_and_retry_come_back_as_they_were() {
    let mut bytes = hello();
    match Envelope::parse(&mut bytes, NETWORK) {
        Ok(Envelope::Hello { token }) => assert_eq!(token, TOKEN),
        other => panic!("{other:?}"),
    }
    let mut bytes = hello_ack();
    match Envelope::parse(&mut bytes, NETWORK) {
        Ok(Envelope::HelloAck { node: answering, token }) => {
            assert_eq!((answering, token), (node(), TOKEN));
            assert_eq!(answering.id(), node().id());
        }
        other => panic!("{other:?}"),
    }
    let mut bytes = retry();
    match Envelope::parse(&mut bytes, NETWORK) {
        Ok(Envelope::Retry { cookie, answers }) => {
            assert_eq!(cookie, Cookie::from_bytes([6; 8]));
            assert_eq!(answers, RetryTag([7; 8]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_generated_types_write_the_same_bytes() {
    let token = TOKEN.0;
    let network = NETWORK.0;
    let datagram = |body| wire::Datagram { version: 1, network, body: Some(body) }.encode_to_vec();
    let padding = Bytes::from(vec![0; 36]);
    let body = wire::datagram::Body::Hello(wire::Hello { token, padding });
    assert_eq!(datagram(body), hello());
    let node = [&[3; 32][..], &[4, 0, 0, 0]].concat().into();
    let body = wire::datagram::Body::HelloAck(wire::HelloAck { node, token });
    assert_eq!(datagram(body), hello_ack());
    let (cookie, answers) = (Bytes::from(vec![6; 8]), Bytes::from(vec![7; 8]));
    let body = wire::datagram::Body::Retry(wire::Retry { cookie, answers });
    assert_eq!(datagram(body), retry());
}

#[test]
fn a_hello_is_never_answered_with_more_bytes_than_it_had() {
    assert_eq!(hello().len(), HELLO_LEN);
    assert_eq!(hello_ack().len(), HELLO_LEN);
    for padding in 0..36 {
        let padding = Bytes::from(vec![0; padding]);
        let short = of_body(wire::datagram::Body::Hello(wire::Hello { token: 1, padding }));
        let found = short.len();
        assert!(found < HELLO_LEN);
        assert_rejected(short, "hello", Problem::TooShort { found, limit: HELLO_LEN });
    }
}

#[test]
fn a_retry_is_shorter_than_any_datagram_it_answers() {
    let shortest = sealed_with(|sealed| sealed.ciphertext = vec![0; 16].into());
    assert!(retry().len() < shortest.len());
}

#[test]
fn another_version_and_another_network_are_turned_away() {
    let body = || Some(wire::datagram::Body::Sealed(sealed()));
    let version = wire::Datagram { version: 2, network: NETWORK.0, body: body() };
    let problem = Problem::OtherVersion { found: 2 };
    assert_rejected(version.encode_to_vec(), "datagram.version", problem);
    let none = wire::Datagram { version: 0, network: NETWORK.0, body: body() };
    assert_rejected(none.encode_to_vec(), "datagram.version", Problem::Missing);
    let network = wire::Datagram { version: 1, network: 5, body: body() };
    let problem = Problem::OtherNetwork { found: 5 };
    assert_rejected(network.encode_to_vec(), "datagram.network", problem);
    let network = wire::Datagram { version: 1, network: 0, body: body() };
    let problem = Problem::OtherNetwork { found: 0 };
    assert_rejected(network.encode_to_vec(), "datagram.network", problem);
}

#[test]
fn a_datagram_of_the_greatest_length_is_read_and_no_longer_one() {
    let of_length =
        |ciphertext: usize| sealed_with(|sealed| sealed.ciphertext = vec![0; ciphertext].into());
    let around = of_length(1_000).len() - 1_000;
    let mut longest = of_length(DATAGRAM_MAX - around);
    assert!(Envelope::parse(&mut longest, NETWORK).is_ok());
    let found = DATAGRAM_MAX + 1;
    let problem = Problem::TooLong { found, limit: DATAGRAM_MAX };
    assert_rejected(of_length(found - around), "datagram", problem);
    let mut frame = of_length(FRAME_MAX);
    assert!(Sealed::parse_frame(&mut frame, NETWORK).is_err());
}

#[test]
fn fields_of_a_sealed_datagram_have_their_lengths() {
    let length = |found, expected| Problem::Length { found, expected };
    let short = sealed_with(|sealed| sealed.sender.truncate(35));
    assert_rejected(short, "sealed.sender", length(35, 36));
    let long = sealed_with(|sealed| sealed.seal_nonce = vec![0; 25].into());
    assert_rejected(long, "sealed.seal_nonce", length(25, 24));
    let cookie = sealed_with(|sealed| sealed.cookie = vec![0; 16].into());
    assert_rejected(cookie, "sealed.cookie", length(16, 8));
    let tag = sealed_with(|sealed| sealed.ciphertext = vec![0; 15].into());
    let problem = Problem::TooShort { found: 15, limit: 16 };
    assert_rejected(tag, "sealed.ciphertext", problem);
    let none = sealed_with(|sealed| sealed.ciphertext.clear());
    assert_rejected(none, "sealed.ciphertext", Problem::Missing);
    let none = sealed_with(|sealed| sealed.sender.clear());
    assert_rejected(none, "sealed.sender", Problem::Missing);
    let none = wire::Datagram { version: 1, network: NETWORK.0, body: None }.encode_to_vec();
    assert_rejected(none, "datagram.body", Problem::Missing);
}

#[test]
fn a_field_that_occurs_twice_is_refused() {
    let twice = |mut bytes: Vec<u8>, more: &[u8]| {
        bytes.extend_from_slice(more);
        bytes
    };
    let bytes = sealed_with(|_| {});
    assert_rejected(twice(bytes.clone(), b"\x08\x01"), "datagram.version", Problem::Repeated);
    assert_rejected(twice(bytes.clone(), &bytes[7..]), "datagram.body", Problem::Repeated);
    assert_rejected(twice(bytes, &hello()[7..]), "datagram.body", Problem::Repeated);
    let within = |body: u8, fields: &[u8]| {
        let length = u8::try_from(fields.len()).unwrap();
        twice(hello()[..7].to_vec(), &[&[body << 3 | 2, length], fields].concat())
    };
    let tokens = within(4, &b"\x09\0\0\0\0\0\0\0\0".repeat(6));
    assert_rejected(tokens, "hello.token", Problem::Repeated);
    let paddings = within(4, &[&b"\x12\x01\0\x12\x30"[..], &[0; 48]].concat());
    assert_rejected(paddings, "hello.padding", Problem::Repeated);
    let cookies = within(3, b"\x1a\x00\x1a\x08cookies!");
    assert_rejected(cookies, "sealed.cookie", Problem::Repeated);
}

#[test]
fn fields_may_come_in_any_order_and_unknown_ones_are_skipped() {
    let bytes = sealed_with(|_| {});
    let (head, body) = bytes.split_at(7);
    let (version, network) = head.split_at(2);
    let unknown = b"\x7a\x03abc\xf8\x01\x05";
    let mut shuffled = [body, unknown, network, version].concat();
    assert!(matches!(Envelope::parse(&mut shuffled, NETWORK), Ok(Envelope::Sealed(_))));
}

#[test]
fn a_known_field_of_another_wire_type_is_refused() {
    for bytes in [&b"\x0d\x01\0\0\0"[..], b"\x10\x01", b"\x18\x01", b"\x22\x02\x08\x01"] {
        let mut datagram = [b"\x08\x01\x15\xd4\xc3\xb2\xa1", bytes].concat();
        let error = Envelope::parse(&mut datagram, NETWORK).unwrap_err();
        assert!(matches!(error.problem, Problem::Encoding | Problem::Repeated), "{error}");
    }
}

#[test]
fn a_frame_is_sealed_and_has_no_cookie() {
    let parse = |mut bytes: Vec<u8>| Sealed::parse_frame(&mut bytes, NETWORK).map(|_| ());
    assert_eq!(parse(sealed_with(|_| {})), Ok(()));
    let misplaced = |field| Err(DecodeError { field, problem: Problem::Misplaced });
    for clear in [hello(), hello_ack(), retry()] {
        assert_eq!(parse(clear), misplaced("datagram.body"));
    }
    let cookie = sealed_with(|sealed| sealed.cookie = vec![1; 8].into());
    assert_eq!(parse(cookie), misplaced("sealed.cookie"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..1_300)) {
        let _ = Envelope::parse(&mut bytes, NETWORK).map(|_| ());
        let _ = Sealed::parse_frame(&mut bytes, NETWORK).map(|_| ());
    }

    #[test]
    fn a_damaged_datagram_never_panics(
        which in 0_usize..4,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = [hello(), hello_ack(), retry(), sealed_with(|_| {})][which].clone();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = Envelope::parse(&mut bytes, NETWORK).map(|_| ());
    }

    #[test]
    fn what_is_read_here_reads_the_same_with_the_generated_types(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        place in any::<prop::sample::Index>(),
    ) {
        let whole = sealed_with(|_| {});
        let place = place.index(whole.len());
        let mut changed = [&whole[..place], &bytes, &whole[place..]].concat();
        let generated = wire::Datagram::decode(Bytes::from(changed.clone()));
        if let Ok(Envelope::Sealed(sealed)) = Envelope::parse(&mut changed, NETWORK) {
            let Ok(wire::Datagram { body: Some(wire::datagram::Body::Sealed(read)), .. }) = generated
            else {
                return Err(TestCaseError::fail("the generated types read something else"));
            };
            let sender = sealed.sender();
            prop_assert_eq!(&read.sender[..32], sender.as_bytes());
            prop_assert_eq!(&read.seal_nonce[..], sealed.fields.seal_nonce.0);
            prop_assert_eq!(&read.ciphertext[..], &*sealed.ciphertext);
        }
    }
}
