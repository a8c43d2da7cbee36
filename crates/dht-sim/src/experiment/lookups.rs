//! `latency` and `stale`: how long lookups take, with good tables and with a third of the contacts dead.

use std::time::Duration;

use dht_proto::{Key, KindSet, Record, Ttl, Value};
use dht_routing::{Command, Outcome};

use super::{Host, Plan, settled, share};
use crate::simulation::{Cost, Finished, Occurrence, OperationKind, Place, Simulation};
use crate::{BuildError, Samples};

/// Fetches, and as many find-nodes, that are measured in a network of 10,000 nodes and more.
const LOOKUPS: usize = 2_000;

/// Time from one fetch, or find-node, to the next: the load of each on the others must not count.
const PAUSE: Duration = Duration::from_millis(25);

/// Time after the last start within which everything must have ended.
const PATIENCE: Duration = Duration::from_mins(2);

/// Share of the nodes that are killed at once for `stale`.
const KILLED: f64 = 0.3;

/// What the lookups of one network came to.
#[derive(Debug, Clone, Default)]
pub struct LookupReport {
    /// Times of the fetches that succeeded.
    pub get: Samples,
    /// Times of the find-nodes, until they ended.
    pub find: Samples,
    /// Times of the find-nodes, until the closest node had answered.
    pub reached: Samples,
    /// Fetches started.
    pub gets: usize,
    /// Find-nodes started.
    pub finds: usize,
    /// What the fetches cost in all.
    pub get_cost: Cost,
    /// What the find-nodes cost in all.
    pub find_cost: Cost,
    /// Mean share of the k really closest nodes that a find-node found.
    pub recall: f64,
    /// Stores that reached no holder: 0 or the set-up failed.
    pub unstored: usize,
    /// Holders that the stores reported, on average.
    pub holders: f64,
}

impl LookupReport {
    /// Share of the fetches that succeeded.
    pub fn success(&self) -> f64 {
        share(self.get.len(), self.gets)
    }

    /// Requests of a fetch, on average.
    pub fn fetch_requests(&self) -> f64 {
        share(self.get_cost.requests as usize, self.gets)
    }

    /// Requests of a find-node, on average.
    pub fn find_requests(&self) -> f64 {
        share(self.find_cost.requests as usize, self.finds)
    }

    /// Share of the requests of all lookups that had no answer by the end of their lookup.
    pub fn unanswered(&self) -> f64 {
        let asked = self.get_cost.requests + self.find_cost.requests;
        let answered = self.get_cost.replies + self.find_cost.replies;
        1.0 - share(answered as usize, asked as usize)
    }

    fn add(&mut self, sim: &Simulation, ended: &Finished) {
        match (ended.kind, &ended.outcome) {
            (OperationKind::Fetch, outcome) => {
                self.get_cost.add(ended.cost);
                if matches!(outcome, Outcome::Fetched(Ok(_))) {
                    self.get.push(ended.took);
                }
            }
            (OperationKind::FindNode, Outcome::Nodes(found)) => {
                self.find_cost.add(ended.cost);
                self.find.push(ended.took);
                self.reached.extend(ended.reached);
                if let Some(target) = ended.target {
                    self.recall += sim.recall(&target, ended.place, found);
                }
            }
            _ => {}
        }
    }
}

/// Fetches of stored values and find-nodes of random targets, from random nodes; no churn, no loss.
pub fn latency(plan: &Plan, host: &mut dyn Host) -> Result<LookupReport, BuildError> {
    let sim = settled(plan.builder(), host)?;
    Ok(look_around(sim, LOOKUPS.min(plan.nodes), 0.0, host))
}

/// The same with 30 % of the nodes killed without notice the moment the lookups begin.
pub fn stale(plan: &Plan, host: &mut dyn Host) -> Result<LookupReport, BuildError> {
    let sim = settled(plan.builder(), host)?;
    Ok(look_around(sim, LOOKUPS.min(plan.nodes), KILLED, host))
}

/// What both experiments do with a settled network: has random nodes store `lookups` values, kills a share of
/// all nodes, and fetches every value and looks up as many random points.
pub fn look_around(
    mut sim: Simulation,
    lookups: usize,
    killed: f64,
    host: &mut dyn Host,
) -> LookupReport {
    let mut report = LookupReport { gets: lookups, finds: lookups, ..LookupReport::default() };
    let keys = store_values(&mut sim, lookups, &mut report, host);
    for place in (0..).map(Place).take(sim.places()) {
        if sim.random().chance(killed) {
            sim.kill(place);
        }
    }
    look_up(&mut sim, &keys, &mut report, host);
    report.recall /= share(report.find.len(), 1).max(1.0);
    report
}

/// Has random nodes store small values, each its own.
fn store_values(
    sim: &mut Simulation,
    count: usize,
    report: &mut LookupReport,
    host: &mut dyn Host,
) -> Vec<Key> {
    host.phase("storing", count as u64);
    let start = sim.now();
    let mut keys = Vec::with_capacity(count);
    let (mut holders, mut ended) = (0, 0);
    (0..).zip(0..count).for_each(|(number, _)| sim.set_timer(start + PAUSE * number, 0));
    let until = start + PAUSE * u32::try_from(count).unwrap_or(u32::MAX) + PATIENCE;
    while ended < count
        && let Some(occurrence) = sim.next(until)
    {
        match occurrence {
            Occurrence::Timer(_) => {
                let bytes = [sim.random().bytes32(), sim.random().bytes32()].concat();
                let record = Record::content(Value::new(bytes).unwrap_or_default());
                keys.push(record.key());
                let command = Command::Store { record, ttl: Ttl::default(), expected: None };
                if let Some(place) = sim.random_live() {
                    sim.start(place, command);
                }
            }
            Occurrence::Finished(finished) if finished.kind == OperationKind::Store => {
                ended += 1;
                host.advance(ended as u64);
                if let Outcome::Stored(stored) = finished.outcome {
                    holders += stored.holders.len();
                    report.unstored += usize::from(stored.holders.is_empty());
                }
            }
            _ => {}
        }
    }
    report.unstored += count - ended;
    report.holders = share(holders, ended);
    keys
}

/// Fetches every key and looks up as many random targets, in turns.
fn look_up(sim: &mut Simulation, keys: &[Key], report: &mut LookupReport, host: &mut dyn Host) {
    host.phase("looking up", 2 * keys.len() as u64);
    let start = sim.now();
    for (number, half) in (0..2 * keys.len()).zip(0_u32..) {
        sim.set_timer(start + PAUSE / 2 * half, number as u64);
    }
    let until = start + PAUSE * u32::try_from(keys.len()).unwrap_or(u32::MAX) + PATIENCE;
    let mut ended = 0;
    while ended < 2 * keys.len()
        && let Some(occurrence) = sim.next(until)
    {
        match occurrence {
            Occurrence::Timer(number) => {
                let key = usize::try_from(number / 2).ok().and_then(|index| keys.get(index));
                let command = match key {
                    Some(key) if number % 2 == 0 => {
                        Command::Fetch { key: *key, kinds: KindSet::PROVEN }
                    }
                    _ => Command::FindNode { target: sim.random().key() },
                };
                if let Some(place) = sim.random_live() {
                    sim.start(place, command);
                }
            }
            Occurrence::Finished(finished) if finished.kind != OperationKind::Bootstrap => {
                ended += 1;
                host.advance(ended as u64);
                report.add(sim, &finished);
            }
            _ => {}
        }
    }
}
