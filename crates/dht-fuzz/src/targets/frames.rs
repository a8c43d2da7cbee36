//! Streams: bytes cut into frames wherever they may be cut, and frames put together to messages.
//!
//! The first byte chooses. Bytes of a stream come in pieces of any length, and make the same frames as when they
//! are looked at as a whole. Or the input is the plaintexts of frames, which are put together: no more is kept
//! than has come, and what is complete is a message that can be cut into frames again.

use std::mem::discriminant;

use bytes::{Bytes, BytesMut};
use dht_node::fuzzing::{StreamEnd, read_frames};
use dht_proto::limits::{FRAME_MAX, VALUE_MAX};
use dht_proto::seal::OpenError;
use dht_proto::stream::{Assembly, AssemblyError, Channel, Frame, Outgoing, Received};
use dht_proto::{
    AuthorSecret, Body, Families, Load, LocalIdentity, Message, NetworkId, Nonce, Purpose, Record,
    Reply, Request, RequestId, Role, Salt, Sequence, SignedBody, Ttl, Value, ValueRange,
};

use super::decode::{note_error, written};
use crate::cursor::{Cursor, block};
use crate::vectors::{Vectors, array, bytes, number};
use crate::{Features, Shape, Target};

pub(crate) const TARGET: Target = Target {
    name: "frames",
    about: "streams: frames, and messages put together of them",
    shape: Shape::Blocks,
    longest: 8_192,
    body: run,
    seeds,
};

fn run(input: &[u8], seen: &mut Features) {
    let mut cursor = Cursor::new(input);
    match cursor.byte() & 1 {
        0 => stream(&mut cursor, seen),
        _ => put_together(&mut cursor, seen),
    }
}

fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for vector in vectors.of("streams") {
        let frames = vector["frames"].as_array().cloned().unwrap_or_default();
        let frames = frames.iter().filter(|frame| frame["bytes"].is_string());
        let stream: Vec<u8> = frames.flat_map(|frame| bytes(&frame["bytes"])).collect();
        if !stream.is_empty() {
            seeds.push([&[0, 3, 50, 200, 7], &stream[..]].concat());
            seeds.push([&[0, 0], &stream[..]].concat());
            assert_eq!(array(&vector["receiver_secret_key"]), [2; 32]);
            assert_eq!(number(&vector["sender_nonce"]), 1_000);
        }
    }
    let plaintexts = vectors.plaintexts();
    let pairs = plaintexts.windows(2);
    seeds.extend(pairs.map(|pair| [&[1, 0, 0][..], &block(&pair[0]), &block(&pair[1])].concat()));
    for (message, range) in long_messages() {
        let frames = Outgoing::of_range(message, range);
        let blocks: Vec<u8> = frames.flat_map(|frame| block(&written(&frame))).collect();
        let offset = u16::try_from(range.offset).unwrap();
        seeds.push([&[1][..], &offset.to_le_bytes(), &blocks].concat());
    }
    seeds
}

fn long_messages() -> Vec<(Message, ValueRange)> {
    let value = |size: usize| Value::new(vec![7; size]).unwrap();
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let body = SignedBody::Value(value(1_100));
    let signed = Record::sign(&secret, Salt::new("salt").unwrap(), Sequence(3), body);
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    let store = |record| Body::Request(Request::Store { record, ttl, purpose, expected: None });
    let found = |record| Body::Reply(Reply::Found { record, ttl, closer: Vec::new() });
    let whole = ValueRange::WHOLE;
    let part = ValueRange { offset: 200, length: Some(300) };
    let bodies = [
        (store(Record::content(value(901))), whole),
        (store(Record::named(b"name", value(2_000))), whole),
        (store(signed.clone()), whole),
        (found(Record::content(value(1_500))), part),
        (found(signed), ValueRange { offset: 1_000, length: None }),
    ];
    let message = |body| Message {
        role: Role::Full,
        families: Families::V4,
        load: Load::NONE,
        id: RequestId(7),
        body,
    };
    bodies.map(|(body, range)| (message(body), range)).to_vec()
}

