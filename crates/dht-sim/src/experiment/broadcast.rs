//! Messages to every node, where packets are lost and nodes keep messages to themselves.
//!
//! After joining, some nodes are made to swallow: they acknowledge every broadcast, say that they have any that they
//! are asked about, and hand none on. Then random honest nodes send one broadcast each, one after the other, with a
//! pause after each that is long enough for its repair to end: no broadcast is helped by another one's. A run is
//! complete if every other honest node got the message within five minutes.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use dht_proto::{AuthorSecret, BroadcastId, Moment};
use dht_routing::{Command, Outcome};

use super::{Host, Plan, SETTLING, share};
use crate::{
    BuildError, Conditions, MessageKind, Occurrence, Place, Role, Samples, Simulation, Traffic,
};

/// What the network is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hardship {
    /// Share of packets that are lost.
    pub loss: f64,
    /// Share of nodes that keep broadcasts to themselves.
    pub droppers: f64,
}

/// The hardship whose point stands for the experiment.
pub const HARSH: Hardship = Hardship { loss: 0.1, droppers: 0.1 };

/// The hardships that are measured unless others are named, [`HARSH`] in more runs than the others.
pub const HARDSHIPS: [Hardship; 7] = [
    Hardship { loss: 0.0, droppers: 0.0 },
    Hardship { loss: 0.05, droppers: 0.0 },
    Hardship { loss: 0.0, droppers: 0.1 },
    HARSH,
    Hardship { loss: 0.2, droppers: 0.1 },
    Hardship { loss: 0.1, droppers: 0.3 },
    Hardship { loss: 0.2, droppers: 0.3 },
];

/// Deliveries looked at for [`HARSH`], in all runs together, at most.
const DELIVERIES_HARSH: usize = 2_000_000;

/// Deliveries looked at for any other hardship.
const DELIVERIES: usize = 200_000;

/// Runs for a hardship, at most.
const RUNS_MAX: usize = 2_000;

/// How long a broadcast is waited for.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long after a broadcast that is complete the next one is sent: by then the last round of comparing is over.
const PAUSE: Duration = Duration::from_mins(2);

/// Payload of a broadcast that travels by datagram, in bytes.
const PAYLOAD: usize = 500;

/// Messages about broadcasts.
const ABOUT: [MessageKind; 5] = [
    MessageKind::Broadcast,
    MessageKind::CompareBroadcasts,
    MessageKind::PullBroadcast,
    MessageKind::BroadcastsCompared,
    MessageKind::BroadcastPulled,
];

/// What became of the broadcasts under one hardship.
#[derive(Debug, Clone)]
pub struct BroadcastPoint {
    /// What the network was like.
    pub hardship: Hardship,
    /// Nodes of the network, those that swallow included.
    pub nodes: usize,
    /// Broadcasts sent.
    pub runs: usize,
    /// Broadcasts that reached every honest node.
    pub complete: usize,
    /// Honest nodes that a broadcast should have reached, over all runs.
    pub expected: usize,
    /// Those that it reached.
    pub reached: usize,
    /// Deliveries beyond the first of a broadcast at a node.
    pub repeated: usize,
    /// From sending to each delivery.
    pub times: Samples,
    /// From sending to the last delivery of each complete run.
    pub completions: Samples,
    /// Everything sent in the course of the runs, upkeep included.
    pub sent: Traffic,
    /// Estimates of the reach that senders got, summed up.
    pub estimated: u64,
}

impl BroadcastPoint {
    /// Share of honest nodes reached.
    pub fn coverage(&self) -> f64 {
        share(self.reached, self.expected)
    }

    /// Share of broadcasts that reached every honest node.
    pub fn complete_runs(&self) -> f64 {
        share(self.complete, self.runs)
    }

    /// Messages that carry a payload, sent for each node and broadcast, repetitions included.
    pub fn payloads_per_node(&self) -> f64 {
        let kinds = [MessageKind::Broadcast, MessageKind::BroadcastPulled];
        self.per_node(kinds.iter().map(|kind| self.sent.of(*kind).messages).sum())
    }

    /// Messages of any kind about broadcasts, sent for each node and broadcast, answers included.
    pub fn messages_per_node(&self) -> f64 {
        self.per_node(ABOUT.iter().map(|kind| self.sent.of(*kind).messages).sum())
    }

    /// Bytes of these.
    pub fn bytes_per_node(&self) -> f64 {
        self.per_node(ABOUT.iter().map(|kind| self.sent.of(*kind).bytes).sum())
    }

    /// What senders took for the reach, as a share of the nodes of the network.
    pub fn estimate(&self) -> f64 {
        self.per_node(self.estimated)
    }

    fn per_node(&self, sum: u64) -> f64 {
        share(usize::try_from(sum).unwrap_or(usize::MAX), self.runs * self.nodes)
    }
}

