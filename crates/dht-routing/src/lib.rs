//! A Kademlia peer as a pure value.
//!
//! [`Peer`] decides everything a node of the network decides: who is asked, what is answered, what is
//! kept, refused, repeated. It does no I/O, reads no clock and no entropy, and runs in no task: the
//! caller feeds it [`Input`]s with the current [`Moment`](dht_proto::Moment) and carries out its
//! [`Output`]s. The same seed and the same inputs give the same outputs, so a simulator runs the very
//! code that ships.
//!
//! Its parts can be used alone: [`RoutingTable`] (buckets, replacement cache, ping before evict),
//! [`Lookup`] (who to ask next) and [`rtt`] (timeouts after RFC 6298).
//!
//! What it deliberately is not: a node. Sockets, keys, the store and the clock belong to its driver,
//! `dht-node` or `dht-sim`.
//!
//! ```
//! use dht_proto::{Contact, Key, Moment, NodeIdentity, Nonce, PublicKey};
//! use dht_routing::RoutingTable;
//! use std::time::Duration;
//!
//! let node = |byte| NodeIdentity::new(PublicKey::from_bytes([byte; 32]), Nonce(0));
//! let mut table = RoutingTable::new(node(0).id(), 16);
//! let contact = Contact::new(node(1), "127.0.0.1:3000".parse().unwrap());
//! table.answered(Moment::EPOCH, contact, Duration::from_millis(3));
//! assert_eq!(table.closest(&Key::named(b"anything"), 16, |_| true), vec![contact]);
//! ```

mod alarms;
mod application;
mod broadcast;
mod caching;
mod config;
mod consultation;
mod custom;
mod decay;
mod demand;
mod gather;
mod greetings;
mod hearing;
mod inventory;
mod io;
mod keeping;
mod load;
mod lookup;
mod maintenance;
mod mirror;
mod neighbourhood;
mod operation;
mod pacer;
mod peer;
mod promises;
mod publication;
mod random;
mod reputation;
mod requests;
mod responder;
mod reunion;
pub mod rtt;
mod search;
mod spares;
mod sponsors;
mod stocktaking;
mod subnet;
pub mod table;

pub use broadcast::HeardBroadcast;
pub use config::{Config, ConfigBuilder, ConfigError};
pub use consultation::{Consultation, Sender, Verdict};
pub use custom::{Answer, AnswerError, CustomReport, Recipient, Served, Service};
pub use io::{
    BootstrapError, Bootstrapped, BroadcastError, BroadcastReport, Busy, Command, Event,
    FetchError, Fetched, Gathered, Input, OperationId, Outcome, Output, Ponged, Route, StoreReport,
    StreamId, Ticket, Unanswered, Via,
};
pub use lookup::{Lookup, Standing};
pub use mirror::{MirrorProgress, MirrorRound};
pub use peer::{Answers, Peer, Status, Upkeep, Usage};
pub use random::Seed;
pub use reputation::{Ban, NoSuspect, Offence, Suspect};
pub use subnet::{NoSubnet, Subnet};
pub use table::RoutingTable;
