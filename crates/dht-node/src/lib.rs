//! A dht node on tokio: sockets, clock, entropy and the public [`Node`] API.
//!
//! [`Node::builder`] starts a node; the handle stores, fetches and tells what the node knows. Everything
//! a node decides is decided in `dht-routing`; this crate moves bytes, reads the clock and runs the store.
//! What consumers need of the crates below is re-exported here.
//!
//! What it deliberately is not: a place for policies, and a global. Two nodes of one process share nothing.

mod builder;
mod clock;
mod control;
mod datagrams;
mod entropy;
mod error;
mod greeting;
mod limits;
mod node;
mod operations;
mod outbox;
mod place;
mod rate;
mod runtime;
mod socket;
mod status;
mod storage;
mod streams;
mod task;
mod unanswered;

pub use builder::NodeBuilder;
pub use error::{
    FetchError, InspectError, JoinError, LookupError, PingError, StartError, Stopped, StoreError,
};
pub use limits::Limits;
pub use node::Node;
pub use place::{Found, Place, StoreOptions};
pub use status::{Drops, NodeStatus, StoredKey, Traffic};

pub use dht_proto::limits::VALUE_MAX;
pub use dht_proto::{
    AuthorKey, AuthorSecret, Contact, Difficulty, Digest, Distance, Families, Inspection, Key,
    Kind, KindSet, LocalIdentity, Moment, NetworkId, NodeId, NodeIdentity, ParseHexError, Purpose,
    Record, RecordError, Refusal, Salt, Sequence, SignedBody, Slot, Ttl, Value, ValueTooLarge,
};
pub use dht_routing::{Bootstrapped, Config, ConfigBuilder, ConfigError, Ponged, StoreReport};
pub use dht_store::{RecordStore, Usage};
