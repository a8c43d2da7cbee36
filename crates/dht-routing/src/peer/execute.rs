//! Carrying out what operations order.

use dht_proto::limits::VALUE_MAX;
use dht_proto::{
    Body, Contact, Custody, Load, Message, Moment, Purpose, Request, RequestId, Source, Terms,
};

use super::spread::is_short;
use super::{Effect, Peer, Replaces};
use crate::application::{Intake, Whom};
use crate::operation::{Order, TRIES};
use crate::pacer::Waiting;
use crate::requests::Owner;
use crate::responder;
use crate::stocktaking::EFFORT;
use crate::{Config, Event, OperationId, Output, Route, Ticket};

impl Peer {
    pub(super) fn execute(&mut self, now: Moment, id: OperationId, order: Order) {
        match order {
            Order::Ask { to, request, tries } => {
                self.table.touch(now, &target_of(&request).unwrap_or(to.id().to_key()));
                self.send_request(now, to, request, Owner::Operation(id), tries);
            }
            Order::Gather { to, request, mosaic } => {
                self.ask_for_parts(now, id, to, request, mosaic);
            }
            Order::Drop { from } => {
                if let Some(request) = self.requests.abandon(id, &from) {
                    self.put(Output::Withdraw { request });
                }
            }
            Order::DropAll => {
                for request in self.requests.abandon_all(id) {
                    self.put(Output::Withdraw { request });
                }
            }
            Order::Wake { at } => self.alarms.set(id, at),
            Order::Hand { to, record, ttl } => {
                let purpose = Purpose::Replicate;
                let request = Request::Store { record, ttl, purpose, expected: None };
                self.send_request(now, to, request, Owner::Table, TRIES);
            }
            Order::Spread { record, ttl, to } => {
                self.spread_copies(now, id, (record, ttl), to);
            }
            Order::Greet(addr) => {
                if self.greetings.greet(now, addr, id) {
                    self.put(Output::Greet { addr });
                }
            }
            Order::AskInTurn { priority, to, request, tries } => {
                let bytes = about_bytes(&request);
                let waiting = Box::new(Waiting { operation: id, to, request, tries, bytes });
                if let Err(waiting) = self.pacer.add(priority, waiting) {
                    let owner = Owner::Operation(id);
                    self.send_request(now, waiting.to, waiting.request, owner, waiting.tries);
                }
            }
            Order::Learn { size } => self.size.learn(size, &self.table, self.config.k),
            Order::Tell(answer) => self.event(Event::Answered { operation: id, answer }),
            // The caller takes these out: they end the operation.
            Order::Finish(_) => {}
            about_our_store => self.execute_in_store(now, id, about_our_store),
        }
    }

    /// Carries out what concerns our own store.
    fn execute_in_store(&mut self, now: Moment, id: OperationId, order: Order) {
        match order {
            Order::TakeStock { parts } => {
                let ticket = self.ticket(Effect::Operation(id));
                self.put(Output::TakeStock { ticket, parts, effort: EFFORT });
            }
            Order::List { from, limit } => {
                let ticket = self.ticket(Effect::Operation(id));
                self.put(Output::List { ticket, from, limit });
            }
            Order::Renew { slot, digest, custody, expires } => {
                let (purpose, source) = (Purpose::Publish, Source::LOCAL);
                let terms =
                    Terms { expires, purpose, custody, source, expected: None, replaces: false };
                self.put(Output::Renew { slot, digest, terms });
            }
            Order::Load { key, kinds, whole_up_to } => {
                let ticket = self.ticket(Effect::Operation(id));
                self.put(Output::Load { ticket, key, kinds, whole_up_to });
            }
            Order::Save { record, custody, expires, expected, cleared } => {
                if let Custody::Own { ttl } = custody {
                    self.publications.published(now, ttl);
                }
                let (purpose, source) = (Purpose::Publish, Source::LOCAL);
                let replaces = cleared == Some(Replaces(true));
                let terms = Terms { expires, purpose, custody, source, expected, replaces };
                let intake = Intake { whom: Whom::Operation(id), record, terms };
                match cleared {
                    None => self.keep(intake),
                    Some(_) => self.save(intake),
                }
            }
            Order::Claim { record, terms, existing } => {
                self.claim(now, id, (record, &terms), existing);
            }
            Order::Mirror { record, expires, from } => {
                let source = responder::source_of(from.addr, &from.node);
                // It was compared with what we have: of a name most others hold this value.
                let terms = Terms { replaces: true, ..mirrored(expires, source) };
                let whom = Whom::Mirror(id, Box::new(from));
                self.keep(Intake { whom, record, terms });
            }
            Order::Extend { slot, digest, expires } => {
                // Whoever was charged for the record still is.
                let terms = mirrored(expires, Source::LOCAL);
                self.put(Output::Renew { slot, digest, terms });
            }
            _ => {}
        }
    }

