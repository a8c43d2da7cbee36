//! The streams of a node, those it opened and those opened to it, as its task sees them.
//!
//! Each stream is a task of its own, which moves bytes, seals, opens and hashes; what it has to say comes
//! through one bounded channel, and that it ended through its join handle, however it ended.
//!
//! Invariants: streams are bounded in number, in number from one public address, and in requests of one node; the bytes of values
//! coming in are bounded together. Nothing here waits for a stream: a slow one holds up itself alone.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{LocalIdentity, Message, Moment, NetworkId, NodeIdentity, RequestId};
use dht_routing::{Gathered, Input, Offence, StreamId, Via};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::freshness::Freshness;
use crate::socket::canonical;
use crate::stance::Stance;
use crate::{Drops, Limits};

mod conversation;
mod frames;
mod gathering;
mod inbound;
mod outbound;
mod outlines;
mod pace;
mod pool;
mod share;
mod visitors;

use conversation::Setting;
#[cfg(feature = "fuzzing")]
pub(crate) use frames::{FrameError, FrameReader};
use inbound::Guest;
#[cfg(feature = "fuzzing")]
pub(crate) use pace::Pace;
pub(crate) use pool::Job;
use pool::{LineId, Pool, Step};
use visitors::{VisitorId, Visitors};

/// News that may wait for the node's task. Streams wait when there are more.
const NEWS: usize = 32;

/// How long no stream is accepted after the system could not give one: it is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the peer learns of its requests that wait for a stream, so that it does not take them for lost.
const REASSURE: Duration = Duration::from_secs(1);

/// What a stream tells the node's task.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A request came in on a stream opened to us.
    Asked {
        visitor: VisitorId,
        from: NodeIdentity,
        source: SocketAddr,
        message: Message,
        reply: oneshot::Sender<Message>,
    },
    /// The reply to a request came in, and the line may carry another.
    Answered { line: LineId, from: NodeIdentity, message: Message },
    /// News of a request for parts of a value.
    Gathered { line: LineId, request: RequestId, news: Gathered },
    /// Bytes of a request or its reply moved.
    Progressed { request: RequestId },
    /// A node at the other end of a stream sealed what no honest one does.
    Misbehaved { node: NodeIdentity, source: SocketAddr, offence: Offence },
}

/// How a stream's task ended.
#[derive(Debug)]
pub(crate) enum End {
    /// In good order: idle for long, or closed by its other end between messages.
    Closed,
    /// The other end was too slow or broke the protocol.
    Broken,
    /// A request was handed to it when it was closing, and nothing of it was answered.
    Unserved(Box<Job>),
}

/// What happens to the streams of a node.
#[derive(Debug)]
pub(crate) enum News {
    Told(Box<Notice>),
    Ended(Result<(Id, End), JoinError>),
    Accepted(io::Result<(TcpStream, SocketAddr)>),
}

/// Tells whether somebody at an address, of whom no more may be known yet, is turned away.
pub(crate) type Doorman<'a> = dyn FnMut(Option<&NodeIdentity>, IpAddr) -> bool + 'a;

/// A stream's task, seen from the node's.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Inbound(VisitorId),
    Outbound(LineId),
}

#[derive(Debug)]
struct Line {
    jobs: mpsc::Sender<Box<Job>>,
    task: AbortHandle,
    /// A request that came when the task had ended already.
    stranded: Option<Box<Job>>,
}

/// The streams of a node.
pub(crate) struct Streams {
    setting: Arc<Setting>,
    entropy: Entropy,
    listener: Option<TcpListener>,
    accept_from: Option<Moment>,
    notices: mpsc::Receiver<Box<Notice>>,
    tasks: JoinSet<End>,
    open: HashMap<Id, Stream>,
    pool: Pool,
    lines: BTreeMap<LineId, Line>,
    reassure_at: Option<Moment>,
    visitors: Visitors,
    refused: u64,
    broken: u64,
}

