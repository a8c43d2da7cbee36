//! What goes into a [`Peer`](crate::Peer) and what comes out of it.
//!
//! The loop of whoever drives a peer:
//!
//! 1. call `handle_input`, `handle_command`, `cancel` or `handle_timeout` with the current time;
//! 2. drain `poll_output` until `None` and carry each order out;
//! 3. sleep until `poll_timeout`, or the next input.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dht_proto::{
    AuthorSecret, Broadcast, BroadcastId, BroadcastTooLarge, Contact, Digest, Held, Inspection,
    Key, Kind, KindSet, Message, NodeId, NodeIdentity, Record, Refusal, RequestId, Sequence, Slot,
    Summary, Terms, Ttl,
};

use crate::broadcast::{AUTHOR_LIVE_MAX, AUTHOR_RATE};
use crate::{Answer, Consultation, CustomReport, MirrorRound, Recipient, Served, Service, Verdict};

/// Names an operation from its start to its [`Event::Finished`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub u64);

/// Names an effect on the store from its order to its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a stream that a remote node opened to us, as long as its request is not answered.
/// Chosen by the driver, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// How a message reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// In a datagram.
    Datagram {
        /// Where it came from.
        source: SocketAddr,
        /// Length of the whole datagram, in bytes: bounds what may be sent back to a stranger.
        length: usize,
        /// Whether the source has proven, by a cookie, that it receives what is sent there.
        proven: bool,
    },
    /// A request on a stream that the sender opened to us.
    Inbound {
        /// The stream to answer on.
        stream: StreamId,
        /// The other end; its port is no port to reach the node at.
        source: SocketAddr,
    },
    /// A reply on a stream that we opened ([`Route::Dial`]).
    Outbound,
}

/// What happened: every input but commands and the passing of time.
#[derive(Debug, Clone)]
pub enum Input {
    /// A message was opened and decoded.
    Received {
        /// Who sealed it.
        from: NodeIdentity,
        /// How it came.
        via: Via,
        /// The message.
        message: Message,
    },
    /// A node answered [`Output::Greet`].
    Greeted {
        /// The address that was greeted.
        addr: SocketAddr,
        /// Who answered.
        node: NodeIdentity,
    },
    /// A request sent by [`Route::Dial`] cannot be answered any more: the stream did not open, closed or broke.
    Unreachable {
        /// The request.
        request: RequestId,
    },
    /// Bytes of a request or reply by [`Route::Dial`] are moving, so waiting on makes sense.
    Progressed {
        /// The request.
        request: RequestId,
    },
    /// Result of [`Output::Load`]; a failed load counts as nothing found.
    Loaded {
        /// The order's ticket.
        ticket: Ticket,
        /// What was found.
        found: Option<Held>,
    },
    /// Result of [`Output::Save`].
    Saved {
        /// The order's ticket.
        ticket: Ticket,
        /// Whether the record is in the store now, or why not.
        result: Result<(), Refusal>,
    },
    /// Result of [`Output::List`]; a failed listing counts as the end of the store.
    Listed {
        /// The order's ticket.
        ticket: Ticket,
        /// Live records in ascending order of slot: fewer than were asked for only at the end.
        entries: Vec<Summary>,
    },
    /// Result of [`Output::Deliver`].
    Delivered {
        /// The order's ticket.
        ticket: Ticket,
        /// Whether the broadcast is handed on to others.
        forward: bool,
    },
    /// Result of [`Output::Consult`]; too late it counts for nothing.
    Consulted {
        /// The order's ticket.
        ticket: Ticket,
        /// What the application wants done. `None` if it failed to decide: then the record is refused as busy.
        verdict: Option<Verdict>,
    },
    /// Result of [`Output::Serve`]; too late it counts for nothing.
    Served {
        /// The order's ticket.
        ticket: Ticket,
        /// What the application answers.
        answer: Served,
    },
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// In one datagram.
    Datagram(Contact),
    /// By a stream to the node, opened or reused.
    Dial(Contact),
    /// Back on the stream the request came in on.
    Answer(StreamId),
}

