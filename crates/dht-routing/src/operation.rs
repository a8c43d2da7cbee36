//! Operations: what an application asked for, or upkeep needs, as many requests.
//!
//! Each kind is a small machine of its own that never touches the peer: it is told what happened within
//! a [`Scene`] and leaves [`Order`]s there. The peer carries them out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    Contact, Custody, Digest, Distance, Held, Key, KindSet, Moment, Mosaic, NodeId, NodeIdentity,
    Prefix, Record, Referral, Refusal, Reply, Request, Slot, Stock, Summary, Terms, Ttl,
};

use crate::keeping::TurnReport;
use crate::lookup::Lookup;
use crate::mirror::VisitReport;
use crate::pacer::Priority;
use crate::peer::{Replaces, Ruling};
use crate::publication::RoundReport;
use crate::search::NetworkSize;
use crate::table::Entry;
use crate::{Answer, Config, Gathered, Outcome, RoutingTable};

mod bootstrap;
mod copy;
mod custom;
mod exchange;
mod fetch;
mod find;
mod renewal;
mod store;
mod survey;
mod turn;
mod visit;

pub(crate) use bootstrap::Bootstrap;
pub(crate) use copy::Copy;
pub(crate) use custom::Custom;
pub(crate) use exchange::{Exchange, Question};
pub(crate) use fetch::Fetch;
pub(crate) use find::Find;
pub(crate) use renewal::Renewal;
pub(crate) use store::Store;
pub(crate) use survey::Survey;
pub(crate) use turn::Turn;
pub(crate) use visit::Visit;

/// Times a request that must not be lost is sent before it is given up.
pub(crate) const TRIES: u8 = 3;

/// Typical round trip beyond which a lookup gets wider: of the hosts of the internet a quarter are so far
/// from most others.
const WIDENING_FROM: Duration = Duration::from_millis(160);
/// What makes it wider by one more request.
const WIDENING_STEP: Duration = Duration::from_millis(20);
/// Requests by which it gets wider, at most.
const WIDENING_MAX: usize = 8;

/// What an operation wants done.
#[derive(Debug)]
pub(crate) enum Order {
    /// Ask a node, sending a datagram up to `tries` times.
    Ask { to: Contact, request: Request, tries: u8 },
    /// The same within the budget of the upkeep of records.
    AskInTurn { priority: Priority, to: Contact, request: Request, tries: u8 },
    /// Ask a node for parts of a value.
    Gather { to: Contact, request: Request, mosaic: Arc<Mosaic> },
    /// Do not wait any more for what a node sends by stream.
    Drop { from: NodeId },
    /// The same for all nodes.
    DropAll,
    /// Tell the operation at some time that it is then; there is one such time at most.
    Wake { at: Option<Moment> },
    /// Have a node keep a record; whether it does is of no concern to the operation.
    Hand { to: Contact, record: Record, ttl: Ttl },
    /// Keep a copy of content that was fetched, and leave one with a node that wants one.
    Spread { record: Record, ttl: Ttl, to: Option<Contact> },
    /// Ask who is at an address.
    Greet(SocketAddr),
    /// Look into our own store.
    Load { key: Key, kinds: KindSet, whole_up_to: usize },
    /// Have our own store tell how much it holds in some parts, with digests.
    TakeStock { parts: Vec<Prefix> },
    /// Have our own store tell what it holds.
    List { from: Slot, limit: usize },
    /// Keep a record in our own store, as its publisher.
    Save {
        record: Record,
        custody: Custody,
        expires: Moment,
        expected: Option<dht_proto::Sequence>,
        /// What the application decided, if it was asked already.
        cleared: Option<Replaces>,
    },
    /// Ask the application whether our own store may take another value under a name than it has.
    Claim { record: Record, terms: Terms, existing: Summary },
    /// Lengthen the life of a record in our own store, as its publisher.
    Renew { slot: Slot, digest: Digest, custody: Custody, expires: Moment },
    /// Keep a record in our own store because a mirror keeps everything, on the account of who sent it.
    Mirror { record: Record, expires: Moment, from: Contact },
    /// Lengthen the life of a record in our own store that a mirror keeps, or have the mirror keep it.
    Extend { slot: Slot, digest: Digest, expires: Moment },
    /// A lookup found nodes as dense as in a network of this size.
    Learn { size: i32 },
    /// Tell what a node answered, ahead of the end.
    Tell(Box<Answer>),
    /// The operation is over.
    Finish(Ending),
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With something to tell whoever asked for it.
    Outcome(Outcome),
    /// With nothing to tell anybody.
    Quiet,
    /// A turn was taken.
    Turn(TurnReport),
    /// A round of renewing is over.
    Renewal(RoundReport),
    /// A mirror has seen a part of the space.
    Visit(Box<VisitReport>),
}

