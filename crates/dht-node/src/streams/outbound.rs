//! A stream that we opened: requests go out, one after another, and each gets its reply.

use std::sync::Arc;
use std::time::Duration;

use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, RequestId};
use dht_routing::Gathered;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::conversation::{Arrived, Conversation, Setting, StreamError};
use super::gathering::{self, Delivery};
use super::pool::Job;
use super::{End, LineId, Notice};
use crate::entropy::Entropy;
use crate::socket::native;

/// How long opening a stream may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Bytes after which the node's task learns that a transfer moves.
const PROGRESS_BYTES: usize = 256 * 1024;

/// Time after which it learns so if any bytes have moved.
const PROGRESS_TIME: Duration = Duration::from_secs(1);

/// Opens a stream and carries `job`, then what comes by `jobs`, until the stream ends.
pub(super) async fn run(
    setting: Arc<Setting>,
    entropy: Entropy,
    line: LineId,
    job: Box<Job>,
    mut jobs: mpsc::Receiver<Box<Job>>,
) -> End {
    let (node, contact) = (setting.node(), job.contact);
    let addr = native(contact.addr, setting.stance.families);
    let stream = match timeout(CONNECT, TcpStream::connect(addr)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(?node, %contact, %error, "no stream opened");
            return End::Closed;
        }
        Err(_) => return End::Closed,
    };
    let channel = job.channel.clone();
    let mut conversation = Conversation::new(setting, entropy, stream);
    let mut job = job;
    let mut used = false;
    loop {
        if let Err(error) = exchange(&mut conversation, &channel, line, &job).await {
            tracing::debug!(?node, %contact, %error, "stream closed");
            if gathering::is_false(&error) {
                // Likewise.
                let about = (line, job.request());
                let _ = gathering::tell(&conversation, about, Gathered::False).await;
            }
            if let Some(offence) = error.offence_in_answer() {
                let (node, source) = (contact.node, contact.addr);
                let misbehaved = Box::new(Notice::Misbehaved { node, source, offence });
                // The task that is to hear it may be gone.
                let _ = conversation.setting.notices.send(misbehaved).await;
            }
            return match error.is_closed() {
                // The other end closed it while it was idle, just as we came to use it again.
                true if used => End::Unserved(job),
                true => End::Closed,
                false if matches!(error, StreamError::Unoutlined) => End::Closed,
                false => End::Broken,
            };
        }
        used = true;
        tokio::select! {
            next = jobs.recv() => match next {
                Some(next) => job = next,
                None => return End::Closed,
            },
            waited = idle(&mut conversation) => {
                jobs.close();
                return match jobs.try_recv() {
                    Ok(unserved) => End::Unserved(unserved),
                    Err(_) => waited,
                };
            }
        }
    }
}

/// Waits for the end of an idle stream. Half as long as the other end waits, so that it is rarely closed
/// by both at once.
async fn idle(conversation: &mut Conversation) -> End {
    let until = Instant::now() + conversation.setting.limits.stream_idle / 2;
    match conversation.reader.wait(until).await {
        // Nothing is due on an idle stream.
        Ok(()) => End::Broken,
        Err(_) => End::Closed,
    }
}

/// Sends one request and receives its reply.
async fn exchange(
    conversation: &mut Conversation,
    channel: &Channel,
    line: LineId,
    job: &Job,
) -> Result<(), StreamError> {
    let notices = conversation.setting.notices.clone();
    let mut progress = Progress::new(job.request(), notices.clone());
    let frames = Outgoing::new(job.message.clone());
    conversation.send(channel, frames, |bytes| progress.moved(bytes)).await?;
    let patience = conversation.setting.limits.stream_wait;
    conversation.wait(patience).await?;
    let first = conversation.next_frame().await?;
    progress.moved(first.len());
    let first = channel.open(first)?;
    let Arrived { message, memory: _counted } = match &job.mosaic {
        None => conversation.receive(channel, first, |bytes| progress.moved(bytes)).await?,
        Some(mosaic) => {
            let asked = (line, &job.message, mosaic);
            match gathering::receive(conversation, channel, asked, first).await? {
                Delivery::Whole => return Ok(()),
                Delivery::Message(message) => Arrived { message, memory: None },
                Delivery::Unoutlined => {
                    let about = (line, job.request());
                    gathering::tell(conversation, about, Gathered::Unoutlined).await?;
                    return Err(StreamError::Unoutlined);
                }
            }
        }
    };
    if !matches!(message.body, Body::Reply(_)) || message.id != job.request() {
        return Err(StreamError::Unexpected);
    }
    let answered = Notice::Answered { line, from: channel.peer(), message };
    notices.send(Box::new(answered)).await.map_err(|_| StreamError::Stopping)
}

/// Tells the node's task that a transfer moves, but not at every frame.
struct Progress {
    request: RequestId,
    notices: mpsc::Sender<Box<Notice>>,
    untold: usize,
    told: Instant,
}

impl Progress {
    fn new(request: RequestId, notices: mpsc::Sender<Box<Notice>>) -> Self {
        Self { request, notices, untold: 0, told: Instant::now() }
    }

    fn moved(&mut self, bytes: usize) {
        self.untold += bytes;
        if self.untold < PROGRESS_BYTES && self.told.elapsed() < PROGRESS_TIME {
            return;
        }
        // With the channel full the task is busy with news enough; the next bytes bring the next try.
        if self.notices.try_send(Box::new(Notice::Progressed { request: self.request })).is_ok() {
            self.untold = 0;
            self.told = Instant::now();
        }
    }
}
