//! Tests of streams: cut, seal, open, put together.

use bytes::BytesMut;
use proptest::prelude::*;

use super::{Assembly, AssemblyError, Channel, Content, Frame, Outgoing, Received};
use crate::envelope::SealNonce;
use crate::limits::{FRAME_MAX, INLINE_VALUE_MAX, PART_MAX, VALUE_MAX};
use crate::seal::{OpenError, Sealer, WeakKey};
use crate::{
    AuthorSecret, Body, DecodeError, Difficulty, Families, Key, Load, LocalIdentity, Message,
    NetworkId, Outline, Problem, Purpose, Record, Reply, Request, RequestId, Role, Salt, Sequence,
    SignedBody, Ttl, Value, ValueRange, testing,
};

const NETWORK: NetworkId = testing::NETWORK;

fn identity(seed: u8) -> LocalIdentity {
    LocalIdentity::search([seed; 32], Difficulty::NONE)
}

/// Both ends of a stream.
fn channels() -> (Channel, Channel) {
    let (ours, theirs) = (identity(1), identity(2));
    let out = Channel::new(&ours, NETWORK, theirs.node()).unwrap();
    let back = Channel::new(&theirs, NETWORK, ours.node()).unwrap();
    (out, back)
}

fn value(size: usize) -> Value {
    Value::new((0..=250).cycle().take(size).collect::<Vec<u8>>()).unwrap()
}

fn found(record: Record) -> Message {
    let body = Body::Reply(Reply::Found { record, ttl: Ttl::default(), closer: Vec::new() });
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(9), body }
}

fn content_of(size: usize) -> Message {
    found(Record::content(value(size)))
}

/// All but the last of what the frames bring, and the last.
fn receive(
    assembly: &mut Assembly,
    frames: impl Iterator<Item = Frame>,
) -> Result<Received, AssemblyError> {
    let mut last = None;
    for frame in frames {
        last = Some(assembly.push(frame)?);
    }
    Ok(last.expect("a message has at least one frame"))
}