/// What an operation sees of its peer, and where it leaves its orders.
pub(crate) struct Scene<'a> {
    pub(crate) now: Moment,
    pub(crate) config: &'a Config,
    pub(crate) local: NodeIdentity,
    pub(crate) table: &'a RoutingTable,
    /// Round trip to expect of a node that was never measured.
    pub(crate) typical: Duration,
    /// The size of the network by what lookups found.
    pub(crate) size: NetworkSize,
    pub(crate) orders: &'a mut Vec<Order>,
}

impl Scene<'_> {
    /// A lookup of `target` from what the table knows; `among` says whether we count as one of the closest.
    pub(crate) fn lookup(&self, target: Key, among: bool) -> Lookup {
        let own = among.then(|| target.distance(&self.local.id()));
        let alpha = if among { self.config.alpha } else { self.width() };
        self.seeded(Lookup::new(target, self.config.k, alpha, own, []))
    }

    /// A lookup of so many nodes, up to k, ourselves left out.
    pub(crate) fn lookup_of(&self, target: Key, count: usize) -> Lookup {
        self.seeded(Lookup::new(target, count, self.width(), None, []))
    }

    /// A lookup of more nodes than k, ourselves left out.
    pub(crate) fn wide_lookup(&self, target: Key, count: usize) -> Lookup {
        self.seeded_by(Lookup::new(target, count, self.config.alpha, None, []), 2 * count)
    }

    /// A lookup for which any node within `goal` of the target will do, or whoever on the way has what it is about.
    pub(crate) fn lookup_within(&self, target: Key, goal: Distance) -> Lookup {
        let lookup = Lookup::new(target, self.config.k, self.width(), None, []);
        self.seeded(lookup.with_goal(goal).with_taste(self.table.taste(&target)).with_one_first())
    }

    /// Adds what the table knows, with the round trips it measured.
    fn seeded(&self, lookup: Lookup) -> Lookup {
        self.seeded_by(lookup, 2 * self.config.k)
    }

    fn seeded_by(&self, lookup: Lookup, count: usize) -> Lookup {
        let mut lookup = lookup.with_typical(self.typical);
        for entry in self.table.closest_entries(&lookup.target(), count, |_| true) {
            let rtt = entry.rtt().smoothed().unwrap_or(lookup.typical());
            let rtt = if lookup.has_taste() { self.weighed(&lookup, &entry, rtt) } else { rtt };
            lookup.add_at(entry.contact(), rtt);
        }
        lookup
    }

    /// The round trip to an entry as far as it decides whether a lookup with a taste asks it first.
    fn weighed(&self, lookup: &Lookup, entry: &Entry<'_>, rtt: Duration) -> Duration {
        let rtt = entry.burden().weigh(lookup.at_least_alike(rtt));
        // The oldest are in everybody's table. They are there for hard times, not for every day.
        let is_elder = self.table.is_elder(entry);
        if is_elder { rtt + 2 * lookup.typical() } else { rtt }
    }

    /// Requests that a lookup keeps in flight. Steps of a node that is far from all others take long, so it
    /// asks more at once to need fewer of them; where they take little, one less does.
    fn width(&self) -> usize {
        let beyond = self.typical.saturating_sub(WIDENING_FROM).as_micros();
        let more = usize::try_from(beyond / WIDENING_STEP.as_micros()).unwrap_or(WIDENING_MAX);
        (self.config.alpha - 1).max(1) + more.min(WIDENING_MAX)
    }

    /// Our round trip to a node, if it was measured.
    pub(crate) fn rtt_of(&self, contact: &Contact) -> Option<Duration> {
        self.table.entry_of(&contact.node)?.rtt().smoothed()
    }

    /// The distance from any key within which hardly more than k nodes live: half as much again as holds k.
    pub(crate) fn region(&self) -> Distance {
        self.table.radius(self.config.k + self.config.k / 2)
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    pub(crate) fn ask(&mut self, to: Contact, request: Request, tries: u8) {
        self.order(Order::Ask { to, request, tries });
    }

    pub(crate) fn finish(&mut self, outcome: Outcome) {
        self.order(Order::Finish(Ending::Outcome(outcome)));
    }
}

