//! `hot`: whether popular values wear out the nodes that hold them, and whether copies die out when demand ends.

use std::time::Duration;

use dht_proto::{Key, KindSet, Slot};
use dht_routing::{Answers, Command, Outcome, Peer};
use dht_store::RecordStore;

use super::records;
use super::{Host, Plan, settled, share};
use crate::simulation::{Finished, Occurrence, Place};
use crate::{BuildError, Random, Samples, Simulation};

/// Nodes that store the records.
const PUBLISHERS: usize = 50;
/// How long after the end of demand the copies that are left are counted: no copy lives longer.
const REST: Duration = Duration::from_mins(35);

/// Who wants what, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Records that are in demand: the n-th of them is fetched 1 / n times as often as the first.
    pub records: usize,
    /// Mean time between two fetches of one node.
    pub pause: Duration,
    /// How long demand lasts before it is measured.
    pub rise: Duration,
    /// How long it is measured.
    pub watch: Duration,
    /// What the choice of records and moments follows from.
    pub seed: u64,
}

impl Demand {
    /// A thousand records, a fetch by every node every minute, measured for ten minutes after ten.
    pub fn new(seed: u64) -> Self {
        Self {
            records: 1_000,
            pause: Duration::from_mins(1),
            rise: Duration::from_mins(10),
            watch: Duration::from_mins(10),
            seed,
        }
    }
}

/// What demand did to a network.
#[derive(Debug, Clone, Default)]
pub struct HotReport {
    /// Whether the peers kept copies of what was in demand.
    pub caches: bool,
    /// Records stored.
    pub records: usize,
    /// `Fetch` requests that each node received while it was measured.
    pub received: Vec<u64>,
    /// Those of them that it answered with a record, held or cached.
    pub answered: Vec<u64>,
    /// Fetches measured.
    pub fetches: usize,
    /// Those of them that succeeded.
    pub succeeded: usize,
    /// Those of them that found the value in their own node's store.
    pub local: usize,
    /// Times of those that succeeded.
    pub took: Samples,
    /// Requests of all of them.
    pub requests: u64,
    /// Requests that a cached copy answered.
    pub answered_by_copies: u64,
    /// Cached copies when demand ended.
    pub copies: usize,
    /// Cached copies 35 minutes later.
    pub copies_after: usize,
    /// Records that nodes held, as those who are to, when demand ended.
    pub held: usize,
}

impl HotReport {
    /// Share of the cached copies alive when demand ended that are still alive 35 minutes later.
    pub fn cached_share(&self) -> f64 {
        share(self.copies_after, self.copies)
    }

    /// Share of the requests answered with a record that a cached copy answered.
    pub fn copies_answered(&self) -> f64 {
        let answered: u64 = self.answered.iter().sum();
        share(count(self.answered_by_copies), count(answered))
    }

    /// Share of the fetches that succeeded.
    pub fn success(&self) -> f64 {
        share(self.succeeded, self.fetches)
    }

    /// Share of the fetches that found the value at home.
    pub fn local_share(&self) -> f64 {
        share(self.local, self.fetches)
    }

    /// The load of the busiest holder in terms of a node's mean load: the most requests that a node answered with a
    /// record, over the mean of all requests that a node received. What nodes are asked on the way to others is not
    /// what makes records hot; [`busiest_over_mean`](Self::busiest_over_mean) counts it.
    pub fn max_over_mean(&self) -> f64 {
        self.over_mean(&self.answered)
    }

    /// The most requests that a node received, over the mean. Most go to nodes that very many have in their tables.
    pub fn busiest_over_mean(&self) -> f64 {
        self.over_mean(&self.received)
    }

