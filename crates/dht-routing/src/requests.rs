//! Requests in flight: what was asked of whom, when the answer is late, and when it is given up.
//!
//! A request passes through stages. It is *slow* when most answers would be in: a lookup asks one more node
//! meanwhile. It is *late* at its timeout: whoever waits goes on without it, and it is
//! sent again if it may be. It is *overdue* once waiting on makes no sense for its owner, and *expired*
//! when even an answer would not count any more. Late is not dead: an answer at any stage before the last counts.
//!
//! *Invariant:* each request has exactly one entry in `deadlines`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dht_proto::{Contact, Moment, NodeId, Reply, Request, RequestId};

use crate::OperationId;

/// Shortest time before an owner stops waiting: a busy machine may well stand still for so long.
const OVERDUE_MIN: Duration = Duration::from_millis(500);
/// How long an answer to a datagram is remembered to be awaited, at least.
const MEMORY: Duration = Duration::from_secs(3);
/// Nodes asked on behalf of the table at once, at most.
const CHECKS_MAX: usize = 64;
/// How long a node may work on a request, if it says that it does.
const WORK_PATIENCE: Duration = Duration::from_secs(10);
/// Times it is asked again without a sign of life.
const WORK_TRIES: u8 = 2;
/// Time between these, which doubles with each.
const WORK_POLL_MIN: Duration = Duration::from_millis(250);
const WORK_POLL_MAX: Duration = Duration::from_secs(1);
/// How long a stream may stand still.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// How long an application may take: then whoever asked it has given up.
const CUSTOM_PATIENCE: Duration = Duration::from_mins(2);

/// How long a stream with a request may stand still.
fn stream_patience(request: &Request) -> Duration {
    match request {
        Request::Custom { .. } => CUSTOM_PATIENCE,
        _ => STREAM_PATIENCE,
    }
}

/// How long a node may work on a request that came in a datagram, if it says that it does.
fn work_patience(request: &Request) -> Duration {
    match request {
        Request::Custom { .. } => CUSTOM_PATIENCE,
        _ => WORK_PATIENCE,
    }
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// An operation.
    Operation(OperationId),
    /// Nobody but the routing table: whether the node is there.
    Table,
    /// The spreading of broadcasts: what it is about is told by the request.
    Broadcast,
    /// Catching up on them.
    CatchUp,
}

/// How long to wait for a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Until a request is slow.
    pub(crate) patience: Duration,
    /// Until it is late.
    pub(crate) timeout: Duration,
}

/// How far a request has come without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    OnTime,
    Slow,
    Late,
    Overdue,
}

/// A request in flight.
#[derive(Debug, Clone)]
pub(crate) struct InFlight {
    pub(crate) to: Contact,
    pub(crate) owner: Owner,
    pub(crate) request: Request,
    /// When it was sent first.
    pub(crate) sent: Moment,
    /// Whether it went by stream.
    pub(crate) streamed: bool,
    pace: Pace,
    tries_left: u8,
    resent: bool,
    /// Whether the node said that it was at work on it.
    promised: bool,
    stage: Stage,
    due: Moment,
}

impl InFlight {
    /// The round-trip time, if it can be told: not after a repetition (Karn, RFC 6298 section 3), not of a stream.
    pub(crate) fn sample(&self, now: Moment) -> Option<Duration> {
        (!self.resent && !self.streamed).then(|| now.since(self.sent))
    }

    /// Whether the node said that it was at work on it.
    pub(crate) fn is_promised(&self) -> bool {
        self.promised
    }

    /// Whether `reply` is one of those that the request may get.
    pub(crate) fn accepts(&self, reply: &Reply) -> bool {
        self.request.accepts(reply)
    }
}

/// A deadline that passed.
#[derive(Debug)]
pub(crate) enum Due {
    /// Not answered when most are.
    Slow { id: RequestId },
    /// Past its timeout for the first time; `again` tells to send it once more.
    Late { id: RequestId, again: bool },
    /// Late already, to be sent once more.
    Again { id: RequestId },
    /// Its owner should not wait any longer.
    Overdue { id: RequestId },
    /// It was removed.
    Expired(RequestId, Box<InFlight>),
}