impl Streams {
    /// Streams of a node, accepted from `listener` if there is one.
    pub(crate) fn new(
        local: LocalIdentity,
        network: NetworkId,
        stance: Stance,
        limits: Limits,
        entropy: Entropy,
        time: (Clock, Freshness),
        listener: Option<TcpListener>,
    ) -> Self {
        let (sender, notices) = mpsc::channel(NEWS);
        let pool = Pool::new(limits.outbound_streams);
        let visitors = Visitors::new(&limits);
        Self {
            pool,
            visitors,
            setting: Arc::new(Setting::new(local, network, stance, limits, time, sender)),
            entropy,
            listener,
            accept_from: None,
            notices,
            tasks: JoinSet::new(),
            open: HashMap::new(),
            lines: BTreeMap::new(),
            reassure_at: None,
            refused: 0,
            broken: 0,
        }
    }

    /// Waits for something to happen. Nothing is lost if the future is dropped.
    pub(crate) async fn news(&mut self) -> News {
        let accepting = self.accept_from.is_none();
        tokio::select! {
            Some(notice) = self.notices.recv() => News::Told(notice),
            Some(ended) = self.tasks.join_next_with_id() => News::Ended(ended),
            accepted = accept(self.listener.as_ref()), if accepting => News::Accepted(accepted),
        }
    }

