//! placeholder

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
    BuildError, Builder, Cost, Factory, Finished, Growth, NODE_BYTES, Occurrence, OperationKind,
    Place, Role, SavePolicy, Simulation, TableHealth,
};
pub use trace::TraceHash;
pub use traffic::{Count, MessageKind, Traffic};
