//! Tests of what is turned away, and how.

use super::*;
use crate::codec::Undecodable;
use crate::limits::{SALT_MAX, TTL_MAX_SECONDS, VALUE_MAX};
use crate::{AuthorSecret, DecodeError, Salt, Sequence, SignedBody};

const ID: u64 = 0x0102_0304_0506_0708;

fn of_body(body: Option<wire::message::Body>) -> Bytes {
    let role = wire::Role::Full.into();
    let message = wire::Message { id: ID, role, families: 1, body, padding: Bytes::new(), load: 0 };
    message.encode_to_vec().into()
}

pub(super) fn request(body: wire::request::Body) -> Bytes {
    of_body(Some(wire::message::Body::Request(wire::Request { body: Some(body) })))
}

pub(super) fn reply(body: wire::reply::Body) -> Bytes {
    let closer = Vec::new();
    of_body(Some(wire::message::Body::Reply(wire::Reply { closer, body: Some(body) })))
}

/// A request is malformed in `field`: its sender is told so.
#[track_caller]
pub(super) fn assert_malformed(bytes: Bytes, field: &'static str, problem: Problem) {
    let error = DecodeError { field, problem };
    let answer = Some((RequestId(ID), ErrorCode::Malformed));
    assert_eq!(decode(bytes), Err(Undecodable { error, answer }));
}

/// Something is malformed that is not answered.
#[track_caller]
pub(super) fn assert_ignored(bytes: Bytes, field: &'static str, problem: Problem) {
    let error = DecodeError { field, problem };
    assert_eq!(decode(bytes), Err(Undecodable { error, answer: None }));
}

fn value(bytes: &'static [u8]) -> wire::record::Value {
    wire::record::Value::Inline(Bytes::from_static(bytes))
}

const CONTENT: Option<wire::record::Kind> = Some(wire::record::Kind::Content(wire::Content {}));

fn store(record: Option<wire::Record>) -> wire::Store {
    wire::Store { record, ttl: 60, purpose: wire::Purpose::Publish.into(), expected: None }
}

fn store_of(value: Option<wire::record::Value>, kind: Option<wire::record::Kind>) -> Bytes {
    request(wire::request::Body::Store(store(Some(wire::Record { value, kind }))))
}

fn details() -> wire::Details {
    wire::Details {
        key: Bytes::from(vec![1; 32]),
        kind: wire::Kind::Named.into(),
        size: 5,
        digest: Bytes::from(vec![2; 32]),
        sequence: 0,
    }
}

fn offer(change: impl FnOnce(&mut wire::Offer)) -> Bytes {
    let mut offer = wire::Offer {
        details: Some(details()),
        ttl: 60,
        purpose: wire::Purpose::Publish.into(),
        expected: None,
    };
    change(&mut offer);
    request(wire::request::Body::Offer(offer))
}

fn offer_of(change: impl FnOnce(&mut wire::Details)) -> Bytes {
    let mut details = details();
    change(&mut details);
    offer(|offer| offer.details = Some(details))
}

#[test]
fn a_request_of_a_later_version_is_answered_as_unknown() {
    let none = wire::Request { body: None };
    let bytes = of_body(Some(wire::message::Body::Request(none)));
    let answer = Some((RequestId(ID), ErrorCode::Unknown));
    let error = DecodeError { field: "request.body", problem: Problem::Unknown };
    assert_eq!(decode(bytes), Err(Undecodable { error, answer }));
}

#[test]
fn a_reply_of_a_later_version_is_not_answered() {
    let none = wire::Reply { closer: Vec::new(), body: None };
    let bytes = of_body(Some(wire::message::Body::Reply(none)));
    assert_ignored(bytes, "reply.body", Problem::Unknown);
}

#[test]
fn a_message_without_body_is_not_answered() {
    assert_ignored(of_body(None), "message.body", Problem::Missing);
    assert_ignored(Bytes::new(), "message.body", Problem::Missing);
}

#[test]
fn what_is_no_protobuf_is_not_answered() {
    assert_ignored(Bytes::from_static(b"\xff\xff\xff"), "message", Problem::Encoding);
    let deep = Bytes::from(vec![0x23; 1_000]);
    assert_ignored(deep, "message", Problem::Encoding);
}

#[test]
fn a_claimed_length_is_not_allocated() {
    // A request of 2 GB, of which nothing follows.
    let bytes = Bytes::from_static(b"\x22\xff\xff\xff\xff\x07");
    assert_ignored(bytes, "message", Problem::Encoding);
}

#[test]
fn a_key_of_another_length_is_malformed() {
    for length in [1, 31, 33, 64] {
        let target = Bytes::from(vec![1; length]);
        let bytes = request(wire::request::Body::FindNode(wire::FindNode { target }));
        let problem = Problem::Length { found: length, expected: 32 };
        assert_malformed(bytes, "find_node.target", problem);
    }
    let none = wire::Fetch { key: Bytes::new(), kinds: 7 };
    assert_malformed(request(wire::request::Body::Fetch(none)), "fetch.key", Problem::Missing);
}