/// The requests in flight.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    in_flight: BTreeMap<RequestId, Box<InFlight>>,
    deadlines: BTreeSet<(Moment, RequestId)>,
    owners: BTreeSet<(OperationId, RequestId)>,
    /// Nodes that are asked on behalf of the table, few at a time.
    checked: Vec<NodeId>,
}

impl Requests {
    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Notes a datagram request sent at `now`, to be sent `tries` times in all.
    pub(crate) fn sent(
        &mut self,
        now: Moment,
        id: RequestId,
        (to, request): (Contact, Request),
        owner: Owner,
        (pace, tries): (Pace, u8),
    ) {
        self.insert(
            id,
            InFlight {
                to,
                owner,
                request,
                sent: now,
                streamed: false,
                pace,
                tries_left: tries.saturating_sub(1),
                resent: false,
                promised: false,
                stage: Stage::OnTime,
                due: now + pace.patience.min(pace.timeout),
            },
        );
    }

    /// Notes a request by stream.
    pub(crate) fn dialled(
        &mut self,
        now: Moment,
        id: RequestId,
        (to, request): (Contact, Request),
        owner: Owner,
    ) {
        let patience = stream_patience(&request);
        self.insert(
            id,
            InFlight {
                to,
                owner,
                request,
                sent: now,
                streamed: true,
                pace: Pace { patience, timeout: patience },
                tries_left: 0,
                resent: false,
                promised: false,
                stage: Stage::Overdue,
                due: now + patience,
            },
        );
    }

    /// Bytes of a stream are moving: its patience starts anew.
    pub(crate) fn progressed(&mut self, now: Moment, id: RequestId) {
        if let Some(request) = self.in_flight.get(&id).filter(|request| request.streamed) {
            let due = now + stream_patience(&request.request);
            self.postpone(id, due);
        }
    }

    /// The node says that it is at work on a datagram request: it is asked again from time to time, and
    /// waited for as long as that kind of work may take.
    pub(crate) fn pending(&mut self, now: Moment, id: RequestId) {
        let Some(request) = self.in_flight.get_mut(&id) else { return };
        let patience = work_patience(&request.request);
        let has_given_up = request.stage == Stage::Overdue || now >= request.sent + patience;
        if request.streamed || has_given_up {
            return;
        }
        request.stage = Stage::Late;
        request.resent = true;
        request.promised = true;
        request.tries_left = WORK_TRIES;
        request.pace.timeout = request.pace.timeout.clamp(WORK_POLL_MIN, WORK_POLL_MAX);
        let due = now + request.pace.timeout;
        self.postpone(id, due);
    }

    pub(crate) fn get(&self, id: RequestId) -> Option<&InFlight> {
        self.in_flight.get(&id).map(Box::as_ref)
    }

    /// Ends a request: it was answered, or cannot be.
    pub(crate) fn remove(&mut self, id: RequestId) -> Option<Box<InFlight>> {
        let request = self.in_flight.remove(&id)?;
        self.deadlines.remove(&(request.due, id));
        match request.owner {
            Owner::Operation(operation) => {
                self.owners.remove(&(operation, id));
            }
            Owner::Table => {
                let id = request.to.id();
                self.checked.retain(|checked| *checked != id);
            }
            Owner::Broadcast | Owner::CatchUp => {}
        }
        // Empty maps keep a node each, which most of the peers of a machine would hold for nothing.
        if self.in_flight.is_empty() {
            *self = Self::default();
        }
        Some(request)
    }

