//! Frames on a stream: a 4-byte big-endian length and as many bytes, read and written at a lowest rate.
//!
//! Invariant: a length is checked before a byte is allocated for it. A reader between messages holds no buffer.

use std::io;

use bytes::BytesMut;
use dht_proto::limits::FRAME_MAX;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use super::pace::Pace;

/// Why a stream ends before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The other end closed it, between frames.
    #[error("closed")]
    Closed,
    /// It moved less than the lowest rate, or nothing while something was awaited.
    #[error("too slow")]
    TooSlow,
    /// The other end announced a frame longer than any frame is.
    #[error("frame is longer than {FRAME_MAX} bytes")]
    TooLong,
    /// The system reports an error, or the other end closed it within a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts what comes in into frames.
pub(crate) struct FrameReader<R> {
    half: R,
    buffer: BytesMut,
    codec: LengthDelimitedCodec,
    /// Whether a frame has begun. The buffer does not tell: the codec takes the length out of it first.
    within: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(half: R) -> Self {
        let codec = LengthDelimitedCodec::builder().max_frame_length(FRAME_MAX).new_codec();
        Self { half, buffer: BytesMut::new(), codec, within: false }
    }

    /// Waits until a byte is there or the stream has ended, as long as `until` has not come. Nothing is lost if the
    /// future is dropped.
    pub(crate) async fn wait(&mut self, until: Instant) -> Result<(), FrameError> {
        if self.buffer.is_empty() {
            // One byte's room: the frame that follows allocates by its own, checked, length.
            self.fill(until).await?;
        }
        Ok(())
    }

    /// Reads the next frame; `pace` is told of every byte.
    pub(crate) async fn next(&mut self, pace: &mut Pace) -> Result<BytesMut, FrameError> {
        loop {
            let decoded = self.codec.decode(&mut self.buffer);
            if let Some(frame) = decoded.map_err(|_| FrameError::TooLong)? {
                self.within = !self.buffer.is_empty();
                return Ok(frame);
            }
            let bytes = self.fill(pace.deadline()).await?;
            pace.moved(bytes);
        }
    }

    /// Gives the buffer back between messages.
    pub(crate) fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    async fn fill(&mut self, until: Instant) -> Result<usize, FrameError> {
        self.buffer.reserve(512);
        let read = timeout_at(until, self.half.read_buf(&mut self.buffer)).await;
        match read.map_err(|_| FrameError::TooSlow)?? {
            0 if self.within => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            0 => Err(FrameError::Closed),
            bytes => {
                self.within = true;
                Ok(bytes)
            }
        }
    }
}

/// Writes frames.
pub(crate) struct FrameWriter<W> {
    half: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) fn new(half: W) -> Self {
        Self { half }
    }

    /// Writes the bytes of a frame, its length before it; `pace` is told of every byte.
    pub(crate) async fn write(
        &mut self,
        mut bytes: &[u8],
        pace: &mut Pace,
    ) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            let write = timeout_at(pace.deadline(), self.half.write(bytes)).await;
            let written = write.map_err(|_| FrameError::TooSlow)??;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            pace.moved(written);
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