#[test]
fn a_life_of_no_second_or_more_than_thirty_days_is_malformed() {
    for seconds in [0, TTL_MAX_SECONDS + 1, u32::MAX] {
        let problem = Problem::OutOfRange { found: u64::from(seconds) };
        assert_malformed(offer(|offer| offer.ttl = seconds), "offer.ttl", problem);
        let store = wire::Store { ttl: seconds, ..store(None) };
        assert_malformed(request(wire::request::Body::Store(store)), "store.ttl", problem);
        let found = wire::Found { record: None, ttl: seconds };
        assert_ignored(reply(wire::reply::Body::Found(found)), "found.ttl", problem);
    }
}

#[test]
fn an_unknown_purpose_is_malformed() {
    for (number, found) in [(0, 0), (4, 4), (-1, u64::MAX)] {
        let problem = Problem::OutOfRange { found };
        assert_malformed(offer(|offer| offer.purpose = number), "offer.purpose", problem);
    }
}

#[test]
fn a_description_that_contradicts_its_kind_is_malformed() {
    assert_malformed(offer(|offer| offer.details = None), "details", Problem::Missing);
    let unknown = Problem::OutOfRange { found: 9 };
    assert_malformed(offer_of(|details| details.kind = 9), "details.kind", unknown);
    let size = u32::try_from(VALUE_MAX).unwrap() + 1;
    let too_long = Problem::OutOfRange { found: u64::from(size) };
    assert_malformed(offer_of(|details| details.size = size), "details.size", too_long);
    let missing = offer_of(|details| details.digest = Bytes::new());
    assert_malformed(missing, "details.digest", Problem::Missing);
    let named_with_sequence = offer_of(|details| details.sequence = 1);
    assert_malformed(named_with_sequence, "details.sequence", Problem::Inconsistent);
    let content_with_digest = offer_of(|details| details.kind = wire::Kind::Content.into());
    assert_malformed(content_with_digest, "details.digest", Problem::Inconsistent);
}

#[test]
fn a_record_without_value_or_kind_is_malformed() {
    let none = request(wire::request::Body::Store(store(None)));
    assert_malformed(none, "store.record", Problem::Missing);
    assert_malformed(store_of(None, CONTENT), "record.value", Problem::Missing);
    assert_malformed(store_of(Some(value(b"value")), None), "record.kind", Problem::Missing);
}

#[test]
fn a_value_too_long_for_a_datagram_is_malformed() {
    let found = INLINE_VALUE_MAX + 1;
    let value = Some(wire::record::Value::Inline(vec![0; found].into()));
    let problem = Problem::TooLong { found, limit: INLINE_VALUE_MAX };
    assert_malformed(store_of(value, CONTENT), "record.inline", problem);
}

#[test]
fn only_signed_records_are_deleted() {
    let deleted = Some(wire::record::Value::Deleted(wire::Deleted {}));
    let inconsistent = Problem::Inconsistent;
    assert_malformed(store_of(deleted.clone(), CONTENT), "record.deleted", inconsistent);
    let named = wire::record::Kind::Named(wire::Named { key: vec![1; 32].into() });
    assert_malformed(store_of(deleted, Some(named)), "record.deleted", inconsistent);
}

#[test]
fn parts_streamed_values_and_downloads_do_not_travel_by_datagram() {
    let streamed = wire::Streamed { size: 1_000, offset: 0, length: 1_000, outline: Bytes::new() };
    let streamed = Some(wire::record::Value::Streamed(streamed));
    let misplaced = Problem::Misplaced;
    assert_malformed(store_of(streamed, CONTENT), "record.streamed", misplaced);
    let part = wire::Part { offset: 0, bytes: Bytes::from_static(b"part") };
    let part = of_body(Some(wire::message::Body::Part(part)));
    assert_ignored(part, "message.part", misplaced);
    let download = wire::Download { key: vec![1; 32].into(), kind: 1, ..wire::Download::default() };
    let download = request(wire::request::Body::Download(download));
    assert_malformed(download, "request.download", misplaced);
}

fn signed_record() -> wire::Record {
    let body = SignedBody::Value(Value::new("value").unwrap());
    let salt = Salt::new("salt").unwrap();
    let secret = AuthorSecret::from_seed(&[1; 32]);
    crate::codec::record::to_wire(&Record::sign(&secret, salt, Sequence(3), body))
}

fn signed_store(change: impl FnOnce(&mut wire::Signed)) -> Bytes {
    let wire::Record { value, kind: Some(wire::record::Kind::Signed(mut signed)) } =
        signed_record()
    else {
        panic!("a signed record is written as one");
    };
    change(&mut signed);
    store_of(value, Some(wire::record::Kind::Signed(signed)))
}

