//! Experiments: set-ups with a name, a question and figures for an answer.
//!
//! Each drives the peer that ships on tables that the protocol built itself, and is the same for the same
//! seed. The figures are defined here, once; `cargo xtask sim` prints them beside what others reach.

use std::sync::Arc;
use std::time::Duration;

use dht_routing::{Config, ConfigBuilder};

use crate::{BuildError, Builder, Latencies, Simulation};

mod adversary;
mod broadcast;
mod churn;
mod cost;
mod durability;
mod eclipse;
mod hot;
mod lookups;
mod records;
mod republish;
mod requests;
mod restart;
mod speed;
mod table_eclipse;

pub use adversary::{AdversaryPoint, PATHS, SHARES, adversary, look_among_liars, prepare_askers};
pub use broadcast::{
    BroadcastPoint, HARDSHIPS, HARSH, Hardship, broadcast, prepare_broadcasts, send_broadcasts,
};
pub use churn::{ChurnPoint, MEANS, churn, under_churn};
pub use cost::{CostPoint, REFRESHES, cost};
pub use durability::{COPIES, DurabilityPoint, MODELS, durability, outlive, publish};
pub use eclipse::{EclipsePoint, Manner, SYBILS, besiege, eclipse, prepare_siege};
pub use hot::{Demand, HotReport, demand, hot};
pub use lookups::{LookupReport, latency, look_around, stale};
pub use republish::{RepublishReport, renew, republish};
pub use restart::{RestartReport, restart, restart_all};
pub use speed::{SpeedReport, speed};
pub use table_eclipse::{INVASIONS, TableEclipsePoint, invade, table_eclipse};

/// What every experiment can be told.
#[derive(Clone)]
pub struct Plan {
    /// Number of nodes.
    pub nodes: usize,
    /// What every random choice follows from.
    pub seed: u64,
    /// Latencies between sites; `None` for the generator with the same seed.
    pub latencies: Option<Arc<Latencies>>,
    /// Parameters of the peers.
    pub peer: ConfigBuilder,
    /// Bytes of memory that may be used.
    pub memory: u64,
}

impl Plan {
    /// The shipping parameters, generated latencies, memory without limit.
    pub fn new(nodes: usize, seed: u64) -> Self {
        Self { nodes, seed, latencies: None, peer: Config::builder(), memory: u64::MAX }
    }

    fn latencies(&self) -> Arc<Latencies> {
        self.latencies.clone().unwrap_or_else(|| Arc::new(Latencies::generated(self.seed)))
    }

    fn builder(&self) -> Builder {
        Simulation::builder()
            .nodes(self.nodes)
            .seed(self.seed)
            .latencies(self.latencies())
            .peer(self.peer.clone())
            .memory(self.memory)
    }
}

/// What an experiment may ask of whoever runs it, and tells it. A simulation itself has no clock.
pub trait Host {
    /// A part of the experiment starts, which `advance` will count up to `total`.
    fn phase(&mut self, name: &str, total: u64);

    /// How far the part is.
    fn advance(&mut self, done: u64);

    /// One point of several stands: what it came to, in a line.
    fn found(&mut self, point: &str) {
        let _ = point;
    }

    /// Time that has really passed since any fixed instant.
    fn wall(&self) -> Duration {
        Duration::ZERO
    }

    /// Bytes of memory the process has resident beyond what it began with; 0 where that cannot be told.
    fn resident(&self) -> u64 {
        0
    }
}

/// Wants to hear nothing and has no clock.
impl Host for () {
    fn phase(&mut self, _name: &str, _total: u64) {}
    fn advance(&mut self, _done: u64) {}
}

/// Time a network is left alone after its last node has arrived, before anything is measured.
const SETTLING: Duration = Duration::from_mins(10);

/// Has every node join by the protocol, and the network settle.
fn settled(builder: Builder, host: &mut dyn Host) -> Result<Simulation, BuildError> {
    let mut sim = builder.build()?;
    host.phase("joining", sim.places() as u64);
    sim.settle(SETTLING, |joined, _| host.advance(joined));
    Ok(sim)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