/// An order to whoever drives the peer.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send a message.
    Send {
        /// Where to.
        route: Route,
        /// What.
        message: Message,
    },
    /// Ask a bare address for the identity behind it (a clear `Hello`).
    Greet {
        /// The address.
        addr: SocketAddr,
    },
    /// The answer to a request by [`Route::Dial`] is not awaited any more: close its stream.
    Withdraw {
        /// The request.
        request: RequestId,
    },
    /// Look into the store; answer with [`Input::Loaded`].
    Load {
        /// To be given back.
        ticket: Ticket,
        /// The key.
        key: Key,
        /// Kinds of interest, see `RecordStore::load`.
        kinds: KindSet,
        /// Longest value whose bytes are wanted, in bytes.
        whole_up_to: usize,
    },
    /// Put a record into the store; answer with [`Input::Saved`].
    Save {
        /// To be given back.
        ticket: Ticket,
        /// The record.
        record: Record,
        /// How to keep it.
        terms: Terms,
    },
    /// Lengthen the life of a record in the store (`RecordStore::renew`). No answer is awaited.
    Renew {
        /// Key and kind.
        slot: Slot,
        /// Hash of the value that must be there.
        digest: Digest,
        /// The end of life to lengthen to, and why it is kept.
        terms: Terms,
    },
    /// Tell what the store holds (`RecordStore::list`); answer with [`Input::Listed`].
    List {
        /// To be given back.
        ticket: Ticket,
        /// Where to begin, inclusive.
        from: Slot,
        /// Records at most.
        limit: usize,
    },
    /// Give a broadcast to the application; answer with [`Input::Delivered`]. Each is given once. It is handed on
    /// when the answer says so, or after a second without one.
    Deliver {
        /// To be given back.
        ticket: Ticket,
        /// The broadcast, whose signature was verified.
        broadcast: Arc<Broadcast>,
    },
    /// Ask the application whether a record is to be kept; answer with [`Input::Consulted`]. Only if
    /// [`ConfigBuilder::consults`](crate::ConfigBuilder::consults) says so.
    Consult {
        /// To be given back.
        ticket: Ticket,
        /// What it is asked about.
        consultation: Box<Consultation>,
    },
    /// Have the application answer a request of another one; answer with [`Input::Served`]. Only if
    /// [`ConfigBuilder::serves`](crate::ConfigBuilder::serves) says so.
    Serve {
        /// To be given back.
        ticket: Ticket,
        /// The request.
        service: Box<Service>,
    },
    /// News for the application.
    Event(Event),
}

/// What an application asks of its peer. Each command starts one operation, which ends in one
/// [`Event::Finished`] unless it is cancelled.
#[derive(Debug, Clone)]
pub enum Command {
    /// Join the network through these addresses and nodes: learn who is there, look up our own id, fill the
    /// table.
    Bootstrap {
        /// Addresses of nodes of the network.
        addrs: Vec<SocketAddr>,
        /// Nodes known from an earlier run. The ones closest to us are asked for the way in, the others pinged
        /// one by one; all of them enter the table by answering, as anybody does. At most 8,192; more are
        /// left out.
        known: Vec<Contact>,
    },
    /// Find the k nodes closest to a point.
    FindNode {
        /// The point.
        target: Key,
    },
    /// Find where one node is: ends as soon as it answers.
    Locate {
        /// Its id.
        id: NodeId,
    },
    /// Ask a node whether it is there; of an address, first who is there.
    Ping {
        /// The address.
        addr: SocketAddr,
    },
    /// Ask a node what it tells of itself.
    Inspect {
        /// The address.
        addr: SocketAddr,
    },
    /// Have a record kept by the k nodes closest to its key.
    Store {
        /// The record.
        record: Record,
        /// Its life.
        ttl: Ttl,
        /// Compare-and-swap, for signed records.
        expected: Option<Sequence>,
    },
    /// Get the record at a key.
    Fetch {
        /// The key.
        key: Key,
        /// Kinds that may be returned.
        kinds: KindSet,
    },
    /// Send a message to every node. Our own application does not get it.
    Broadcast {
        /// Whose message it is.
        secret: AuthorSecret,
        /// What it says, at most [`BROADCAST_MAX`](dht_proto::limits::BROADCAST_MAX) bytes.
        payload: Bytes,
    },
    /// Ask the applications of other nodes. Each answer is an [`Event::Answered`].
    Custom {
        /// Whom.
        to: Recipient,
        /// What: at most 65,536 bytes, more is cut off.
        payload: Bytes,
        /// How long to wait in all, finding the nodes included. Whoever has not answered then has not
        /// answered.
        patience: Duration,
    },
    /// Hand over what we hold to those who are to hold it when we are gone. Takes ten seconds at most; after
    /// it the peer is to be dropped.
    Leave,
}

/// What became of an operation.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// [`Command::Bootstrap`] ended.
    Bootstrapped(Result<Bootstrapped, BootstrapError>),
    /// [`Command::FindNode`] ended: the nodes closest to the target that answered, closest first.
    Nodes(Vec<Contact>),
    /// [`Command::Locate`] ended: the node answered there, or nobody knows it.
    Located(Option<Contact>),
    /// [`Command::Ping`] ended.
    Ponged(Result<Ponged, Unanswered>),
    /// [`Command::Inspect`] ended.
    Inspected(Result<(NodeIdentity, Inspection), Unanswered>),
    /// [`Command::Store`] ended.
    Stored(StoreReport),
    /// [`Command::Fetch`] ended.
    Fetched(Result<Fetched, FetchError>),
    /// [`Command::Broadcast`] ended: every delegate has answered, or was given up. What they hand on, and the
    /// repair of what is lost, goes on.
    Broadcast(Result<BroadcastReport, BroadcastError>),
    /// [`Command::Custom`] ended.
    Custom(CustomReport),
    /// [`Command::Leave`] ended.
    Left {
        /// Copies of records that other nodes lacked and have taken.
        handed_over: usize,
    },
}

