//! A Kademlia peer as a pure value.
//!
//! [`Peer`] decides everything a node of the network decides: who is asked, what is answered, what is
//! kept, refused, repeated. It does no I/O, reads no clock and no entropy, and runs in no task: the
//! caller feeds it [`Input`]s with the current [`Moment`](dht_proto::Moment) and carries out its
//! [`Output`]s. The same seed and the same inputs give the same outputs, so a simulator runs the very
//! code that ships.

mod config;
mod io;
mod peer;

pub use config::{Config, ConfigBuilder, ConfigError};
pub use io::*;
pub use peer::{Peer, Seed, Status};