    fn over_mean(&self, loads: &[u64]) -> f64 {
        let total: u64 = self.received.iter().sum();
        let busiest = loads.iter().max().copied().unwrap_or(0);
        let mean = share(count(total), self.received.len());
        share(count(busiest), 1) / mean.max(f64::MIN_POSITIVE)
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Fetches by random nodes of records chosen by Zipf's law, first with peers that keep no copies of what is in
/// demand, then with the shipping ones.
pub fn hot(plan: &Plan, host: &mut dyn Host) -> Result<Vec<HotReport>, BuildError> {
    let mut reports = Vec::new();
    for caches in [false, true] {
        let plan = Plan { peer: plan.peer.clone().caches(caches), ..plan.clone() };
        let sim = settled(plan.builder(), host)?;
        let report = demand(sim, &Demand::new(plan.seed), host);
        reports.push(HotReport { caches, ..report });
    }
    Ok(reports)
}

/// What `hot` does with a settled network.
pub fn demand(mut sim: Simulation, demand: &Demand, host: &mut dyn Host) -> HotReport {
    let publishers: Vec<Place> =
        (0..PUBLISHERS.min(sim.places())).filter_map(|_| sim.random_live()).collect();
    let keys = records::store(&mut sim, demand.records, &publishers, host);
    let mut report = HotReport { records: keys.len(), ..HotReport::default() };
    let mut customers = Customers::new(keys, demand);
    host.phase("demand rises", demand.rise.as_secs());
    customers.fetch_for(&mut sim, demand.rise, &mut HotReport::default(), host);
    let before: Vec<Tally> = tallies(&sim).collect();
    host.phase("demand", demand.watch.as_secs());
    customers.fetch_for(&mut sim, demand.watch, &mut report, host);
    for (now, before) in tallies(&sim).zip(before) {
        report.received.push(now.received - before.received);
        report.answered.push(now.answers.served - before.answers.served);
        report.answered_by_copies += now.answers.from_copies - before.answers.from_copies;
    }
    (report.held, report.copies) = copies(&sim);
    if report.copies > 0 {
        sim.run_for(REST);
        report.copies_after = copies(&sim).1;
    }
    report
}

/// Who fetches what.
struct Customers {
    keys: Vec<Key>,
    /// For each key the sum of the weights up to its own: that of the n-th key is 1 / n.
    weights: Vec<f64>,
    pause: Duration,
    random: Random,
}

impl Customers {
    fn new(keys: Vec<Key>, demand: &Demand) -> Self {
        let mut sum = 0.0;
        let weigh = |rank: usize| {
            sum += share(1, rank);
            sum
        };
        let weights = (1..=keys.len()).map(weigh).collect();
        Self { keys, weights, pause: demand.pause, random: Random::new(demand.seed) }
    }

    fn choose(&mut self) -> Option<Key> {
        let drawn = self.random.unit() * self.weights.last()?;
        let rank = self.weights.partition_point(|sum| *sum <= drawn);
        self.keys.get(rank.min(self.keys.len() - 1)).copied()
    }

    /// Has random nodes fetch for `span`, at random moments.
    fn fetch_for(
        &mut self,
        sim: &mut Simulation,
        span: Duration,
        report: &mut HotReport,
        host: &mut dyn Host,
    ) {
        let (start, end) = (sim.now(), sim.now() + span);
        let pause = self.pause.as_secs_f64() / share(sim.live(), 1).max(1.0);
        let first = start + Duration::from_secs_f64(self.random.exponential(pause));
        sim.set_timer(first, 0);
        while let Some(occurrence) = sim.next(end) {
            match occurrence {
                Occurrence::Timer(_) => {
                    let next = Duration::from_secs_f64(self.random.exponential(pause));
                    let next = sim.now() + next;
                    sim.set_timer(next, 0);
                    host.advance(sim.now().since(start).as_secs());
                    if let (Some(place), Some(key)) = (sim.random_live(), self.choose()) {
                        sim.start(place, Command::Fetch { key, kinds: KindSet::PROVEN });
                    }
                }
                Occurrence::Finished(finished) => report.add(&finished),
                _ => {}
            }
        }
        sim.drop_timers();
    }
}

impl HotReport {
    fn add(&mut self, finished: &Finished) {
        let Outcome::Fetched(result) = &finished.outcome else { return };
        self.fetches += 1;
        self.requests += u64::from(finished.cost.requests);
        if let Ok(fetched) = result {
            self.succeeded += 1;
            self.local += usize::from(fetched.requests == 0);
            self.took.push(finished.took);
        }
    }
}

fn places(sim: &Simulation) -> impl Iterator<Item = Place> {
    (0..).map(Place).take(sim.places())
}

/// What a node did so far.
#[derive(Debug, Clone, Copy)]
struct Tally {
    received: u64,
    answers: Answers,
}

fn tallies(sim: &Simulation) -> impl Iterator<Item = Tally> {
    places(sim).map(|place| Tally {
        received: sim.fetches_of(place),
        answers: sim.machine(place).map(Peer::answers).unwrap_or_default(),
    })
}

/// Records held, and cached copies, at all nodes.
fn copies(sim: &Simulation) -> (usize, usize) {
    let (mut held, mut cached) = (0, 0);
    for store in places(sim).filter_map(|place| sim.store(place)) {
        // A store in memory does not fail.
        for summary in store.list(sim.now(), Slot::FIRST, usize::MAX).unwrap_or_default() {
            let count = if summary.custody.is_cached() { &mut cached } else { &mut held };
            *count += 1;
        }
    }
    (held, cached)
}
