//! The simulation: a network of machines in virtual time.
//!
//! This file ties the parts together and is what users call; the parts lie beside it: `deliver` (packets
//! in), `effect` (orders out), `life` (nodes come and go), `dial` (streams), `operation` (what is measured
//! of operations), `application` (what it is asked), `judge` (what only an all-seeing observer knows).
//!
//! Invariant: nothing but the seed, the parameters and the calls of the user decides what happens. There is
//! no clock, no thread and no map whose order depends on anything else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Broadcast, Moment, NodeIdentity};
use dht_routing::{
    Answer, Busy, Command, Consultation, OperationId, Peer, Seed, Served, Service, Verdict,
};

mod adversary;
mod alarm;
mod application;
mod builder;
mod deliver;
mod dial;
mod effect;
mod judge;
mod life;
mod node;
mod operation;
mod seat;
#[cfg(test)]
mod tests;

pub use adversary::Role;
pub use builder::{BuildError, Builder, Growth, NODE_BYTES};
pub use judge::TableHealth;
pub use operation::{Cost, Finished, OperationKind};

use crate::census::Census;
use crate::machine::Machine;
use crate::network::{Conditions, Network};
use crate::queue::Queue;
use crate::slab::Slab;
use crate::{Churn, Count, Random, TraceHash, Traffic};
use alarm::Alarms;
use application::Thought;
use deliver::Packet;
use dial::Dials;
use node::{Load, Node};
use seat::Seats;

/// Where nodes live, one after the other: numbered from 0. A place keeps its site in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

impl Place {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something worth knowing that [`Simulation::next`] stops for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Occurrence {
    /// A timer set by [`Simulation::set_timer`] is due.
    Timer(u64),
    /// An operation ended.
    Finished(Box<Finished>),
    /// A node's application got a broadcast, see
    /// [`ConfigBuilder::delivers_broadcasts`](dht_routing::ConfigBuilder::delivers_broadcasts). It is forwarded.
    Delivered(Place, Arc<Broadcast>),
    /// A node answered a custom request, or will not.
    Answered {
        /// Where it was asked.
        place: Place,
        /// Who answered what.
        answer: Box<Answer>,
    },
    /// A node came to life, and starts to join.
    Arrived(Place),
    /// A node left; its operations are gone without an outcome.
    Departed(Place),
}

/// What the application on a node says before a record is kept there.
pub type StorePolicy = dyn Fn(Place, &Consultation) -> Verdict + Send + Sync;

/// What the application on a node answers to a custom request.
pub type CustomHandler = dyn Fn(Place, &Service) -> Served + Send + Sync;

/// Makes the machine of a node.
pub type Factory<M> = dyn Fn(NodeIdentity, Seed, Moment) -> M + Send + Sync;

/// N machines, virtual time and a seeded network. Made by [`Simulation::builder`].
///
/// Time passes only inside [`next`](Self::next) and its relatives. A simulation can be cloned where its
/// machine can: both copies go the same way from there, until they are told different things.
#[derive(Clone)]
pub struct Simulation<M: Machine = Peer> {
    now: Moment,
    queue: Queue<Step>,
    alarms: Alarms,
    seats: Seats,
    loads: Vec<Load>,
    packets: Slab<Packet>,
    nodes: Vec<Node<M>>,
    network: Network,
    dials: Dials,
    census: Census,
    /// Live places in no order, to draw from, and the position of each.
    roster: Vec<Place>,
    accomplices: Census,
    occurrences: VecDeque<Occurrence>,
    traffic: Traffic,
    trace: TraceHash,
    events: u64,
    /// Integral of the number of live nodes over time, in microseconds, up to `lived_until`.
    lived: u64,
    lived_until: Moment,
    joins: u64,
    /// Tokens of timers, with `timer_age` as it was when they were set.
    timers: Slab<(u64, u32)>,
    /// How often all timers were dropped: those set before do not count.
    timer_age: u32,
    growth: Growth,
    /// Places from this one on are vacant until somebody settles there.
    first_vacant: usize,
    churn: Option<Churn>,
    k: usize,
    random: Draws,
    factory: Arc<Factory<M>>,
    policy: Option<Arc<StorePolicy>>,
    handler: Option<Arc<CustomHandler>>,
    /// How long an application takes to answer.
    thinking: Duration,
    /// Answers of applications that are to come.
    thoughts: Slab<Thought>,
}

/// Generators by purpose.
#[derive(Debug, Clone)]
struct Draws {
    identities: Random,
    peers: Random,
    sessions: Random,
    workload: Random,
    adversaries: Random,
    joins: Random,
}

/// What happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Deliver(u32),
    Wake(Place),
    Timer(u32),
    Arrive(Place, u32),
    Depart(Place, u32),
    Dial(u32, dial::DialStep),
    Flood(Place, u32),
    Thought(u32),
}

