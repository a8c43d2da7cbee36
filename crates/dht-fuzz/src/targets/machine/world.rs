//! The world around a peer: what it asked for and has not got yet, its store, and the time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    Body, Contact, Families, Load, Message, Moment, Mosaic, NodeIdentity, Reply, Request,
    RequestId, Role, Ttl,
};
use dht_routing::{
    Command, ConfigBuilder, Gathered, Input, Offence, OperationId, Output, Peer, Route, Seed,
    StreamId, Suspect, Usage, Via,
};
use dht_store::MemoryStore;

use super::make;
use super::watch::Watch;
use crate::Features;

/// Operations that the peer may have under way for its application.
pub(super) const OPERATIONS: usize = 8;

/// Requests that are remembered to be answered, the latest of them.
const SENT_MAX: usize = 256;

/// How long a silent world is waited in for every operation to end, and how often the peer may act in it.
const SILENCE: Duration = Duration::from_hours(2);
const STEPS_IN_SILENCE: usize = 20_000;

/// A request of the peer that may still be answered.
struct Sent {
    to: Contact,
    id: RequestId,
    request: Request,
    dialled: bool,
    /// What the parts of a value are laid into.
    mosaic: Option<Arc<Mosaic>>,
}

pub(super) struct World {
    pub(super) peer: Peer,
    pub(super) now: Moment,
    /// Orders that wait for their result, and those that were forgotten last, at the end.
    pub(super) orders: VecDeque<Output>,
    pub(super) store: MemoryStore,
    pub(super) watch: Watch,
    sent: VecDeque<Sent>,
    greeted: Vec<SocketAddr>,
    /// Whether the store carries out orders as they come.
    prompt: bool,
    streams: u64,
}

impl World {
    pub(super) fn new(config: ConfigBuilder, prompt: bool) -> Self {
        let now = Moment::from_secs(1_000);
        let config = config.build().unwrap();
        Self {
            peer: Peer::new(config, make::identity(0), Seed([1; 32]), now),
            now,
            orders: VecDeque::new(),
            store: MemoryStore::new(20_000),
            watch: Watch::default(),
            sent: VecDeque::new(),
            greeted: Vec::new(),
            prompt,
            streams: 0,
        }
    }

    /// Makes `count` nodes known: each asks, is pinged, and answers.
    pub(super) fn meet(&mut self, count: u8) {
        for number in 1..=count {
            let body = Body::Request(Request::Ping);
            let id = RequestId(u64::from(number) << 32);
            let message =
                Message { role: Role::Full, families: Families::BOTH, load: Load::NONE, id, body };
            let contact = make::contact(number);
            self.receive(contact.node, (contact.addr, 400, false), message);
            self.answer(0, 0);
        }
    }

    pub(super) fn command(&mut self, command: &Command) {
        if let Ok(operation) = self.peer.handle_command(self.now, command.clone()) {
            self.watch.started(operation);
        }
        self.drain();
    }

    pub(super) fn cancel(&mut self, which: u8) {
        let operation = self.watch.pick(which).unwrap_or(OperationId(which.into()));
        self.watch.cancelled(operation);
        self.peer.cancel(self.now, operation);
        self.drain();
    }

    /// A reply to a request of the peer, which goes on waiting in this world: it may come twice.
    pub(super) fn reply(&mut self, which: u8, reply: Reply) {
        let Some(Sent { to, id, dialled, .. }) = self.pick(which) else { return };
        let (to, id, dialled) = (*to, *id, *dialled);
        let via = if dialled {
            Via::Outbound
        } else {
            self.watch.answered(to);
            Via::Datagram { source: to.addr, length: 100, proven: false }
        };
        let role = if which & 64 == 0 { Role::Full } else { Role::Client };
        let body = Body::Reply(reply);
        let message = Message { role, families: Families::BOTH, load: Load::NONE, id, body };
        self.input(Input::Received { from: to.node, via, message });
    }

    /// A reply that the request may get.
    pub(super) fn answer(&mut self, which: u8, choice: u8) {
        let Some(sent) = self.pick(which) else { return };
        let (id, reply) = (sent.id, make::fitting_reply(&sent.request, choice));
        assert!(sent.request.accepts(&reply), "{reply:?} does not answer {:?}", sent.request);
        self.reply(which, reply);
        self.sent.retain(|sent| sent.id != id);
    }

