//! `churn`: requests to live nodes while nodes come and go (the set-up of Heep, ATNAC 2010).

use std::time::Duration;

use super::requests::{self, Rhythm, Targets};
use super::{Host, Plan, settled, share};
use crate::simulation::{Place, TableHealth};
use crate::{BuildError, Churn, Rejoin, Samples, Sessions, Simulation, Traffic};

/// Mean sessions that are measured, in seconds.
pub const MEANS: [u64; 4] = [1_000, 3_000, 10_000, 30_000];

/// A request that takes longer has failed, and counts with this time.
const DEADLINE: Duration = Duration::from_secs(10);

const PHASE: Duration = Duration::from_mins(30);

/// What requests came to under one mean session.
#[derive(Debug, Clone)]
pub struct ChurnPoint {
    /// Mean session, in seconds.
    pub mean_s: u64,
    /// Times until the node that was looked for answered; failures count 10 s.
    pub reached: Samples,
    /// Times until the lookups ended.
    pub ended: Samples,
    /// Requests to nodes that lived until the end of the lookup, or were reached before they died.
    pub tried: usize,
    /// Those that were reached within 10 s.
    pub met: usize,
    /// Requests of a lookup, on average.
    pub requests: f64,
    /// Requests that all nodes sent for anything, for each lookup.
    pub all_requests: f64,
    /// Everything all nodes sent.
    pub sent: Traffic,
    /// Seconds lived, summed over all nodes.
    pub node_seconds: f64,
    /// Tables at the end.
    pub health: TableHealth,
}

impl ChurnPoint {
    /// Bytes a live node sent a second, on average.
    pub fn bytes_per_node_s(&self) -> f64 {
        per(self.sent.total().bytes, self.node_seconds)
    }

    /// Share of the requests that reached the node they were for.
    pub fn success(&self) -> f64 {
        share(self.met, self.tried)
    }
}

/// Every live node looks up the id of a random live node every 60 s. Sessions follow a Weibull distribution of
/// shape 0.5; a node that leaves, without notice, is replaced at once by a stranger that joins. 1,800 s to warm
/// up, 1,800 s measured. The network is built once and copied for each mean.
pub fn churn(
    plan: &Plan,
    means: &[u64],
    host: &mut dyn Host,
) -> Result<Vec<ChurnPoint>, BuildError> {
    let sim = settled(plan.builder(), host)?;
    Ok(means.iter().map(|mean_s| under_churn(sim.clone(), *mean_s, PHASE, host)).collect())
}

/// What `churn` does with a settled network for one mean session: warms up for `phase`, measures for `phase`.
pub fn under_churn(
    mut sim: Simulation,
    mean_s: u64,
    phase: Duration,
    host: &mut dyn Host,
) -> ChurnPoint {
    sim.set_churn(Churn {
        sessions: Sessions::Weibull { shape: 0.5, mean: Duration::from_secs(mean_s) },
        absences: None,
        rejoin: Rejoin::Fresh,
        orderly: 0.0,
    });
    let rhythm = Rhythm::Every(Duration::from_mins(1));
    host.phase(&format!("warming up, mean {mean_s} s"), phase.as_secs());
    let until = sim.now() + phase;
    requests::run(&mut sim, rhythm, Targets::LiveIds, until, host, |_, _| {});

    let (traffic, seconds) = (sim.traffic().clone(), sim.node_seconds());
    let mut point = ChurnPoint {
        mean_s,
        reached: Samples::default(),
        ended: Samples::default(),
        tried: 0,
        met: 0,
        requests: 0.0,
        all_requests: 0.0,
        sent: Traffic::default(),
        node_seconds: 0.0,
        health: TableHealth::default(),
    };
    let (mut lookups, mut own_requests) = (0, 0);
    host.phase(&format!("measuring, mean {mean_s} s"), phase.as_secs());
    let until = sim.now() + phase;
    requests::run(&mut sim, rhythm, Targets::LiveIds, until, host, |sim, finished| {
        lookups += 1;
        own_requests += finished.cost.requests as usize;
        point.ended.push(finished.took);
        let met = finished.reached.filter(|time| *time <= DEADLINE);
        let alive = finished.target.is_some_and(|target| {
            let closest = sim.closest(&target, 1, None::<Place>);
            closest.first().is_some_and(|id| id.to_key() == target)
        });
        if met.is_some() || alive {
            point.tried += 1;
            point.met += usize::from(met.is_some());
            point.reached.push(met.unwrap_or(DEADLINE));
        }
    });
    point.sent = sim.traffic().since(&traffic);
    point.node_seconds = sim.node_seconds() - seconds;
    point.requests = share(own_requests, lookups);
    point.all_requests = per(point.sent.requests().messages, share(lookups, 1));
    point.health = sim.table_health();
    point
}

#[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
pub(super) fn per(amount: u64, units: f64) -> f64 {
    if units > 0.0 { amount as f64 / units } else { 0.0 }
}
