//! `eclipse`: whether values can be hidden by nodes that are closer to their keys than any honest node.
//!
//! The simulated network asks for no work for an id, so Sybils grind theirs: they draw identities until enough lie
//! closer to a key than the closest honest node. They join like anybody, and have been there for a while when the
//! value is stored. Then random honest nodes fetch it. Peers keep no copies on the way, which would help.

use std::time::Duration;

use dht_proto::{Key, KindSet, Record, Ttl, Value};
use dht_routing::{Command, Outcome};

use super::{Host, Plan, SETTLING, share};
use crate::simulation::{Finished, Occurrence, OperationKind, Place, Role, Simulation};
use crate::{BuildError, Samples};

/// Sybils around each key.
pub const SYBILS: [usize; 4] = [8, 20, 45, 100];
/// Keys that are besieged.
const KEYS: usize = 10;
/// Fetches of each.
const FETCHES: usize = 100;
/// How long Sybils live beside a key before its value is stored.
const SIEGE: Duration = Duration::from_mins(5);
/// Time from one store to the next, or one fetch.
const PAUSE: Duration = Duration::from_millis(50);
/// Time after the last start within which everything must have ended.
const PATIENCE: Duration = Duration::from_mins(2);

/// What Sybils do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// They route like anybody, confirm what is stored and hold nothing.
    Passive,
    /// The same, and they name only each other, so that lookups end early.
    Active,
    /// They answer nothing but pings.
    Silent,
}

impl Manner {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Passive, Self::Active, Self::Silent];

    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
            Self::Silent => "silent",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Passive => Role::Hiding,
            Self::Active => Role::Colluding,
            Self::Silent => Role::Dropping,
        }
    }
}

/// What became of values whose keys are besieged.
#[derive(Debug, Clone)]
pub struct EclipsePoint {
    /// Sybils around each key.
    pub sybils: usize,
    /// What they do.
    pub manner: Manner,
    /// Values stored.
    pub stores: usize,
    /// Requests of all stores.
    pub store_requests: u64,
    /// Honest nodes that hold a value, summed over all values.
    pub holders: usize,
    /// Fetches started.
    pub fetches: usize,
    /// Those that succeeded.
    pub fetched: usize,
    /// Requests of all fetches.
    pub fetch_requests: u64,
    /// The most requests of one fetch.
    pub fetch_requests_max: u32,
    /// Times of the fetches that succeeded.
    pub took: Samples,
}

impl EclipsePoint {
    fn new(sybils: usize, manner: Manner) -> Self {
        Self {
            sybils,
            manner,
            stores: 0,
            store_requests: 0,
            holders: 0,
            fetches: 0,
            fetched: 0,
            fetch_requests: 0,
            fetch_requests_max: 0,
            took: Samples::default(),
        }
    }

    /// Share of the fetches that succeeded.
    pub fn success(&self) -> f64 {
        share(self.fetched, self.fetches)
    }

    /// Requests of a store of all kinds, on average.
    pub fn requests_of_store(&self) -> f64 {
        mean(self.store_requests, self.stores)
    }

    /// Requests of a fetch, on average.
    pub fn requests_of_fetch(&self) -> f64 {
        mean(self.fetch_requests, self.fetches)
    }

    /// Honest holders of a value after it was stored, on average.
    pub fn honest_holders(&self) -> f64 {
        share(self.holders, self.stores)
    }

    fn add(&mut self, ended: &Finished) {
        let requests = u64::from(ended.cost.requests);
        match &ended.outcome {
            Outcome::Stored(_) => {
                self.stores += 1;
                self.store_requests += requests;
            }
            Outcome::Fetched(result) => {
                self.fetch_requests += requests;
                self.fetch_requests_max = self.fetch_requests_max.max(ended.cost.requests);
                if result.is_ok() {
                    self.fetched += 1;
                    self.took.push(ended.took);
                }
            }
            _ => {}
        }
    }
}

fn mean(sum: u64, count: usize) -> f64 {
    share(usize::try_from(sum).unwrap_or(usize::MAX), count)
}

/// Every number of Sybils in every manner.
pub fn eclipse(plan: &Plan, host: &mut dyn Host) -> Result<Vec<EclipsePoint>, BuildError> {
    let most = SYBILS.into_iter().max().unwrap_or(0);
    let settled = prepare_siege(plan, KEYS * most, host)?;
    let mut points = Vec::new();
    for manner in Manner::ALL {
        for sybils in SYBILS {
            points.push(besiege(settled.clone(), (sybils, manner), (KEYS, FETCHES), host));
        }
    }
    Ok(points)
}

