//! Parts of a value that come by a stream we opened, beside others that bring other parts of it.
//!
//! Each part is verified and laid as it comes; what is here stays, whatever becomes of the stream.

use std::sync::Arc;

use dht_proto::stream::{Channel, Frame, GatherError, Gathering, Opening};
use dht_proto::{Body, Message, Mosaic, Request, RequestId, ValueRange};
use dht_routing::Gathered;
use tokio::sync::{OnceCell, OwnedSemaphorePermit};

use super::conversation::{Conversation, StreamError};
use super::{LineId, Notice};

/// What is counted for a value that is gathered: once for all streams that bring parts of it, and as long as
/// anybody has its mosaic.
#[derive(Debug, Default)]
struct Account {
    memory: OnceCell<OwnedSemaphorePermit>,
}

/// What a request for parts came to.
pub(super) enum Delivery {
    /// All parts came.
    Whole,
    /// It was answered by a message instead.
    Message(Message),
    /// The node sends no outlines. Its stream is of no use any more.
    Unoutlined,
}

/// Receives the answer to a request for parts, which begins with `first`. Tells of each part.
pub(super) async fn receive(
    conversation: &mut Conversation,
    channel: &Channel,
    (line, message, mosaic): (LineId, &Message, &Arc<Mosaic>),
    first: Frame,
) -> Result<Delivery, StreamError> {
    let asked = match &message.body {
        Body::Request(Request::Download { range, .. }) => *range,
        _ => ValueRange::WHOLE,
    };
    let mut gathering = match Gathering::begin(Arc::clone(mosaic), first, asked)? {
        Opening::Message(message) => return Ok(Delivery::Message(message)),
        Opening::Unoutlined => return Ok(Delivery::Unoutlined),
        Opening::Parts(gathering) => gathering,
    };
    if gathering.id() != message.id || gathering.is_complete() {
        return Err(StreamError::Unexpected);
    }
    // Only now, for the outline has proven that there is such a value.
    let account = mosaic.companion(Account::default);
    if let Some(account) = &account {
        let size = mosaic.size();
        account.memory.get_or_try_init(|| conversation.reserve(size)).await?;
    }
    let mut pace = conversation.start_pace();
    while !gathering.is_complete() {
        let frame = conversation.next_opened(channel, &mut pace).await?;
        let part = gathering.push(frame)?;
        let (ttl, is_last) = (gathering.ttl(), gathering.is_complete());
        tell(conversation, (line, message.id), Gathered::Part { part, ttl, is_last }).await?;
    }
    conversation.reader.release();
    Ok(Delivery::Whole)
}

/// Tells the node's task what came of a request for parts.
pub(super) async fn tell(
    conversation: &Conversation,
    (line, request): (LineId, RequestId),
    news: Gathered,
) -> Result<(), StreamError> {
    let notice = Box::new(Notice::Gathered { line, request, news });
    conversation.setting.notices.send(notice).await.map_err(|_| StreamError::Stopping)
}

/// Whether a node passed something off as what was asked for.
pub(super) fn is_false(error: &StreamError) -> bool {
    matches!(error, StreamError::Gather(error) if GatherError::is_false(error))
}
