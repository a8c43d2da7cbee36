//! The peer: ties the parts together and dispatches. No algorithm lives here.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use dht_proto::{BroadcastId, Contact, Moment, NodeIdentity, Scope};

use crate::alarms::Alarms;
use crate::application::{Application, Intake};
use crate::broadcast::{Broadcasts, Way};
use crate::caching::Caching;
use crate::greetings::Greetings;
use crate::hearing::Hearing;
use crate::keeping::Keeping;
use crate::load::Traffic;
use crate::maintenance::Maintenance;
use crate::mirror::Mirroring;
use crate::neighbourhood::Neighbourhood;
use crate::operation::{
    Bootstrap, Exchange, Fetch, Find, Operation, Order, Question, Scene, Store,
};
use crate::pacer::{Budget, Pacer, Rate};
use crate::promises::Promises;
use crate::publication::Publications;
use crate::random::{Random, Seed};
use crate::reputation::Reputation;
use crate::requests::{Owner, Pace, Requests};
use crate::responder::Lookout;
use crate::reunion::{KNOWN_MAX, Reunion};
use crate::rtt::Prior;
use crate::search::NetworkSize;
use crate::spares::Spares;
use crate::sponsors::Sponsors;
use crate::{Busy, Command, Config, Event, Input, OperationId, Output, RoutingTable, Ticket};

mod answer;
mod blame;
mod catch_up;
mod consult;
mod copies;
mod execute;
mod figures;
mod gathering;
mod keep;
mod receive;
mod running;
mod serve;
mod spread;
#[cfg(test)]
mod tests;
mod upkeep;

pub(crate) use consult::{Replaces, Ruling};
pub use figures::{Answers, Status, Upkeep, Usage};
use running::{Audience, Running};

/// A peer of the network, as a value.
///
/// Feed it with [`handle_input`](Self::handle_input), [`handle_command`](Self::handle_command),
/// [`cancel`](Self::cancel) and, when [`poll_timeout`](Self::poll_timeout) is due,
/// [`handle_timeout`](Self::handle_timeout). After each call drain [`poll_output`](Self::poll_output).
///
/// ```
/// use dht_proto::{Moment, NodeIdentity, Nonce, PublicKey};
/// use dht_routing::{Command, Config, Output, Peer, Seed};
///
/// let local = NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(0));
/// let mut peer = Peer::new(Config::default(), local, Seed([1; 32]), Moment::EPOCH);
/// let addrs = vec!["127.0.0.1:3000".parse().unwrap()];
/// peer.handle_command(Moment::EPOCH, Command::Bootstrap { addrs, known: vec![] }).unwrap();
/// assert!(matches!(peer.poll_output(), Some(Output::Greet { .. })));
/// ```
#[derive(Debug, Clone)]
pub struct Peer {
    config: Arc<Config>,
    local: NodeIdentity,
    random: Random,
    started: Moment,
    table: RoutingTable,
    prior: Prior,
    /// The size of the network by what lookups found.
    size: NetworkSize,
    hearing: Hearing,
    /// How busy we are, and others.
    traffic: Traffic,
    requests: Requests,
    greetings: Greetings,
    operations: BTreeMap<OperationId, Box<Running>>,
    alarms: Alarms,
    next_operation: u64,
    effects: BTreeMap<Ticket, Effect>,
    next_ticket: u64,
    maintenance: Maintenance,
    bootstrap: Vec<SocketAddr>,
    /// `None` unless we are new.
    sponsors: Option<Box<Sponsors>>,
    spares: Spares,
    reunion: Reunion,
    keeping: Keeping,
    pacer: Pacer,
    /// The part of the space that we keep with others, as of the last sweep; `None` while we hold nothing.
    neighbourhood: Option<Box<Neighbourhood>>,
    promises: Promises,
    /// What the application is asked about; `None` while that is nothing.
    application: Option<Box<Application>>,
    /// What others ask for; `None` while nobody does.
    caching: Option<Box<Caching>>,
    answers: Answers,
    publications: Publications,
    /// `None` while there are none.
    broadcasts: Option<Box<Broadcasts>>,
    /// `None` while nothing is held against anybody.
    reputation: Option<Box<Reputation>>,
    /// `None` unless we are a mirror.
    mirroring: Option<Box<Mirroring>>,
    upkeep: Upkeep,
    /// What may be spent on looking through our own store for others.
    looks: Budget,
    usage: Usage,
    /// Each in a box: a queue of them is short, and does not grow into a large block.
    outputs: VecDeque<Box<Output>>,
}

/// Who waits for a result of the store, or of the application.
#[derive(Debug, Clone)]
enum Effect {
    Operation(OperationId),
    Answer(Box<Lookout>),
    /// A sweep that begins.
    Sweep,
    /// A broadcast that the application is asked about, and how it came.
    Delivery {
        id: BroadcastId,
        way: Way,
    },
    /// A record that the application may be asked about.
    Weigh(Box<Intake>),
}