    /// An operation ended: its datagrams are left to tell the table who is there, its streams are removed
    /// and returned.
    pub(crate) fn disown(&mut self, operation: OperationId) -> Vec<RequestId> {
        let range = (operation, RequestId(0))..=(operation, RequestId(u64::MAX));
        let owned: Vec<RequestId> = self.owners.range(range).map(|(_, id)| *id).collect();
        let mut streams = Vec::new();
        for id in owned {
            self.owners.remove(&(operation, id));
            let Some(request) = self.in_flight.get_mut(&id) else { continue };
            request.owner = Owner::Table;
            request.tries_left = 0;
            if request.streamed {
                self.remove(id);
                streams.push(id);
            }
        }
        streams
    }

    /// An operation does not wait any more for what a node sends by stream: that request is removed and returned.
    pub(crate) fn abandon(&mut self, operation: OperationId, from: &NodeId) -> Option<RequestId> {
        let range = (operation, RequestId(0))..=(operation, RequestId(u64::MAX));
        let mut owned = self.owners.range(range).map(|(_, id)| *id);
        let is_it = |id: &RequestId| {
            self.get(*id).is_some_and(|request| request.streamed && request.to.id() == *from)
        };
        let found = owned.find(is_it)?;
        self.remove(found).map(|_| found)
    }

    /// The same for whatever comes by stream.
    pub(crate) fn abandon_all(&mut self, operation: OperationId) -> Vec<RequestId> {
        let range = (operation, RequestId(0))..=(operation, RequestId(u64::MAX));
        let owned = self.owners.range(range).map(|(_, id)| *id);
        let streams = owned.filter(|id| self.get(*id).is_some_and(|request| request.streamed));
        let streams: Vec<RequestId> = streams.collect();
        for id in &streams {
            self.remove(*id);
        }
        streams
    }

    /// Whether a node may be asked on behalf of the table: not twice at once, and not too many at once.
    pub(crate) fn may_check(&self, id: &NodeId) -> bool {
        self.checked.len() < CHECKS_MAX && !self.checked.contains(id)
    }

    /// Nodes that are being asked on behalf of the table.
    pub(crate) fn checks(&self) -> usize {
        self.checked.len()
    }

