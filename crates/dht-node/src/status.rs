//! What a node tells of itself to the program it runs in.

use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::{
    Custody, DecodeError, Digest, Key, Kind, NetworkId, NodeIdentity, Problem, Sequence, Slot,
    Summary,
};
use dht_routing::MirrorProgress;
use dht_store::Usage;

/// Figures of a running node, all taken at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Who the node is.
    pub node: NodeIdentity,
    /// The address it listens on.
    pub addr: SocketAddr,
    /// The network it belongs to.
    pub network: NetworkId,
    /// Time since it started.
    pub uptime: Duration,
    /// Nodes in its routing table.
    pub contacts: usize,
    /// Operations under way.
    pub operations: usize,
    /// Requests in flight.
    pub requests: usize,
    /// Estimated number of full nodes in the network, this one included.
    pub network_size: u64,
    /// Records held, their bytes, and the bytes that may be held.
    pub store: Usage,
    /// Streams open, in both directions.
    pub streams: usize,
    /// Size of the receive buffer the system granted for datagrams, in bytes as it counts them: Linux counts
    /// its own bookkeeping, and tells twice what was asked for.
    pub receive_buffer: usize,
    /// What was moved.
    pub traffic: Traffic,
    /// What was not taken.
    pub dropped: Drops,
    /// How far the node is as a mirror; `None` if it is none.
    pub mirror: Option<MirrorProgress>,
    /// Calls of the application's closures.
    pub hooks: HookStatus,
}

/// Datagrams and their bytes since the start, without the headers of UDP and IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Datagrams received, whatever was in them.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
}

/// Input that was dropped, by reason, since the start. Nothing of it reached the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drops {
    /// Not a message of the protocol: random bytes, truncated, fields out of range.
    pub malformed: u64,
    /// Longer than a datagram may be.
    pub oversize: u64,
    /// Of another network.
    pub other_network: u64,
    /// Of another version of the protocol.
    pub other_version: u64,
    /// Sealed for another node, altered on the way, or under our own key.
    pub not_for_us: u64,
    /// An answer to nothing that was asked: a late or forged greeting, a cookie for nothing sent.
    pub unasked: u64,
    /// Past a limit on what others may cost: greetings and key exchanges in a second, requests of one node.
    pub over_limit: u64,
    /// Past a limit on the datagrams of one subnet, or of all.
    pub crowded: u64,
    /// Requests that change something and were sealed too long ago, or by a clock that is off: their senders were asked
    /// for a cookie. By stream they are refused.
    pub stale: u64,
    /// Recordings of requests that were taken before.
    pub replayed: u64,
    /// From nodes and subnets that are banned; streams among them.
    pub banned: u64,
    /// Datagrams not sent because the socket's queue was full.
    pub send_queue_full: u64,
    /// Datagrams the system refused to send: no route, no permission, another address family.
    pub send_failed: u64,
    /// Messages not sent because they did not fit what carries them.
    pub send_oversize: u64,
    /// Streams refused because there were too many, in all or from one address.
    pub streams_refused: u64,
    /// Streams closed because their peer was too slow, or broke the protocol.
    pub streams_broken: u64,
}

/// Calls of the application's closures since the start, by the setter of [`NodeBuilder`](crate::NodeBuilder)
/// that they were given to. All zero where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HookStatus {
    /// [`on_store`](crate::NodeBuilder::on_store).
    pub on_store: HookCalls,
    /// [`on_custom`](crate::NodeBuilder::on_custom).
    pub on_custom: HookCalls,
    /// [`on_broadcast`](crate::NodeBuilder::on_broadcast).
    pub on_broadcast: HookCalls,
}

/// Calls of one of the application's closures since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HookCalls {
    /// Calls that were started.
    pub started: u64,
    /// Of these, calls that run now.
    pub running: usize,
    /// Of these, calls that panicked.
    pub panicked: u64,
    /// Of these, calls that were stopped because they took too long.
    pub timed_out: u64,
    /// Calls not started because too many ran.
    pub turned_away: u64,
}

impl Drops {
    /// Counts a datagram or frame that could not be read.
    pub(crate) fn count(&mut self, error: &DecodeError) {
        match error.problem {
            Problem::OtherNetwork { .. } => self.other_network += 1,
            Problem::OtherVersion { .. } => self.other_version += 1,
            Problem::TooLong { .. } if error.field == "datagram" => self.oversize += 1,
            _ => self.malformed += 1,
        }
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.malformed
            + self.oversize
            + self.other_network
            + self.other_version
            + self.not_for_us
            + self.unasked
            + self.over_limit
            + self.crowded
            + self.stale
            + self.replayed
            + self.banned
            + self.send_queue_full
            + self.send_failed
            + self.send_oversize
            + self.streams_refused
            + self.streams_broken
    }
}

/// A record in the node's own store, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// Where it lives.
    pub key: Key,
    /// Its kind.
    pub kind: Kind,
    /// Length of the value, in bytes.
    pub size: usize,
    /// Hash of the value.
    pub digest: Digest,
    /// Version of a signed record; 0 for other kinds.
    pub sequence: Sequence,
    /// What is left of its life.
    pub remaining: Duration,
    /// Why it is kept.
    pub custody: Custody,
}

impl StoredKey {
    /// Key and kind.
    pub(crate) fn slot(&self) -> Slot {
        Slot { key: self.key, kind: self.kind }
    }

    pub(crate) fn of(summary: &Summary, now: dht_proto::Moment) -> Self {
        Self {
            key: summary.slot.key,
            kind: summary.slot.kind,
            size: summary.size,
            digest: summary.digest,
            sequence: summary.sequence,
            remaining: summary.expires.since(now),
            custody: summary.custody,
        }
    }
}
