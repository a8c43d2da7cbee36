//! Messages and results that come in.

use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::limits::CONTACTS_MAX;
use dht_proto::{
    Body, Contact, ErrorCode, Held, Inspection, Load, Mention, Message, Moment, NodeIdentity,
    Purpose, Referral, Refusal, Reply, Request, RequestId, Role, Scope,
};

use super::serve::wants_stream;
use super::{EFFECTS_MAX, Effect, Peer};
use crate::application::{Intake, Standing, Whom};
use crate::operation::Happened;
use crate::requests::Owner;
use crate::responder::{Asker, Lookout, Responder, Response, Then, Waiting};
use crate::table::Answered;
use crate::{Event, Offence, Output, Route, Ticket, Via};

/// An entry that has not answered for so long may be pinged in favour of a newcomer.
const DOUBT_AFTER: Duration = Duration::from_mins(1);

/// About what a comparison or listing takes.
const LOOK_BYTES: usize = 1_000;

impl Peer {
    pub(super) fn received(&mut self, now: Moment, from: NodeIdentity, via: Via, message: Message) {
        let is_banned = match via {
            Via::Datagram { source, .. } | Via::Inbound { source, .. } => {
                self.is_banned(now, &from, source.ip())
            }
            Via::Outbound => self.bans_node(now, &from),
        };
        if from.id() == self.local.id() || is_banned {
            return;
        }
        match message.body {
            Body::Reply(reply) => {
                self.replied(now, from, via, (message.role, message.load, message.id), reply);
            }
            Body::Request(request) => {
                if message.role == Role::Full && !self.pays(&from) {
                    return;
                }
                let (source, route, streamed, length, proven) = match via {
                    Via::Datagram { source, length, proven } => {
                        let contact = Contact::new(from, source);
                        let known = || self.table.entry_of(&from);
                        let proven = proven || known().is_some_and(|e| e.addr() == source);
                        (source, Route::Datagram(contact), false, length, proven)
                    }
                    Via::Inbound { stream, source } => {
                        (source, Route::Answer(stream), true, 0, true)
                    }
                    // We opened that stream: nobody may ask on it.
                    Via::Outbound => return,
                };
                let asker = Asker {
                    node: from,
                    families: message.families,
                    source,
                    route,
                    id: message.id,
                    budget: Asker::budget(streamed, proven, length),
                };
                if request.wants_record() {
                    self.traffic.answered(now);
                }
                self.requested(now, &asker, request);
                if message.role == Role::Full && !streamed {
                    self.noticed(now, Contact::new(from, source));
                }
            }
        }
    }

    /// A full node asked us something. That is no reason to believe its address: it is pinged first. Whoever asks
    /// is chosen by nobody's table, so of all ways to meet nodes this one favours none.
    fn noticed(&mut self, now: Moment, contact: Contact) {
        let is_welcome =
            || self.table.has_room_for(&contact) || self.table.would_prefer(&contact, None);
        // Whoever forges an address need not take one where anybody can be.
        let can_be = Scope::at(contact.addr).is_some();
        if self.config.role == Role::Full && can_be && is_welcome() {
            self.check(now, contact);
        }
    }

