//! `restart`: all nodes of a network that holds records are restarted at once.

use std::time::Duration;

use super::churn::per;
use super::records::{self, keys_held};
use super::{Host, Plan, settled, share};
use crate::simulation::{Occurrence, Place};
use crate::{BuildError, Simulation};

/// Copies that a node holds, on average.
const COPIES_PER_NODE: usize = 1_000;
/// Time within which all are restarted.
const WITHIN: Duration = Duration::from_secs(1);
/// Over which bytes are averaged.
const WINDOW: Duration = Duration::from_secs(10);
/// How long the network is left alone before its steady state is measured.
const REST: Duration = Duration::from_mins(30);
/// How long the steady state is measured, and what follows the restart.
const WATCH: Duration = Duration::from_mins(30);
/// A window is steady that has at most so many times the bytes of the steady state.
const STEADY: f64 = 2.0;

/// How a network came through.
#[derive(Debug, Clone)]
pub struct RestartReport {
    /// Records stored.
    pub records: usize,
    /// Records of which nobody has a copy in the end.
    pub lost: usize,
    /// Bytes a node sent a second before.
    pub steady_bytes_per_node_s: f64,
    /// The most bytes a node sent a second within ten seconds, averaged over all nodes.
    pub peak_bytes_per_node_s: f64,
    /// Time until the last window of ten seconds that was not steady.
    pub settled: Duration,
}

impl RestartReport {
    /// The peak in terms of the steady state.
    pub fn peak_over_steady(&self) -> f64 {
        self.peak_bytes_per_node_s / self.steady_bytes_per_node_s.max(f64::MIN_POSITIVE)
    }
}

/// Nodes with a thousand records each restart, all within a second. They keep their stores, and a list of the nodes
/// that were in their tables.
pub fn restart(plan: &Plan, host: &mut dyn Host) -> Result<RestartReport, BuildError> {
    let sim = settled(plan.builder(), host)?;
    let copies = plan.nodes.min(16);
    Ok(restart_all(sim, plan.nodes * COPIES_PER_NODE / copies, host))
}

/// What `restart` does with a settled network: stores `records`, rests, restarts, watches.
pub fn restart_all(mut sim: Simulation, records: usize, host: &mut dyn Host) -> RestartReport {
    let everybody: Vec<Place> = (0..).map(Place).take(sim.places()).collect();
    let keys = records::store(&mut sim, records, &everybody, host);
    sim.run_for(REST);
    host.phase("steady state", WATCH.as_secs());
    let before = watch(&mut sim, host);
    let steady = before.iter().sum::<f64>() / share(before.len(), 1).max(1.0);

    let start = sim.now();
    for place in everybody {
        let moment = WITHIN.mul_f64(sim.random().unit());
        sim.set_timer(start + moment, place.0.into());
    }
    host.phase("after the restart", WATCH.as_secs());
    let after = watch(&mut sim, host);
    let held = keys_held(&sim);
    let late = after.iter().rposition(|rate| *rate > STEADY * steady).map_or(0, |last| last + 1);
    RestartReport {
        records: keys.len(),
        lost: keys.iter().filter(|key| !held.contains(key)).count(),
        steady_bytes_per_node_s: steady,
        peak_bytes_per_node_s: after.iter().copied().fold(0.0, f64::max),
        settled: WINDOW * u32::try_from(late).unwrap_or(u32::MAX),
    }
}

/// Restarts nodes when their timers say so. Returns the bytes that a node sent a second, window by window.
fn watch(sim: &mut Simulation, host: &mut dyn Host) -> Vec<f64> {
    let start = sim.now();
    let mut rates = Vec::new();
    while sim.now() < start + WATCH {
        let (before, until) = (sim.traffic().clone(), sim.now() + WINDOW);
        while let Some(occurrence) = sim.next(until) {
            if let Occurrence::Timer(token) = occurrence
                && let Ok(place) = u32::try_from(token)
            {
                sim.restart(Place(place));
            }
        }
        let bytes = sim.traffic().since(&before).total().bytes;
        rates.push(per(bytes, share(sim.places(), 1) * WINDOW.as_secs_f64()));
        host.advance(sim.now().since(start).as_secs());
    }
    rates
}
