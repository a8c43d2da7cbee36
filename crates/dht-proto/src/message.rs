//! What nodes say to each other, after opening and before sealing.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, Cell, CellAnswer, Digest, Families,
    Key, Kind, KindSet, Mention, Purpose, Record, Sequence, Slot, Summary, Ttl,
};

mod batch;
pub(crate) mod length;
mod load;
mod pairing;
mod range;
mod refusal;
pub(crate) mod text;

pub use batch::{BatchedOffer, OfferAnswer};
pub use load::Load;
pub use range::ValueRange;
pub use refusal::{ErrorCode, Refusal};

/// Ties a reply to its request: 8 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({:016x})", self.0)
    }
}

/// What part a node takes in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Answers requests and holds records.
    Full,
    /// Only asks: never put into a table, never asked.
    Client,
}

/// One message between two nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What its sender is.
    pub role: Role,
    /// Which contacts its sender can use.
    pub families: Families,
    /// How busy its sender is. Requests say nothing of it.
    pub load: Load,
    /// Ties reply to request.
    pub id: RequestId,
    /// Request or reply.
    pub body: Body,
}

/// The two directions of an exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Wants an answer.
    Request(Request),
    /// Is an answer; counts only from the node that was asked.
    Reply(Reply),
}

impl Message {
    /// The record that the message carries, if it is a store or a found record.
    pub fn record(&self) -> Option<&Record> {
        match &self.body {
            Body::Request(Request::Store { record, .. })
            | Body::Reply(Reply::Found { record, .. }) => Some(record),
            Body::Request(_) | Body::Reply(_) => None,
        }
    }
}

/// What a publisher or holder says of a record before it sends the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferDetails {
    /// Key and kind.
    pub slot: Slot,
    /// Length of the value, in bytes.
    pub size: u32,
    /// Digest of the record, see [`Record::digest`].
    pub digest: Digest,
    /// Version of a signed record, 0 for other kinds.
    pub sequence: Sequence,
}

impl OfferDetails {
    /// Describes `record`.
    pub fn of(record: &Record) -> Self {
        Self {
            slot: record.slot(),
            size: u32::try_from(record.size()).unwrap_or(u32::MAX),
            digest: record.digest(),
            sequence: record.sequence(),
        }
    }
}

/// What one node asks another.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Are you there? Answered by [`Reply::Pong`].
    Ping,
    /// Which nodes closest to `target` do you know? Answered by [`Reply::Nodes`].
    FindNode {
        /// The point looked for.
        target: Key,
    },
    /// Do you hold a record at `key`? Answered by [`Reply::Found`], [`Reply::Held`], [`Reply::Nodes`] or
    /// [`Reply::Wanting`].
    Fetch {
        /// The key.
        key: Key,
        /// Which kinds are wanted; of several held the first in the order of [`Kind::ALL`] is told.
        kinds: KindSet,
    },
    /// Would you take this record? Answered by [`Reply::Wanted`], [`Reply::Have`] or [`Reply::Refused`].
    Offer {
        /// The record without its bytes.
        details: OfferDetails,
        /// The life it is to get.
        ttl: Ttl,
        /// Why it is offered.
        purpose: Purpose,
        /// Compare-and-swap, see [`Terms::expected`](crate::Terms::expected).
        expected: Option<Sequence>,
    },
    /// Keep this record. Answered by [`Reply::Stored`] or [`Reply::Refused`].
    Store {
        /// The record.
        record: Record,
        /// The life it is to get.
        ttl: Ttl,
        /// Why it is sent.
        purpose: Purpose,
        /// Compare-and-swap, see [`Terms::expected`](crate::Terms::expected).
        expected: Option<Sequence>,
    },
    /// Send the record of `slot` (by stream). Answered by [`Reply::Found`], or [`Reply::Nodes`] if it is gone.
    Download {
        /// Key and kind.
        slot: Slot,
        /// The part of the value that is to travel. Whoever carries the reply applies it (see
        /// `stream::Outgoing`); the reply itself names the record as a whole.
        range: ValueRange,
        /// Whether the [`Outline`](crate::Outline) of the value comes with it, if it has one, so that each part
        /// can be verified alone. The range is one of whole parts then ([`ValueRange::is_of_parts`]).
        outlined: bool,
    },
    /// What do you tell of yourself? Answered by [`Reply::Inspection`].
    Inspect,
    /// Would you take these records? Each is decided on its own, as by [`Request::Offer`] without
    /// condition. Answered by [`Reply::Offered`].
    OfferMany {
        /// Why they are offered.
        purpose: Purpose,
        /// 1 to [`BATCH_MAX`](crate::limits::BATCH_MAX) records; [`Message::batch_that_fits`] tells how
        /// many travel in one datagram.
        offers: Vec<BatchedOffer>,
    },
    /// Do you hold the same as we do, in these parts of the space? Answered by [`Reply::Reconciled`].
    Reconcile {
        /// 1 to [`CELLS_MAX`](crate::limits::CELLS_MAX) cells in ascending order that do not overlap;
        /// [`Message::cells_that_fit`] tells how many travel in one datagram.
        cells: Vec<Cell>,
    },
    /// What do you hold, from this slot on? Answered by [`Reply::Listing`], or by [`Reply::Error`] with
    /// [`ErrorCode::Unwilling`].
    List {
        /// Where to begin, inclusive.
        from: Slot,
    },
    /// A request of an application to an application. Answered by [`Reply::Custom`], or by [`Reply::Error`]:
    /// with [`ErrorCode::Unsupported`] where no application answers, with [`ErrorCode::Failed`] where it
    /// failed, with [`ErrorCode::ByStream`] where the answer is too long for a datagram.
    Custom {
        /// At most [`PAYLOAD_MAX`](crate::limits::PAYLOAD_MAX) bytes.
        payload: Bytes,
    },
    /// A message to every node, to be handed on to a part of the network. Answered by
    /// [`Reply::BroadcastsCompared`] with one verdict.
    Broadcast {
        /// The message.
        broadcast: Arc<Broadcast>,
        /// Leading bits: the reader hands it on to those nodes that share at least so many with itself. At
        /// most 256, which means to nobody.
        depth: u16,
    },
    /// Which of these broadcasts do you lack, and which others do you have? Answered by
    /// [`Reply::BroadcastsCompared`].
    CompareBroadcasts {
        /// At most [`BROADCASTS_MAX`](crate::limits::BROADCASTS_MAX) that the asker has.
        held: Vec<BroadcastId>,
        /// So many of the others, the newest, are not named: they were before.
        skip: u32,
    },
    /// Send a broadcast. Answered by [`Reply::BroadcastPulled`].
    PullBroadcast {
        /// Which.
        id: BroadcastId,
    },
}