    fn requested(&mut self, now: Moment, asker: &Asker, request: Request) {
        let is_about_broadcasts = matches!(
            request,
            Request::Broadcast { .. }
                | Request::CompareBroadcasts { .. }
                | Request::PullBroadcast { .. }
        );
        if is_about_broadcasts && self.config.role == Role::Full {
            return self.broadcast_asked(now, asker, request);
        }
        if let Some(reply) = self.recalled(asker, &request) {
            return self.reply(asker, reply);
        }
        let responder = self.responder(now);
        match responder.respond(asker, request, || self.inspection(now)) {
            Response::Reply(reply) => self.reply(asker, reply),
            _ if self.effects.len() >= EFFECTS_MAX => {
                let text = String::new();
                self.reply(asker, Reply::Error { code: ErrorCode::Busy, text });
            }
            Response::Load { key, kinds, whole_up_to, then } => {
                let lookout = Lookout { asker: *asker, then: Waiting::Loaded(then) };
                let ticket = self.ticket(Effect::Answer(Box::new(lookout)));
                self.put(Output::Load { ticket, key, kinds, whole_up_to });
            }
            Response::Weigh { incoming, terms } => {
                let then = Waiting::Weighed(incoming.clone(), terms.clone());
                let lookout = Lookout { asker: *asker, then };
                let ticket = self.ticket(Effect::Answer(Box::new(lookout)));
                self.put(Output::Weigh { ticket, incoming, terms });
            }
            Response::Look(Waiting::Compared(_) | Waiting::Listed(_))
                if !self.looks.spend(now, LOOK_BYTES) =>
            {
                let text = String::new();
                self.reply(asker, Reply::Error { code: ErrorCode::Busy, text });
            }
            Response::Look(waiting) => self.look(now, *asker, waiting),
            Response::Serve { payload } => self.serve(now, asker, payload),
            Response::Save { record, terms } => {
                self.promises.settle(&(record.slot(), record.digest()));
                if terms.purpose == Purpose::Cache {
                    self.copy_comes(now, record.size());
                }
                self.keep(Intake { whom: Whom::Asker(Box::new(*asker)), record, terms });
            }
        }
    }

    /// The answer to a request that the application was handed before, when it came first.
    fn recalled(&self, asker: &Asker, request: &Request) -> Option<Reply> {
        if !request.accepts(&Reply::Pending) {
            return None;
        }
        Some(match self.application.as_ref()?.recall(asker)? {
            Standing::Answered(reply) => reply.clone(),
            Standing::Working if matches!(asker.route, Route::Answer(_)) => {
                Reply::Error { code: ErrorCode::Busy, text: String::new() }
            }
            Standing::Working => Reply::Pending,
        })
    }

    pub(super) fn loaded(&mut self, now: Moment, ticket: Ticket, found: Option<Held>) {
        match self.effects.remove(&ticket) {
            Some(Effect::Operation(id)) => self.tell(now, id, Happened::Loaded(found)),
            Some(Effect::Answer(lookout)) => {
                let Lookout { asker, then } = *lookout;
                let Waiting::Loaded(then) = then else { return };
                let reply = match then {
                    Then::Fetch { key } => {
                        let is_wanted = self.is_wanted(now, &asker, &key, found.as_ref());
                        self.responder(now).fetched(&asker, &key, found, is_wanted)
                    }
                    Then::Download { key } => self.responder(now).downloaded(&asker, &key, found),
                };
                self.reply(&asker, reply);
            }
            Some(Effect::Weigh(intake)) => self.weighed(now, *intake, found.as_ref()),
            Some(Effect::Sweep | Effect::Delivery { .. }) | None => {}
        }
    }

    pub(super) fn saved(&mut self, now: Moment, ticket: Ticket, result: Result<(), Refusal>) {
        match self.effects.remove(&ticket) {
            Some(Effect::Operation(id)) => self.tell(now, id, Happened::Saved(result)),
            Some(Effect::Answer(lookout)) => {
                let Lookout { asker, then: Waiting::Saved(key) } = *lookout else { return };
                let reply = self.responder(now).saved(&asker, &key, result);
                self.answer(now, &asker, reply);
            }
            Some(Effect::Sweep | Effect::Delivery { .. } | Effect::Weigh(_)) | None => {}
        }
    }

    /// Answers a request that the application may have had a part in: if it had, the same request again gets the
    /// same answer.
    pub(super) fn answer(&mut self, now: Moment, asker: &Asker, reply: Reply) {
        if let Some(application) = &mut self.application {
            application.answered(now, asker, &reply);
        }
        self.reply(asker, reply);
    }

