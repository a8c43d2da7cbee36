//! Messages to and from the bytes that are sealed.
//!
//! Protobuf types are generated from `proto/dht/v1/dht.proto` and appear in no public signature. What
//! comes out of [`decode`] is valid: identifiers have their length, numbers their range, records verify.

use bytes::{Bytes, BytesMut};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::limits::CONTACTS_MAX;
use crate::protobuf::delimited_len;
use crate::stream::{Content, Part, Start};
use crate::{Body, DecodeError, ErrorCode, Mention, Message, NetworkId, Problem, RequestId};

mod batch;
mod broadcast;
mod contact;
mod field;
mod message;
mod reconcile;
mod record;
mod reply;
mod request;
#[allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    unused_qualifications,
    reason = "generated for all of the schema, whose clear part is read by hand but in tests"
)]
#[rustfmt::skip]
#[path = "codec/generated/dht_v1.rs"]
pub(crate) mod wire;

pub(crate) use record::{complete, complete_hashed};

/// A plaintext is no message that may travel this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Undecodable {
    /// What is wrong with it.
    pub error: DecodeError,
    /// Set if it is a request, which deserves [`Reply::Error`](crate::Reply::Error) with this code as its
    /// answer. Replies never get one.
    pub answer: Option<(RequestId, ErrorCode)>,
}

impl From<DecodeError> for Undecodable {
    fn from(error: DecodeError) -> Self {
        Self { error, answer: None }
    }
}

/// Reads a message from the plaintext of a datagram that came in `network`. The signature of a signed record, or of
/// a broadcast, is verified, which takes some 30 us; everything else is read in about 1 us.
pub fn decode(network: NetworkId, plaintext: Bytes) -> Result<Message, Undecodable> {
    let arrival = Arrival { network, carrier: Carrier::Datagram };
    match message::from_wire(decode_wire(plaintext)?, arrival)? {
        Content::Message(message) => Ok(message),
        Content::Start(_) | Content::Part(_) => {
            Err(DecodeError::new("message.body", Problem::Misplaced).into())
        }
    }
}

/// Writes the plaintext of `message`, without padding and with its value inline, to the end of `out`.
pub fn encode(message: &Message, out: &mut BytesMut) {
    Plaintext::of_message(message, 0).write(out);
}

/// Reads the content of a frame that came in `network` from its plaintext.
pub(crate) fn decode_frame(network: NetworkId, plaintext: Bytes) -> Result<Content, Undecodable> {
    message::from_wire(decode_wire(plaintext)?, Arrival { network, carrier: Carrier::Stream })
}

fn decode_wire(plaintext: Bytes) -> Result<wire::Message, DecodeError> {
    wire::Message::decode(plaintext).map_err(|_| DecodeError::new("message", Problem::Encoding))
}

/// Where a message came: broadcasts are signed for one network, and some forms travel one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arrival {
    network: NetworkId,
    carrier: Carrier,
}

/// What a message travels by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Datagram,
    Stream,
}

/// A message ready to be written.
pub(crate) struct Plaintext<'a> {
    /// In its protobuf form, but for the contacts that a reply names.
    message: wire::Message,
    /// They are written by hand, which takes no allocation for each: as fields of the reply they come before its body.
    contacts: &'a [Mention],
    length: usize,
}

/// Number of the reply's field in a message.
const REPLY: u32 = 5;

impl<'a> Plaintext<'a> {
    /// A whole message, followed by `padding` zero bytes.
    pub(crate) fn of_message(message: &'a Message, padding: usize) -> Self {
        let plaintext = Self::new(message::to_wire(message, padding));
        let (contacts, Some(reply)) = (named_by(message), reply_of(&plaintext.message)) else {
            return plaintext;
        };
        let bare = reply.encoded_len();
        let named = delimited_len(bare + contact::fields_len(contacts));
        let length = plaintext.length - delimited_len(bare) + named;
        Self { contacts, length, ..plaintext }
    }

    /// A message whose value follows.
    pub(crate) fn of_start(start: &Start) -> Self {
        Self::new(message::start_to_wire(start))
    }

    /// A piece of a value.
    pub(crate) fn of_part(part: &Part) -> Self {
        Self::new(message::part_to_wire(part))
    }

    fn new(message: wire::Message) -> Self {
        let length = message.encoded_len();
        Self { message, contacts: &[], length }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.reserve(self.length);
        match reply_of(&self.message) {
            Some(reply) if !self.contacts.is_empty() => self.write_naming(reply, out),
            _ => self.message.encode_raw(out),
        }
    }

    fn write_naming(&self, reply: &wire::Reply, out: &mut BytesMut) {
        let wire::Message { id, role, families, load, ref padding, .. } = self.message;
        wire::Message { id, role, families, ..wire::Message::default() }.encode_raw(out);
        encode_key(REPLY, WireType::LengthDelimited, out);
        let length = contact::fields_len(self.contacts) + reply.encoded_len();
        encode_varint(length as u64, out);
        contact::write_fields(self.contacts, out);
        reply.encode_raw(out);
        let padding = padding.clone();
        wire::Message { padding, load, ..wire::Message::default() }.encode_raw(out);
    }
}

/// The contacts that are written of those that a message names.
fn named_by(message: &Message) -> &[Mention] {
    let Body::Reply(reply) = &message.body else { return &[] };
    let named = reply.closer();
    named.get(..CONTACTS_MAX).unwrap_or(named)
}

fn reply_of(message: &wire::Message) -> Option<&wire::Reply> {
    match &message.body {
        Some(wire::message::Body::Reply(reply)) => Some(reply),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
