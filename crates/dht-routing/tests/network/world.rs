//! A small world for peers: virtual time, one fixed delay, a map for a store.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use dht_proto::{
    Admission, Body, Difficulty, Held, Message, Moment, NodeIdentity, Nonce, Prefix, PublicKey,
    Purpose, Record, Request, Role, Slot, Stock, Summary, Terms, admit,
};
use dht_routing::{
    Command, Config, ConfigBuilder, Event, Gathered, Input, OperationId, Outcome, Output, Peer,
    Route, Seed, StreamId, Verdict, Via,
};

use crate::gathering::{Manner, Transfers};

/// One way through the network.
const DELAY: Duration = Duration::from_millis(20);

/// A peer with its store.
pub(crate) struct Host {
    pub peer: Peer,
    pub role: Role,
    pub store: BTreeMap<Slot, (Record, Summary)>,
    pub alive: bool,
    pub finished: BTreeMap<OperationId, Outcome>,
    pub events: Vec<Event>,
    /// What its store answers to every save instead of keeping the record.
    pub refuses: Option<dht_proto::Refusal>,
    /// A record it returns for whatever is fetched.
    pub lies_with: Option<Record>,
    /// Messages it sent.
    pub sent: usize,
    /// Copies of records that other holders sent it.
    pub copies: BTreeMap<Slot, usize>,
    /// How it sends parts of values.
    pub manner: Manner,
}

pub(crate) enum Delivery {
    /// A part of a value, or `None` where the connection breaks.
    Part {
        to: usize,
        from: usize,
        request: dht_proto::RequestId,
        news: Option<Gathered>,
    },
    Message {
        to: usize,
        from: usize,
        route: Route,
        message: Box<Message>,
    },
    Greeting {
        to: SocketAddr,
        from: usize,
    },
    Greeted {
        to: usize,
        from: usize,
    },
}

/// Peers and what is on its way between them.
pub(crate) struct World {
    pub now: Moment,
    pub hosts: Vec<Host>,
    queue: BTreeMap<(Moment, u64), Delivery>,
    sequence: u64,
    streams: BTreeMap<StreamId, (usize, dht_proto::RequestId)>,
    next_stream: u64,
    /// Hosts that can neither send nor receive.
    pub cut_off: BTreeSet<usize>,
    /// Every n-th datagram is lost; 0 for none.
    pub loss_every: u64,
    /// Everything that was sent, to compare runs.
    pub trace: Vec<String>,
    pub transfers: Transfers,
}

pub(crate) fn identity(number: usize) -> NodeIdentity {
    let number = u32::try_from(number).unwrap();
    NodeIdentity::new(PublicKey::from_bytes([9; 32]), Nonce(number))
}