    /// Sends a reply, unless it is longer than the asker's address may get: then silence is the answer.
    pub(super) fn reply(&mut self, asker: &Asker, reply: Reply) {
        let by_stream = matches!(asker.route, Route::Answer(_));
        let fits = |message: &Message| by_stream || message.datagram_len() <= asker.budget;
        let is_custom = matches!(reply, Reply::Custom { .. });
        let mut message = self.reply_message(asker, reply);
        if is_custom && !fits(&message) {
            let (code, text) = (ErrorCode::ByStream, String::new());
            message = self.reply_message(asker, Reply::Error { code, text });
        }
        if fits(&message) {
            self.put(Output::Send { route: asker.route, message });
        }
    }

    /// The message that carries `reply`.
    pub(super) fn reply_message(&self, asker: &Asker, reply: Reply) -> Message {
        let crate::Config { role, families, .. } = *self.config;
        let load = self.traffic.load();
        Message { role, families, load, id: asker.id, body: Body::Reply(reply) }
    }

    pub(super) fn responder(&self, now: Moment) -> Responder<'_> {
        let Self { config, traffic, table, caching, usage, .. } = self;
        let (local, caching) = (self.local.id(), caching.as_deref());
        Responder {
            now,
            config,
            local,
            load: traffic.load(),
            table,
            caching,
            capacity: usage.capacity,
        }
    }

    fn inspection(&self, now: Moment) -> Inspection {
        Inspection {
            agent: concat!("dht/", env!("CARGO_PKG_VERSION")).to_owned(),
            uptime_seconds: now.since(self.started).as_secs(),
            contacts: u32::try_from(self.table.len()).unwrap_or(u32::MAX),
            records: self.usage.records,
            bytes: self.usage.bytes,
            capacity: self.usage.capacity,
            network_size: self.table.network_size(),
        }
    }

    /// A reply counts only if we asked that very node for it, and only if it is one the request may get.
    fn replied(
        &mut self,
        now: Moment,
        from: NodeIdentity,
        via: Via,
        (role, load, id): (Role, Load, RequestId),
        reply: Reply,
    ) {
        let Some(request) = self.requests.get(id) else { return };
        let by_stream = matches!(via, Via::Outbound);
        if request.to.node != from || request.streamed != by_stream {
            return;
        }
        if !request.accepts(&reply) {
            let proven = Some(request.to.addr.ip());
            return self.blame(now, &from, proven, Offence::Malformed);
        }
        if matches!(reply, Reply::Pending) {
            self.hearing.answered(now);
            self.requests.pending(now, id);
            return;
        }
        if !by_stream && wants_stream(&request.request, &reply) {
            self.hearing.answered(now);
            return self.ask_by_stream(now, id);
        }
        let Some(request) = self.requests.remove(id) else { return };
        // The address that was asked answered: the source of this datagram is not looked at.
        let contact = request.to;
        let was_cut_off = self.maintenance.is_cut_off(self.hearing.last());
        self.hearing.answered(now);
        let named: Vec<Referral> =
            reply.closer().iter().take(CONTACTS_MAX).map(Mention::referral).collect();
        let all_pay = named.iter().all(|referral| self.pays(&referral.contact.node));
        self.judge(now, &request, &reply, all_pay);
        if !by_stream {
            let sample = request.sample(now);
            if let Some(rtt) = sample {
                self.first_seen(&contact, rtt);
            }
            let rtt = sample.unwrap_or_else(|| self.pace_of(&contact).timeout);
            let is_banned = self.is_banned(now, &from, contact.addr.ip());
            if role == Role::Full && !is_banned && self.pays(&from) {
                self.answered(now, contact, rtt);
                let burden = self.traffic.heard(load);
                self.table.burdened(&from, burden);
            }
        }
        match request.owner {
            Owner::Operation(operation) => {
                let closer = self.believable(now, &contact, named, all_pay);
                // What upkeep does to know others has its own measure.
                if self.operations.get(&operation).is_some_and(|running| !running.is_upkeep()) {
                    self.heard_of(now, &contact, &closer);
                }
                self.tell(now, operation, Happened::Replied { from: contact, reply, closer });
            }
            Owner::Broadcast => self.broadcast_replied(now, &contact, &request.request, reply),
            Owner::CatchUp => self.catch_up_replied(now, &contact, &request.request, reply),
            Owner::Table => {}
        }
        if was_cut_off {
            self.catch_up(now);
        }
    }

    /// Learns what to expect of strangers: by nodes that are met, for those in the table are near by choice.
    fn first_seen(&mut self, contact: &Contact, rtt: Duration) {
        if self.table.entry_of(&contact.node).is_none() {
            self.prior.update(rtt);
        }
    }

    /// A full node answered a request of ours: the table may have it.
    fn answered(&mut self, now: Moment, contact: Contact, rtt: Duration) {
        self.spares.add(contact);
        match self.table.answered(now, contact, rtt) {
            Answered::Inserted => {
                self.maintenance.awake(now, &self.config, &mut self.random);
                self.awake(now);
                self.welcome(now, contact);
                self.event(Event::Joined(contact));
            }
            Answered::Displaced { left } => {
                self.welcome(now, contact);
                self.event(Event::Joined(contact));
                self.event(Event::Left(left));
            }
            Answered::Waiting { since } if now.since(since) >= DOUBT_AFTER => {
                let oldest = self.table.oldest_beside(&contact.id()).map(|entry| entry.contact());
                if let Some(oldest) = oldest {
                    self.check(now, oldest);
                }
            }
            Answered::Waiting { .. } | Answered::Renewed | Answered::Refused => {}
        }
    }

    /// Others were named on the way to something else: one who is likely nearer in time than those we know is met.
    fn heard_of(&mut self, now: Moment, teller: &Contact, named: &[Referral]) {
        let entry = self.table.entry_of(&teller.node);
        let Some(way) = entry.and_then(|entry| entry.rtt().smoothed()) else { return };
        let is_nearer = |Referral { contact, rtt }: &&Referral| {
            rtt.is_some_and(|rtt| self.table.is_nearer(contact, way + rtt.duration()))
        };
        if self.config.role == Role::Full
            && let Some(named) = named.iter().find(is_nearer)
        {
            self.check(now, named.contact);
        }
    }

    /// Of the contacts that `teller` named those that can be: usable by us, of a kind of network that the
    /// teller is on, paid for, not banned, and not ourselves. They are candidates, not known nodes.
    fn believable(
        &self,
        now: Moment,
        teller: &Contact,
        named: Vec<Referral>,
        all_pay: bool,
    ) -> Vec<Referral> {
        let Some(scope) = Scope::of(teller.addr.ip()) else { return Vec::new() };
        let usable = |Referral { contact, .. }: &Referral| {
            let ip = contact.addr.ip();
            contact.id() != self.local.id()
                && self.config.families.include(ip)
                && Scope::at(contact.addr).is_some_and(|of_contact| scope.may_exchange(of_contact))
                && (all_pay || self.pays(&contact.node))
                && !self.is_banned(now, &contact.node, ip)
        };
        let mut named = named;
        named.retain(usable);
        named
    }

    pub(super) fn greeted(&mut self, now: Moment, addr: SocketAddr, node: NodeIdentity) {
        let Some((operations, rtt)) = self.greetings.greeted(now, addr) else { return };
        if let Some(rtt) = rtt {
            self.prior.update(rtt);
        }
        let contact = Contact::new(node, addr);
        if self.bootstrap.contains(&addr) {
            self.sponsors.get_or_insert_default().add(contact);
        }
        for id in operations {
            self.tell(now, id, Happened::Greeted(contact));
        }
    }

    pub(super) fn unreachable(&mut self, now: Moment, id: RequestId) {
        if self.requests.get(id).is_none_or(|request| !request.streamed) {
            return;
        }
        if let Some(request) = self.requests.remove(id) {
            self.failed(now, &request);
        }
    }
}
