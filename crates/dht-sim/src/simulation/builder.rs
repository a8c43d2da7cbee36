//! Parameters of a simulation.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Difficulty, Moment, NodeIdentity, Nonce, PublicKey};
use dht_routing::{
    Config, ConfigBuilder, ConfigError, Consultation, Peer, Seed, Served, Service, Verdict,
};

use super::adversary::Role;
use super::alarm::Alarms;
use super::node::{Load, Node};
use super::seat::Seats;
use super::{CustomHandler, Dials, Draws, Factory, Place, Simulation, Step, StorePolicy};
use crate::census::Census;
use crate::machine::Machine;
use crate::network::{Conditions, Network};
use crate::queue::Queue;
use crate::random::Use;
use crate::slab::Slab;
use crate::{Churn, Latencies, Random, TraceHash, Traffic, address};

/// Bytes of memory to reckon with for each node, its share of packets in flight included.
pub const NODE_BYTES: u64 = 40_000;

/// Why a simulation cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A network of no node.
    #[error("a network needs at least one node")]
    NoNodes,
    /// More nodes than the memory that may be used holds.
    #[error("{nodes} nodes need about {needed_mb} MB of memory, {available_mb} MB are available")]
    TooManyNodes {
        /// Nodes asked for.
        nodes: usize,
        /// What they need.
        needed_mb: u64,
        /// What may be used.
        available_mb: u64,
    },
    /// More nodes than there are addresses for.
    #[error("{nodes} nodes are more than the {limit} there are addresses for")]
    TooManyPlaces {
        /// Nodes asked for.
        nodes: usize,
        /// Most nodes.
        limit: usize,
    },
    /// A quality of the network is out of its range.
    #[error("{quality} is {value}, must be in 0..=1")]
    Condition {
        /// Name of the quality.
        quality: &'static str,
        /// What was given.
        value: f64,
    },
    /// A parameter of the peers is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// How the network comes to be: nodes join one after the other, through nodes that joined before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Virtual time in which the number of nodes doubles; default 30 s.
    pub doubling: Duration,
    /// Nodes that a newcomer is told of, to join through; default 3.
    pub contacts: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self { doubling: Duration::from_secs(30), contacts: 3 }
    }
}

impl Growth {
    /// When the node numbered `index` from 0 arrives: so that the number of nodes doubles in each span.
    #[expect(clippy::cast_precision_loss, reason = "a number of nodes")]
    pub(super) fn arrival(&self, index: usize) -> Moment {
        Moment::EPOCH + self.doubling.mul_f64((index.max(1) as f64).log2())
    }
}

/// Sets parameters one by one; [`build`](Self::build) makes the simulation.
#[derive(Clone)]
pub struct Builder {
    nodes: usize,
    vacant: usize,
    seed: u64,
    k: usize,
    latencies: Option<Arc<Latencies>>,
    conditions: Conditions,
    peer: ConfigBuilder,
    growth: Growth,
    memory: u64,
    policy: Option<Arc<StorePolicy>>,
    handler: Option<Arc<CustomHandler>>,
    thinking: Duration,
}

impl Simulation<Peer> {
    /// Starts from a network of 1,000 nodes, seed 1, with the built-in latencies of that seed.
    pub fn builder() -> Builder {
        Builder {
            nodes: 1_000,
            vacant: 0,
            seed: 1,
            k: 16,
            latencies: None,
            conditions: Conditions::default(),
            peer: Config::builder(),
            growth: Growth::default(),
            memory: u64::MAX,
            policy: None,
            handler: None,
            thinking: Duration::ZERO,
        }
    }
}

impl Builder {
    /// Number of nodes: at least 1, at most 5,832,704.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Places besides those of the nodes, numbered after them, where nobody lives until
    /// [`Simulation::settle_in`] says who. Default none.
    #[must_use]
    pub fn vacant(mut self, places: usize) -> Self {
        self.vacant = places;
        self
    }

    /// What every random choice follows from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Kademlia's k, of the peers and of the judgement of recall. Default 16.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Latencies between sites. Default: [`Latencies::generated`] from the seed.
    #[must_use]
    pub fn latencies(mut self, latencies: impl Into<Arc<Latencies>>) -> Self {
        self.latencies = Some(latencies.into());
        self
    }

    /// Qualities of the network.
    #[must_use]
    pub fn conditions(mut self, conditions: Conditions) -> Self {
        self.conditions = conditions;
        self
    }

    /// Parameters of the peers; k and the difficulty of ids (none) are set by the simulation.
    #[must_use]
    pub fn peer(mut self, config: ConfigBuilder) -> Self {
        self.peer = config;
        self
    }

    /// How the network comes to be.
    #[must_use]
    pub fn growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// Bytes of memory that may be used: a network that needs more (about [`NODE_BYTES`] a node) is refused.
    /// Default: no limit.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// What the application on each node says before a record is kept there: its `on_store`. Without it nobody
    /// is asked.
    #[must_use]
    pub fn on_store(
        mut self,
        policy: impl Fn(Place, &Consultation) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.policy = Some(Arc::new(policy));
        self
    }

