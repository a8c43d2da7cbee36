//! What is measured of operations: their time, their requests and bytes, and when they met their goal.

use std::time::Duration;

use dht_proto::{Body, Key, Message, Moment, NodeId, Reply, Request, RequestId};
use dht_routing::{Busy, Command, OperationId, Outcome, Via};

use super::{Occurrence, Place, Simulation};
use crate::machine::Machine;
use crate::wire::{self, Carrier};

/// Bits that a point shares at least with the target of an operation that looks around there.
const AROUND_BITS: u32 = 4;

/// Kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// [`Command::Bootstrap`].
    Bootstrap,
    /// [`Command::FindNode`].
    FindNode,
    /// [`Command::Locate`].
    Locate,
    /// [`Command::Store`].
    Store,
    /// [`Command::Fetch`].
    Fetch,
    /// [`Command::Broadcast`].
    Broadcast,
    /// Any other.
    Other,
}

/// What an operation cost the node that ran it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Requests sent.
    pub requests: u32,
    /// Replies that came before its end.
    pub replies: u32,
    /// Bytes of its requests.
    pub bytes_sent: u64,
    /// Bytes of its replies.
    pub bytes_received: u64,
}

impl Cost {
    /// Adds another operation's.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.replies += other.replies;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

/// An operation that ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Where it ran.
    pub place: Place,
    /// Its number there.
    pub operation: OperationId,
    /// What it was.
    pub kind: OperationKind,
    /// The point it was about; `None` for other kinds than find-node, store and fetch.
    pub target: Option<Key>,
    /// When it started.
    pub started: Moment,
    /// How long it took.
    pub took: Duration,
    /// What it cost.
    pub cost: Cost,
    /// For a find-node or locate: the time until the node that was closest to the target at the start, of all that
    /// lived but the asker, had answered the asker. What a user of the lookup waits for at least, while `took`
    /// includes making sure that there is nobody closer.
    pub reached: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// An operation under way.
#[derive(Debug, Clone)]
pub(super) struct Active {
    operation: OperationId,
    kind: OperationKind,
    target: Option<Key>,
    started: Moment,
    cost: Cost,
    asked: Vec<RequestId>,
    goal: Option<NodeId>,
    reached: Option<Moment>,
}

impl<M: Machine> Simulation<M> {
    pub(super) fn start_operation(
        &mut self,
        place: Place,
        command: Command,
    ) -> Option<Result<OperationId, Busy>> {
        let now = self.now;
        let (kind, target) = describe(&command);
        let node = self.nodes.get_mut(place.index())?;
        let own = node.identity.id();
        let operation = match node.machine.as_mut()?.handle_command(now, command) {
            Ok(operation) => operation,
            Err(busy) => return Some(Err(busy)),
        };
        let goal = target
            .filter(|_| matches!(kind, OperationKind::FindNode | OperationKind::Locate))
            .and_then(|target| {
                self.census.closest(target.as_bytes(), 1, Some(own)).first().map(|(id, _)| *id)
            });
        self.nodes[place.index()].active.push(Active {
            operation,
            kind,
            target,
            started: now,
            cost: Cost::default(),
            asked: Vec::new(),
            goal,
            reached: None,
        });
        self.drain(place);
        Some(Ok(operation))
    }

    /// Charges a request to the operation it is about: the one with its target, or one near by where it looks around,
    /// else a join under way.
    pub(super) fn note_request(&mut self, from: Place, message: &Message, length: usize) {
        let active = &mut self.nodes[from.index()].active;
        if active.is_empty() {
            return;
        }
        let Body::Request(request) = &message.body else { return };
        let about = point_of(request);
        let owner = active
            .iter()
            .position(|operation| about.is_some() && operation.target == about)
            .or_else(|| active.iter().position(|one| is_around(one.target, about)))
            .or_else(|| active.iter().position(|one| one.kind == OperationKind::Bootstrap));
        if let Some(operation) = owner.and_then(|index| active.get_mut(index)) {
            operation.cost.requests += 1;
            operation.cost.bytes_sent += length as u64;
            operation.asked.push(message.id);
        }
    }

    /// Credits a reply to the operation that asked for it.
    pub(super) fn note_reply(&mut self, to: Place, from: NodeId, via: Via, message: &Message) {
        let now = self.now;
        if self.nodes[to.index()].active.is_empty() {
            return;
        }
        let length = match via {
            Via::Datagram { length, .. } => length,
            Via::Inbound { .. } | Via::Outbound => wire::length(message, Carrier::Stream),
        };
        for operation in &mut self.nodes[to.index()].active {
            if operation.asked.contains(&message.id) {
                operation.cost.replies += 1;
                operation.cost.bytes_received += length as u64;
                let answers = !matches!(message.body, Body::Reply(Reply::Error { .. }));
                if answers && operation.goal == Some(from) && operation.reached.is_none() {
                    operation.reached = Some(now);
                }
            }
        }
    }

    pub(super) fn finish_operation(
        &mut self,
        place: Place,
        operation: OperationId,
        outcome: Outcome,
    ) {
        let active = &mut self.nodes[place.index()].active;
        let Some(index) = active.iter().position(|active| active.operation == operation) else {
            return;
        };
        let ended = active.swap_remove(index);
        if active.is_empty() {
            *active = Vec::new();
        }
        if ended.kind == OperationKind::Bootstrap {
            self.joins += 1;
        }
        self.occurrences.push_back(Occurrence::Finished(Box::new(Finished {
            place,
            operation,
            kind: ended.kind,
            target: ended.target,
            started: ended.started,
            took: self.now.since(ended.started),
            cost: ended.cost,
            reached: ended.reached.map(|at| at.since(ended.started)),
            outcome,
        })));
    }
}

fn describe(command: &Command) -> (OperationKind, Option<Key>) {
    match command {
        Command::Bootstrap { .. } => (OperationKind::Bootstrap, None),
        Command::FindNode { target } => (OperationKind::FindNode, Some(*target)),
        Command::Locate { id } => (OperationKind::Locate, Some(id.to_key())),
        Command::Store { record, .. } => (OperationKind::Store, Some(record.key())),
        Command::Fetch { key, .. } => (OperationKind::Fetch, Some(*key)),
        Command::Broadcast { .. } => (OperationKind::Broadcast, None),
        _ => (OperationKind::Other, None),
    }
}

/// Whether an operation that looks around its target may ask about a point.
fn is_around(target: Option<Key>, point: Option<Key>) -> bool {
    let head = |key: Key| key.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes);
    let alike = |(one, other)| (head(one) ^ head(other)).leading_zeros();
    target.zip(point).is_some_and(|both| alike(both) >= AROUND_BITS)
}

fn point_of(request: &Request) -> Option<Key> {
    match request {
        Request::FindNode { target } => Some(*target),
        Request::Fetch { key, .. } => Some(*key),
        Request::Offer { details, .. } => Some(details.slot.key),
        Request::Store { record, .. } => Some(record.key()),
        Request::Download { slot, .. } => Some(slot.key),
        _ => None,
    }
}
