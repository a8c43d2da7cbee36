//! The receiving side of a value that comes in pieces from several nodes: parts of it are verified one by one,
//! as they arrive, and laid into a [`Mosaic`].
//!
//! *Invariant:* nothing is laid that the outline does not prove, and no outline counts that is not that of the
//! record which the mosaic is for.

use std::ops::Range;
use std::sync::Arc;

use super::assembly::AssemblyError;
use super::frame::{Content, Exchange, Frame, Start, StreamedRecord};
use crate::{Message, Mosaic, Outline, RequestId, Ttl, ValueRange, part_count, part_range};

/// How a reply to a [`Request::Download`](crate::Request::Download) with an outline begins.
#[derive(Debug)]
pub enum Opening {
    /// It is this message, and complete.
    Message(Message),
    /// A value is coming whose parts cannot be verified one by one: the node sends no outline.
    Unoutlined,
    /// Parts are coming.
    Parts(Gathering),
}

/// Why what a node sends cannot be used. The stream is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// It is another record than was asked for: another key, kind, version or size, or a signature that does not
    /// verify.
    #[error("another record than was asked for")]
    OtherRecord,
    /// The outline is not that of the value with the hash.
    #[error("outline of another value")]
    WrongOutline,
    /// A part is not the one of the value.
    #[error("part {part} is not that of the value")]
    WrongPart {
        /// Its number, from 0.
        part: u32,
    },
    /// The frames break the rules of streams.
    #[error(transparent)]
    Frames(#[from] AssemblyError),
}

impl GatherError {
    /// Whether the node passed something off as what was asked for.
    pub fn is_false(&self) -> bool {
        !matches!(self, Self::Frames(_))
    }
}

/// Parts of a value on their way from one node.
#[derive(Debug)]
pub struct Gathering {
    mosaic: Arc<Mosaic>,
    outline: Outline,
    id: RequestId,
    ttl: Ttl,
    /// Parts that are still to come.
    left: Range<usize>,
}

impl Gathering {
    /// Looks at the first frame of a reply, of which `asked` was asked for. Verifies the signature of a signed
    /// record.
    pub fn begin(
        mosaic: Arc<Mosaic>,
        frame: Frame,
        asked: ValueRange,
    ) -> Result<Opening, GatherError> {
        let start = match frame.0 {
            Content::Message(message) => return Ok(Opening::Message(message)),
            Content::Part(_) => return Err(AssemblyError::OutOfOrder.into()),
            Content::Start(start) => start,
        };
        let Start { head, exchange: Exchange::Found { ttl, .. }, record } = start else {
            return Err(AssemblyError::OutOfOrder.into());
        };
        let StreamedRecord { head: head_of_record, size, range, outline } = record;
        let Some(outline) = outline else { return Ok(Opening::Unoutlined) };
        let expected = asked.within(size);
        if size != mosaic.size() {
            return Err(GatherError::OtherRecord);
        }
        if range != expected {
            let (found, expected) = (range.start, expected.start);
            return Err(AssemblyError::Offset { found, expected }.into());
        }
        if outline.digest() != mosaic.digest() {
            return Err(GatherError::WrongOutline);
        }
        if !mosaic.is_headed_by(&head_of_record) {
            return Err(GatherError::OtherRecord);
        }
        mosaic.accept(head_of_record);
        let left = part_count(range.start)..part_count(range.end);
        Ok(Opening::Parts(Self { mosaic, outline, id: head.id, ttl, left }))
    }

    /// Takes the next frame. Hashes the part in it, some 10 us, lays it, and returns its number.
    pub fn push(&mut self, frame: Frame) -> Result<u32, GatherError> {
        let Content::Part(part) = frame.0 else { return Err(AssemblyError::OutOfOrder.into()) };
        if part.head.id != self.id {
            return Err(AssemblyError::OtherRequest.into());
        }
        let place = part_range(self.left.start, self.mosaic.size());
        let (found, expected) = (part.offset, place.start);
        if found != expected || self.left.is_empty() {
            return Err(AssemblyError::Offset { found, expected }.into());
        }
        let (found, end) = (found + part.bytes.len(), place.end);
        if found != end {
            return Err(AssemblyError::PastEnd { found, end }.into());
        }
        let number = u32::try_from(self.left.start).unwrap_or(u32::MAX);
        if !self.outline.proves(self.left.start, &part.bytes) {
            return Err(GatherError::WrongPart { part: number });
        }
        self.mosaic.place(self.left.start, &part.bytes);
        self.left.start += 1;
        Ok(number)
    }

    /// Whether all that was announced is here.
    pub fn is_complete(&self) -> bool {
        self.left.is_empty()
    }

    /// Parts that are still to come.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The request that it answers.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// What is left of the record's life, as the node says.
    pub fn ttl(&self) -> Ttl {
        self.ttl
    }
}

#[cfg(test)]
mod tests;