impl<M: Machine> Simulation<M> {
    /// The time.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.nodes.len()
    }

    /// Number of live nodes.
    pub fn live(&self) -> usize {
        self.census.len()
    }

    /// Whether a node lives at `place` now.
    pub fn is_live(&self, place: Place) -> bool {
        self.seats.is_live(place)
    }

    /// Who lives at `place`, or lived there last.
    pub fn identity(&self, place: Place) -> Option<NodeIdentity> {
        self.nodes.get(place.index()).map(|node| node.identity)
    }

    /// The machine of a live node, to look at.
    pub fn machine(&self, place: Place) -> Option<&M> {
        self.nodes.get(place.index())?.machine.as_ref()
    }

    /// How many nodes have ended their first operation, which is to join.
    pub fn joined(&self) -> u64 {
        self.joins
    }

    /// A generator for the workload: its draws shift no other choice.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random.workload
    }

    /// A random live honest node; `None` when there is none.
    pub fn random_live(&mut self) -> Option<Place> {
        // A few draws find an honest node unless nearly all are not; then the roster is searched.
        for _ in 0..64 {
            let index = self.random.workload.below(self.roster.len());
            let place = *self.roster.get(index)?;
            if self.nodes[place.index()].role == Role::Honest {
                return Some(place);
            }
        }
        self.roster.iter().copied().find(|place| self.nodes[place.index()].role == Role::Honest)
    }

    /// What whoever lived at `place` has sent and received so far, in this order.
    pub fn load_of(&self, place: Place) -> Option<(Count, Count)> {
        self.loads.get(place.index()).map(|load| (load.sent, load.received))
    }

    /// `Fetch` requests that whoever lived at `place` has received so far.
    pub fn fetches_of(&self, place: Place) -> u64 {
        self.loads.get(place.index()).map_or(0, |load| load.fetches)
    }

    /// Everything sent so far. Keep a copy and use [`Traffic::since`] for a span of time.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Hash over every delivered event so far.
    pub fn trace(&self) -> TraceHash {
        self.trace
    }

    /// Number of events so far: deliveries, wake-ups, timers, arrivals and departures.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events that wait for their time.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Seconds lived so far, summed over all nodes.
    #[expect(clippy::cast_precision_loss, reason = "a measure, not a count")]
    pub fn node_seconds(&self) -> f64 {
        let since = self.now.since(self.lived_until).as_secs_f64() * self.live() as f64;
        self.lived as f64 / 1e6 + since
    }

    /// Changes the qualities of the network from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.network.conditions = conditions;
    }

    /// Splits the network: packets cross only between places of the same group.
    pub fn partition(&mut self, group_of: impl Fn(Place) -> u8) {
        self.network.partition(self.nodes.len(), group_of);
    }

    /// Ends a partition.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    /// Puts the place behind a door that lets in only answers, as most address translators do.
    pub fn close_door(&mut self, place: Place) {
        self.network.close_door(place);
    }

    /// Starts an operation on a live node. `None` if nobody lives at `place`.
    pub fn start(&mut self, place: Place, command: Command) -> Option<Result<OperationId, Busy>> {
        self.start_operation(place, command)
    }

    /// Has [`next`](Self::next) return [`Occurrence::Timer`] at `at`, or at once if that is past.
    pub fn set_timer(&mut self, at: Moment, token: u64) {
        let timer = self.timers.insert((token, self.timer_age));
        self.queue.push(at.max(self.now), Step::Timer(timer));
    }

    /// Forgets every timer that is not due yet.
    pub fn drop_timers(&mut self) {
        self.timer_age += 1;
    }

    /// Lets time pass until something worth knowing happens, at most until `until`; `None` when that is
    /// reached, or nothing will ever happen again. The time is `until` then.
    pub fn next(&mut self, until: Moment) -> Option<Occurrence> {
        loop {
            if let Some(occurrence) = self.occurrences.pop_front() {
                return Some(occurrence);
            }
            match self.queue.next_at() {
                Some(at) if at <= until => self.step(),
                _ => {
                    self.now = self.now.max(until);
                    return None;
                }
            }
        }
    }

    /// Lets time pass until `until` and forgets what [`next`](Self::next) would have told.
    pub fn run_until(&mut self, until: Moment) {
        while self.next(until).is_some() {}
    }

    /// [`run_until`](Self::run_until) for a span of time.
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// One event.
    fn step(&mut self) {
        let Some((at, step)) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        self.events += 1;
        match step {
            Step::Deliver(packet) => self.deliver(packet),
            Step::Wake(place) => self.wake(place, at),
            Step::Timer(timer) => {
                if let Some((token, _)) =
                    self.timers.take(timer).filter(|(_, age)| *age == self.timer_age)
                {
                    self.occurrences.push_back(Occurrence::Timer(token));
                }
            }
            Step::Arrive(place, epoch) => self.arrive(place, epoch),
            Step::Depart(place, epoch) => self.depart(place, epoch),
            Step::Dial(dial, step) => self.step_dial(dial, step),
            Step::Flood(place, epoch) => self.flood(place, epoch),
            Step::Thought(slot) => self.thought(slot),
        }
    }
}
