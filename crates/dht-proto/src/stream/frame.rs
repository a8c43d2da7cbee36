//! What one frame carries.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::codec::{self, Plaintext, Undecodable};
use crate::record::RecordHead;
use crate::{
    Body, Families, Load, Mention, Message, NetworkId, Outline, Purpose, RequestId, Role, Sequence,
    Ttl,
};

/// One frame of a stream, not sealed yet or opened already: a message, the start of one, or a part of
/// its value. Made by [`Outgoing`](super::Outgoing), taken by [`Assembly`](super::Assembly).
#[derive(Debug, Clone, PartialEq)]
pub struct Frame(pub(crate) Content);

impl Frame {
    /// The request that the frame belongs to.
    pub fn id(&self) -> RequestId {
        match &self.0 {
            Content::Message(message) => message.id,
            Content::Start(start) => start.head.id,
            Content::Part(part) => part.head.id,
        }
    }

    /// Whether it begins no request that must be fresh to be taken, see
    /// [`Request::is_repeatable`](crate::Request::is_repeatable).
    pub fn is_repeatable(&self) -> bool {
        match &self.0 {
            Content::Message(Message { body: Body::Request(request), .. }) => {
                request.is_repeatable()
            }
            Content::Start(Start { exchange: Exchange::Store { .. }, .. }) => false,
            Content::Message(_) | Content::Start(_) | Content::Part(_) => true,
        }
    }

    /// Reads a frame that came in `network` from its plaintext. What travels by stream only is read here, and in no datagram.
    pub fn decode(network: NetworkId, plaintext: Bytes) -> Result<Self, Undecodable> {
        codec::decode_frame(network, plaintext).map(Self)
    }

    /// Writes the plaintext of the frame to the end of `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        self.plaintext().write(out);
    }

    pub(crate) fn plaintext(&self) -> Plaintext<'_> {
        match &self.0 {
            Content::Message(message) => Plaintext::of_message(message, 0),
            Content::Start(start) => Plaintext::of_start(start),
            Content::Part(part) => Plaintext::of_part(part),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Message(Message),
    Start(Start),
    Part(Part),
}

/// What every frame says of its sender and its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) role: Role,
    pub(crate) families: Families,
    pub(crate) load: Load,
    pub(crate) id: RequestId,
}

/// A message without the value of its record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    pub(crate) head: Head,
    pub(crate) exchange: Exchange,
    pub(crate) record: StreamedRecord,
}

/// The messages that carry a record, without the record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Exchange {
    Store { ttl: Ttl, purpose: Purpose, expected: Option<Sequence> },
    Found { ttl: Ttl, closer: Vec<Mention> },
}

/// A record whose value follows in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamedRecord {
    pub(crate) head: RecordHead,
    /// Length of the whole value, in bytes.
    pub(crate) size: usize,
    /// The bytes of the value that the parts bring. Within 0..size.
    pub(crate) range: Range<usize>,
    /// By which each part can be verified alone, if it was asked for.
    pub(crate) outline: Option<Outline>,
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) head: Head,
    pub(crate) offset: usize,
    pub(crate) bytes: Bytes,
}