    /// What the application on each node answers to custom requests: its `on_custom`. Without it nobody answers.
    #[must_use]
    pub fn on_custom(
        mut self,
        handler: impl Fn(Place, &Service) -> Served + Send + Sync + 'static,
    ) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// How long an application takes to answer; default no time at all.
    #[must_use]
    pub fn thinking(mut self, time: Duration) -> Self {
        self.thinking = time;
        self
    }

    /// Checks the parameters and makes a simulation of [`Peer`]s. Nobody lives at its start; nodes arrive as
    /// time passes, see [`Simulation::settle`].
    pub fn build(self) -> Result<Simulation, BuildError> {
        let config = self.peer.clone().k(self.k).id_difficulty(Difficulty::NONE);
        let config = config.consults(self.policy.is_some());
        let config = config.serves(self.handler.is_some()).build()?;
        let config = Arc::new(config);
        self.build_with(move |identity, seed, now| Peer::new(config.clone(), identity, seed, now))
    }

    /// [`build`](Self::build) with machines of your own; parameters of the peers are not used.
    pub fn build_with<M: Machine>(
        self,
        factory: impl Fn(NodeIdentity, Seed, Moment) -> M + Send + Sync + 'static,
    ) -> Result<Simulation<M>, BuildError> {
        self.check()?;
        let latencies =
            self.latencies.clone().unwrap_or_else(|| Arc::new(Latencies::generated(self.seed)));
        let network = Network::new(self.seed, latencies, self.conditions);
        let mut simulation = self.assemble(network, Arc::new(factory));
        simulation.plan_arrivals();
        Ok(simulation)
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.nodes == 0 {
            return Err(BuildError::NoNodes);
        }
        let nodes = self.nodes.saturating_add(self.vacant);
        if nodes > address::PLACES_MAX {
            return Err(BuildError::TooManyPlaces { nodes, limit: address::PLACES_MAX });
        }
        let needed = NODE_BYTES * nodes as u64;
        if needed > self.memory {
            let (needed_mb, available_mb) = (needed / 1_000_000, self.memory / 1_000_000);
            return Err(BuildError::TooManyNodes { nodes, needed_mb, available_mb });
        }
        match self.conditions.fault() {
            Some((quality, value)) => Err(BuildError::Condition { quality, value }),
            None => Ok(()),
        }
    }

    fn assemble<M: Machine>(self, network: Network, factory: Arc<Factory<M>>) -> Simulation<M> {
        let draw = |purpose| Random::of(self.seed, purpose);
        let (mut sites, mut identities) = (draw(Use::Sites), draw(Use::Identities));
        let places = self.nodes + self.vacant;
        let mut nodes = Vec::with_capacity(places);
        nodes.resize_with(places, || vacant(draw_identity(&mut identities)));
        let sites = std::iter::repeat_with(|| sites.below(network.sites()));
        let sites = sites.map(|site| u16::try_from(site).unwrap_or_default()).take(places);
        Simulation {
            now: Moment::EPOCH,
            queue: Queue::new(),
            alarms: Alarms::new(places),
            seats: Seats::new(sites),
            loads: vec![Load::default(); places],
            packets: Slab::new(),
            nodes,
            network,
            dials: Dials::default(),
            census: Census::default(),
            roster: Vec::new(),
            accomplices: Census::default(),
            occurrences: VecDeque::new(),
            traffic: Traffic::default(),
            trace: TraceHash::new(),
            events: 0,
            lived: 0,
            lived_until: Moment::EPOCH,
            joins: 0,
            timers: Slab::new(),
            timer_age: 0,
            growth: self.growth,
            first_vacant: self.nodes,
            churn: None,
            k: self.k,
            random: Draws {
                identities,
                peers: draw(Use::Peers),
                sessions: draw(Use::Sessions),
                workload: draw(Use::Workload),
                adversaries: draw(Use::Adversaries),
                joins: draw(Use::Joins),
            },
            factory,
            policy: self.policy,
            handler: self.handler,
            thinking: self.thinking,
            thoughts: Slab::new(),
        }
    }
}

/// An identity that costs nothing: the network of a simulation asks for no work.
pub(super) fn draw_identity(random: &mut Random) -> NodeIdentity {
    NodeIdentity::new(PublicKey::from_bytes(random.bytes32()), Nonce(0))
}

fn vacant<M>(identity: NodeIdentity) -> Node<M> {
    Node {
        machine: None,
        identity,
        epoch: 0,
        role: Role::Honest,
        uplink_free: Moment::EPOCH,
        store: None,
        active: Vec::new(),
        position: 0,
    }
}

impl<M: Machine> Simulation<M> {
    fn plan_arrivals(&mut self) {
        for index in 0..self.first_vacant {
            let at = self.growth.arrival(index);
            let place = Place(u32::try_from(index).unwrap_or(u32::MAX));
            self.queue.push(at, Step::Arrive(place, 0));
        }
    }

    /// Lets churn begin, or changes it: who lives now gets a residual session of the new model.
    pub fn set_churn(&mut self, churn: Churn) {
        self.churn = Some(churn);
        for place in self.roster.clone() {
            let stay = churn.sessions.draw_residual(&mut self.random.sessions);
            self.plan_departure(place, stay);
        }
    }
}