#[test]
fn a_signed_record_that_does_not_verify_is_malformed() {
    let bad = Problem::BadSignature;
    assert!(decode(signed_store(|_| {})).is_ok());
    let changes: [fn(&mut wire::Signed); 4] = [
        |signed| signed.sequence += 1,
        |signed| signed.salt = Bytes::from_static(b"pepper"),
        |signed| signed.author = vec![1; 32].into(),
        |signed| signed.signature = vec![1; 64].into(),
    ];
    for change in changes {
        assert_malformed(signed_store(change), "signed.signature", bad);
    }
    let other_value = store_of(Some(value(b"other")), signed_record().kind);
    assert_malformed(other_value, "signed.signature", bad);
    let deleted = Some(wire::record::Value::Deleted(wire::Deleted {}));
    assert_malformed(store_of(deleted, signed_record().kind), "signed.signature", bad);
}

#[test]
fn the_fields_of_a_signed_record_have_their_lengths() {
    let found = SALT_MAX + 1;
    let long_salt = signed_store(|signed| signed.salt = vec![1; found].into());
    let problem = Problem::TooLong { found, limit: SALT_MAX };
    assert_malformed(long_salt, "signed.salt", problem);
    let short_author = signed_store(|signed| signed.author.truncate(31));
    let problem = Problem::Length { found: 31, expected: 32 };
    assert_malformed(short_author, "signed.author", problem);
    let short_signature = signed_store(|signed| signed.signature.truncate(63));
    let problem = Problem::Length { found: 63, expected: 64 };
    assert_malformed(short_signature, "signed.signature", problem);
}

#[test]
fn a_pong_without_an_address_is_ignored() {
    let pong = |observed: &'static [u8]| {
        reply(wire::reply::Body::Pong(wire::Pong { observed: Bytes::from_static(observed) }))
    };
    assert_ignored(pong(b""), "pong.observed", Problem::Missing);
    let problem = Problem::Length { found: 7, expected: 6 };
    assert_ignored(pong(b"\x0a\0\0\x01\x0b\xb8\0"), "pong.observed", problem);
}

#[test]
fn a_refusal_or_error_without_a_reason_is_ignored() {
    let refused = wire::reply::Body::Refused(wire::Refused::default());
    assert_ignored(reply(refused), "refused.code", Problem::Missing);
    let error = wire::reply::Body::Error(wire::Error::default());
    assert_ignored(reply(error), "error.code", Problem::Missing);
}

#[test]
fn a_payload_of_more_than_65536_bytes_is_malformed() {
    let payload = |length: usize| Bytes::from(vec![0; length]);
    let too_long = Problem::TooLong { found: 65_537, limit: 65_536 };
    let custom = |length| wire::request::Body::Custom(wire::Custom { payload: payload(length) });
    assert_malformed(request(custom(65_537)), "custom.payload", too_long);
    assert!(decode(request(custom(65_536))).is_ok());
    let answer = |length| wire::reply::Body::Custom(wire::CustomReply { payload: payload(length) });
    assert_ignored(reply(answer(65_537)), "custom_reply.payload", too_long);
    assert!(decode(reply(answer(65_536))).is_ok());
}

fn framed(bytes: Bytes) -> Result<Content, Undecodable> {
    decode_frame(bytes)
}

#[test]
fn a_download_with_an_outline_is_of_whole_parts() {
    let download = |offset, length, outlined| {
        let (key, kind) = (vec![1; 32].into(), wire::Kind::Content.into());
        let download = wire::Download { key, kind, offset, length, outlined };
        framed(request(wire::request::Body::Download(download)))
    };
    for (offset, length) in [(0, None), (65_536, Some(131_072)), (131_072, Some(0))] {
        assert!(download(offset, length, true).is_ok());
    }
    let error = DecodeError { field: "download.outlined", problem: Problem::Inconsistent };
    let answer = Some((RequestId(ID), ErrorCode::Malformed));
    for (offset, length) in [(1, None), (65_536, Some(1)), (65_535, Some(65_536))] {
        assert_eq!(download(offset, length, true), Err(Undecodable { error, answer }));
        assert!(download(offset, length, false).is_ok());
    }
}

#[test]
fn an_outline_has_32_bytes_for_each_part_of_a_value_of_several() {
    let found = |size: u32, outline: usize| {
        let outline = vec![7; outline].into();
        let streamed = wire::Streamed { size, offset: 0, length: size, outline };
        let value = Some(wire::record::Value::Streamed(streamed));
        let record = Some(wire::Record { value, kind: CONTENT });
        framed(reply(wire::reply::Body::Found(wire::Found { record, ttl: 60 })))
    };
    for (size, outline) in
        [(65_537_u32, 64_usize), (131_072, 64), (131_073, 96), (5_000_000, 2_464)]
    {
        assert!(found(size, outline).is_ok() && found(size, 0).is_ok());
        for wrong in [outline - 1, outline + 1, outline + 32, 32] {
            let expected = outline;
            let problem = Problem::Length { found: wrong, expected };
            let error = DecodeError { field: "streamed.outline", problem };
            assert_eq!(found(size, wrong), Err(Undecodable { error, answer: None }));
        }
    }
    assert!(found(65_536, 32).is_err(), "a value of one part has none");
}