pub(crate) fn addr(number: usize) -> SocketAddr {
    let port = u16::try_from(number + 1_000).unwrap();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

pub(crate) fn config() -> ConfigBuilder {
    Config::builder().id_difficulty(Difficulty::NONE)
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Moment::from_secs(1),
            hosts: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            streams: BTreeMap::new(),
            next_stream: 0,
            cut_off: BTreeSet::new(),
            loss_every: 0,
            trace: Vec::new(),
            transfers: Transfers::default(),
        }
    }

    /// A world of `count` full nodes that joined through the first one and filled their tables.
    pub(crate) fn joined(count: usize) -> Self {
        let mut world = Self::new();
        for _ in 0..count {
            world.add(config().build().unwrap());
        }
        for host in 1..count {
            world.bootstrap(host, 0);
        }
        world.run_for(Duration::from_secs(30));
        world
    }

    pub(crate) fn add(&mut self, config: Config) -> usize {
        let number = self.hosts.len();
        let role = if config == self::config().role(Role::Client).build().unwrap() {
            Role::Client
        } else {
            Role::Full
        };
        let seed = Seed([u8::try_from(number % 251).unwrap(); 32]);
        let peer = Peer::new(config, identity(number), seed, self.now);
        self.hosts.push(Host {
            peer,
            role,
            store: BTreeMap::new(),
            alive: true,
            finished: BTreeMap::new(),
            events: Vec::new(),
            refuses: None,
            lies_with: None,
            sent: 0,
            copies: BTreeMap::new(),
            manner: Manner::default(),
        });
        number
    }

    pub(crate) fn add_client(&mut self) -> usize {
        self.add(config().role(Role::Client).build().unwrap())
    }

    /// Starts the peer of a host anew: it has forgotten everything but its store.
    pub(crate) fn restart(&mut self, host: usize) {
        let seed = Seed([u8::try_from(host % 251).unwrap() ^ 0x80; 32]);
        self.hosts[host].peer =
            Peer::new(config().build().unwrap(), identity(host), seed, self.now);
    }

    pub(crate) fn is_client(&self, host: usize) -> bool {
        self.hosts[host].role == Role::Client
    }

    pub(crate) fn bootstrap(&mut self, host: usize, through: usize) -> OperationId {
        self.command(host, Command::Bootstrap { addrs: vec![addr(through)], known: Vec::new() })
    }

    pub(crate) fn command(&mut self, host: usize, command: Command) -> OperationId {
        let now = self.now;
        let id = self.hosts[host].peer.handle_command(now, command).unwrap();
        self.drain(host);
        id
    }

    /// Runs a command to its end.
    pub(crate) fn run(&mut self, host: usize, command: Command) -> Outcome {
        let id = self.command(host, command);
        let limit = self.now + Duration::from_mins(2);
        while self.now < limit {
            if let Some(outcome) = self.hosts[host].finished.remove(&id) {
                return outcome;
            }
            assert!(self.step(limit), "nothing left to happen, and operation {id:?} has not ended");
        }
        panic!("operation {id:?} takes longer than two minutes");
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let limit = self.now + span;
        while self.step(limit) {}
        self.now = limit;
    }

    pub(crate) fn input(&mut self, host: usize, input: Input) {
        let now = self.now;
        self.hosts[host].peer.handle_input(now, input);
        self.drain(host);
    }

    fn step(&mut self, limit: Moment) -> bool {
        let timeout = |host: &Host| if host.alive { host.peer.poll_timeout() } else { None };
        let wake = self.hosts.iter().enumerate().filter_map(|(n, h)| Some((timeout(h)?, n))).min();
        let next = self.queue.first_key_value().map(|((at, _), _)| *at);
        match (wake, next) {
            (Some((at, host)), next) if next.is_none_or(|next| at < next) => {
                if at > limit {
                    return false;
                }
                self.now = self.now.max(at);
                let now = self.now;
                self.hosts[host].peer.handle_timeout(now);
                self.drain(host);
                true
            }
            (_, Some(at)) if at <= limit => {
                self.now = self.now.max(at);
                if let Some((_, delivery)) = self.queue.pop_first() {
                    self.deliver(delivery);
                }
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Greeting { to, from } => {
                let Some(host) = self.find(to) else { return };
                self.push(DELAY, Delivery::Greeted { to: from, from: host });
            }
            Delivery::Greeted { to, from } => {
                if self.reachable(to) && self.reachable(from) {
                    self.input(to, Input::Greeted { addr: addr(from), node: identity(from) });
                }
            }
            Delivery::Part { to, from, request, news } => {
                self.part_comes((to, from), request, news);
            }
            Delivery::Message { to, from, route, message } => {
                if !self.reachable(to) || !self.reachable(from) {
                    return;
                }
                let via = match route {
                    Route::Datagram(_) => {
                        Via::Datagram { source: addr(from), length: 400, proven: false }
                    }
                    Route::Dial(_) => {
                        let stream = StreamId(self.next_stream);
                        self.next_stream += 1;
                        self.streams.insert(stream, (from, message.id));
                        Via::Inbound { stream, source: addr(from) }
                    }
                    Route::Answer(_) if self.lay(to, from, &message) => return,
                    Route::Answer(_) => Via::Outbound,
                };
                if let Body::Request(Request::Store { record, purpose, .. }) = &message.body
                    && *purpose == Purpose::Replicate
                {
                    *self.hosts[to].copies.entry(record.slot()).or_default() += 1;
                }
                self.input(to, Input::Received { from: identity(from), via, message: *message });
            }
        }
    }

    fn drain(&mut self, host: usize) {
        let now = self.now;
        while let Some(output) = self.hosts[host].peer.poll_output() {
            self.trace.push(format!("{now:?} {host} {output:?}"));
            match output {
                Output::Send { route, message } => self.send(host, route, message),
                Output::Greet { addr } => {
                    self.push(DELAY, Delivery::Greeting { to: addr, from: host });
                }
                Output::Withdraw { request } => self.withdraw(host, request),
                Output::Gather { to, message, mosaic } => self.gather(host, to, message, mosaic),
                Output::Load { ticket, key, kinds, whole_up_to } => {
                    let store = &self.hosts[host].store;
                    let live = |kind| store.get(&Slot { key, kind }).filter(|e| e.1.expires > now);
                    let mut found = kinds.iter().find_map(live).map(|(record, summary)| Held {
                        summary: *summary,
                        record: (record.size() <= whole_up_to).then(|| record.clone()),
                    });
                    if let Some(lie) = &self.hosts[host].lies_with {
                        let terms = Terms {
                            expires: now + Duration::from_mins(1),
                            purpose: Purpose::Publish,
                            custody: dht_proto::Custody::Holder,
                            source: dht_proto::Source::LOCAL,
                            expected: None,
                            replaces: false,
                        };
                        let summary = Summary::of(lie, &terms);
                        found = Some(Held { summary, record: Some(lie.clone()) });
                    }
                    self.input(host, Input::Loaded { ticket, found });
                }
                Output::Weigh { ticket, incoming, .. } => {
                    let held = self.hosts[host].store.get(&incoming.slot);
                    let existing = held.map(|(_, s)| *s).filter(|s| s.expires > now);
                    let existing = existing.map(Box::new);
                    self.input(host, Input::Weighed { ticket, existing, result: Ok(()) });
                }
                Output::Save { ticket, record, terms } => {
                    let result = self.hosts[host].save(now, record, terms);
                    self.input(host, Input::Saved { ticket, result });
                }
                Output::Renew { slot, digest, terms } => {
                    if let Some((record, summary)) = self.hosts[host].store.get_mut(&slot)
                        && record.digest() == digest
                    {
                        let incoming = Summary::of(record, &terms);
                        if let Ok(Admission::Renew { expires, custody }) =
                            admit(Some(summary), &incoming, &terms)
                        {
                            (summary.expires, summary.custody) = (expires, custody);
                        }
                    }
                }
                Output::List { ticket, from, limit } => {
                    let listed = self.hosts[host].store.range(from..).map(|(_, (_, s))| *s);
                    let entries = listed.filter(|s| s.expires > now).take(limit).collect();
                    self.input(host, Input::Listed { ticket, entries });
                }
                Output::TakeStock { ticket, parts, .. } => {
                    let stock = |part: &Prefix| {
                        let listed = self.hosts[host].store.range(part.slots());
                        let live = listed.map(|(_, (_, s))| *s).filter(|s| s.expires > now);
                        Stock::of(&live.collect::<Vec<_>>())
                    };
                    let stocks = parts.iter().map(stock).collect();
                    self.input(host, Input::StockTaken { ticket, stocks });
                }
                Output::Consult { .. } | Output::Serve { .. } => self.apply(host, output),
                Output::Event(Event::Finished { operation, outcome }) => {
                    self.hosts[host].finished.insert(operation, outcome);
                }
                Output::Deliver { ticket, .. } => {
                    self.input(host, Input::Delivered { ticket, forward: true });
                }
                Output::Event(event) => self.hosts[host].events.push(event),
            }
        }
    }

    /// What the application of a host says: yes, and the same again.
    fn apply(&mut self, host: usize, output: Output) {
        match output {
            Output::Consult { ticket, .. } => {
                self.input(host, Input::Consulted { ticket, verdict: Some(Verdict::Accept) });
            }
            Output::Serve { ticket, service } => {
                self.input(host, Input::Served { ticket, answer: Ok(service.payload) });
            }
            _ => {}
        }
    }

    pub(crate) fn send(&mut self, host: usize, route: Route, message: Message) {
        self.hosts[host].sent += 1;
        let (to, delay) = match route {
            Route::Datagram(contact) => (self.find(contact.addr), DELAY),
            Route::Dial(contact) => (self.find(contact.addr), DELAY * 3),
            Route::Answer(stream) => (self.streams.remove(&stream).map(|(to, _)| to), DELAY),
        };
        if let (Route::Dial(_), None) = (route, to) {
            let request = message.id;
            self.input(host, Input::Unreachable { request });
        }
        let lost = self.loss_every > 0 && self.sequence.is_multiple_of(self.loss_every);
        self.sequence += 1;
        if let Some(to) = to
            && !(lost && matches!(route, Route::Datagram(_)))
        {
            self.push(
                delay,
                Delivery::Message { to, from: host, route, message: Box::new(message) },
            );
        }
    }

    pub(crate) fn push(&mut self, delay: Duration, delivery: Delivery) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), delivery);
    }

    fn find(&self, to: SocketAddr) -> Option<usize> {
        (0..self.hosts.len()).find(|host| addr(*host) == to && self.reachable(*host))
    }

    fn reachable(&self, host: usize) -> bool {
        self.hosts[host].alive && !self.cut_off.contains(&host)
    }
}

impl Host {
    fn save(
        &mut self,
        now: Moment,
        record: Record,
        terms: Terms,
    ) -> Result<(), dht_proto::Refusal> {
        if let Some(refusal) = &self.refuses {
            return Err(refusal.clone());
        }
        let slot = record.slot();
        let incoming = Summary::of(&record, &terms);
        let existing = self.store.get(&slot).map(|(_, s)| *s).filter(|s| s.expires > now);
        match admit(existing.as_ref(), &incoming, &terms)? {
            Admission::Insert => {
                self.store.insert(slot, (record, incoming));
            }
            Admission::Renew { expires, custody } => {
                if let Some((_, summary)) = self.store.get_mut(&slot) {
                    (summary.expires, summary.custody) = (expires, custody);
                }
            }
            Admission::Keep => {}
        }
        Ok(())
    }
}