/// What happened to a running operation.
#[derive(Debug)]
pub(crate) enum Happened {
    /// It starts.
    Started,
    /// A node answered; `closer` are the contacts it named that can be believed.
    Replied { from: Contact, reply: Reply, closer: Vec<Referral> },
    /// A node has not answered when most would have.
    Slow(NodeId),
    /// A node is past its timeout.
    Late(NodeId),
    /// A node will not answer, or is not worth waiting for.
    Failed(NodeId),
    /// Somebody is at a greeted address.
    Greeted(Contact),
    /// Nobody answered at a greeted address.
    Silent(SocketAddr),
    /// What our own store has.
    Loaded(Option<Held>),
    /// How much our own store holds in each part; nothing if it failed.
    StockTaken(Vec<Stock>),
    /// What our own store holds, as far as was asked.
    Listed(Vec<Summary>),
    /// Whether our own store keeps the record.
    Saved(Result<(), Refusal>),
    /// What the application decided about a claim.
    Ruled(Ruling),
    /// A node sends parts of a value.
    Gathered(NodeId, Gathered),
    /// The time that it wanted to be told of has come.
    Awake,
    /// Its time is over.
    Expired,
}

/// A running operation.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Bootstrap(Bootstrap),
    Find(Find),
    Store(Box<Store>),
    Fetch(Box<Fetch>),
    Exchange(Exchange),
    Survey(Survey),
    Turn(Box<Turn>),
    Renewal(Box<Renewal>),
    Visit(Box<Visit>),
    Custom(Box<Custom>),
    Copy(Box<Copy>),
}

impl Operation {
    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match self {
            Self::Bootstrap(operation) => operation.handle(scene, &happened),
            Self::Find(operation) => operation.handle(scene, &happened),
            Self::Store(operation) => operation.handle(scene, happened),
            Self::Fetch(operation) => operation.handle(scene, happened),
            Self::Exchange(operation) => operation.handle(scene, happened),
            Self::Survey(operation) => operation.handle(scene, &happened),
            Self::Turn(operation) => operation.handle(scene, happened),
            Self::Renewal(operation) => operation.handle(scene, happened),
            Self::Visit(operation) => operation.handle(scene, happened),
            Self::Custom(operation) => operation.handle(scene, happened),
            Self::Copy(operation) => operation.handle(scene, &happened),
        }
    }
}

/// How often a step of a lookup is sent: the first ones twice, for with few contacts everything may hang on
/// them; later ones once, for there are others to ask.
pub(crate) fn tries_of(answers: usize) -> u8 {
    if answers == 0 { 2 } else { 1 }
}

/// Moves a lookup along with what happened to one of its nodes.
pub(crate) fn follow(scene: &Scene<'_>, lookup: &mut Lookup, happened: &Happened) {
    match happened {
        Happened::Replied { from, reply, closer } => {
            let way = scene.rtt_of(from);
            for referral in closer {
                match way.zip(referral.rtt) {
                    Some((way, rtt)) => {
                        let rtt = around_a_corner(lookup.typical(), way, rtt.duration());
                        lookup.add_at(referral.contact, rtt);
                    }
                    None => lookup.add(referral.contact),
                }
            }
            if matches!(reply, Reply::Error { .. }) {
                lookup.give_up(&from.id());
            } else {
                lookup.answered(&from.id());
            }
        }
        Happened::Slow(id) => lookup.slow(id),
        Happened::Late(id) => lookup.late(id),
        Happened::Failed(id) => lookup.failed(id),
        _ => {}
    }
}

/// The round trip to expect of a node that is `further` from one that is `way` from us: the typical one, as far
/// as the triangle of the three lets it be.
fn around_a_corner(typical: Duration, way: Duration, further: Duration) -> Duration {
    typical.clamp(way.abs_diff(further), way + further)
}
