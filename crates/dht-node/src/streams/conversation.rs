//! One stream with one other node: messages on it, sent and received within the limits.
//!
//! Invariants: the bytes of values coming in by all streams of a node are bounded together, and counted
//! before they come; a large value is verified on a blocking thread.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use dht_proto::envelope::SealNonce;
use dht_proto::limits::VALUE_MAX;
use dht_proto::seal::{OpenError, SealError};
use dht_proto::stream::{
    Assembly, AssemblyError, Channel, Frame, GatherError, Outgoing, Received, Unverified,
};
use dht_proto::{DecodeError, LocalIdentity, Message, NetworkId, NodeId, NodeIdentity};
use dht_routing::Offence;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::Notice;
use super::frames::{FrameError, FrameReader, FrameWriter};
use super::outlines::Outlines;
use super::pace::Pace;
use super::share::Shares;
use crate::Limits;
use crate::clock::Clock;
use crate::datagrams::offence_of;
use crate::entropy::Entropy;
use crate::freshness::Freshness;
use crate::stance::Stance;

/// Values longer than this are verified on a blocking thread, in bytes.
const VERIFY_INLINE_MAX: usize = 64 * 1024;

/// Memory is counted in pieces of this many bytes.
const MEMORY_UNIT: usize = 1_024;

/// What every stream of a node needs of it.
pub(crate) struct Setting {
    pub(crate) local: LocalIdentity,
    pub(crate) network: NetworkId,
    pub(crate) stance: Stance,
    pub(crate) limits: Limits,
    pub(super) clock: Clock,
    pub(super) freshness: Freshness,
    memory: Arc<Semaphore>,
    pub(super) shares: Shares,
    pub(super) outlines: Outlines,
    pub(super) notices: mpsc::Sender<Box<Notice>>,
}

impl Setting {
    pub(super) fn new(
        local: LocalIdentity,
        network: NetworkId,
        stance: Stance,
        limits: Limits,
        (clock, freshness): (Clock, Freshness),
        notices: mpsc::Sender<Box<Notice>>,
    ) -> Self {
        let units = units(limits.stream_memory).min(Semaphore::MAX_PERMITS);
        let memory = Arc::new(Semaphore::new(units));
        let shares = Shares::new(limits.inbound_streams_per_node);
        let outlines = Outlines::default();
        Self { local, network, stance, limits, clock, freshness, memory, shares, outlines, notices }
    }

    /// Whose streams these are, for log events.
    pub(super) fn node(&self) -> NodeId {
        self.local.node().id()
    }
}

/// Why a message was not sent or received. The stream is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    #[error(transparent)]
    Gather(#[from] GatherError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("a part of a value where all of it was due")]
    Partial,
    #[error("a value without its outline")]
    Unoutlined,
    #[error("another message than was due")]
    Unexpected,
    #[error("a request that was recorded, or sealed by a clock that is off")]
    NotFresh,
    #[error("too much is coming in at once, of one node or of all")]
    Crowded,
    #[error("the node is stopping")]
    Stopping,
}

impl StreamError {
    /// Whether the stream was closed or broke down, which is nobody's fault.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Frame(FrameError::Closed | FrameError::Io(_)) | Self::Stopping)
    }

    /// What it says of a node that it sealed such a frame. Nothing of the order of frames, which others who kept
    /// some of them could make.
    pub(super) fn offence_in_frame(&self) -> Option<(NodeIdentity, Offence)> {
        match self {
            Self::Open(OpenError::Rejected(rejected)) => {
                Some((rejected.from, offence_of(&rejected.undecodable.error)?))
            }
            _ => None,
        }
    }

    /// What it says of a node that it answered us so.
    pub(super) fn offence_in_answer(&self) -> Option<Offence> {
        match self {
            Self::Decode(_) => Some(Offence::WrongValue),
            // What is false the peer hears of with the request that it was the answer to.
            Self::Gather(error) if error.is_false() => None,
            Self::Assembly(_) | Self::Gather(_) | Self::Partial | Self::Unexpected => {
                Some(Offence::Malformed)
            }
            _ => self.offence_in_frame().map(|(_, offence)| offence),
        }
    }
}