    pub(super) fn answer_all(&mut self, choice: u8) {
        for number in 0..self.sent.len() {
            let different = choice.wrapping_add(u8::try_from(number).unwrap_or_default());
            self.answer(0, different);
        }
    }

    /// What is asked now is never answered.
    pub(super) fn lose(&mut self, count: u8) {
        let lost = usize::from(count).min(self.sent.len());
        self.sent.drain(..lost);
    }

    pub(super) fn request(&mut self, from: u8, way: u16, request: Request) {
        let id = RequestId(u64::from(way) << 8 | u64::from(from));
        let body = Body::Request(request);
        let role = if from & 1 == 0 { Role::Full } else { Role::Client };
        self.message(
            from,
            way,
            Message { role, families: Families::BOTH, load: Load::NONE, id, body },
        );
    }

    /// A message from anybody. A reply becomes one to a request of the peer.
    pub(super) fn message(&mut self, from: u8, way: u16, message: Message) {
        let [low, high] = way.to_le_bytes();
        if let Body::Reply(reply) = message.body {
            return self.reply(low, reply);
        }
        let node = make::identity(from.into());
        let source = if high & 1 == 0 { make::contact(from).addr } else { make::addr(low) };
        if high & 2 == 0 {
            let length = usize::from(low) * 5;
            return self.receive(node, (source, length, high & 4 != 0), message);
        }
        let stream = StreamId(self.streams);
        self.streams += 1;
        self.watch.asked_by_stream(stream);
        let via = Via::Inbound { stream, source };
        self.input(Input::Received { from: node, via, message });
    }

    /// A request by datagram.
    fn receive(
        &mut self,
        from: NodeIdentity,
        (source, length, proven): (SocketAddr, usize, bool),
        message: Message,
    ) {
        let contact = Contact::new(from, source);
        let is_known = proven || self.peer.contacts().any(|known| known == contact);
        let is_banned =
            self.peer.bans_node(self.now, &from) || self.peer.bans_address(self.now, source.ip());
        if !is_banned {
            self.watch.asked(contact, message.id, length, is_known);
        }
        let via = Via::Datagram { source, length, proven };
        self.input(Input::Received { from, via, message });
    }

    pub(super) fn greeted(&mut self, which: u8) {
        let addr = if self.greeted.is_empty() || which & 128 != 0 {
            make::addr(which)
        } else {
            self.greeted.remove(usize::from(which) % self.greeted.len())
        };
        if addr.port() == 0 {
            // From there nothing can come.
            return;
        }
        let node = (0..=255).map(make::contact).find(|contact| contact.addr == addr);
        let node = node.map_or(make::identity(which.into()), |contact| contact.node);
        self.input(Input::Greeted { addr, node });
    }

    pub(super) fn unreachable(&mut self, which: u8) {
        if let Some(request) = self.pick(which).map(|sent| sent.id) {
            self.input(Input::Unreachable { request });
        }
    }

    pub(super) fn progressed(&mut self, which: u8) {
        if let Some(request) = self.pick(which).map(|sent| sent.id) {
            self.input(Input::Progressed { request });
        }
    }

    /// Parts of a value come: as many as were asked for, or fewer, or what is none of them.
    pub(super) fn gathered(&mut self, which: u8, how: u8) {
        let Some(Sent { id, request, mosaic: Some(mosaic), .. }) = self.pick(which) else { return };
        let (request, mosaic, asked) = (*id, Arc::clone(mosaic), request.clone());
        let Request::Download { slot, range, .. } = asked else { return };
        let of_no_part = match how % 8 {
            0 => Some(Gathered::False),
            1 => Some(Gathered::Unoutlined),
            2 => Some(Gathered::Part { part: how.into(), ttl: Ttl::MAX, is_last: how & 8 == 0 }),
            _ => None,
        };
        if let Some(news) = of_no_part {
            return self.input(Input::Gathered { request, news });
        }
        let record = (0..=255).map(make::record).find(|record| record.slot() == slot);
        let Some(parts) = record.and_then(|record| mosaic.fill(&record, range)) else { return };
        for part in parts.clone().take(usize::from(how / 8)) {
            let (ttl, is_last) = (Ttl::default(), part + 1 == parts.end);
            self.input(Input::Gathered { request, news: Gathered::Part { part, ttl, is_last } });
        }
    }

