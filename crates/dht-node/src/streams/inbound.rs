//! A stream that was opened to us: requests come in, one after another, and each gets its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use dht_proto::seal::OpenError;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, ErrorCode, Message, Reply, Request, RequestId, ValueRange};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::conversation::{Arrived, Conversation, Setting, StreamError};
use super::frames::FrameError;
use super::{End, InboundId, Notice};
use crate::entropy::Entropy;

/// Serves a stream until it ends.
pub(super) async fn serve(
    setting: Arc<Setting>,
    entropy: Entropy,
    id: InboundId,
    stream: TcpStream,
    source: SocketAddr,
) -> End {
    let mut conversation = Conversation::new(setting, entropy, stream);
    let mut channel = None;
    loop {
        match conversation.wait().await {
            Ok(()) => {}
            Err(StreamError::Frame(FrameError::TooSlow)) => return End::Closed,
            Err(error) => return end(source, &error),
        }
        if let Err(error) = exchange(&mut conversation, &mut channel, id, source).await {
            return end(source, &error);
        }
    }
}

fn end(source: SocketAddr, error: &StreamError) -> End {
    tracing::debug!(%source, %error, "stream closed");
    if error.is_closed() { End::Closed } else { End::Broken }
}

/// Takes one request and sends its answer.
async fn exchange(
    conversation: &mut Conversation,
    channel: &mut Option<Channel>,
    stream: InboundId,
    source: SocketAddr,
) -> Result<(), StreamError> {
    let mut first = conversation.next_frame().await?;
    let channel = match channel {
        Some(channel) => channel,
        // A key exchange; whoever opens a stream has proven its address.
        None => channel.insert(Channel::accept(
            &conversation.setting.local,
            conversation.setting.network,
            &mut first,
        )?),
    };
    let first = match channel.open(first) {
        Ok(frame) => frame,
        Err(error) => return Err(object(conversation, channel, error).await),
    };
    let Arrived { message, memory } = conversation.receive(channel, first, |_| ()).await?;
    let range = match &message.body {
        Body::Request(Request::Download { range, .. }) => *range,
        Body::Request(_) => ValueRange::WHOLE,
        Body::Reply(_) => return Err(StreamError::Unexpected),
    };
    let answer = ask(conversation, channel, stream, source, message).await?;
    drop(memory);
    conversation.send(channel, Outgoing::of_range(answer, range), |_| ()).await
}

/// Hands the request to the node's task and waits for what it answers.
async fn ask(
    conversation: &Conversation,
    channel: &Channel,
    stream: InboundId,
    source: SocketAddr,
    message: Message,
) -> Result<Message, StreamError> {
    let (reply, answer) = oneshot::channel();
    let from = channel.peer();
    let asked = Box::new(Notice::Asked { stream, from, source, message, reply });
    let setting = &conversation.setting;
    setting.notices.send(asked).await.map_err(|_| StreamError::Stopping)?;
    match timeout(setting.limits.stream_idle, answer).await {
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
        let objection = objection(&conversation.setting, id, code);
        if let Err(error) = conversation.send(channel, Outgoing::new(objection), |_| ()).await {
            return error;
        }
    }
    error.into()
}

fn objection(setting: &Setting, id: RequestId, code: ErrorCode) -> Message {
    let body = Body::Reply(Reply::Error { code, text: String::new() });
    Message { role: setting.role, families: setting.families, id, body }
}
