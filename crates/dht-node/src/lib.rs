//! A dht node on tokio: sockets, clock, entropy and the public [`Node`] API.
//!
//! [`Node::builder`] starts a node; the handle stores, fetches and tells what the node knows. Everything
//! a node decides is decided in `dht-routing`; this crate moves bytes, reads the clock and runs the store.
//! What a program needs of the crates below is re-exported here.
//!
//! ```
//! use dht_node::Node;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let first = Node::builder().listen("127.0.0.1:0".parse()?).start().await?;
//! let second = Node::builder()
//!     .listen("127.0.0.1:0".parse()?)
//!     .bootstrap(first.local_addr())
//!     .start()
//!     .await?;
//! second.joined().await?;
//!
//! // By content: the key is the hash of the value, and proves it.
//! let report = second.store("hello").await?;
//! assert_eq!(report.holders.len(), 2);
//! assert_eq!(first.fetch(report.key).await?.into_bytes(), "hello");
//!
//! // By name: whoever stores first has the name, as long as the value lives.
//! second.store_at("greeting", "good morning").await?;
//! assert_eq!(first.fetch_at("greeting").await?.into_bytes(), "good morning");
//!
//! second.stop().await;
//! assert!(first.is_running());
//! # Ok(())
//! # }
//! ```
//!
//! - By content, name or signing key: [`Node::store`], [`Node::store_at`], [`Node::publish`], and
//!   [`Node::fetch`], [`Node::fetch_at`], [`Node::resolve`].
//! - To every node at once: [`Node::broadcast`], which arrives at [`NodeBuilder::on_broadcast`].
//! - Dropping the future of an operation cancels it, down to the requests under way.
//! - A node is one task, and one more for each open stream. Thousands fit a process: they share nothing,
//!   and there are no statics.
//! - With [`NodeBuilder::data_dir`] a node goes on, at its next start, from where it stopped or crashed.
//! - What others may cost a node is bounded by [`Limits`]; what it dropped is told by [`Node::info`].
//! - Log events go through [`tracing`], each with the short id of its node in the field `node`.
//!
//! - The application decides what the node keeps ([`NodeBuilder::on_store`]) and speaks its own protocol between
//!   nodes ([`NodeBuilder::on_custom`], [`Node::custom`]).
//!
//! What it deliberately is not: a place for policies of its own, and a global.

mod bans;
mod builder;
mod clock;
mod control;
mod crowd;
mod custom;
mod data_dir;
mod datagrams;
mod entropy;
mod error;
mod flow;
mod forward;
mod freshness;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod hooks;
mod keeper;
mod limits;
mod node;
mod operations;
mod outbox;
mod place;
mod rate;
mod runtime;
mod socket;
mod stance;
mod status;
mod storage;
mod streams;
mod task;
mod unanswered;

pub use bans::{BanError, Banned};
pub use builder::NodeBuilder;
pub use custom::{Answers, CustomOptions, Protocol};
pub use data_dir::DataDirError;
pub use error::{
    BroadcastError, CustomError, FetchError, ForgetError, InspectError, JoinError, LookupError,
    PingError, StartError, Stopped, StoreError,
};
pub use forward::Forward;
pub use limits::Limits;
pub use node::Node;
pub use place::{Found, Place, StoreOptions};
pub use status::{Drops, HookCalls, HookStatus, NodeStatus, StoredKey, Traffic};

pub use dht_proto::limits::{BROADCAST_MAX, PAYLOAD_MAX, VALUE_MAX};
pub use dht_proto::{
    AuthorKey, AuthorSecret, Broadcast, BroadcastId, BroadcastTooLarge, Contact, Custody,
    Difficulty, Digest, Distance, Families, Inspection, Key, Kind, KindSet, LocalIdentity, Moment,
    NetworkId, NodeId, NodeIdentity, ParseHexError, Purpose, Record, RecordError, Refusal, Salt,
    SentAt, Sequence, SignedBody, Slot, Summary, Ttl, Value, ValueTooLarge,
};
pub use dht_routing::{
    Answer, AnswerError, Bootstrapped, BroadcastReport, Config, ConfigBuilder, ConfigError,
    Consultation, MirrorProgress, MirrorRound, NoSuspect, Offence, Ponged, Recipient, Sender,
    Served, Service, StoreReport, Subnet, Suspect, Verdict,
};
pub use dht_store::{MemoryStore, RecordStore, Usage};

/// The program in the README, which must compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