    /// The driver saw a node do what it must not.
    pub(super) fn misbehaved(&mut self, who: u8, choice: u8) {
        let Contact { node, addr } = make::contact(who);
        let offences = [Offence::Malformed, Offence::Flood, Offence::WrongValue];
        let offence = offences[usize::from(choice) % offences.len()];
        let proven = (choice & 64 == 0).then_some(addr.ip());
        for _ in 0..=choice % 16 {
            self.input(Input::Misbehaved { node, proven, offence });
        }
    }

    /// The application bans a node or a subnet, or lifts such a ban.
    pub(super) fn ban(&mut self, who: u8, choice: u8) {
        let contact = make::contact(who);
        let of_node = Suspect::Node(contact.id());
        let of_subnet = contact.addr.ip().to_string().parse();
        let suspect = of_subnet.ok().filter(|_| choice & 1 == 0).unwrap_or(of_node);
        if choice & 2 == 0 {
            let until = self.now + Duration::from_secs(u64::from(choice) * 10);
            self.peer.ban(self.now, suspect, until);
        } else {
            self.peer.lift_ban(self.now, &suspect);
        }
        self.drain();
    }

    pub(super) fn tell_usage(&mut self, choice: u8) {
        let capacity = u64::from(choice) * 1_000_000;
        self.peer.set_usage(Usage { records: choice.into(), bytes: capacity / 2, capacity });
    }

    /// Time passes, and the peer is woken when it is over.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.peer.handle_timeout(self.now);
        let due = self.peer.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "due at {due:?}, woken at {:?}", self.now);
        self.drain();
    }

    /// Time passes until the peer wants to be woken.
    pub(super) fn wait_until_due(&mut self) {
        if let Some(due) = self.peer.poll_timeout() {
            self.wait(due.since(self.now));
        }
    }

    pub(super) fn input(&mut self, input: Input) {
        self.peer.handle_input(self.now, input);
        self.drain();
    }

    fn pick(&self, which: u8) -> Option<&Sent> {
        self.sent.get(usize::from(which) % self.sent.len().max(1))
    }

    /// Looks at everything the peer ordered, and notes what is to be done.
    fn drain(&mut self) {
        while let Some(output) = self.peer.poll_output() {
            self.watch.saw(self.now, &output);
            match output {
                Output::Send { route, message } => self.note_sent(route, message),
                Output::Gather { to, message, mosaic } => {
                    self.note_sent(Route::Dial(to), message);
                    if let Some(sent) = self.sent.back_mut() {
                        sent.mosaic = Some(mosaic);
                    }
                }
                Output::Greet { addr } => self.greeted.push(addr),
                Output::Withdraw { request } => self.sent.retain(|sent| sent.id != request),
                Output::Renew { slot, digest, terms } => self.renew(slot, digest, terms),
                Output::Load { .. } | Output::Save { .. } | Output::List { .. } if self.prompt => {
                    // In the drain under way the answer counts as any input does.
                    if let Some(result) = self.carry_out(&output) {
                        self.peer.handle_input(self.now, result);
                    }
                }
                Output::Event(_) => {}
                order => self.orders.push_back(order),
            }
        }
        let status = self.peer.status();
        self.watch.check(&status);
    }

    fn note_sent(&mut self, route: Route, message: Message) {
        let (to, dialled) = match route {
            Route::Datagram(to) => (to, false),
            Route::Dial(to) => (to, true),
            Route::Answer(_) => return,
        };
        if let Body::Request(request) = message.body {
            self.sent.retain(|sent| sent.id != message.id);
            self.sent.push_back(Sent { to, id: message.id, request, dialled, mosaic: None });
            if self.sent.len() > SENT_MAX {
                self.sent.pop_front();
            }
        }
    }

    /// Nobody answers any more, but every order gets its result: every operation ends.
    pub(super) fn fall_silent(&mut self) {
        let end = self.now + SILENCE;
        for _ in 0..STEPS_IN_SILENCE {
            self.settle_all(0);
            let dialled = self.watch.take_dialled();
            for request in dialled {
                self.input(Input::Unreachable { request });
            }
            if self.watch.is_idle() || self.now > end {
                break;
            }
            if self.orders.is_empty() {
                self.wait_until_due();
            }
        }
        self.watch.assert_idle(self.now, end);
    }

    /// What stands for everything that came out.
    pub(super) fn finish(self, seen: &mut Features) -> u64 {
        self.watch.finish(seen)
    }
}