impl Request {
    /// Whether it asks for a record: such requests make the [`Load`] of who answers them.
    pub fn wants_record(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Download { .. })
    }

    /// Whether its answer may be much longer than itself, so that it is padded to
    /// [`PADDED_REQUEST_LEN`](crate::limits::PADDED_REQUEST_LEN).
    pub fn wants_long_answer(&self) -> bool {
        match self {
            Self::FindNode { .. }
            | Self::Fetch { .. }
            | Self::Inspect
            | Self::Offer { .. }
            | Self::Reconcile { .. }
            | Self::List { .. }
            | Self::Custom { .. }
            | Self::PullBroadcast { .. } => true,
            // Whoever has much to name wants to know of less.
            Self::CompareBroadcasts { held, .. } => held.is_empty(),
            Self::Ping
            | Self::Store { .. }
            | Self::Download { .. }
            | Self::OfferMany { .. }
            | Self::Broadcast { .. } => false,
        }
    }
}

/// What a node answers. `closer` lists nodes that are closer to the key than the answering node, as far
/// as it knows any and the datagram has room.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// To [`Request::Ping`].
    Pong {
        /// The address the asker was seen at.
        observed: SocketAddr,
    },
    /// The closest nodes known.
    Nodes {
        /// At most [`CONTACTS_MAX`](crate::limits::CONTACTS_MAX), all different, none of them the asker.
        closer: Vec<Mention>,
    },
    /// The same as [`Nodes`](Self::Nodes), to a fetch only, from a node that was asked for this key several
    /// times lately: it would keep a copy of the record, sent for the purpose [`Purpose::Cache`].
    Wanting {
        /// As in [`Nodes`](Self::Nodes).
        closer: Vec<Mention>,
    },
    /// The record asked for.
    Found {
        /// The record.
        record: Record,
        /// What is left of its life.
        ttl: Ttl,
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// The record is here but does not fit a datagram: [`Request::Download`] gets it.
    Held {
        /// The record without its bytes.
        details: OfferDetails,
        /// What is left of its life.
        ttl: Ttl,
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// To an offer: send it.
    Wanted {
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// To an offer: it is here already, and its life was extended if the offer may do that.
    Have {
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// To a store: it is kept.
    Stored {
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// To an offer or store: not taken.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Closer nodes.
        closer: Vec<Mention>,
    },
    /// To [`Request::Inspect`].
    Inspection(Inspection),
    /// To [`Request::OfferMany`].
    Offered {
        /// One for each offer, in their order.
        answers: Vec<OfferAnswer>,
    },
    /// To [`Request::Reconcile`].
    Reconciled {
        /// One for each cell, in their order; [`Message::shorten_cells`] makes them fit.
        cells: Vec<CellAnswer>,
    },
    /// To [`Request::List`].
    Listing {
        /// At most [`BATCH_MAX`](crate::limits::BATCH_MAX) records held, cached copies left out, in
        /// ascending order of slots; [`Message::batch_that_fits`] tells how many fit.
        entries: Vec<BatchedOffer>,
        /// Where to go on, after the last entry; `None` at the end.
        next: Option<Slot>,
    },
    /// To [`Request::Custom`].
    Custom {
        /// At most [`PAYLOAD_MAX`](crate::limits::PAYLOAD_MAX) bytes.
        payload: Bytes,
    },
    /// The request has come and is being worked on: its answer comes later. Sent when a request comes
    /// again that an application is asked about; never by stream.
    Pending,
    /// To [`Request::Broadcast`] and [`Request::CompareBroadcasts`].
    BroadcastsCompared {
        /// What the reader says of each broadcast in the request, in their order.
        verdicts: Vec<BroadcastVerdict>,
        /// Others that can be pulled, newest first; [`Message::broadcasts_that_fit`] tells how many fit. None
        /// in the answer to a broadcast.
        more: Vec<BroadcastEntry>,
    },
    /// To [`Request::PullBroadcast`].
    BroadcastPulled {
        /// The broadcast; `None` if it is not here, or not any more.
        broadcast: Option<Arc<Broadcast>>,
    },
    /// The request was understood as none, or cannot be answered.
    Error {
        /// What is wrong.
        code: ErrorCode,
        /// A text for people, at most [`REASON_MAX`](crate::limits::REASON_MAX) bytes.
        text: String,
    },
}

/// What a node is willing to tell of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// Name and version of its software, at most 64 bytes.
    pub agent: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Nodes in its routing table.
    pub contacts: u32,
    /// Records it holds.
    pub records: u64,
    /// Bytes of values it holds.
    pub bytes: u64,
    /// Bytes of values it would hold at most.
    pub capacity: u64,
    /// How many full nodes it believes the network has, from the density of its neighbourhood.
    pub network_size: u64,
}

impl Reply {
    /// Whether it is one of those that name contacts.
    pub(crate) fn lists_contacts(&self) -> bool {
        matches!(
            self,
            Self::Nodes { .. }
                | Self::Wanting { .. }
                | Self::Found { .. }
                | Self::Held { .. }
                | Self::Wanted { .. }
                | Self::Have { .. }
                | Self::Stored { .. }
                | Self::Refused { .. }
        )
    }

    /// Contacts that the answering node named.
    pub fn closer(&self) -> &[Mention] {
        match self {
            Self::Nodes { closer }
            | Self::Wanting { closer }
            | Self::Found { closer, .. }
            | Self::Held { closer, .. }
            | Self::Wanted { closer }
            | Self::Have { closer }
            | Self::Stored { closer }
            | Self::Refused { closer, .. } => closer,
            Self::Pong { .. }
            | Self::Inspection(_)
            | Self::Offered { .. }
            | Self::Reconciled { .. }
            | Self::Listing { .. }
            | Self::Custom { .. }
            | Self::Pending
            | Self::BroadcastsCompared { .. }
            | Self::BroadcastPulled { .. }
            | Self::Error { .. } => &[],
        }
    }

    /// The same list, to be filled in; `None` where the reply has none.
    pub fn closer_mut(&mut self) -> Option<&mut Vec<Mention>> {
        match self {
            Self::Nodes { closer }
            | Self::Wanting { closer }
            | Self::Found { closer, .. }
            | Self::Held { closer, .. }
            | Self::Wanted { closer }
            | Self::Have { closer }
            | Self::Stored { closer }
            | Self::Refused { closer, .. } => Some(closer),
            Self::Pong { .. }
            | Self::Inspection(_)
            | Self::Offered { .. }
            | Self::Reconciled { .. }
            | Self::Listing { .. }
            | Self::Custom { .. }
            | Self::Pending
            | Self::BroadcastsCompared { .. }
            | Self::BroadcastPulled { .. }
            | Self::Error { .. } => None,
        }
    }
}

impl OfferDetails {
    /// Describes a record in a store.
    pub fn of_summary(summary: &Summary) -> Self {
        Self {
            slot: summary.slot,
            size: u32::try_from(summary.size).unwrap_or(u32::MAX),
            digest: summary.digest,
            sequence: summary.sequence,
        }
    }

    /// The kind described.
    pub fn kind(&self) -> Kind {
        self.slot.kind
    }
}
