//! `adversary`: lookups of honest nodes where a share of all nodes name only each other.
//!
//! The network is built by honest nodes; then random nodes turn, so that each contact of a table is a colluder as
//! likely as any node is. A colluder answers every lookup with the colluders closest to the target. Ids are hashes,
//! so colluders are nowhere denser than their share. A lookup succeeds if it finds the honest node it is for.

use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Difficulty, NodeIdentity};
use dht_routing::{Command, Outcome, Peer};

use super::{Host, Plan, SETTLING, share};
use crate::simulation::{Cost, Finished, Occurrence, OperationKind, Place, Role, Simulation};
use crate::{BuildError, Samples};

/// Shares of nodes that collude: none, which tells what paths cost, and those that the paper measures.
pub const SHARES: [f64; 5] = [0.0, 0.2, 0.3, 0.4, 0.5];
/// Paths of a lookup.
pub const PATHS: [usize; 4] = [1, 2, 4, 8];
/// Lookups of each point in a network of 10,000 nodes and more.
const LOOKUPS: usize = 2_000;
/// Nodes drawn to find an asker with so many paths.
const DRAWS: usize = 64;
/// Time from one lookup to the next.
const PAUSE: Duration = Duration::from_millis(10);
/// Time after the last start within which everything must have ended.
const PATIENCE: Duration = Duration::from_mins(2);

/// What became of lookups among liars.
#[derive(Debug, Clone, Default)]
pub struct AdversaryPoint {
    /// Share of nodes that collude.
    pub share: f64,
    /// Paths of a lookup.
    pub paths: usize,
    /// Lookups started.
    pub lookups: usize,
    /// Those that found the node they were for.
    pub found: usize,
    /// Sum over lookups of the share of the k really closest honest nodes that each found.
    pub recalled: f64,
    /// What they cost in all.
    pub cost: Cost,
    /// Their times.
    pub took: Samples,
}

impl AdversaryPoint {
    /// Share of the lookups that found the honest node they were for.
    pub fn success(&self) -> f64 {
        share(self.found, self.lookups)
    }

    /// Share of the k really closest honest nodes that a lookup found, on average.
    pub fn recall(&self) -> f64 {
        self.recalled / share(self.lookups, 1).max(1.0)
    }

    /// Requests of a lookup, on average.
    pub fn requests(&self) -> f64 {
        share(self.cost.requests as usize, self.lookups)
    }
}

/// Lookups for honest nodes by honest nodes, for each share of colluders.
pub fn adversary(plan: &Plan, host: &mut dyn Host) -> Result<Vec<AdversaryPoint>, BuildError> {
    let settled = prepare_askers(plan, host)?;
    let mut points = Vec::new();
    for share in SHARES {
        let lookups = LOOKUPS.min(plan.nodes / 5);
        points.extend(look_among_liars(settled.clone(), share, lookups, host));
    }
    Ok(points)
}

/// A network that has settled, before anybody turns. A quarter of the nodes has each number of [`PATHS`].
pub fn prepare_askers(plan: &Plan, host: &mut dyn Host) -> Result<Simulation, BuildError> {
    let config = |paths| {
        let config = plan.peer.clone().id_difficulty(Difficulty::NONE).paths(paths);
        config.build().map(Arc::new)
    };
    let configs = PATHS.iter().map(|paths| config(*paths)).collect::<Result<Vec<_>, _>>()?;
    let make = move |node: NodeIdentity, seed, now| {
        Peer::new(configs[group(&node)].clone(), node, seed, now)
    };
    let mut sim = plan.builder().build_with(make)?;
    host.phase("joining", sim.places() as u64);
    sim.settle(SETTLING, |joined, _| host.advance(joined));
    Ok(sim)
}

/// Which of [`PATHS`] a node has.
fn group(node: &NodeIdentity) -> usize {
    node.id().as_bytes().last().map_or(0, |byte| usize::from(*byte) % PATHS.len())
}

/// Has a share of the nodes of a settled network collude, and honest nodes look for each other: as many lookups for
/// each number of paths.
pub fn look_among_liars(
    mut sim: Simulation,
    share: f64,
    lookups: usize,
    host: &mut dyn Host,
) -> Vec<AdversaryPoint> {
    for place in (0..).map(Place).take(sim.places()) {
        if sim.random().chance(share) {
            sim.set_role(place, Role::Colluding);
        }
    }
    let point = |paths| AdversaryPoint { share, paths, lookups, ..AdversaryPoint::default() };
    let mut points: Vec<AdversaryPoint> = PATHS.into_iter().map(point).collect();
    let all = lookups * PATHS.len();
    host.phase(&format!("looking up among {share}"), all as u64);
    let start = sim.now();
    let asking = (0..).zip(0..all as u64);
    asking.for_each(|(number, token)| sim.set_timer(start + PAUSE * number, token));
    let until = start + PAUSE * u32::try_from(all).unwrap_or(u32::MAX) + PATIENCE;
    let mut ended = 0;
    while ended < all
        && let Some(occurrence) = sim.next(until)
    {
        match occurrence {
            Occurrence::Timer(token) => {
                let number = usize::try_from(token).unwrap_or_default() % PATHS.len();
                look_for_somebody(&mut sim, number);
            }
            Occurrence::Finished(finished) if finished.kind == OperationKind::FindNode => {
                ended += 1;
                host.advance(ended as u64);
                let asker = sim.identity(finished.place).map_or(0, |node| group(&node));
                points[asker].add(&sim, &finished);
            }
            _ => {}
        }
    }
    points
}

/// Starts a lookup by a random honest node of a group for another honest node.
fn look_for_somebody(sim: &mut Simulation, number: usize) {
    let honest: Vec<Place> = (0..DRAWS).map_while(|_| sim.random_live()).collect();
    let is_asker =
        |place: &&Place| sim.identity(**place).is_some_and(|node| group(&node) == number);
    let Some(asker) = honest.iter().find(is_asker) else { return };
    let Some(goal) = honest.iter().find(|goal| *goal != asker) else { return };
    let (asker, goal) = (*asker, sim.identity(*goal));
    if let Some(node) = goal {
        sim.start(asker, Command::FindNode { target: node.id().to_key() });
    }
}

impl AdversaryPoint {
    fn add(&mut self, sim: &Simulation, ended: &Finished) {
        let (Outcome::Nodes(found), Some(target)) = (&ended.outcome, ended.target) else { return };
        self.cost.add(ended.cost);
        self.took.push(ended.took);
        self.found += usize::from(found.iter().any(|node| node.id().to_key() == target));
        self.recalled += sim.recall_honest(&target, ended.place, found);
    }
}