/// Effects on the store that wait for their result, at most; beyond it requests are answered with `Busy`.
const EFFECTS_MAX: usize = 4_096;
/// Comparisons and listings that are answered in a second, and bytes of records told or looked at for them.
const LOOKS: Rate = Rate { requests: 100, bytes: 1_000_000 };
/// Bootstrap addresses that are kept, at most.
const BOOTSTRAP_MAX: usize = 64;

impl Peer {
    /// A peer that knows nobody yet, and never calls a node by itself before it is told of one.
    /// Peers with the same parameters may share them.
    pub fn new(
        config: impl Into<Arc<Config>>,
        local: NodeIdentity,
        seed: Seed,
        now: Moment,
    ) -> Self {
        let config = config.into();
        Self {
            table: RoutingTable::new(local.id(), config.k).with_secret(seed.secret()),
            random: Random::new(seed),
            pacer: Pacer::new(config.upkeep),
            mirroring: config.is_mirror().then(|| Box::new(Mirroring::new())),
            config,
            local,
            started: now,
            prior: Prior::default(),
            size: NetworkSize::default(),
            hearing: Hearing::new(now),
            traffic: Traffic::default(),
            requests: Requests::default(),
            greetings: Greetings::default(),
            operations: BTreeMap::new(),
            alarms: Alarms::default(),
            next_operation: 0,
            effects: BTreeMap::new(),
            next_ticket: 0,
            maintenance: Maintenance::new(),
            bootstrap: Vec::new(),
            sponsors: None,
            spares: Spares::default(),
            reunion: Reunion::default(),
            keeping: Keeping::new(),
            neighbourhood: None,
            promises: Promises::default(),
            application: None,
            caching: None,
            answers: Answers::default(),
            publications: Publications::new(),
            broadcasts: None,
            reputation: None,
            upkeep: Upkeep::default(),
            looks: Budget::new(LOOKS),
            usage: Usage::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Who we are.
    pub fn local(&self) -> NodeIdentity {
        self.local
    }

    /// Takes what happened. Never fails and never panics, whatever a peer sent.
    pub fn handle_input(&mut self, now: Moment, input: Input) {
        match input {
            Input::Received { from, via, message } => self.received(now, from, via, message),
            Input::Greeted { addr, node } => self.greeted(now, addr, node),
            Input::Unreachable { request } => self.unreachable(now, request),
            Input::Progressed { request } => self.requests.progressed(now, request),
            Input::Gathered { request, news } => self.gathered(now, request, news),
            Input::Loaded { ticket, found } => self.loaded(now, ticket, found),
            Input::Weighed { ticket, existing, result } => {
                self.weighed_in_store(now, ticket, existing.map(|existing| *existing), result);
            }
            Input::Saved { ticket, result } => self.saved(now, ticket, result),
            Input::Listed { ticket, entries } => self.listed(now, ticket, entries),
            Input::StockTaken { ticket, stocks } => self.stock_taken(now, ticket, stocks),
            Input::Delivered { ticket, forward } => self.delivered(now, ticket, forward),
            Input::Consulted { ticket, verdict } => self.consulted(now, ticket, verdict),
            Input::Served { ticket, answer } => self.served(now, ticket, answer),
            Input::Misbehaved { node, proven, offence } => self.blame(now, &node, proven, offence),
        }
    }

    /// Starts an operation.
    pub fn handle_command(&mut self, now: Moment, command: Command) -> Result<OperationId, Busy> {
        let limit = self.config.operations;
        if self.operations.len() >= limit {
            return Err(Busy { limit });
        }
        let command = match command {
            Command::Bootstrap { addrs, known } => {
                self.remember_bootstrap(&addrs);
                Command::Bootstrap { addrs, known: self.meet_again(now, known) }
            }
            command => command,
        };
        let mut orders = Vec::new();
        let scene = self.scene(now, &mut orders);
        let operation = match command {
            Command::Bootstrap { addrs, known } => {
                Operation::Bootstrap(Bootstrap::new(&scene, addrs, &known))
            }
            Command::FindNode { target } => Operation::Find(Find::closest(&scene, target)),
            Command::Locate { id } => Operation::Find(Find::node(&scene, id)),
            Command::Ping { addr } => {
                Operation::Exchange(Exchange::new(&scene, Question::Ping, addr))
            }
            Command::Inspect { addr } => {
                Operation::Exchange(Exchange::new(&scene, Question::Inspect, addr))
            }
            Command::Store { record, ttl, expected } => {
                Operation::Store(Box::new(Store::new(&scene, record, ttl, expected)))
            }
            Command::Fetch { key, kinds } => {
                Operation::Fetch(Box::new(Fetch::new(&scene, key, kinds)))
            }
            Command::Broadcast { secret, payload } => {
                return Ok(self.broadcast(now, &secret, payload));
            }
            Command::Custom { to, payload, patience } => {
                return Ok(self.ask_applications(now, (to, payload), patience));
            }
            Command::Leave => return Ok(self.leave(now)),
        };
        Ok(self.start(now, operation, Audience::Application))
    }

    /// Ends an operation without an outcome and withdraws its requests. Unknown ones are ignored.
    pub fn cancel(&mut self, _now: Moment, operation: OperationId) {
        self.keeping.cancel(operation);
        self.cancel_broadcast(operation);
        if self.operations.remove(&operation).is_some() {
            self.withdraw(operation);
        }
    }

    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.requests_due(now);
        self.alarms_due(now);
        self.greetings_due(now);
        self.reunion_due(now);
        self.application_due(now);
        self.maintenance_due(now);
        self.broadcasts_due(now);
        // Last: whatever happened before may have ended a turn, or asked for a share of the budget.
        self.keeping_due(now);
    }

    /// The next order; `None` when all are carried out.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            self.rest();
        }
        output.map(|output| *output)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` while nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let due = [
            self.requests.next_due(),
            self.alarms.next_due(),
            self.greetings.next_due(),
            self.maintenance.next_due(),
            self.reunion.next_due(),
            self.keeping.next_due(),
            self.pacer.next_due(),
            self.publications.next_due(),
            self.next_broadcast_due(),
            self.next_visit_due(),
            self.application.as_ref().and_then(|waiting| waiting.next_due()),
        ];
        due.into_iter().flatten().min()
    }

    /// The routing table.
    pub fn table(&self) -> &RoutingTable {
        &self.table
    }

    /// Contacts in the routing table, furthest bucket first.
    pub fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.table.iter().map(|entry| entry.contact())
    }

    /// Figures.
    pub fn status(&self) -> Status {
        Status {
            contacts: self.table.len(),
            operations: self.operations.len(),
            requests: self.requests.len(),
            network_size: self.table.network_size(),
        }
    }

    /// What the upkeep of records came to.
    pub fn upkeep(&self) -> Upkeep {
        self.upkeep
    }

    /// How records were told to whoever asked for them.
    pub fn answers(&self) -> Answers {
        self.answers
    }

    /// Tells what the store holds: for nodes that inspect us, and because only a share of the capacity is for
    /// copies of what is in demand, so that none is taken before.
    pub fn set_usage(&mut self, usage: Usage) {
        self.usage = usage;
    }

    fn scene<'a>(&'a self, now: Moment, orders: &'a mut Vec<Order>) -> Scene<'a> {
        let Self { config, table, local, prior, size, .. } = self;
        let (local, typical, size) = (*local, prior.mean(), *size);
        Scene { now, config, local, table, typical, size, orders }
    }

    fn event(&mut self, event: Event) {
        self.put(Output::Event(event));
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(Box::new(output));
    }

    /// Gives back the room that bursts took, and empty maps hold: most peers idle most of the time, and a
    /// process may run thousands.
    fn rest(&mut self) {
        self.outputs = VecDeque::new();
        if self.operations.is_empty() {
            self.operations = BTreeMap::new();
        }
        if self.effects.is_empty() {
            self.effects = BTreeMap::new();
        }
    }

    /// Of nodes known from an earlier run those that can be, as many as may be. They will be pinged in time.
    fn meet_again(&mut self, now: Moment, known: Vec<Contact>) -> Vec<Contact> {
        let mut known = known;
        known.truncate(KNOWN_MAX);
        known.retain(|contact| {
            !self.is_banned(now, &contact.node, contact.addr.ip())
                && Scope::at(contact.addr).is_some()
                && contact.id() != self.local.id()
                && self.config.families.include(contact.addr.ip())
                && contact.node.meets(self.config.difficulty)
        });
        known.sort_unstable_by_key(|contact| self.local.id().to_key().distance(&contact.id()));
        self.reunion.add(now, known.clone(), self.config.k);
        known
    }

    fn remember_bootstrap(&mut self, addrs: &[SocketAddr]) {
        for addr in addrs {
            if !self.bootstrap.contains(addr) && self.bootstrap.len() < BOOTSTRAP_MAX {
                self.bootstrap.reserve_exact(1);
                self.bootstrap.push(*addr);
            }
        }
    }

    /// How long to wait for `contact`: by its own estimate, or by what the network is like.
    fn pace_of(&self, contact: &Contact) -> Pace {
        let rtt = self.table.entry_of(&contact.node).map(|entry| entry.rtt());
        let own =
            rtt.and_then(|rtt| Some(Pace { patience: rtt.patience()?, timeout: rtt.timeout()? }));
        own.unwrap_or_else(|| Pace {
            patience: self.prior.patience(),
            timeout: self.prior.timeout(),
        })
    }

    /// Asks a node whether it is there, for the table's sake, unless it is being asked already.
    fn check(&mut self, now: Moment, contact: Contact) {
        if self.requests.may_check(&contact.id()) {
            self.send_request(now, contact, dht_proto::Request::Ping, Owner::Table, 2);
        }
    }
}
