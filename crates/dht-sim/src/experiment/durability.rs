//! `durability`: whether records outlive everybody who held them.

use std::fmt;
use std::time::Duration;

use dht_proto::Key;

use super::churn::per;
use super::records::{self, keys_held};
use super::{Host, Plan, settled};
use crate::simulation::Place;
use crate::{BuildError, Churn, MessageKind, Rejoin, Sessions, Simulation, Traffic};

/// Session models of measured networks: shape and mean of a Weibull distribution, in seconds.
pub const MODELS: [(f64, u64); 3] = [(0.5, 5_000), (0.608, 13_176), (0.518, 6_948)];

/// Copies of a record that are asked for.
pub const COPIES: [usize; 2] = [8, 16];

/// How long the records have to last.
const SPAN: Duration = Duration::from_hours(24);

/// Records in a network of 10,000 nodes; as many as nodes in smaller ones.
const RECORDS: usize = 10_000;

/// Nodes that store the records, and leave at once when they have.
const PUBLISHERS: usize = 50;

/// Find-node requests of a lookup, as `latency` counts them.
const LOOKUP_REQUESTS: f64 = 20.0;

/// What was left after a day under one model.
#[derive(Debug, Clone)]
pub struct DurabilityPoint {
    /// Shape of the Weibull distribution of sessions.
    pub shape: f64,
    /// Mean session, in seconds.
    pub mean_s: u64,
    /// Copies asked for: k.
    pub copies: usize,
    /// Records stored.
    pub records: usize,
    /// Records of which no live node has a copy in the end.
    pub lost: usize,
    /// Hours that passed.
    pub hours: f64,
    /// Everything all nodes sent.
    pub sent: Traffic,
    /// Seconds lived, summed over all nodes.
    pub node_seconds: f64,
    /// Nodes that left.
    pub departures: u64,
    /// Find-node requests a node sends a second in the same network without records.
    pub find_nodes_without_records: f64,
}

impl DurabilityPoint {
    /// Bytes a live node sent a second, on average.
    pub fn bytes_per_node_s(&self) -> f64 {
        per(self.sent.total().bytes, self.node_seconds)
    }

    /// Lookups for the sake of records, for each record and hour: find-node requests beyond those of a network
    /// without records, in lookups of twenty.
    pub fn repair_lookups_per_record_hour(&self) -> f64 {
        let sent = per(self.sent.of(MessageKind::FindNode).messages, self.node_seconds);
        let more = (sent - self.find_nodes_without_records).max(0.0) * self.node_seconds;
        more / LOOKUP_REQUESTS / (super::share(self.records, 1) * self.hours).max(1.0)
    }

    /// Requests to compare what is held, for each record and hour.
    pub fn comparisons_per_record_hour(&self) -> f64 {
        let record_hours = super::share(self.records, 1) * self.hours;
        per(self.sent.of(MessageKind::Reconcile).messages, record_hours)
    }
}

impl fmt::Display for DurabilityPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shape, mean_s, copies, records, lost, .. } = self;
        let lookups = self.repair_lookups_per_record_hour();
        write!(
            f,
            "{copies} copies, sessions {shape}, {mean_s} s: {lost} of {records} records lost, "
        )?;
        write!(f, "{lookups:.3} lookups a record and hour, ")?;
        write!(f, "{:.0} B/s a node", self.bytes_per_node_s())
    }
}

/// Publishers store their records and are gone. For a day nodes leave without notice after Weibull sessions and
/// never return; a stranger takes each place. Each of these numbers of `copies` with each of these `models`, by
/// default [`COPIES`] and [`MODELS`].
pub fn durability(
    plan: &Plan,
    copies: &[usize],
    models: &[(f64, u64)],
    host: &mut dyn Host,
) -> Result<Vec<DurabilityPoint>, BuildError> {
    let mut points = Vec::new();
    for copies in copies.iter().copied() {
        let plan = Plan { peer: plan.peer.clone().k(copies), ..plan.clone() };
        let bare = settled(plan.builder().k(copies), host)?;
        let mut sim = bare.clone();
        let keys = publish(&mut sim, RECORDS.min(plan.nodes), host);
        for model in models.iter().copied() {
            let without = find_nodes_without_records(bare.clone(), model, host);
            let point = outlive(sim.clone(), &keys, model, SPAN, host);
            let point = DurabilityPoint { copies, find_nodes_without_records: without, ..point };
            host.found(&point.to_string());
            points.push(point);
        }
    }
    Ok(points)
}

/// Has a few nodes store `count` records, and leave without notice. Returns the keys.
pub fn publish(sim: &mut Simulation, count: usize, host: &mut dyn Host) -> Vec<Key> {
    let publishers: Vec<Place> = (0..).map(Place).take(PUBLISHERS.min(sim.places() / 2)).collect();
    let keys = records::store(sim, count, &publishers, host);
    for place in publishers {
        sim.kill(place);
    }
    keys
}

/// What `durability` does with a network that holds records, for one session model.
pub fn outlive(
    mut sim: Simulation,
    keys: &[Key],
    (shape, mean_s): (f64, u64),
    span: Duration,
    host: &mut dyn Host,
) -> DurabilityPoint {
    sim.set_churn(leaving((shape, mean_s)));
    let (traffic, seconds, joined) = (sim.traffic().clone(), sim.node_seconds(), sim.joined());
    host.phase(&format!("a day of Weibull sessions, {shape}, {mean_s} s"), span.as_secs());
    let (start, step) = (sim.now(), Duration::from_mins(1));
    while sim.now() < start + span {
        sim.run_for(step);
        host.advance(sim.now().since(start).as_secs());
    }
    let held = keys_held(&sim);
    DurabilityPoint {
        shape,
        mean_s,
        copies: 0,
        records: keys.len(),
        lost: keys.iter().filter(|key| !held.contains(key)).count(),
        hours: span.as_secs_f64() / 3_600.0,
        sent: sim.traffic().since(&traffic),
        node_seconds: sim.node_seconds() - seconds,
        departures: sim.joined() - joined,
        find_nodes_without_records: 0.0,
    }
}

/// Find-node requests that a node sends a second while others come and go as long as in the experiment, but nobody
/// holds a record: what upkeep of the table takes has to be left out.
fn find_nodes_without_records(mut sim: Simulation, model: (f64, u64), host: &mut dyn Host) -> f64 {
    sim.set_churn(leaving(model));
    host.phase("a day without records", SPAN.as_secs());
    let (traffic, seconds) = (sim.traffic().clone(), sim.node_seconds());
    let (start, step) = (sim.now(), Duration::from_mins(1));
    while sim.now() < start + SPAN {
        sim.run_for(step);
        host.advance(sim.now().since(start).as_secs());
    }
    let sent = sim.traffic().since(&traffic).of(MessageKind::FindNode).messages;
    per(sent, sim.node_seconds() - seconds)
}

fn leaving((shape, mean_s): (f64, u64)) -> Churn {
    Churn {
        sessions: Sessions::Weibull { shape, mean: Duration::from_secs(mean_s) },
        absences: None,
        rejoin: Rejoin::Fresh,
        orderly: 0.0,
    }
}