fn received(frames: impl Iterator<Item = Frame>) -> Result<Message, DecodeError> {
    match receive(&mut Assembly::new(VALUE_MAX), frames) {
        Ok(Received::Message(message)) => Ok(message),
        Ok(Received::Complete(unverified)) => unverified.verify(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_arrives_over_a_stream(
        message in prop_oneof![testing::message(), testing::long_message(300_000)],
    ) {
        let (out, back) = channels();
        let mut bytes = BytesMut::new();
        for frame in Outgoing::new(message.clone()) {
            out.seal(&frame, SealNonce([1; 24]), &mut bytes).unwrap();
        }
        prop_assert_eq!(bytes.len(), message.stream_len());
        let mut assembly = Assembly::new(VALUE_MAX);
        let mut arrived = None;
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(bytes.split_to(4)[..].try_into().unwrap());
            prop_assert!(length as usize <= FRAME_MAX);
            let frame = back.open(bytes.split_to(length as usize)).unwrap();
            prop_assert_eq!(frame.id(), message.id);
            prop_assert_eq!(&arrived, &None);
            arrived = match assembly.push(frame).unwrap() {
                Received::Message(message) => Some(message),
                Received::Complete(unverified) => Some(unverified.verify().unwrap()),
                Received::More { .. } => None,
                partial @ Received::Partial { .. } => panic!("{partial:?}"),
            };
        }
        prop_assert_eq!(arrived, Some(message));
    }

    #[test]
    fn the_length_of_a_piece_is_told_without_sealing_it(
        message in testing::long_message(300_000),
        (offset, length) in (0_u32..300_000, 0_u32..300_000),
        outlined in any::<bool>(),
    ) {
        let range = ValueRange { offset, length: Some(length) };
        let value = message.record().and_then(Record::value).cloned().unwrap_or_default();
        let outline = Outline::of(value.as_bytes()).filter(|_| outlined);
        let mut frames = Outgoing::of_range(message.clone(), range);
        if let Some(outline) = outline {
            frames = frames.with_outline(outline);
        }
        let mut bytes = BytesMut::new();
        for frame in frames {
            channels().0.seal(&frame, SealNonce([1; 24]), &mut bytes).unwrap();
        }
        prop_assert_eq!(bytes.len(), message.stream_len_of(range, outlined));
    }

    #[test]
    fn no_frame_opens_with_a_changed_bit(bit in any::<prop::sample::Index>()) {
        let (out, back) = channels();
        let mut bytes = BytesMut::new();
        let part = Outgoing::new(content_of(1_000)).nth(1).unwrap();
        out.seal(&part, SealNonce([1; 24]), &mut bytes).unwrap();
        let mut frame = bytes.split_off(4);
        let bit = bit.index(8 * frame.len());
        frame[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(back.open(frame).is_err());
    }

    #[test]
    fn a_transfer_goes_on_where_it_broke(size in 901_usize..300_000, known in 0_usize..300_000) {
        let known = known.min(size);
        let message = content_of(size);
        let Some(whole) = message.record().and_then(Record::value).cloned() else {
            return Err(TestCaseError::fail("a found record has a value"));
        };
        let range = ValueRange::starting_at(u32::try_from(known).unwrap());
        let frames = Outgoing::of_range(message.clone(), range);
        prop_assert_eq!(frames.left(), size - known);
        let mut assembly = Assembly::resume(VALUE_MAX, whole.as_bytes()[..known].to_vec());
        match receive(&mut assembly, frames) {
            Ok(Received::Complete(unverified)) => prop_assert_eq!(unverified.verify(), Ok(message)),
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
    }
}

#[test]
fn values_around_every_limit_arrive() {
    let sizes =
        [0, 1, INLINE_VALUE_MAX, INLINE_VALUE_MAX + 1, 4_000, 20_000, PART_MAX, PART_MAX + 1];
    for size in sizes {
        let message = content_of(size);
        assert_eq!(received(Outgoing::new(message.clone())), Ok(message), "{size}");
    }
}

#[test]
fn a_value_of_the_item_limit_arrives_equal() {
    let message = content_of(VALUE_MAX);
    assert_eq!(received(Outgoing::new(message.clone())), Ok(message));
}

#[test]
fn parts_share_the_memory_of_the_value() {
    let message = content_of(200_000);
    let value = message.record().and_then(Record::value).unwrap().as_bytes().clone();
    let within = value.as_ptr_range();
    for frame in Outgoing::new(message) {
        if let Content::Part(part) = frame.0 {
            assert!(within.contains(&part.bytes.as_ptr()));
        }
    }
}

#[test]
fn memory_grows_with_what_arrived_and_not_with_what_was_announced() {
    let mut assembly = Assembly::new(VALUE_MAX);
    let mut arrived = 0;
    for frame in Outgoing::new(content_of(VALUE_MAX)) {
        match assembly.push(frame).unwrap() {
            Received::More { received, size } => {
                arrived = received;
                assert_eq!(size, VALUE_MAX);
                assert!(assembly.value.capacity() <= 2 * received, "{received}");
            }
            Received::Complete(unverified) => {
                assert_eq!(unverified.size(), VALUE_MAX);
                assert_eq!(unverified.id(), RequestId(9));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(arrived > VALUE_MAX - PART_MAX - 1);
}

#[test]
fn a_value_over_the_limit_is_refused_before_any_of_it_is_taken() {
    let start = Outgoing::new(content_of(2_000)).next().unwrap();
    let mut assembly = Assembly::new(1_999);
    let expected = AssemblyError::TooLarge { size: 2_000, limit: 1_999 };
    assert_eq!(assembly.push(start), Err(expected));
    assert_eq!(assembly.value.capacity(), 0);
}

#[test]
fn frames_out_of_order_are_refused() {
    let frames = Outgoing::new(content_of(200_000)).collect::<Vec<_>>();
    let push = |order: &[usize]| {
        let mut assembly = Assembly::new(VALUE_MAX);
        let mut last = None;
        for index in order {
            last = Some(assembly.push(frames[*index].clone()));
            if last.as_ref().is_some_and(Result::is_err) {
                break;
            }
        }
        last.unwrap()
    };
    assert_eq!(push(&[1]), Err(AssemblyError::OutOfOrder));
    assert_eq!(push(&[0, 0]), Err(AssemblyError::OutOfOrder));
    let (found, expected) = (PART_MAX, 0);
    assert_eq!(push(&[0, 2]), Err(AssemblyError::Offset { found, expected }));
    let (found, expected) = (0, PART_MAX);
    assert_eq!(push(&[0, 1, 1]), Err(AssemblyError::Offset { found, expected }));
    assert!(matches!(push(&[0, 1, 2, 3, 4]), Ok(Received::Complete(_))));
}

#[test]
fn another_message_in_the_middle_of_a_value_is_refused() {
    let mut assembly = Assembly::new(VALUE_MAX);
    assembly.push(Outgoing::new(content_of(2_000)).next().unwrap()).unwrap();
    let short = Outgoing::new(content_of(10)).next().unwrap();
    assert_eq!(assembly.push(short), Err(AssemblyError::OutOfOrder));
}

#[test]
fn a_part_of_another_request_is_refused() {
    let mut other = content_of(2_000);
    other.id = RequestId(10);
    let mut assembly = Assembly::new(VALUE_MAX);
    assembly.push(Outgoing::new(content_of(2_000)).next().unwrap()).unwrap();
    let part = Outgoing::new(other).nth(1).unwrap();
    assert_eq!(assembly.push(part), Err(AssemblyError::OtherRequest));
}

#[test]
fn a_part_past_the_announced_end_is_refused() {
    let mut assembly = Assembly::new(VALUE_MAX);
    assembly.push(Outgoing::new(content_of(2_000)).next().unwrap()).unwrap();
    let part = Outgoing::new(content_of(2_001)).nth(1).unwrap();
    let expected = AssemblyError::PastEnd { found: 2_001, end: 2_000 };
    assert_eq!(assembly.push(part), Err(expected));
}

#[test]
fn a_transfer_that_does_not_go_on_where_it_broke_is_refused() {
    let start = Outgoing::of_range(content_of(2_000), ValueRange::starting_at(10)).next().unwrap();
    let mut assembly = Assembly::resume(VALUE_MAX, vec![0; 11]);
    let expected = AssemblyError::Offset { found: 10, expected: 11 };
    assert_eq!(assembly.push(start), Err(expected));
}

#[test]
fn a_part_of_a_value_can_be_asked_for_and_completed_later() {
    let message = content_of(200_000);
    let first = ValueRange { offset: 0, length: Some(70_000) };
    let mut assembly = Assembly::new(VALUE_MAX);
    let last = receive(&mut assembly, Outgoing::of_range(message.clone(), first));
    assert_eq!(last, Ok(Received::Partial { received: 70_000, size: 200_000 }));
    let mut assembly = Assembly::resume(VALUE_MAX, assembly.into_value());
    let rest = Outgoing::of_range(message.clone(), ValueRange::starting_at(70_000));
    match receive(&mut assembly, rest) {
        Ok(Received::Complete(unverified)) => assert_eq!(unverified.verify(), Ok(message)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_range_past_the_end_brings_no_bytes() {
    let frames = Outgoing::of_range(content_of(2_000), ValueRange::starting_at(5_000));
    assert_eq!(frames.left(), 0);
    assert_eq!(frames.count(), 1);
}

#[test]
fn a_short_value_is_sent_whole_whatever_range_was_asked_for() {
    let message = content_of(900);
    let frames = Outgoing::of_range(message.clone(), ValueRange::starting_at(800));
    assert_eq!(received(frames), Ok(message));
}

#[test]
fn a_stream_carries_one_message_after_another() {
    let mut assembly = Assembly::new(VALUE_MAX);
    for size in [2_000, 10, 70_000, 3_000] {
        let message = content_of(size);
        let arrived = match receive(&mut assembly, Outgoing::new(message.clone())) {
            Ok(Received::Message(message)) => message,
            Ok(Received::Complete(unverified)) => unverified.verify().unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(arrived, message);
    }
}

#[test]
fn a_long_signed_value_is_verified_at_the_end() {
    let body = SignedBody::Value(value(100_000));
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let record = Record::sign(&secret, Salt::default(), Sequence(3), body);
    let message = found(record);
    assert_eq!(received(Outgoing::new(message.clone())), Ok(message.clone()));
    let changed = Outgoing::new(message).map(|frame| match frame.0 {
        Content::Part(mut part) => {
            let mut bytes = part.bytes.to_vec();
            bytes[0] ^= 1;
            part.bytes = bytes.into();
            Frame(Content::Part(part))
        }
        other => Frame(other),
    });
    let error = DecodeError { field: "signed.signature", problem: Problem::BadSignature };
    assert_eq!(received(changed), Err(error));
}

#[test]
fn content_that_changed_on_the_way_has_another_key() {
    let message = content_of(2_000);
    let key = message.record().unwrap().key();
    let changed = Outgoing::new(message).map(|frame| match frame.0 {
        Content::Part(mut part) => {
            part.bytes = vec![0; 2_000].into();
            Frame(Content::Part(part))
        }
        other => Frame(other),
    });
    let arrived = received(changed).unwrap();
    assert_ne!(arrived.record().unwrap().key(), key);
}

#[test]
fn a_store_of_a_long_named_value_keeps_its_terms() {
    let record = Record::at(Key::named(b"name"), value(5_000));
    let (ttl, purpose) = (Ttl::from_secs(60).unwrap(), Purpose::Replicate);
    let store = Request::Store { record, ttl, purpose, expected: Some(Sequence(0)) };
    let message = Message { body: Body::Request(store), ..content_of(0) };
    assert_eq!(received(Outgoing::new(message.clone())), Ok(message));
}

#[test]
fn a_frame_of_another_node_is_refused() {
    let (out, _) = channels();
    let third = Channel::new(&identity(2), NETWORK, identity(3).node()).unwrap();
    let mut bytes = BytesMut::new();
    let frame = Outgoing::new(content_of(5)).next().unwrap();
    out.seal(&frame, SealNonce([1; 24]), &mut bytes).unwrap();
    assert_eq!(third.open(bytes.split_off(4)), Err(OpenError::OtherSender));
}

#[test]
fn a_frame_of_our_own_is_refused() {
    let (out, _) = channels();
    let mut bytes = BytesMut::new();
    out.seal(&Outgoing::new(content_of(5)).next().unwrap(), SealNonce([1; 24]), &mut bytes)
        .unwrap();
    let mut frame = bytes.split_off(4);
    assert_eq!(out.open(frame.clone()), Err(OpenError::OtherSender));
    let accepted = Channel::accept(&identity(1), NETWORK, &mut frame);
    assert_eq!(accepted.err(), Some(OpenError::WeakKey(WeakKey)));
}

#[test]
fn the_first_frame_tells_who_opened_the_stream() {
    let (out, _) = channels();
    let mut bytes = BytesMut::new();
    let frame = Outgoing::new(content_of(5)).next().unwrap();
    out.seal(&frame, SealNonce([1; 24]), &mut bytes).unwrap();
    let mut first = bytes.split_off(4);
    let channel = Channel::accept(&identity(2), NETWORK, &mut first).unwrap();
    assert_eq!(channel.peer(), identity(1).node());
    assert_eq!(channel.open(first), Ok(frame));
}

#[test]
fn a_sealer_that_knows_a_peer_opens_a_channel_with_it() {
    let mut sealer = Sealer::new(identity(1), NETWORK, 8);
    let channel = sealer.channel(identity(2).node()).unwrap();
    assert!(sealer.knows(&identity(2).node().public()));
    let mut bytes = BytesMut::new();
    let frame = Outgoing::new(content_of(5)).next().unwrap();
    channel.seal(&frame, SealNonce([1; 24]), &mut bytes).unwrap();
    assert_eq!(channels().1.open(bytes.split_off(4)), Ok(frame));
}
