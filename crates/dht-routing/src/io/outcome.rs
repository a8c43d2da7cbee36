//! What became of what an application asked for.

use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::{
    BroadcastId, BroadcastTooLarge, Contact, Inspection, Key, Kind, NodeId, NodeIdentity, Record,
    Refusal, Sequence, Ttl,
};

use crate::CustomReport;
use crate::broadcast::{AUTHOR_LIVE_MAX, AUTHOR_RATE};

/// What became of an operation.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// [`Command::Bootstrap`](crate::Command::Bootstrap) ended.
    Bootstrapped(Result<Bootstrapped, BootstrapError>),
    /// [`Command::FindNode`](crate::Command::FindNode) ended: the nodes closest to the target that answered, closest first.
    Nodes(Vec<Contact>),
    /// [`Command::Locate`](crate::Command::Locate) ended: the node answered there, or nobody knows it.
    Located(Option<Contact>),
    /// [`Command::Ping`](crate::Command::Ping) ended.
    Ponged(Result<Ponged, Unanswered>),
    /// [`Command::Inspect`](crate::Command::Inspect) ended.
    Inspected(Result<(NodeIdentity, Inspection), Unanswered>),
    /// [`Command::Store`](crate::Command::Store) ended.
    Stored(StoreReport),
    /// [`Command::Fetch`](crate::Command::Fetch) ended.
    Fetched(Result<Fetched, FetchError>),
    /// [`Command::Broadcast`](crate::Command::Broadcast) ended: every delegate has answered, or was given up. What they hand on, and the
    /// repair of what is lost, goes on.
    Broadcast(Result<BroadcastReport, BroadcastError>),
    /// [`Command::Custom`](crate::Command::Custom) ended.
    Custom(CustomReport),
    /// [`Command::Leave`](crate::Command::Leave) ended.
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
