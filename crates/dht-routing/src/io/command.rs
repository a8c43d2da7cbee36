//! What an application asks of its peer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use dht_proto::{AuthorSecret, Contact, Key, KindSet, NodeId, Record, Sequence, Ttl};

use crate::Recipient;

/// What an application asks of its peer. Each command starts one operation, which ends in one
/// [`Event::Finished`](crate::Event::Finished) unless it is cancelled.
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
    /// Ask the applications of other nodes. Each answer is an [`Event::Answered`](crate::Event::Answered).
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
