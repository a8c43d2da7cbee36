//! `republish`: one node renews very many records.

use std::time::Duration;

use dht_proto::{Key, Moment, Ttl};
use dht_routing::Upkeep;

use super::records;
use super::{Host, Plan, settled};
use crate::simulation::Place;
use crate::{BuildError, Count, Rejoin, Simulation};

/// Records to renew for each node of the network: 100,000 in one of 10,000.
const RECORDS_PER_NODE: usize = 10;
/// Stores under way at once.
const AT_ONCE: usize = 64;
/// Life of the records: long beside the time that it takes to store them.
const LIFE: Duration = Duration::from_hours(4);
/// Time that a round may take.
const PATIENCE: Duration = Duration::from_hours(1);
/// The publisher's budget: the question is how much it has to do, not how fast it does it.
const REQUESTS_PER_SECOND: u32 = 500;
const BYTES_PER_SECOND: u32 = 1_000_000;

/// What one round of renewing came to.
#[derive(Debug, Clone, Copy)]
pub struct RepublishReport {
    /// Records that were due.
    pub records: usize,
    /// Records that at least one holder confirmed to hold on.
    pub renewed: u64,
    /// Lookups.
    pub lookups: u64,
    /// Requests, the steps of lookups among them.
    pub requests: u64,
    /// Bytes that the publisher sent in this time, for whatever reason.
    pub bytes: u64,
    /// How long the round took.
    pub took: Duration,
}

/// A node stores its records, is gone until half of their life is over, and renews them when it is back.
pub fn republish(plan: &Plan, host: &mut dyn Host) -> Result<RepublishReport, BuildError> {
    let peer =
        plan.peer.clone().upkeep_requests(REQUESTS_PER_SECOND).upkeep_bytes(BYTES_PER_SECOND);
    let plan = Plan { peer, ..plan.clone() };
    let sim = settled(plan.builder(), host)?;
    Ok(renew(sim, plan.nodes * RECORDS_PER_NODE, LIFE, host))
}

/// What `republish` does with a settled network. Storing must take less than an eighth of a `life`.
pub fn renew(
    mut sim: Simulation,
    count: usize,
    life: Duration,
    host: &mut dyn Host,
) -> RepublishReport {
    let publisher = Place(0);
    let seconds = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
    let ttl = Ttl::from_secs(seconds).unwrap_or(Ttl::MAX);
    let start = sim.now();
    let keys: Vec<Key> = records::store_with(&mut sim, count, &[publisher], (ttl, AT_ONCE), host);
    sim.kill(publisher);
    wait(&mut sim, start + life * 5 / 8, host);
    sim.revive(publisher, Rejoin::Same);

    host.phase("renewing", keys.len() as u64);
    let sent = |sim: &Simulation| sim.load_of(publisher).map_or(Count::default(), |(sent, _)| sent);
    let upkeep = |sim: &Simulation| sim.machine(publisher).map(dht_routing::Peer::upkeep);
    let (before, begun) = (sent(&sim).bytes, sim.now());
    while sim.now() < begun + PATIENCE && upkeep(&sim).is_none_or(|upkeep| upkeep.rounds == 0) {
        sim.run_for(Duration::from_secs(1));
        host.advance(sim.now().since(begun).as_secs());
    }
    let Upkeep { renewed, lookups, requests, .. } = upkeep(&sim).unwrap_or_default();
    RepublishReport {
        records: keys.len(),
        renewed,
        lookups,
        requests,
        bytes: sent(&sim).bytes - before,
        took: sim.now().since(begun),
    }
}

/// Lets the network be until half of the life of the records is over.
fn wait(sim: &mut Simulation, until: Moment, host: &mut dyn Host) {
    let begun = sim.now();
    host.phase("waiting", until.since(begun).as_secs());
    while sim.now() < until {
        sim.run_until(until.min(sim.now() + Duration::from_mins(1)));
        host.advance(sim.now().since(begun).as_secs());
    }
}
