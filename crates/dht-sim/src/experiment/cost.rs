//! `cost`: what lookups cost under churn, in bytes (the set-up of Li et al., INFOCOM 2005).

use std::sync::Arc;
use std::time::Duration;

use dht_routing::Outcome;

use super::churn::per;
use super::requests::{self, Rhythm, Targets};
use super::{Host, Plan, settled, share};
use crate::simulation::TableHealth;
use crate::{BuildError, Churn, Rejoin, Samples, Sessions, Simulation, Traffic};

/// Intervals of refreshing that are tried, in seconds: what is spent on tables follows from them.
pub const REFRESHES: [u64; 3] = [600, 1_800, 3_600];

/// The measured matrix has a median of 135 ms, the one of Li et al. of 156 ms.
const SCALE: f64 = 1.16;

const HOUR: Duration = Duration::from_hours(1);

/// What lookups came to with one interval of refreshing.
#[derive(Debug, Clone)]
pub struct CostPoint {
    /// Interval of refreshing, in seconds.
    pub refresh_s: u64,
    /// Times until the node closest to the target had answered.
    pub reached: Samples,
    /// Times until the lookups ended.
    pub ended: Samples,
    /// Lookups that ended.
    pub lookups: usize,
    /// Lookups whose result did not begin with the closest live node.
    pub failed: usize,
    /// Requests of a lookup, on average.
    pub requests: f64,
    /// Everything all nodes sent.
    pub sent: Traffic,
    /// Seconds lived, summed over all nodes.
    pub node_seconds: f64,
    /// Tables at the end.
    pub health: TableHealth,
}

impl CostPoint {
    /// Bytes a live node sent a second, on average.
    pub fn bytes_per_node_s(&self) -> f64 {
        per(self.sent.total().bytes, self.node_seconds)
    }

    /// Share of the lookups that failed.
    pub fn failures(&self) -> f64 {
        share(self.failed, self.lookups)
    }
}

/// Nodes come and go, without notice and with exponential sessions and absences of 1 h on average, so that half
/// of the places are taken; whoever comes back is a stranger. Live nodes look up random points, 600 s apart on
/// average. 6 h, the second half counted.
pub fn cost(
    plan: &Plan,
    refreshes: &[u64],
    host: &mut dyn Host,
) -> Result<Vec<CostPoint>, BuildError> {
    let latencies = Arc::new(plan.latencies().as_ref().clone().scaled(SCALE));
    refreshes
        .iter()
        .map(|refresh_s| {
            let peer = plan.peer.clone().refresh(Duration::from_secs(*refresh_s));
            let builder = plan.builder().latencies(latencies.clone()).peer(peer);
            Ok(point(settled(builder, host)?, *refresh_s, host))
        })
        .collect()
}

fn point(mut sim: Simulation, refresh_s: u64, host: &mut dyn Host) -> CostPoint {
    let hourly = Sessions::Exponential { mean: HOUR };
    sim.set_churn(Churn {
        sessions: hourly,
        absences: Some(hourly),
        rejoin: Rejoin::Fresh,
        orderly: 0.0,
    });
    let rhythm = Rhythm::Mean(Duration::from_mins(10));
    host.phase(&format!("first half, refresh {refresh_s} s"), 3 * HOUR.as_secs());
    let until = sim.now() + 3 * HOUR;
    requests::run(&mut sim, rhythm, Targets::Points, until, host, |_, _| {});

    let (traffic, seconds) = (sim.traffic().clone(), sim.node_seconds());
    let mut point = CostPoint {
        refresh_s,
        reached: Samples::default(),
        ended: Samples::default(),
        lookups: 0,
        failed: 0,
        requests: 0.0,
        sent: Traffic::default(),
        node_seconds: 0.0,
        health: TableHealth::default(),
    };
    let mut own_requests = 0;
    host.phase(&format!("second half, refresh {refresh_s} s"), 3 * HOUR.as_secs());
    let until = sim.now() + 3 * HOUR;
    requests::run(&mut sim, rhythm, Targets::Points, until, host, |sim, finished| {
        let (Some(target), Outcome::Nodes(found)) = (finished.target, &finished.outcome) else {
            return;
        };
        point.lookups += 1;
        own_requests += finished.cost.requests as usize;
        point.ended.push(finished.took);
        point.reached.push(finished.reached.unwrap_or(finished.took));
        let closest = sim.closest(&target, 1, Some(finished.place));
        let right = found.first().map(dht_proto::Contact::id) == closest.first().copied();
        point.failed += usize::from(!right);
    });
    point.sent = sim.traffic().since(&traffic);
    point.node_seconds = sim.node_seconds() - seconds;
    point.requests = share(own_requests, point.lookups);
    point.health = sim.table_health();
    point
}
