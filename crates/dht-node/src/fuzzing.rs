//! What reads bytes in this crate, for the fuzz targets, which live in a crate of their own. No part of the API.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

use crate::Limits;
pub use crate::data_dir::forms;
use crate::streams::{FrameError, FrameReader, Pace};

/// How reading a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamEnd {
    /// Between frames.
    Closed,
    /// Within a frame.
    Cut,
    /// At a frame that is longer than any is.
    TooLong,
    /// For another reason, which reading from memory has none of.
    Failed,
}

/// Reads frames from a stream that brings `pieces`, none of them empty, one after another, and then ends.
pub fn read_frames(pieces: &[&[u8]]) -> io::Result<(Vec<BytesMut>, StreamEnd)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(async {
        let mut reader = FrameReader::new(Pieces(pieces.iter().copied().collect()));
        let mut frames = Vec::new();
        loop {
            match reader.next(&mut Pace::start(&Limits::default())).await {
                Ok(frame) => frames.push(frame),
                Err(FrameError::Closed) => return (frames, StreamEnd::Closed),
                Err(FrameError::TooLong) => return (frames, StreamEnd::TooLong),
                Err(FrameError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return (frames, StreamEnd::Cut);
                }
                Err(_) => return (frames, StreamEnd::Failed),
            }
        }
    }))
}

/// Brings one piece at each read, or as much of it as there is room for.
struct Pieces<'a>(VecDeque<&'a [u8]>);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(piece) = self.0.pop_front() {
            let (now, later) = piece.split_at(piece.len().min(room.remaining()));
            room.put_slice(now);
            if !later.is_empty() {
                self.0.push_front(later);
            }
        }
        Poll::Ready(Ok(()))
    }
}