impl fmt::Display for BroadcastPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hardship { loss, droppers } = self.hardship;
        let (nodes, complete, runs) = (self.nodes, self.complete, self.runs);
        write!(
            f,
            "{nodes} nodes, loss {loss}, droppers {droppers}: {complete} of {runs} runs complete, "
        )?;
        write!(f, "{:.2} payloads a node", self.payloads_per_node())
    }
}

/// Broadcasts under each of these hardships: so many `runs` for each, or as many as make some hundred thousand deliveries.
pub fn broadcast(
    plan: &Plan,
    hardships: &[Hardship],
    runs: Option<usize>,
    host: &mut dyn Host,
) -> Result<Vec<BroadcastPoint>, BuildError> {
    let mut points = Vec::new();
    for hardship in hardships.iter().copied() {
        let deliveries = if hardship == HARSH { DELIVERIES_HARSH } else { DELIVERIES };
        let runs = runs.unwrap_or((deliveries / plan.nodes.max(1)).clamp(1, RUNS_MAX));
        let mut sim = prepare_broadcasts(plan, hardship, host)?;
        let point = send_broadcasts(&mut sim, hardship, runs, host);
        host.found(&point.to_string());
        points.push(point);
    }
    Ok(points)
}

/// A network that has settled under a hardship.
pub fn prepare_broadcasts(
    plan: &Plan,
    hardship: Hardship,
    host: &mut dyn Host,
) -> Result<Simulation, BuildError> {
    let builder = plan.builder().peer(plan.peer.clone().delivers_broadcasts(true));
    let conditions = Conditions { loss: hardship.loss, ..Conditions::default() };
    let mut sim = builder.conditions(conditions).build()?;
    for place in (0..).map(Place).take(sim.places()) {
        if sim.random().chance(hardship.droppers) {
            sim.set_role(place, Role::Swallowing);
        }
    }
    host.phase("joining", sim.places() as u64);
    sim.settle(SETTLING, |joined, _| host.advance(joined));
    Ok(sim)
}

/// Has random honest nodes send one broadcast after the other.
pub fn send_broadcasts(
    sim: &mut Simulation,
    hardship: Hardship,
    runs: usize,
    host: &mut dyn Host,
) -> BroadcastPoint {
    host.phase("broadcasting", runs as u64);
    let before = sim.traffic().clone();
    let mut point = BroadcastPoint {
        hardship,
        nodes: sim.live(),
        runs: 0,
        complete: 0,
        expected: 0,
        reached: 0,
        repeated: 0,
        times: Samples::default(),
        completions: Samples::default(),
        sent: Traffic::default(),
        estimated: 0,
    };
    for run in 0..runs {
        send(sim, &mut point);
        host.advance(run as u64 + 1);
    }
    point.sent = sim.traffic().since(&before);
    point
}

fn is_honest(sim: &Simulation, place: Place) -> bool {
    sim.is_live(place) && sim.role(place) == Role::Honest
}

/// One broadcast, and all that becomes of it.
fn send(sim: &mut Simulation, point: &mut BroadcastPoint) {
    let Some(origin) = sim.random_live() else { return };
    let secret = AuthorSecret::from_seed(&sim.random().bytes32());
    let payload = sim.random().bytes32().repeat(PAYLOAD / 32 + 1)[..PAYLOAD].to_vec().into();
    let places = (0..).map(Place).take(sim.places());
    let missing: BTreeSet<Place> =
        places.filter(|place| *place != origin && is_honest(sim, *place)).collect();
    point.runs += 1;
    point.expected += missing.len();
    let start = sim.now();
    if !matches!(sim.start(origin, Command::Broadcast { secret, payload }), Some(Ok(_))) {
        return;
    }
    watch(sim, point, start, missing);
}

fn watch(
    sim: &mut Simulation,
    point: &mut BroadcastPoint,
    start: Moment,
    mut missing: BTreeSet<Place>,
) {
    let mut this: Option<BroadcastId> = None;
    let mut until = start + PATIENCE;
    while let Some(occurrence) = sim.next(until) {
        match occurrence {
            Occurrence::Delivered(place, broadcast)
                if *this.get_or_insert(broadcast.id()) == broadcast.id() =>
            {
                if missing.remove(&place) {
                    point.reached += 1;
                    point.times.push(sim.now().since(start));
                    if missing.is_empty() {
                        point.complete += 1;
                        until = start + PAUSE;
                        point.completions.push(sim.now().since(start));
                    }
                } else if is_honest(sim, place) {
                    point.repeated += 1;
                }
            }
            Occurrence::Finished(finished) => {
                if let Outcome::Broadcast(Ok(report)) = finished.outcome {
                    point.estimated += report.reach;
                }
            }
            _ => {}
        }
    }
}
