//! What goes into a [`Peer`](crate::Peer) and what comes out of it.
//!
//! The loop of whoever drives a peer:
//!
//! 1. call `handle_input`, `handle_command`, `cancel` or `handle_timeout` with the current time;
//! 2. drain `poll_output` until `None` and carry each order out;
//! 3. sleep until `poll_timeout`, or the next input.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dht_proto::{
    Broadcast, Contact, Digest, Held, Key, KindSet, Message, Mosaic, NodeIdentity, Prefix, Record,
    Refusal, RequestId, Slot, Stock, Summary, Terms, Ttl,
};

use crate::{Answer, Ban, Consultation, MirrorRound, Offence, Served, Service, Verdict};

mod command;
mod outcome;

pub use command::Command;
pub use outcome::{
    BootstrapError, Bootstrapped, BroadcastError, BroadcastReport, FetchError, Fetched, Outcome,
    Ponged, StoreReport, Unanswered,
};

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
    /// News of a request by [`Output::Gather`]. An answer in one message, such as that the record is not there, is
    /// [`Received`](Self::Received).
    Gathered {
        /// The request.
        request: RequestId,
        /// What came.
        news: Gathered,
    },
    /// Result of [`Output::Load`]; a failed load counts as nothing found.
    Loaded {
        /// The order's ticket.
        ticket: Ticket,
        /// What was found.
        found: Option<Held>,
    },
    /// Result of [`Output::Weigh`]; a failed one counts as an empty slot with room for the record.
    Weighed {
        /// The order's ticket.
        ticket: Ticket,
        /// The live record of the slot.
        existing: Option<Box<Summary>>,
        /// Whether the store would take the record, or why not.
        result: Result<(), Refusal>,
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
    /// Result of [`Output::TakeStock`].
    StockTaken {
        /// The order's ticket.
        ticket: Ticket,
        /// What is held in each of the parts, in their order; nothing if the store failed.
        stocks: Vec<Stock>,
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
    /// A node did what the peer cannot see by itself: it sealed what is no message, or sends too much.
    Misbehaved {
        /// Who: it sealed what it is blamed for.
        node: NodeIdentity,
        /// The address that it has been proven to be at; `None` if it may be somebody else's.
        proven: Option<IpAddr>,
        /// What it did.
        offence: Offence,
    },
}

/// What came of a request for parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// A part: proven, and laid into the mosaic.
    Part {
        /// Its number, from 0.
        part: u32,
        /// What is left of the record's life, as the node says.
        ttl: Ttl,
        /// Whether it is the last of those that were asked for: the request is answered.
        is_last: bool,
    },
    /// The node holds the record, but knows no outlines, by which parts are verified. Its stream is closed.
    Unoutlined,
    /// What the node sent is not what was asked for. Its stream is closed.
    False,
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
    /// Send a [`Request::Download`](dht_proto::Request::Download) with outline by a stream to a node, opened or
    /// reused, and lay the parts that come into the mosaic, each as it comes. Answer with [`Input::Gathered`] for each,
    /// else as to [`Route::Dial`].
    Gather {
        /// The node.
        to: Contact,
        /// The request.
        message: Message,
        /// Takes the parts.
        mosaic: Arc<Mosaic>,
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
    /// Tell what would become of a record of which only a description is here (`RecordStore::weigh`); answer with
    /// [`Input::Weighed`].
    Weigh {
        /// To be given back.
        ticket: Ticket,
        /// The description.
        incoming: Box<Summary>,
        /// How it would be kept.
        terms: Box<Terms>,
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
    /// Tell how much is held in some parts of the space, with digests to compare it by
    /// (`RecordStore::take_stock`); answer with [`Input::StockTaken`].
    TakeStock {
        /// To be given back.
        ticket: Ticket,
        /// Which parts, in ascending order and without overlap.
        parts: Vec<Prefix>,
        /// Records to look at for it, at most.
        effort: usize,
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
    /// A node or subnet is banned for what it did.
    Banned(Ban),
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