    /// Takes what happened. Streams of those who are turned away are closed.
    pub(crate) fn take(
        &mut self,
        now: Moment,
        news: News,
        inputs: &mut VecDeque<Input>,
        turned_away: &mut Doorman<'_>,
    ) {
        match news {
            News::Told(notice) => self.told(*notice, inputs, turned_away),
            News::Ended(ended) => {
                // What a stream told before it ended comes before its end: it is in the channel by now.
                for _ in 0..NEWS {
                    let Ok(notice) = self.notices.try_recv() else { break };
                    self.told(*notice, inputs, turned_away);
                }
                match ended {
                    Ok((id, end)) => self.ended(id, end, inputs),
                    // Closed by us, or a fault of this crate, which must not take the node with it.
                    Err(error) => self.ended(error.id(), End::Closed, inputs),
                }
            }
            News::Accepted(Ok((stream, addr))) => {
                let source = canonical(addr);
                if !turned_away(None, source.ip()) {
                    self.accept(stream, source);
                }
            }
            News::Accepted(Err(error)) => self.not_accepted(now, &error),
        }
        self.assign(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        [self.accept_from, self.reassure_at].into_iter().flatten().min()
    }

    /// Acts on what is due.
    pub(crate) fn handle_timeout(&mut self, now: Moment, inputs: &mut VecDeque<Input>) {
        if self.accept_from.is_some_and(|from| from <= now) {
            self.accept_from = None;
        }
        if self.reassure_at.is_some_and(|at| at <= now) {
            inputs.extend(self.pool.waiting().map(|request| Input::Progressed { request }));
            self.reassure_at = self.pool.is_waiting().then_some(now + REASSURE);
        }
    }

    /// Sends a request by a stream, as soon as one can be had.
    pub(crate) fn dial(&mut self, now: Moment, job: Job, inputs: &mut VecDeque<Input>) {
        if let Err(job) = self.pool.dial(Box::new(job)) {
            inputs.push_back(Input::Unreachable { request: job.request() });
        }
        self.assign(now);
    }

    /// Closes the stream of a request whose answer is not wanted any more.
    pub(crate) fn withdraw(&mut self, request: RequestId) {
        if let Some(line) = self.pool.withdraw(request) {
            self.close(line);
        }
    }

    /// Answers a request that came in on a stream, if the stream is still there.
    pub(crate) fn answer(&mut self, stream: StreamId, message: Message) {
        self.visitors.answer(stream, message);
    }

    /// Streams there are.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Adds the streams refused and broken.
    pub(crate) fn count(&self, drops: &mut Drops) {
        drops.streams_refused += self.refused;
        drops.streams_broken += self.broken;
    }

    /// Closes every stream and waits for their tasks.
    pub(crate) async fn shutdown(&mut self) {
        self.listener = None;
        self.tasks.shutdown().await;
    }

    fn told(
        &mut self,
        notice: Notice,
        inputs: &mut VecDeque<Input>,
        turned_away: &mut Doorman<'_>,
    ) {
        match notice {
            // Unanswered, its stream ends.
            Notice::Asked { from, source, .. } if turned_away(Some(&from), source.ip()) => {}
            Notice::Asked { visitor, from, source, message, reply } => {
                let stream = self.visitors.asked(visitor, reply);
                let via = Via::Inbound { stream, source };
                inputs.push_back(Input::Received { from, via, message });
            }
            Notice::Answered { line, from, message } => {
                self.pool.answered(line);
                inputs.push_back(Input::Received { from, via: Via::Outbound, message });
            }
            Notice::Gathered { line, request, news } => {
                if matches!(news, Gathered::Part { is_last: true, .. }) {
                    self.pool.answered(line);
                }
                inputs.push_back(Input::Gathered { request, news });
            }
            Notice::Progressed { request } => inputs.push_back(Input::Progressed { request }),
            Notice::Misbehaved { node, source, offence } => {
                let proven = Some(source.ip());
                inputs.push_back(Input::Misbehaved { node, proven, offence });
            }
        }
    }

    fn ended(&mut self, id: Id, end: End, inputs: &mut VecDeque<Input>) {
        if matches!(end, End::Broken) {
            self.broken += 1;
        }
        match self.open.remove(&id) {
            Some(Stream::Outbound(line)) => {
                let stranded = self.lines.remove(&line).and_then(|line| line.stranded);
                let unserved = match end {
                    End::Unserved(job) => Some(job),
                    End::Closed | End::Broken => stranded,
                };
                match (self.pool.ended(line), unserved) {
                    (Some(_), Some(job)) => self.pool.again(job),
                    (Some(request), None) => inputs.push_back(Input::Unreachable { request }),
                    (None, _) => {}
                }
            }
            Some(Stream::Inbound(visitor)) => self.visitors.left(visitor),
            None => {}
        }
    }

    fn accept(&mut self, stream: TcpStream, source: SocketAddr) {
        if !self.visitors.make_room(source.ip()) {
            self.refused += 1;
            return;
        }
        let (setting, entropy) = (Arc::clone(&self.setting), self.entropy.fork());
        let (tasks, open) = (&mut self.tasks, &mut self.open);
        self.visitors.enter(source.ip(), |visitor, rest| {
            let guest = Guest { visitor, rest, source };
            let task = tasks.spawn(inbound::serve(setting, entropy, guest, stream));
            open.insert(task.id(), Stream::Inbound(visitor));
            task
        });
    }

    fn not_accepted(&mut self, now: Moment, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // The other end went away before its turn came.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        // The system is out of descriptors or memory: what is idle goes.
        tracing::debug!(node = ?self.setting.node(), %error, "no stream accepted");
        self.accept_from = Some(now + ACCEPT_PAUSE);
        self.visitors.close_all_idle();
        for line in self.pool.close_idle() {
            self.close(line);
        }
    }

    /// Gives requests that wait to lines that can carry them.
    fn assign(&mut self, now: Moment) {
        while let Some(step) = self.pool.poll() {
            match step {
                Step::Open { line, job } => self.open(line, job),
                Step::Hand { line, job } => self.hand(line, job),
                Step::Close { line } => self.close(line),
            }
        }
        if self.reassure_at.is_none() && self.pool.is_waiting() {
            self.reassure_at = Some(now + REASSURE);
        }
    }

    fn open(&mut self, line: LineId, job: Box<Job>) {
        let (jobs, receiver) = mpsc::channel(1);
        let task = self.tasks.spawn(outbound::run(
            Arc::clone(&self.setting),
            self.entropy.fork(),
            line,
            job,
            receiver,
        ));
        self.open.insert(task.id(), Stream::Outbound(line));
        self.lines.insert(line, Line { jobs, task, stranded: None });
    }

    fn hand(&mut self, line: LineId, job: Box<Job>) {
        let Some(line) = self.lines.get_mut(&line) else { return };
        if let Err(TrySendError::Closed(job) | TrySendError::Full(job)) = line.jobs.try_send(job) {
            // Its end, of which the news is on its way, brings the request back.
            line.stranded = Some(job);
        }
    }

    fn close(&mut self, line: LineId) {
        if let Some(line) = self.lines.get(&line) {
            line.task.abort();
        }
    }
}

/// Waits for a stream; for ever if nothing listens.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}