/// Lengths of pieces, up to a zero, and the bytes of a stream, which are cut into such pieces over and over.
fn stream(cursor: &mut Cursor<'_>, seen: &mut Features) {
    let lengths: Vec<usize> = std::iter::from_fn(|| Some(usize::from(cursor.byte())))
        .take_while(|n| *n > 0)
        .take(16)
        .collect();
    let bytes = cursor.rest();
    let mut left = bytes;
    let mut pieces = Vec::new();
    for length in lengths.iter().copied().chain([usize::MAX]).cycle() {
        if left.is_empty() {
            break;
        }
        let (piece, rest) = left.split_at(length.min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    let (frames, end) = read_frames(&pieces).unwrap();
    let (expected, expected_end) = frames_of(bytes);
    assert_eq!(end, expected_end);
    assert!(frames.iter().eq(&expected), "{frames:?} where {expected:?} came");
    seen.note("end", (end, frames.len().min(3)));
    open(frames, seen);
}

/// What the bytes of a stream come to, looked at as a whole.
fn frames_of(mut bytes: &[u8]) -> (Vec<&[u8]>, StreamEnd) {
    let mut frames = Vec::new();
    loop {
        if bytes.is_empty() {
            return (frames, StreamEnd::Closed);
        }
        let Some((length, rest)) = bytes.split_first_chunk() else {
            return (frames, StreamEnd::Cut);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        if length > FRAME_MAX {
            return (frames, StreamEnd::TooLong);
        }
        let Some((frame, rest)) = rest.split_at_checked(length) else {
            return (frames, StreamEnd::Cut);
        };
        frames.push(frame);
        bytes = rest;
    }
}

/// Opens frames as whoever was dialled does: the first tells who is there.
fn open(frames: Vec<BytesMut>, seen: &mut Features) {
    let local = LocalIdentity::from_parts([2; 32], Nonce(0));
    let mut frames = frames.into_iter().peekable();
    let Some(first) = frames.peek_mut() else { return };
    let channel = match Channel::accept(&local, NetworkId::default(), first) {
        Ok(channel) => channel,
        Err(error) => return seen.note("not accepted", discriminant(&error)),
    };
    let mut assembly = Assembly::new(VALUE_MAX);
    for frame in frames.take(8) {
        match channel.open(frame) {
            Ok(frame) => match assembly.push(frame) {
                Ok(received) => seen.note("opened", discriminant(&received)),
                Err(error) => return seen.note("assembly", discriminant(&error)),
            },
            Err(OpenError::Rejected(rejected)) => {
                return note_error("rejected", &rejected.undecodable, seen);
            }
            Err(error) => return seen.note("not opened", discriminant(&error)),
        }
    }
}

/// How many bytes are known already, and plaintexts of frames.
fn put_together(cursor: &mut Cursor<'_>, seen: &mut Features) {
    let known = usize::from(cursor.short()) % 4_096;
    let limit = if known % 2 == 0 { VALUE_MAX } else { 1_800 };
    let mut assembly = Assembly::resume(limit, vec![7; known]);
    let mut arrived = known;
    while !cursor.is_empty() {
        let plaintext = Bytes::copy_from_slice(cursor.block());
        let length = plaintext.len();
        let frame = match Frame::decode(NetworkId::default(), plaintext) {
            Ok(frame) => frame,
            Err(undecodable) => {
                note_error("frame", &undecodable, seen);
                continue;
            }
        };
        arrived += length;
        let received = assembly.push(frame);
        let kind = received.as_ref().map(discriminant).map_err(discriminant::<AssemblyError>);
        seen.note("pushed", kind);
        match received {
            Ok(Received::Message(_)) => {}
            Ok(Received::More { received, size }) => {
                assert!(received < size && received <= arrived && size <= limit);
            }
            Ok(Received::Partial { received, size }) => {
                assert!(received < size && received <= arrived);
                break;
            }
            Ok(Received::Complete(unverified)) => {
                assert!(unverified.size() <= limit.min(arrived));
                verify(unverified.verify(), seen);
                arrived = 0;
            }
            Err(_) => break,
        }
    }
    let left = assembly.into_value();
    assert!(left.capacity() <= 2 * arrived.max(known), "{} kept", left.capacity());
}

fn verify(message: Result<Message, dht_proto::DecodeError>, seen: &mut Features) {
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            return seen.note("not verified", (error.field, discriminant(&error.problem)));
        }
    };
    seen.note("verified", message.record().map(Record::kind));
    let mut assembly = Assembly::new(VALUE_MAX);
    let mut last = None;
    for frame in Outgoing::new(message.clone()) {
        let frame = Frame::decode(NetworkId::default(), written(&frame)).unwrap();
        last = Some(assembly.push(frame).unwrap());
    }
    let again = match last {
        Some(Received::Message(message)) => message,
        Some(Received::Complete(unverified)) => unverified.verify().unwrap(),
        other => panic!("{other:?} of {message:?}"),
    };
    assert_eq!(again, message, "a message comes out of its frames as it went in");
}
