//! What must hold of everything that a peer orders.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;
use std::net::SocketAddr;

use dht_proto::limits::{DATAGRAM_MAX, REFLECTION_FACTOR};
use dht_proto::{Body, BroadcastId, Contact, Message, Moment, NodeId, RequestId, Scope, Ttl};
use dht_routing::{Event, OperationId, Output, Route, Status, StreamId, Ticket};

use super::world::OPERATIONS;
use crate::Features;

/// Operations beyond those of the application that a peer starts by itself, at most.
const OWN_OPERATIONS: usize = 16;

/// Requests in flight, at most.
const REQUESTS: usize = 1_024;

/// Looks at what a peer orders, in order.
#[derive(Default)]
pub(super) struct Watch {
    /// Commands that have not ended.
    running: BTreeSet<OperationId>,
    /// Requests of others by datagram: what each answer may come to, for as many as came.
    asked: BTreeMap<(NodeId, SocketAddr, RequestId), Vec<usize>>,
    /// Streams with a request that has no answer yet.
    streams: BTreeSet<StreamId>,
    /// Nodes that answered a request, where they were asked.
    answered: BTreeSet<(NodeId, SocketAddr)>,
    /// Requests that wait for a stream.
    dialled: BTreeSet<RequestId>,
    /// The last ticket.
    ticket: Option<Ticket>,
    /// Broadcasts that the application was given.
    delivered: BTreeSet<BroadcastId>,
    /// Stands for everything that came out so far.
    trace: DefaultHasher,
    seen: Features,
}

impl Watch {
    pub(super) fn started(&mut self, operation: OperationId) {
        assert!(self.running.insert(operation), "{operation:?} was started twice");
    }

    pub(super) fn cancelled(&mut self, operation: OperationId) {
        self.running.remove(&operation);
    }

    /// An operation under way.
    pub(super) fn pick(&self, which: u8) -> Option<OperationId> {
        self.running.iter().nth(usize::from(which) % self.running.len().max(1)).copied()
    }

    pub(super) fn answered(&mut self, contact: Contact) {
        self.answered.insert((contact.id(), contact.addr));
    }

    /// A request came in a datagram of `length` bytes from an address that has answered before or not.
    pub(super) fn asked(&mut self, from: Contact, id: RequestId, length: usize, is_known: bool) {
        let most = if is_known { DATAGRAM_MAX } else { length * REFLECTION_FACTOR };
        self.asked.entry((from.id(), from.addr, id)).or_default().push(most.min(DATAGRAM_MAX));
    }

    pub(super) fn asked_by_stream(&mut self, stream: StreamId) {
        self.streams.insert(stream);
    }

    pub(super) fn take_dialled(&mut self) -> BTreeSet<RequestId> {
        std::mem::take(&mut self.dialled)
    }

