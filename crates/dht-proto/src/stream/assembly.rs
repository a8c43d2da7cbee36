//! The receiving side: frames become a message again.
//!
//! Invariant: memory grows with what has arrived, never with what was announced.

use std::mem;

use super::frame::{Content, Exchange, Frame, Part, Start};
use crate::codec;
use crate::record::RecordValue;
use crate::{Body, DecodeError, Message, Outline, Problem, Reply, Request, RequestId, Value};

/// Puts together the messages that arrive over a stream, one after another.
#[derive(Debug)]
pub struct Assembly {
    /// Longest value taken, in bytes.
    limit: usize,
    /// What is here of the value, from its first byte on.
    pub(super) value: Vec<u8>,
    /// Set while parts are due.
    start: Option<Start>,
}

/// What a frame brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A message that is complete in itself.
    Message(Message),
    /// A message whose value has arrived. It counts once it is [verified](Unverified::verify).
    Complete(Unverified),
    /// A value is on its way.
    More {
        /// Bytes of the value that are here.
        received: usize,
        /// Bytes it has.
        size: usize,
    },
    /// All that was announced is here, but the value goes on, since not all of it was asked for.
    /// [`Assembly::into_value`] gets it.
    Partial {
        /// Bytes of the value that are here.
        received: usize,
        /// Bytes it has.
        size: usize,
    },
}

/// Why the frames of a stream make no message. The stream is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// A value is longer than is taken here.
    #[error("value of {size} bytes announced, limit is {limit}")]
    TooLarge {
        /// Length announced, in bytes.
        size: usize,
        /// Longest length taken, in bytes.
        limit: usize,
    },
    /// A part came with no start before it, or another frame where a part was due.
    #[error("frame out of order")]
    OutOfOrder,
    /// A part belongs to another request than the start before it.
    #[error("part of another request")]
    OtherRequest,
    /// A part does not start where the one before it ended, or a start not at what is here already.
    #[error("part at offset {found}, expected {expected}")]
    Offset {
        /// The offset found.
        found: usize,
        /// The offset that is next.
        expected: usize,
    },
    /// A part reaches past the end that was announced.
    #[error("part ends at {found}, value at {end}")]
    PastEnd {
        /// Where the part ends.
        found: usize,
        /// Where the announced bytes end.
        end: usize,
    },
}

impl Assembly {
    /// Takes messages with values of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self::resume(limit, Vec::new())
    }

    /// Takes messages with values of at most `limit` bytes; the first `known.len()` bytes of the first value
    /// are here from an earlier transfer, and the parts must go on from there.
    pub fn resume(limit: usize, known: Vec<u8>) -> Self {
        Self { limit, value: known, start: None }
    }

    /// Takes one frame. After an error the stream can only be closed.
    pub fn push(&mut self, frame: Frame) -> Result<Received, AssemblyError> {
        match (frame.0, &self.start) {
            (Content::Message(message), None) => Ok(Received::Message(message)),
            (Content::Start(start), None) => self.push_start(start),
            (Content::Part(part), Some(_)) => self.push_part(&part),
            (Content::Part(_), None) | (Content::Message(_) | Content::Start(_), Some(_)) => {
                Err(AssemblyError::OutOfOrder)
            }
        }
    }

    /// What has arrived of a value that is not complete, for [`resume`](Self::resume).
    pub fn into_value(self) -> Vec<u8> {
        self.value
    }

    fn push_start(&mut self, start: Start) -> Result<Received, AssemblyError> {
        let size = start.record.size;
        if size > self.limit {
            return Err(AssemblyError::TooLarge { size, limit: self.limit });
        }
        let (found, expected) = (start.record.range.start, self.value.len());
        if found != expected {
            return Err(AssemblyError::Offset { found, expected });
        }
        Ok(self.progress(start))
    }

    fn push_part(&mut self, part: &Part) -> Result<Received, AssemblyError> {
        let Some(start) = self.start.take() else { return Err(AssemblyError::OutOfOrder) };
        if part.head.id != start.head.id {
            return Err(AssemblyError::OtherRequest);
        }
        let (found, expected) = (part.offset, self.value.len());
        if found != expected {
            return Err(AssemblyError::Offset { found, expected });
        }
        let end = start.record.range.end;
        let found = expected + part.bytes.len();
        if found > end {
            return Err(AssemblyError::PastEnd { found, end });
        }
        if found > self.value.capacity() {
            let capacity = found.max(2 * expected).min(end);
            self.value.reserve_exact(capacity - expected);
        }
        self.value.extend_from_slice(&part.bytes);
        Ok(self.progress(start))
    }

    fn progress(&mut self, start: Start) -> Received {
        let (received, size) = (self.value.len(), start.record.size);
        if received < start.record.range.end {
            self.start = Some(start);
            Received::More { received, size }
        } else if received < size {
            Received::Partial { received, size }
        } else {
            Received::Complete(Unverified { start, value: mem::take(&mut self.value) })
        }
    }
}

/// A message with a long value that has arrived, and is still to be hashed and its signature verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Unverified {
    start: Start,
    value: Vec<u8>,
}

impl Unverified {
    /// The request that it is, or answers.
    pub fn id(&self) -> RequestId {
        self.start.head.id
    }

    /// Length of the value, in bytes.
    pub fn size(&self) -> usize {
        self.value.len()
    }

    /// Hashes the value, verifies the signature if there is one, and makes the message. Takes about a
    /// millisecond for 5 MB. That the record is the one asked for is the caller's to check.
    pub fn verify(self) -> Result<Message, DecodeError> {
        self.verify_outlined().map(|(message, _)| message)
    }

    /// The same. Returns the outline of the value as well, if it has one, which hashing it gives.
    pub fn verify_outlined(self) -> Result<(Message, Option<Outline>), DecodeError> {
        let Start { head, exchange, record } = self.start;
        let (found, limit) = (self.value.len(), crate::limits::VALUE_MAX);
        let value = Value::new(self.value)
            .map_err(|_| DecodeError::new("streamed.size", Problem::TooLong { found, limit }))?;
        let outline = Outline::of(value.as_bytes());
        let record = match &outline {
            Some(outline) => codec::complete_hashed(record.head, value, outline.digest())?,
            None => codec::complete(record.head, RecordValue::Value(value))?,
        };
        let body = match exchange {
            Exchange::Store { ttl, purpose, expected } => {
                Body::Request(Request::Store { record, ttl, purpose, expected })
            }
            Exchange::Found { ttl, closer } => Body::Reply(Reply::Found { record, ttl, closer }),
        };
        Ok((
            Message {
                role: head.role,
                families: head.families,
                load: head.load,
                id: head.id,
                body,
            },
            outline,
        ))
    }
}
