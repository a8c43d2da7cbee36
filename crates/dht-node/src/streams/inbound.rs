//! A stream that was opened to us: requests come in, one after another, and each gets its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use dht_proto::seal::OpenError;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, Message, Reply, Request, ValueRange};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::conversation::{Arrived, Conversation, Setting, StreamError};
use super::frames::FrameError;
use super::visitors::{Rest, VisitorId};
use super::{End, Notice};
use crate::entropy::Entropy;
use crate::freshness::Age;

/// Whose stream it is.
pub(super) struct Guest {
    pub(super) visitor: VisitorId,
    pub(super) rest: Arc<Rest>,
    pub(super) source: SocketAddr,
}

/// Who is at the other end.
struct Peer {
    channel: Channel,
    /// What it may have under way on all of its streams; `None` until it has proven who it is.
    share: Option<Arc<Semaphore>>,
}

impl Peer {
    /// Whoever claims to have sealed the first frame. Makes a key exchange; the address of whoever opens a stream is proven.
    fn accept(setting: &Setting, first: &mut [u8]) -> Result<Self, OpenError> {
        let channel = Channel::accept(&setting.local, setting.network, first)?;
        Ok(Self { channel, share: None })
    }
}

/// Serves a stream until it ends.
pub(super) async fn serve(
    setting: Arc<Setting>,
    entropy: Entropy,
    guest: Guest,
    stream: TcpStream,
) -> End {
    let (node, source, idle) = (setting.node(), guest.source, setting.limits.stream_idle);
    let end = |error: StreamError| {
        tracing::debug!(?node, %source, %error, "stream closed");
        if error.is_closed() { End::Closed } else { End::Broken }
    };
    let mut conversation = Conversation::new(setting, entropy, stream);
    let mut peer = None;
    loop {
        match conversation.wait(idle).await {
            Ok(()) => {}
            Err(StreamError::Frame(FrameError::TooSlow)) => return End::Closed,
            Err(error) => return end(error),
        }
        if let Err(error) = exchange(&mut conversation, &mut peer, &guest).await {
            if let Some((node, offence)) = error.offence_in_frame() {
                let misbehaved = Box::new(Notice::Misbehaved { node, source, offence });
                // The task that is to hear it may be gone.
                let _ = conversation.setting.notices.send(misbehaved).await;
            }
            return end(error);
        }
        guest.rest.idle();
    }
}

/// Takes one request and sends its answer.
async fn exchange(
    conversation: &mut Conversation,
    peer: &mut Option<Peer>,
    guest: &Guest,
) -> Result<(), StreamError> {
    let mut first = conversation.next_frame().await?;
    let Peer { channel, share } = match peer {
        Some(peer) => peer,
        None => peer.insert(Peer::accept(&conversation.setting, &mut first)?),
    };
    let nonce = channel.seal_nonce(&mut first)?;
    let first = match channel.open(first) {
        Ok(frame) => frame,
        Err(error) => return Err(object(conversation, channel, error).await),
    };
    let share = match share {
        Some(share) => share,
        None => share.insert(conversation.setting.shares.of(&channel.peer().public())),
    };
    let turn = timeout(conversation.setting.limits.stream_wait, share.acquire());
    let _turn = turn.await.map_err(|_| StreamError::Crowded)?;
    // Only now: who drips bytes that are no frame of anybody is the first to go when streams are short.
    guest.rest.busy();
    // Whoever opened the stream is there, but what it sends another may have sealed, at any time.
    if !first.is_repeatable() {
        let Setting { clock, freshness, .. } = conversation.setting.as_ref();
        if freshness.take(clock.now(), &nonce, false) != Age::Fresh {
            return Err(StreamError::NotFresh);
        }
    }
    let Arrived { message, memory } = conversation.receive(channel, first, |_| ()).await?;
    let (range, outlined) = match &message.body {
        Body::Request(Request::Download { range, outlined, .. }) => (*range, *outlined),
        Body::Request(_) => (ValueRange::WHOLE, false),
        Body::Reply(_) => return Err(StreamError::Unexpected),
    };
    let answer = ask(conversation, channel, guest, message).await?;
    drop(memory);
    let outline = match answer.record().filter(|_| outlined) {
        Some(record) => conversation.setting.outlines.of(record).await?,
        None => None,
    };
    let mut frames = Outgoing::of_range(answer, range);
    if let Some(outline) = outline {
        frames = frames.with_outline(outline);
    }
    conversation.send(channel, frames, |_| ()).await
}

/// Hands the request to the node's task and waits for what it answers.
async fn ask(
    conversation: &Conversation,
    channel: &Channel,
    guest: &Guest,
    message: Message,
) -> Result<Message, StreamError> {
    let (reply, answer) = oneshot::channel();
    let (visitor, source, from) = (guest.visitor, guest.source, channel.peer());
    let asked = Box::new(Notice::Asked { visitor, from, source, message, reply });
    let setting = &conversation.setting;
    setting.notices.send(asked).await.map_err(|_| StreamError::Stopping)?;
    match timeout(setting.limits.stream_wait, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(StreamError::Stopping),
    }
}

/// Tells the other end what is wrong with its request, if that is what is wrong. What follows it on the
/// stream could not be told apart from it, so the stream ends.
async fn object(
    conversation: &mut Conversation,
    channel: &Channel,
    error: OpenError,
) -> StreamError {
    if let OpenError::Rejected(rejected) = &error
        && let Some((id, code)) = rejected.undecodable.answer
    {
        let body = Body::Reply(Reply::Error { code, text: String::new() });
        let objection = conversation.setting.stance.message(id, body);
        if let Err(error) = conversation.send(channel, Outgoing::new(objection), |_| ()).await {
            return error;
        }
    }
    error.into()
}
