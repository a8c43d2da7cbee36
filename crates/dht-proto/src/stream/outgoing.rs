//! The sending side: a message as its frames, one at a time.

use std::ops::Range;

use bytes::Bytes;

use super::frame::{Content, Exchange, Frame, Head, Part, Start, StreamedRecord};
use crate::limits::PART_MAX;
use crate::{Body, Message, Outline, Reply, Request, ValueRange};

/// Yields the frames of one message. Parts share the memory of the value: nothing is copied before it
/// is sealed, and nothing is made before it is asked for.
#[derive(Debug, Clone)]
pub struct Outgoing {
    first: Option<Content>,
    head: Head,
    value: Bytes,
    left: Range<usize>,
}

impl Outgoing {
    /// All of a message.
    pub fn new(message: Message) -> Self {
        Self::of_range(message, ValueRange::WHOLE)
    }

    /// A message with only the part of its value that a [`Request::Download`] asked for. A value short
    /// enough for a datagram is always sent whole.
    pub fn of_range(message: Message, range: ValueRange) -> Self {
        let Message { role, families, load, id, body } = message;
        let head = Head { role, families, load, id };
        let (exchange, record) = match body {
            Body::Request(Request::Store { record, ttl, purpose, expected })
                if !record.is_inline() =>
            {
                (Exchange::Store { ttl, purpose, expected }, record)
            }
            Body::Reply(Reply::Found { record, ttl, closer }) if !record.is_inline() => {
                (Exchange::Found { ttl, closer }, record)
            }
            body => {
                let first = Some(Content::Message(Message { role, families, load, id, body }));
                return Self { first, head, value: Bytes::new(), left: 0..0 };
            }
        };
        let value = record.value().map(|value| value.as_bytes().clone()).unwrap_or_default();
        let left = range.within(value.len());
        let (head_of_record, size, range) = (record.head(), value.len(), left.clone());
        let record = StreamedRecord { head: head_of_record, size, range, outline: None };
        let first = Some(Content::Start(Start { head, exchange, record }));
        Self { first, head, value, left }
    }

    /// With the outline of the value, in answer to a [`Request::Download`] that wants it. Nothing changes if the
    /// value travels in one frame.
    #[must_use]
    pub fn with_outline(mut self, outline: Outline) -> Self {
        if let Some(Content::Start(start)) = &mut self.first
            && outline.size() == start.record.size
        {
            start.record.outline = Some(outline);
        }
        self
    }

    /// Bytes of the value that have not been yielded yet.
    pub fn left(&self) -> usize {
        self.left.len()
    }
}

impl Iterator for Outgoing {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if let Some(first) = self.first.take() {
            return Some(Frame(first));
        }
        if self.left.is_empty() {
            return None;
        }
        let offset = self.left.start;
        let end = self.left.end.min(offset + PART_MAX);
        self.left.start = end;
        let bytes = self.value.slice(offset..end);
        Some(Frame(Content::Part(Part { head: self.head, offset, bytes })))
    }
}