/// Result of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrapped {
    /// Contacts in the table at the end.
    pub contacts: usize,
}

/// Why joining failed. The peer goes on trying by itself, with back-off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// None of the addresses answered in time.
    #[error("no answer from {}", .tried.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NoAnswer {
        /// The addresses that were tried.
        tried: Vec<SocketAddr>,
    },
}

/// A node that answered a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ponged {
    /// Who answered.
    pub node: NodeIdentity,
    /// Time from request to reply.
    pub rtt: Duration,
    /// The address it saw us at.
    pub observed: SocketAddr,
}

/// A node did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no answer from {addr}")]
pub struct Unanswered {
    /// The address asked.
    pub addr: SocketAddr,
}

/// How a store went. Stored means at least one holder confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// Where the record lives.
    pub key: Key,
    /// Nodes that confirmed to hold it, closest first; our own id among them if we are one of the closest.
    pub holders: Vec<NodeId>,
    /// Nodes that did not take it, and why.
    pub refused: Vec<(NodeId, Refusal)>,
    /// Nodes among the closest that did not answer the store.
    pub timed_out: usize,
    /// Requests sent on behalf of the operation.
    pub requests: u32,
}

impl StoreReport {
    /// Whether the name belongs to another value: as many nodes object as took ours, if any did, so that
    /// whoever fetches gets the other one.
    pub fn is_name_taken(&self) -> bool {
        let taken =
            self.refused.iter().filter(|(_, refusal)| *refusal == Refusal::NameTaken).count();
        taken > 0 && taken >= self.holders.len()
    }
}

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The record.
    pub record: Record,
    /// What is left of its life, as its holder says; of a cached copy what is left of the copy.
    pub ttl: Ttl,
    /// Nodes seen to hold this very value.
    pub holders: usize,
    /// Requests sent on behalf of the operation; 0 when it was in our own store.
    pub requests: u32,
}

/// Why a fetch returned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The closest nodes answered and none holds a record of the wanted kinds.
    #[error("not found")]
    NotFound,
    /// Only a record of another kind lives at the key.
    #[error("only a {kind} value lives at this key")]
    OtherKind {
        /// The kind that lives there.
        kind: Kind,
    },
    /// The author deleted the record.
    #[error("deleted by its author at sequence {sequence}")]
    Deleted {
        /// Sequence of the deletion.
        sequence: Sequence,
    },
    /// Holders were found but none delivered a value that verifies.
    #[error("{holders} nodes claim to hold it, none delivered it")]
    Undelivered {
        /// Nodes that claimed to hold it.
        holders: usize,
    },
    /// No node answered at all.
    #[error("no node answered")]
    NoAnswer,
}

/// How a broadcast got away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BroadcastReport {
    /// Its name.
    pub id: BroadcastId,
    /// Nodes that confirmed to us that they have it: those that we sent it to.
    pub acknowledged: usize,
    /// About how many nodes these answer for, ourselves included: an estimate of how many it reaches.
    pub reach: u64,
}

/// Why a broadcast was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The payload is too long.
    #[error(transparent)]
    TooLarge(#[from] BroadcastTooLarge),
    /// The author sent more than others take of one author.
    #[error(
        "more than {} broadcasts or {} bytes in a second, or {} in ten minutes",
        AUTHOR_RATE.requests, AUTHOR_RATE.bytes, AUTHOR_LIVE_MAX
    )]
    TooMany,
}

/// News.
#[derive(Debug, Clone)]
pub enum Event {
    /// An operation ended.
    Finished {
        /// Which.
        operation: OperationId,
        /// How.
        outcome: Outcome,
    },
    /// A node answered a custom request, or will not.
    Answered {
        /// The operation that asked.
        operation: OperationId,
        /// Who answered what.
        answer: Box<Answer>,
    },
    /// A node entered the routing table.
    Joined(Contact),
    /// A node left the routing table.
    Left(Contact),
    /// A mirror has gone through all of the space once.
    Mirrored(MirrorRound),
    /// The table is empty or nobody answers: known nodes and the bootstrap addresses are tried again.
    Isolated,
}

/// Too many operations are under way; the command was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} operations are under way, which is the limit")]
pub struct Busy {
    /// Operations at most.
    pub limit: usize,
}
