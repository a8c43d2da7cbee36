//! A deterministic simulator: thousands of dht peers in virtual time on a seeded network.
//!
//! A [`Simulation`] runs the peer that ships (`dht_routing::Peer` with `dht_store::MemoryStore`) on every
//! node, delivers its datagrams and streams after the delays of a network model, and lets nodes come, go and
//! misbehave. The same seed gives the same events, byte for byte; [`Simulation::trace`] proves it. An hour of
//! ten thousand nodes takes a minute or so.
//!
//! - [`Builder`]: number of nodes, seed, [`Latencies`] (built in or measured), [`Conditions`] (jitter, loss,
//!   duplication, reordering, bandwidth), parameters of the peers, a policy for what they keep;
//! - [`Simulation`]: starts operations, passes time, tells what ended; partitions, doors that let only
//!   answers in, [`Churn`], [`Role`]s of nodes that misbehave; [`Traffic`] by kind of message;
//! - judgement that no node could make itself: [`Simulation::closest`], [`Simulation::recall`],
//!   [`Simulation::table_health`];
//! - [`experiment`]: the set-ups that `cargo xtask sim` measures;
//! - [`Machine`]: what to implement to run another protocol on the same network.
//!
//! What it deliberately is not: a model of a peer. It has no routing table and no lookup of its own, and
//! nothing in it helps a peer: tables are built by joining, one node after the other.
//!
//! ```
//! use std::time::Duration;
//! use dht_proto::{KindSet, Record, Ttl, Value};
//! use dht_routing::{Command, Outcome};
//! use dht_sim::{Occurrence, OperationKind, Simulation};
//!
//! let mut sim = Simulation::builder().nodes(50).seed(7).build()?;
//! sim.settle(Duration::from_secs(60), |_, _| {});
//!
//! let record = Record::content(Value::new("hello")?);
//! let key = record.key();
//! let place = sim.random_live().expect("nobody has left");
//! sim.start(place, Command::Store { record, ttl: Ttl::default(), expected: None });
//! sim.run_for(Duration::from_secs(10));
//!
//! let place = sim.random_live().expect("nobody has left");
//! sim.start(place, Command::Fetch { key, kinds: KindSet::PROVEN });
//! let until = sim.now() + Duration::from_secs(10);
//! while let Some(occurrence) = sim.next(until) {
//!     if let Occurrence::Finished(ended) = occurrence
//!         && let Outcome::Fetched(Ok(fetched)) = ended.outcome
//!     {
//!         println!("{:?} after {:?}", fetched.record, ended.took);
//!         assert_eq!(ended.kind, OperationKind::Fetch);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod census;
pub mod experiment;
mod latency;
mod machine;
mod network;
mod queue;
mod random;
mod samples;
mod session;
mod simulation;
mod slab;
mod trace;
mod traffic;
mod wire;

pub use latency::{Latencies, MatrixError, SITES};
pub use machine::Machine;
pub use network::Conditions;
pub use random::Random;
pub use samples::{Samples, Sorted};
pub use session::{Churn, Rejoin, Sessions};
pub use simulation::{
    BuildError, Builder, Cost, CustomHandler, Factory, Finished, Growth, NODE_BYTES, Occurrence,
    OperationKind, Place, Role, Simulation, StorePolicy, TableHealth,
};
pub use trace::TraceHash;
pub use traffic::{Count, MessageKind, Traffic};