/// A network that has settled, with so many vacant places for Sybils.
pub fn prepare_siege(
    plan: &Plan,
    places: usize,
    host: &mut dyn Host,
) -> Result<Simulation, BuildError> {
    let peer = plan.peer.clone().caches(false);
    let mut sim = plan.builder().peer(peer).vacant(places).build()?;
    host.phase("joining", plan.nodes as u64);
    sim.settle(SETTLING, |joined, _| host.advance(joined));
    Ok(sim)
}

/// Has Sybils settle around so many keys of a settled network, stores a value at each and fetches each so many times.
pub fn besiege(
    mut sim: Simulation,
    (sybils, manner): (usize, Manner),
    (keys, fetches): (usize, usize),
    host: &mut dyn Host,
) -> EclipsePoint {
    let mut point = EclipsePoint::new(sybils, manner);
    let value = |sim: &mut Simulation| {
        let bytes = [sim.random().bytes32(), sim.random().bytes32()].concat();
        Record::content(Value::new(bytes).unwrap_or_default())
    };
    let records: Vec<Record> = (0..keys).map(|_| value(&mut sim)).collect();
    let vacant = (0..).map(Place).take(sim.places()).filter(|place| !sim.is_live(*place));
    let mut vacant = vacant.collect::<Vec<_>>().into_iter();
    for record in &records {
        let places: Vec<Place> = vacant.by_ref().take(sybils).collect();
        surround(&mut sim, &record.key(), &places, manner.role());
    }
    sim.run_for(SIEGE);
    let name = format!("{sybils} {} Sybils: ", manner.name());
    let stores = records.iter().map(|record| Command::Store {
        record: record.clone(),
        ttl: Ttl::default(),
        expected: None,
    });
    host.phase(&(name.clone() + "storing"), keys as u64);
    run(&mut sim, stores.collect(), OperationKind::Store, &mut point, host);
    point.holders = records.iter().map(|record| holders(&sim, &record.key())).sum();
    let wanted = records.iter().map(Record::key).cycle().take(keys * fetches);
    let fetches: Vec<Command> =
        wanted.map(|key| Command::Fetch { key, kinds: KindSet::PROVEN }).collect();
    point.fetches = fetches.len();
    host.phase(&(name + "fetching"), fetches.len() as u64);
    run(&mut sim, fetches, OperationKind::Fetch, &mut point, host);
    point
}

/// Has Sybils settle at `places`, each closer to `key` than any node that is there.
fn surround(sim: &mut Simulation, key: &Key, places: &[Place], role: Role) {
    let Some(closest) = sim.closest(key, 1, None).first().map(|id| key.distance(id)) else {
        return;
    };
    for place in places {
        let identity = sim.grind(|id| key.distance(&id) < closest);
        sim.settle_in(*place, identity, role);
    }
}

/// Honest nodes that hold something at `key`.
fn holders(sim: &Simulation, key: &Key) -> usize {
    let places = (0..).map(Place).take(sim.places());
    let honest = places.filter(|place| sim.role(*place) == Role::Honest);
    honest.filter(|place| sim.holds(*place, key)).count()
}

/// Has random honest nodes carry out commands, one after the other.
fn run(
    sim: &mut Simulation,
    commands: Vec<Command>,
    kind: OperationKind,
    point: &mut EclipsePoint,
    host: &mut dyn Host,
) {
    let (count, start) = (commands.len(), sim.now());
    let mut commands = commands.into_iter();
    (0..).zip(0..count).for_each(|(number, _)| sim.set_timer(start + PAUSE * number, 0));
    let until = start + PAUSE * u32::try_from(count).unwrap_or(u32::MAX) + PATIENCE;
    let mut ended = 0;
    while ended < count
        && let Some(occurrence) = sim.next(until)
    {
        match occurrence {
            Occurrence::Timer(_) => {
                if let Some((place, command)) = sim.random_live().zip(commands.next()) {
                    sim.start(place, command);
                }
            }
            Occurrence::Finished(finished) if finished.kind == kind => {
                ended += 1;
                host.advance(ended as u64);
                point.add(&finished);
            }
            _ => {}
        }
    }
}
