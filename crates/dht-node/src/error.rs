//! What can go wrong: one enum for each operation.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use dht_proto::{BroadcastTooLarge, Kind, Refusal, Sequence, ValueTooLarge};
use dht_routing::{AnswerError, BootstrapError, ConfigError, StoreReport};

use crate::DataDirError;
use crate::control::Unstarted;

/// The node has stopped, or stopped while the operation was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped")]
pub struct Stopped;

/// Why a node did not start. Nothing is left behind; starting again, with other parameters, may succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The caller asked for an address whose UDP or TCP port another socket holds.
    #[error("cannot listen on {addr}: port in use")]
    PortInUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on for another reason: not of this machine, not permitted.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A parameter is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The identity given does not pay for the network's difficulty: other nodes would ignore this one.
    #[error("the node id does not meet the network's difficulty of {bits} bits")]
    WeakIdentity {
        /// Zero bits demanded.
        bits: u8,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The system gave no thread to the store.
    #[error("no thread for the store: {0}")]
    Thread(io::Error),
    /// The runtime was shut down while the node was starting.
    #[error("the runtime is shutting down")]
    Interrupted,
    /// The system gave no entropy.
    #[error("no entropy from the system: {0}")]
    Entropy(String),
}

/// Why the first attempt to join ended without a network. The node goes on trying by itself, with back-off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// None of the bootstrap addresses answered in time.
    #[error("no answer from {}", list(tried))]
    NoAnswer {
        /// The addresses that were tried.
        tried: Vec<SocketAddr>,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a broadcast was not sent. Nobody was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The message is longer than the protocol carries.
    #[error(transparent)]
    TooLarge(#[from] BroadcastTooLarge),
    /// The author sent more than others take of one author. Sending it later may succeed.
    #[error("{0}")]
    TooMany(dht_routing::BroadcastError),
    /// So many operations are under way on this node that it was not started.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<dht_routing::BroadcastError> for BroadcastError {
    fn from(error: dht_routing::BroadcastError) -> Self {
        match error {
            dht_routing::BroadcastError::TooLarge(error) => Self::TooLarge(error),
            error => Self::TooMany(error),
        }
    }
}

/// Why a value was not stored. Nothing was sent for the errors that are the caller's; after the others
/// some nodes may have been asked, and `NoHolder` and `NameTaken` tell what they said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The value is longer than the protocol carries. Nothing was sent.
    #[error(transparent)]
    TooLarge(#[from] ValueTooLarge),
    /// Another value lives under the name. Fetch it, choose another name, or wait for the end of its life.
    #[error("name is taken")]
    NameTaken(StoreReport),
    /// A newer version of the signed record is in place: resolve it and publish above its sequence.
    #[error("sequence {current} is already in place")]
    Stale {
        /// Highest sequence that is in place.
        current: Sequence,
    },
    /// Compare-and-swap found another version than expected. Nothing changed.
    #[error("sequence {current} is in place, another was expected")]
    SequenceMismatch {
        /// Highest sequence that is in place, 0 for none.
        current: Sequence,
    },
    /// Nodes were asked and none took it, or none could be asked. Storing again may succeed.
    #[error("{}", summary(.0))]
    NoHolder(StoreReport),
    /// So many operations are under way on this node that the store was not started.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why no value came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The nodes closest to the key answered, and none holds a value of the wanted kind.
    #[error("not found")]
    NotFound,
    /// Only a value of another kind lives at the key: a named one is fetched with `fetch_at`.
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
    /// Nodes claim to hold it, but none delivered a value that verifies. Fetching again may succeed.
    #[error("{holders} nodes claim to hold it, none delivered it")]
    Undelivered {
        /// Nodes that claim to hold it.
        holders: usize,
    },
    /// No node answered at all.
    #[error("no node answered")]
    NoAnswer,
    /// So many operations are under way on this node that the fetch was not started.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why no nodes were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// So many operations are under way on this node that the lookup was not started.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a ping failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// Nothing of this network answered at the address in time.
    #[error("no answer from {addr}")]
    NoAnswer {
        /// The address asked.
        addr: SocketAddr,
    },
    /// So many operations are under way on this node that the ping was not sent.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a record was not dropped from the node's own store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The store failed; the log tells why. The record may be there still.
    #[error("the store of this node failed")]
    StoreFailed,
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why a custom request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustomError {
    /// The request is longer than the protocol carries. Nothing was sent.
    #[error("request is {length} bytes, limit is {limit}")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// The longest, in bytes.
        limit: usize,
    },
    /// Nobody was found at the address, or under the id. Nothing was asked.
    #[error("no such node was found")]
    NotFound,
    /// The node was asked and gives no answer. [`AnswerError`] tells whether its application may have run.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The answer does not read as one of the protocol.
    #[error("answer is not readable: {reason}")]
    Unreadable {
        /// What the protocol says of it.
        reason: String,
    },
    /// So many operations are under way on this node that nothing was asked.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why an inspection failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Nothing of this network answered at the address in time.
    #[error("no answer from {addr}")]
    NoAnswer {
        /// The address asked.
        addr: SocketAddr,
    },
    /// So many operations are under way on this node that the request was not sent.
    #[error("{limit} operations are under way, which is the limit")]
    Busy {
        /// Operations at most.
        limit: usize,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn list(addrs: &[SocketAddr]) -> String {
    addrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `stored by 0 of 16: 9 full, 7 timed out`: the commonest reason first.
fn summary(report: &StoreReport) -> String {
    let asked = report.holders.len() + report.refused.len() + report.timed_out;
    if asked == 0 {
        return "stored by nobody: no node is known".to_owned();
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, refusal) in &report.refused {
        *counts.entry(refusal.to_string()).or_default() += 1;
    }
    let mut reasons: Vec<(String, usize)> = counts.into_iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(*count));
    if report.timed_out > 0 {
        reasons.push(("timed out".to_owned(), report.timed_out));
    }
    let reasons: Vec<String> =
        reasons.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    format!("stored by {} of {asked}: {}", report.holders.len(), reasons.join(", "))
}

impl StoreError {
    /// What a report means for whoever stored.
    pub(crate) fn check(report: StoreReport) -> Result<StoreReport, Self> {
        let refusals = || report.refused.iter().map(|(_, refusal)| refusal);
        if report.is_name_taken() {
            return Err(Self::NameTaken(report));
        }
        if !report.holders.is_empty() {
            return Ok(report);
        }
        let stale = refusals().filter_map(|refusal| match refusal {
            Refusal::Stale { current } => Some(*current),
            _ => None,
        });
        if let Some(current) = stale.max() {
            return Err(Self::Stale { current });
        }
        let mismatch = refusals().filter_map(|refusal| match refusal {
            Refusal::SequenceMismatch { current } => Some(*current),
            _ => None,
        });
        if let Some(current) = mismatch.max() {
            return Err(Self::SequenceMismatch { current });
        }
        Err(Self::NoHolder(report))
    }
}

/// Every operation's enum has the two ways of not being run at all.
macro_rules! from_unstarted {
    ($($error:ident),*) => {
        $(impl From<Unstarted> for $error {
            fn from(unstarted: Unstarted) -> Self {
                match unstarted {
                    Unstarted::Busy { limit } => Self::Busy { limit },
                    Unstarted::Stopped => Self::Stopped(Stopped),
                }
            }
        })*
    };
}

from_unstarted!(
    BroadcastError,
    StoreError,
    FetchError,
    LookupError,
    PingError,
    InspectError,
    CustomError
);

impl From<BootstrapError> for JoinError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::NoAnswer { tried } => Self::NoAnswer { tried },
            _ => Self::NoAnswer { tried: Vec::new() },
        }
    }
}

impl From<dht_routing::FetchError> for FetchError {
    fn from(error: dht_routing::FetchError) -> Self {
        match error {
            dht_routing::FetchError::OtherKind { kind } => Self::OtherKind { kind },
            dht_routing::FetchError::Deleted { sequence } => Self::Deleted { sequence },
            dht_routing::FetchError::Undelivered { holders } => Self::Undelivered { holders },
            dht_routing::FetchError::NoAnswer => Self::NoAnswer,
            _ => Self::NotFound,
        }
    }
}

#[cfg(test)]
mod tests;