    pub(super) fn send_request(
        &mut self,
        now: Moment,
        to: Contact,
        request: Request,
        owner: Owner,
        tries: u8,
    ) {
        self.send_request_by(now, self.route_of(to, &request), request, owner, tries);
    }

    /// Sends a request where it is not the request alone that tells how it travels.
    pub(super) fn send_request_by(
        &mut self,
        now: Moment,
        route: Route,
        request: Request,
        owner: Owner,
        tries: u8,
    ) {
        let id = self.random.request_id();
        match route {
            Route::Dial(to) => self.requests.dialled(now, id, (to, request.clone()), owner),
            Route::Datagram(to) => {
                let pace = self.pace_of(&to);
                self.requests.sent(now, id, (to, request.clone()), owner, (pace, tries));
            }
            Route::Answer(_) => return,
        }
        self.send(route, id, Body::Request(request));
    }

    /// Large records, and what else does not fit a datagram, go by stream, everything else by datagram.
    fn route_of(&self, to: Contact, request: &Request) -> Route {
        // Any id is as long as another.
        let fits = || {
            let Config { role, families, .. } = *self.config;
            let (id, body) = (RequestId(u64::MAX), Body::Request(request.clone()));
            Message { role, families, load: Load::NONE, id, body }.fits_datagram()
        };
        match request {
            Request::Download { .. } => Route::Dial(to),
            Request::Store { record, .. } if !record.is_inline() => Route::Dial(to),
            Request::Broadcast { broadcast, .. } if !is_short(broadcast) => Route::Dial(to),
            Request::Custom { .. } if !fits() => Route::Dial(to),
            _ => Route::Datagram(to),
        }
    }

    /// Sends a request in flight once more.
    pub(super) fn send_again(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get(id) {
            let (to, request) = (request.to, request.request.clone());
            self.send(Route::Datagram(to), id, Body::Request(request));
        }
    }

    pub(super) fn send(&mut self, route: Route, id: RequestId, body: Body) {
        let message = Message {
            role: self.config.role,
            families: self.config.families,
            load: Load::NONE,
            id,
            body,
        };
        self.put(Output::Send { route, message });
    }

    pub(super) fn ticket(&mut self, effect: Effect) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.effects.insert(ticket, effect);
        ticket
    }
}

/// How a mirror keeps what others told it of.
fn mirrored(expires: Moment, source: Source) -> Terms {
    let (purpose, custody) = (Purpose::Replicate, Custody::Mirror);
    Terms { expires, purpose, custody, source, expected: None, replaces: false }
}

/// About how many bytes a request and its answer take.
fn about_bytes(request: &Request) -> usize {
    match request {
        Request::Store { record, .. } => 500 + record.size(),
        Request::Download { range, .. } => {
            500 + range.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(VALUE_MAX)
        }
        _ => 1_000,
    }
}

/// The point that a request is about.
fn target_of(request: &Request) -> Option<dht_proto::Key> {
    match request {
        Request::FindNode { target } => Some(*target),
        Request::Fetch { key, .. } => Some(*key),
        _ => None,
    }
}