    /// The earliest deadline.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// The next deadline that has passed at `now`, after moving its request to the next stage.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Due> {
        let (_, id) = *self.deadlines.first().filter(|(due, _)| *due <= now)?;
        let request = self.in_flight.get_mut(&id)?;
        match request.stage {
            Stage::Overdue => {
                return self.remove(id).map(|request| Due::Expired(id, request));
            }
            Stage::OnTime => {
                request.stage = Stage::Slow;
                let late = (request.sent + request.pace.timeout).max(now);
                self.postpone(id, late);
                return Some(Due::Slow { id });
            }
            Stage::Slow | Stage::Late => {}
        }
        let again = request.tries_left > 0;
        let was = request.stage;
        if again {
            request.tries_left -= 1;
            request.resent = true;
        }
        request.pace.timeout *= 2;
        let next = if again || was == Stage::Slow {
            request.stage = Stage::Late;
            let last = request.tries_left == 0;
            let patience = if last { OVERDUE_MIN } else { Duration::ZERO };
            now + request.pace.timeout.max(patience)
        } else {
            request.stage = Stage::Overdue;
            (request.sent + MEMORY).max(now)
        };
        self.postpone(id, next);
        Some(match (was, again) {
            (Stage::Slow, again) => Due::Late { id, again },
            (_, true) => Due::Again { id },
            (_, false) => Due::Overdue { id },
        })
    }

    fn postpone(&mut self, id: RequestId, due: Moment) {
        if let Some(request) = self.in_flight.get_mut(&id) {
            self.deadlines.remove(&(request.due, id));
            request.due = due;
            self.deadlines.insert((due, id));
        }
    }

    fn insert(&mut self, id: RequestId, request: InFlight) {
        self.deadlines.insert((request.due, id));
        match request.owner {
            Owner::Operation(operation) => {
                self.owners.insert((operation, id));
            }
            Owner::Table => self.checked.push(request.to.id()),
            Owner::Broadcast | Owner::CatchUp => {}
        }
        self.in_flight.insert(id, Box::new(request));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    fn contact() -> Contact {
        let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(0));
        Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }

    fn requests(tries: u8) -> Requests {
        let mut requests = Requests::default();
        let pace =
            Pace { patience: Duration::from_millis(40), timeout: Duration::from_millis(100) };
        requests.sent(
            Moment::EPOCH,
            RequestId(1),
            (contact(), Request::Ping),
            Owner::Operation(OperationId(1)),
            (pace, tries),
        );
        requests
    }

    #[test]
    fn a_request_is_slow_then_late_then_overdue_then_expired() {
        let mut requests = requests(1);
        let at = Moment::from_millis;
        assert_eq!(requests.next_due(), Some(at(40)));
        assert!(matches!(requests.pop_due(at(40)), Some(Due::Slow { .. })));
        assert_eq!(requests.next_due(), Some(at(100)));
        assert!(requests.pop_due(at(99)).is_none());
        assert!(matches!(requests.pop_due(at(100)), Some(Due::Late { again: false, .. })));
        assert_eq!(requests.next_due(), Some(at(600)));
        assert!(matches!(requests.pop_due(at(600)), Some(Due::Overdue { .. })));
        assert_eq!(requests.next_due(), Some(at(3_000)));
        assert!(matches!(requests.pop_due(at(3_000)), Some(Due::Expired(..))));
        assert!(requests.next_due().is_none() && requests.len() == 0);
    }

    #[test]
    fn a_request_is_repeated_with_doubled_timeouts() {
        let mut requests = requests(3);
        let at = Moment::from_millis;
        assert!(matches!(requests.pop_due(at(40)), Some(Due::Slow { .. })));
        assert!(matches!(requests.pop_due(at(100)), Some(Due::Late { again: true, .. })));
        assert!(matches!(requests.pop_due(at(300)), Some(Due::Again { .. })));
        assert_eq!(requests.next_due(), Some(at(800)));
        assert!(matches!(requests.pop_due(at(800)), Some(Due::Overdue { .. })));
        assert_eq!(requests.get(RequestId(1)).and_then(|r| r.sample(at(801))), None);
    }

    #[test]
    fn an_ended_operation_leaves_its_datagrams_to_the_table_and_returns_its_streams() {
        let mut requests = requests(3);
        let owner = Owner::Operation(OperationId(1));
        requests.dialled(Moment::EPOCH, RequestId(2), (contact(), Request::Ping), owner);
        assert_eq!(requests.disown(OperationId(1)), vec![RequestId(2)]);
        assert_eq!(requests.get(RequestId(1)).map(|r| r.owner), Some(Owner::Table));
        assert!(requests.get(RequestId(2)).is_none());
        assert!(requests.disown(OperationId(1)).is_empty());
    }

    #[test]
    fn a_stream_is_abandoned_and_datagrams_to_the_same_node_are_not() {
        let mut requests = requests(1);
        let owner = Owner::Operation(OperationId(1));
        requests.dialled(Moment::EPOCH, RequestId(2), (contact(), Request::Ping), owner);
        assert_eq!(requests.abandon(OperationId(2), &contact().id()), None);
        assert_eq!(requests.abandon(OperationId(1), &contact().id()), Some(RequestId(2)));
        assert_eq!(requests.abandon(OperationId(1), &contact().id()), None);
        assert!(requests.get(RequestId(1)).is_some());
    }

    #[test]
    fn a_moving_stream_is_waited_for() {
        let mut requests = Requests::default();
        let owner = Owner::Operation(OperationId(1));
        requests.dialled(Moment::EPOCH, RequestId(2), (contact(), Request::Ping), owner);
        requests.progressed(Moment::from_secs(4), RequestId(2));
        assert!(requests.pop_due(Moment::from_secs(8)).is_none());
        assert!(matches!(requests.pop_due(Moment::from_secs(9)), Some(Due::Expired(..))));
    }
}