/// A message that came in, and the memory counted for it until this is dropped.
pub(super) struct Arrived {
    pub(super) message: Message,
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

/// A stream and what is needed to use it.
pub(super) struct Conversation {
    pub(super) setting: Arc<Setting>,
    entropy: Entropy,
    pub(super) reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
}

impl Conversation {
    pub(super) fn new(setting: Arc<Setting>, entropy: Entropy, stream: TcpStream) -> Self {
        // Only delays small messages if it fails.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        let (reader, writer) = (FrameReader::new(read), FrameWriter::new(write));
        Self { setting, entropy, reader, writer }
    }

    /// Sends a message; `moved` is told how many bytes each frame of it took.
    pub(super) async fn send(
        &mut self,
        channel: &Channel,
        frames: Outgoing,
        mut moved: impl FnMut(usize),
    ) -> Result<(), StreamError> {
        let mut pace = Pace::start(&self.setting.limits);
        let mut bytes = BytesMut::new();
        for frame in frames {
            bytes.clear();
            let nonce = SealNonce::new(self.entropy.bytes(), self.setting.clock.now());
            channel.seal(&frame, nonce, &mut bytes)?;
            self.writer.write(&bytes, &mut pace).await?;
            moved(bytes.len());
        }
        Ok(())
    }

    /// Reads a frame that is on its way, not opened yet.
    pub(super) async fn next_frame(&mut self) -> Result<BytesMut, StreamError> {
        Ok(self.reader.next(&mut Pace::start(&self.setting.limits)).await?)
    }

    /// Receives the message that starts with `first`; `moved` is told how many bytes each frame took.
    pub(super) async fn receive(
        &mut self,
        channel: &Channel,
        first: Frame,
        mut moved: impl FnMut(usize),
    ) -> Result<Arrived, StreamError> {
        let mut assembly = Assembly::new(VALUE_MAX);
        let mut frame = first;
        let mut memory = None;
        let mut pace = Pace::start(&self.setting.limits);
        let message = loop {
            match assembly.push(frame)? {
                Received::Message(message) => break message,
                Received::Complete(unverified) => break self.verify(unverified).await?,
                Received::Partial { .. } => return Err(StreamError::Partial),
                Received::More { size, .. } if memory.is_none() => {
                    memory = Some(self.reserve(size).await?);
                    pace = Pace::start(&self.setting.limits);
                }
                Received::More { .. } => {}
            }
            let bytes = self.reader.next(&mut pace).await?;
            moved(bytes.len());
            frame = channel.open(bytes)?;
        };
        self.reader.release();
        Ok(Arrived { message, memory })
    }

    /// Verifies a value that has come, and keeps its outline, which that gives, for those who will ask for it.
    async fn verify(&self, unverified: Unverified) -> Result<Message, StreamError> {
        if unverified.size() <= VERIFY_INLINE_MAX {
            return Ok(unverified.verify()?);
        }
        let verified = tokio::task::spawn_blocking(move || unverified.verify_outlined()).await;
        let (message, outline) = verified.map_err(|_| StreamError::Stopping)??;
        if let (Some(record), Some(outline)) = (message.record(), outline) {
            self.setting.outlines.keep(record.digest(), outline);
        }
        Ok(message)
    }

    /// The lowest pace of a transfer that starts now.
    pub(super) fn start_pace(&self) -> Pace {
        Pace::start(&self.setting.limits)
    }

    /// Reads a frame and opens it.
    pub(super) async fn next_opened(
        &mut self,
        channel: &Channel,
        pace: &mut Pace,
    ) -> Result<Frame, StreamError> {
        Ok(channel.open(self.reader.next(pace).await?)?)
    }

    /// Waits until `size` more bytes may come in.
    pub(super) async fn reserve(&self, size: usize) -> Result<OwnedSemaphorePermit, StreamError> {
        let units = u32::try_from(units(size)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.setting.memory).acquire_many_owned(units);
        match timeout(self.setting.limits.stream_wait, permit).await {
            Ok(permit) => permit.map_err(|_| StreamError::Stopping),
            Err(_) => Err(StreamError::Crowded),
        }
    }

    /// Waits until something comes in, for at most `time`.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), StreamError> {
        Ok(self.reader.wait(Instant::now() + time).await?)
    }
}

fn units(bytes: usize) -> usize {
    bytes / MEMORY_UNIT + 1
}