    /// How many tickets were given.
    pub(super) fn tickets(&self) -> u64 {
        self.ticket.map_or(0, |last| last.0 + 1)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn assert_idle(&self, now: Moment, end: Moment) {
        let running = &self.running;
        assert!(running.is_empty(), "{running:?} did not end until {now:?}, given until {end:?}");
    }

    /// Looks at one order.
    pub(super) fn saw(&mut self, now: Moment, output: &Output) {
        now.hash(&mut self.trace);
        match output {
            Output::Send { route, message } => self.saw_message(route, message),
            Output::Gather { to, message, .. } => self.saw_message(&Route::Dial(*to), message),
            Output::Greet { addr } => {
                addr.hash(&mut self.trace);
                self.seen.note("greet", ());
            }
            Output::Withdraw { request } => {
                assert!(self.dialled.remove(request), "{request:?} was not dialled");
                self.seen.note("withdraw", ());
            }
            Output::Load { ticket, key, .. } => {
                key.hash(&mut self.trace);
                self.saw_ticket(*ticket, "load");
            }
            Output::Weigh { ticket, incoming, .. } => {
                (incoming.slot, incoming.digest).hash(&mut self.trace);
                self.saw_ticket(*ticket, "weigh");
            }
            Output::TakeStock { ticket, parts, effort } => {
                (parts, effort).hash(&mut self.trace);
                self.saw_ticket(*ticket, "take stock");
            }
            Output::Save { ticket, record, terms } => {
                assert!(
                    terms.expires
                        <= now + std::time::Duration::from_secs(Ttl::MAX.as_secs().into())
                );
                (record.key(), record.digest(), terms.expires).hash(&mut self.trace);
                self.seen
                    .note("kept", (record.kind(), discriminant(&terms.custody), terms.replaces));
                self.saw_ticket(*ticket, "save");
            }
            Output::List { ticket, from, limit } => {
                (from, limit).hash(&mut self.trace);
                self.saw_ticket(*ticket, "list");
            }
            Output::Deliver { ticket, broadcast } => {
                assert!(self.delivered.insert(broadcast.id()), "{broadcast:?} was given twice");
                self.saw_ticket(*ticket, "deliver");
            }
            Output::Consult { ticket, consultation } => {
                consultation.key().hash(&mut self.trace);
                self.seen.note("consulted", (consultation.kind(), consultation.is_contested()));
                self.saw_ticket(*ticket, "consult");
            }
            Output::Serve { ticket, .. } => self.saw_ticket(*ticket, "serve"),
            Output::Renew { slot, .. } => {
                slot.hash(&mut self.trace);
                self.seen.note("renew", slot.kind);
            }
            Output::Event(event) => self.saw_event(event),
        }
    }

    /// Each effect has a ticket of its own.
    fn saw_ticket(&mut self, ticket: Ticket, order: &'static str) {
        assert!(self.ticket.is_none_or(|last| last < ticket), "{ticket:?} came before");
        self.ticket = Some(ticket);
        ticket.hash(&mut self.trace);
        self.seen.note(order, ());
    }

    fn saw_message(&mut self, route: &Route, message: &Message) {
        message.id.hash(&mut self.trace);
        let length = message.datagram_len();
        length.hash(&mut self.trace);
        match (route, &message.body) {
            (Route::Datagram(to), Body::Request(request)) => {
                (to.id(), to.addr).hash(&mut self.trace);
                assert!(length <= DATAGRAM_MAX, "{length} bytes in {message:?}");
                self.seen.note("ask", discriminant(request));
                assert_reachable(to);
            }
            (Route::Dial(to), Body::Request(request)) => {
                self.seen.note("dial", discriminant(request));
                self.dialled.insert(message.id);
                assert_reachable(to);
            }
            (Route::Datagram(to), Body::Reply(reply)) => {
                self.seen.note("answer", (discriminant(reply), reply.closer().len().min(2)));
                self.saw_answer(to, message.id, length);
            }
            (Route::Answer(stream), Body::Reply(reply)) => {
                self.seen.note("answer by stream", discriminant(reply));
                assert!(
                    self.streams.remove(stream),
                    "{stream:?} is answered twice, or asked nothing"
                );
            }
            _ => panic!("{message:?} by {route:?}"),
        }
    }

    /// Who asked gets one answer for each time it asked, within what may be sent back.
    fn saw_answer(&mut self, to: &Contact, id: RequestId, length: usize) {
        let budgets = self.asked.entry((to.id(), to.addr, id)).or_default();
        budgets.sort_unstable();
        // The least that is enough, so that the others are left to others.
        let place = budgets.partition_point(|budget| *budget < length);
        assert!(
            place < budgets.len(),
            "{length} bytes to {to:?} for {id:?}, which may get {budgets:?}"
        );
        budgets.remove(place);
    }

    fn saw_event(&mut self, event: &Event) {
        self.seen.note("event", discriminant(event));
        match event {
            Event::Finished { operation, outcome } => {
                assert!(
                    self.running.remove(operation),
                    "{operation:?} ended twice, or never began"
                );
                operation.hash(&mut self.trace);
                let text = format!("{outcome:?}");
                let head: String = text.chars().take_while(|c| *c != '{' && *c != '[').collect();
                self.seen.note("outcome", head);
                text.hash(&mut self.trace);
            }
            Event::Joined(contact) => {
                let known = (contact.id(), contact.addr);
                assert!(self.answered.contains(&known), "{contact:?} never answered there");
                known.hash(&mut self.trace);
            }
            Event::Banned(ban) => format!("{ban:?}").hash(&mut self.trace),
            Event::Left(contact) => (contact.id(), contact.addr).hash(&mut self.trace),
            _ => {}
        }
    }

    /// Looks at how much there is.
    pub(super) fn check(&mut self, status: &Status) {
        assert!(status.operations <= OPERATIONS + OWN_OPERATIONS, "{status:?}");
        assert!(status.requests <= REQUESTS, "{status:?}");
        assert!(status.contacts <= self.answered.len(), "{status:?}");
        self.seen.note_size("contacts", status.contacts);
        self.seen.note_size("operations", status.operations);
        self.seen.note_size("requests", status.requests);
    }

    /// What stands for everything that came out.
    pub(super) fn finish(self, seen: &mut Features) -> u64 {
        seen.merge(&self.seen);
        self.trace.finish()
    }
}

/// Nothing is sent to where nobody can be.
fn assert_reachable(to: &Contact) {
    assert!(to.addr.port() != 0 && Scope::of(to.addr.ip()).is_some(), "a request to {to:?}");
}
