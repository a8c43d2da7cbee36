//! The streams that others opened to us: how many there may be, and which request each waits for.
//!
//! Invariants: streams are bounded, and those from one public address are; when there are too many the
//! one that has been idle longest gives way, and only where none is idle the newcomer is refused. A
//! request is answered once, on the stream it came in on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dht_proto::Message;
use dht_routing::StreamId;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::Limits;
use crate::crowd::is_limited;

/// Names a stream that was opened to us. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VisitorId(u64);

/// Since when a stream is idle, told by its task.
#[derive(Debug)]
pub(super) struct Rest {
    epoch: Instant,
    /// Microseconds after the epoch; [`BUSY`](Self::BUSY) while a request is under way whose first frame was
    /// opened.
    since: AtomicU64,
}

impl Rest {
    const BUSY: u64 = u64::MAX;

    fn new(epoch: Instant) -> Self {
        let rest = Self { epoch, since: AtomicU64::new(Self::BUSY) };
        rest.idle();
        rest
    }

    /// The stream is idle from now on.
    pub(super) fn idle(&self) {
        let micros = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(Self::BUSY - 1);
        self.since.store(micros, Ordering::Relaxed);
    }

    /// A request is under way.
    pub(super) fn busy(&self) {
        self.since.store(Self::BUSY, Ordering::Relaxed);
    }

    fn since(&self) -> Option<u64> {
        Some(self.since.load(Ordering::Relaxed)).filter(|since| *since != Self::BUSY)
    }
}

#[derive(Debug)]
struct Visitor {
    ip: IpAddr,
    rest: Arc<Rest>,
    task: AbortHandle,
    asked: Option<StreamId>,
}

/// The streams opened to a node.
#[derive(Debug)]
pub(super) struct Visitors {
    most: usize,
    most_of_address: usize,
    spares_local: bool,
    epoch: Instant,
    next: u64,
    here: BTreeMap<VisitorId, Visitor>,
    of_address: BTreeMap<IpAddr, usize>,
    replies: BTreeMap<StreamId, oneshot::Sender<Message>>,
}

impl Visitors {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.inbound_streams,
            most_of_address: limits.inbound_streams_per_address,
            spares_local: limits.spares_local,
            epoch: Instant::now(),
            next: 0,
            here: BTreeMap::new(),
            of_address: BTreeMap::new(),
            replies: BTreeMap::new(),
        }
    }

    /// Makes room for one more stream from `ip`, if need be by closing an idle one. Returns whether there
    /// is room.
    pub(super) fn make_room(&mut self, ip: IpAddr) -> bool {
        let of_address = self.of_address.get(&ip).copied().unwrap_or(0);
        // Behind a loopback or private address there may be any number of nodes.
        if is_limited(ip, self.spares_local) && of_address >= self.most_of_address {
            return self.close_idle(|visitor| visitor.ip == ip);
        }
        self.here.len() < self.most || self.close_idle(|_| true)
    }

    /// Takes a stream in. `spawn` starts its task.
    pub(super) fn enter(
        &mut self,
        ip: IpAddr,
        spawn: impl FnOnce(VisitorId, Arc<Rest>) -> AbortHandle,
    ) -> VisitorId {
        let id = VisitorId(self.next);
        self.next += 1;
        let rest = Arc::new(Rest::new(self.epoch));
        let task = spawn(id, Arc::clone(&rest));
        self.here.insert(id, Visitor { ip, rest, task, asked: None });
        *self.of_address.entry(ip).or_default() += 1;
        id
    }

    /// A request came in on a stream. Returns the name to answer it by.
    pub(super) fn asked(&mut self, id: VisitorId, reply: oneshot::Sender<Message>) -> StreamId {
        let stream = StreamId(self.next);
        self.next += 1;
        if let Some(visitor) = self.here.get_mut(&id) {
            if let Some(before) = visitor.asked.replace(stream) {
                self.replies.remove(&before);
            }
            self.replies.insert(stream, reply);
        }
        stream
    }

    /// Answers a request, if its stream is still there.
    pub(super) fn answer(&mut self, stream: StreamId, message: Message) {
        if let Some(reply) = self.replies.remove(&stream) {
            // Whoever asked may have closed the stream meanwhile.
            let _ = reply.send(message);
        }
    }

    /// A stream has ended.
    pub(super) fn left(&mut self, id: VisitorId) {
        let Some(visitor) = self.here.remove(&id) else { return };
        if let Some(asked) = visitor.asked {
            self.replies.remove(&asked);
        }
        if let Some(count) = self.of_address.get_mut(&visitor.ip) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&visitor.ip);
            }
        }
    }

    /// Closes every idle stream, to give the system back what it is short of.
    pub(super) fn close_all_idle(&mut self) {
        while self.close_idle(|_| true) {}
    }

    /// Closes the stream that has been idle longest. Returns whether there was one.
    fn close_idle(&mut self, eligible: impl Fn(&Visitor) -> bool) -> bool {
        let eligible = self.here.iter().filter(|(_, visitor)| eligible(visitor));
        let idle = eligible.filter_map(|(id, visitor)| Some((visitor.rest.since()?, *id)));
        let Some((_, id)) = idle.min() else { return false };
        if let Some(visitor) = self.here.get(&id) {
            visitor.task.abort();
        }
        self.left(id);
        true
    }
}

#[cfg(test)]
mod tests;
