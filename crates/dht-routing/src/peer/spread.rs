//! Broadcasts: taken, handed on, compared and pulled.

use std::sync::Arc;

use dht_proto::limits::INLINE_VALUE_MAX;
use dht_proto::{
    AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, Contact, Moment,
    NodeId, Reply, Request, Role,
};

use super::{EFFECTS_MAX, Effect, Peer};
use crate::broadcast::tree::{self, Delegate, LEAF};
use crate::broadcast::{Broadcasts, Due, Head, Sending, Way, round};
use crate::requests::Owner;
use crate::responder::Asker;
use crate::{BroadcastError, BroadcastReport, Event, OperationId, Outcome, Output, Route, Ticket};

/// Times a message about broadcasts is sent before it counts as not answered: soon, for others can be asked.
pub(super) const TRIES: u8 = 2;

/// How a broadcast comes to its sender.
const FROM_HERE: Way = Way::Tree { depth: 0 };

impl Peer {
    /// Signs a payload and spreads it.
    pub(super) fn broadcast(
        &mut self,
        now: Moment,
        secret: &AuthorSecret,
        payload: bytes::Bytes,
    ) -> OperationId {
        let operation = OperationId(self.next_operation);
        self.next_operation += 1;
        let machine = self.broadcasts.get_or_insert_with(|| Box::new(Broadcasts::new()));
        let sent = machine.stamp(now);
        let outcome = match Broadcast::sign(secret, self.config.network, sent, payload) {
            Err(error) => Err(BroadcastError::TooLarge(error)),
            Ok(broadcast) => {
                let (id, broadcast) = (broadcast.id(), Arc::new(broadcast));
                match machine.take(now, &broadcast, FROM_HERE) {
                    BroadcastVerdict::Taken => {
                        if let Some(kept) = machine.kept_mut(&id) {
                            kept.sending = Some(Box::new(Sending::new(operation)));
                        }
                        self.report_abandoned();
                        self.spread(now, &id, FROM_HERE);
                        return operation;
                    }
                    _ => Err(BroadcastError::TooMany),
                }
            }
        };
        let outcome = Outcome::Broadcast(outcome);
        self.event(Event::Finished { operation, outcome });
        operation
    }

    /// Nobody wants to know the outcome any more. What was sent cannot be called back.
    pub(super) fn cancel_broadcast(&mut self, operation: OperationId) {
        let Some(machine) = &mut self.broadcasts else { return };
        machine.give_up(operation);
    }

    /// A request about broadcasts.
    pub(super) fn broadcast_asked(&mut self, now: Moment, asker: &Asker, request: Request) {
        let head = Head::of(&asker.node.id());
        let brings_nothing = match &request {
            Request::CompareBroadcasts { held, .. } => held.is_empty(),
            request => matches!(request, Request::PullBroadcast { .. }),
        };
        if brings_nothing && self.broadcasts.is_none() {
            return self.reply(asker, nothing_here(&request));
        }
        let machine = self.broadcasts.get_or_insert_with(|| Box::new(Broadcasts::new()));
        match request {
            Request::Broadcast { broadcast, depth } => {
                let verdict = self.broadcast_came(now, &broadcast, Way::Tree { depth }, head);
                let more = Vec::new();
                self.reply(asker, Reply::BroadcastsCompared { verdicts: vec![verdict], more });
            }
            Request::CompareBroadcasts { held, skip } => {
                let verdicts = held.iter().map(|id| machine.compare(now, *id, head)).collect();
                let entries = machine.entries_besides(&held, skip);
                let reply = Reply::BroadcastsCompared { verdicts, more: Vec::new() };
                let reply = self.with_entries(asker, reply, entries);
                self.reply(asker, reply);
            }
            Request::PullBroadcast { id } => {
                let by_stream = matches!(asker.route, Route::Answer(_));
                let broadcast = machine.to_give(&id).filter(|b| by_stream || is_short(b));
                if broadcast.is_some() {
                    machine.informed(&id, head);
                }
                self.reply(asker, Reply::BroadcastPulled { broadcast });
            }
            _ => {}
        }
    }

    /// As many of `entries` as may be sent.
    fn with_entries(&self, asker: &Asker, reply: Reply, mut entries: Vec<BroadcastEntry>) -> Reply {
        let message = self.reply_message(asker, reply.clone());
        entries.truncate(message.broadcasts_that_fit(&entries, asker.budget));
        match reply {
            Reply::BroadcastsCompared { verdicts, .. } => {
                Reply::BroadcastsCompared { verdicts, more: entries }
            }
            reply => reply,
        }
    }

    /// A broadcast came, by the tree or because we lacked it.
    pub(super) fn broadcast_came(
        &mut self,
        now: Moment,
        broadcast: &Arc<Broadcast>,
        way: Way,
        from: Head,
    ) -> BroadcastVerdict {
        let id = broadcast.id();
        let is_stuck = self.config.delivers_broadcasts && self.effects.len() >= EFFECTS_MAX;
        let Some(machine) = self.broadcasts.as_mut().filter(|_| !is_stuck) else {
            return BroadcastVerdict::Refused;
        };
        let is_awaited = machine.came(&id);
        let way = if is_awaited && way == (Way::Tree { depth: LEAF }) { Way::Repair } else { way };
        let verdict = machine.take(now, broadcast, way);
        machine.informed(&id, from);
        self.report_abandoned();
        if verdict != BroadcastVerdict::Taken {
            return verdict;
        }
        if self.config.delivers_broadcasts {
            let ticket = self.ticket(Effect::Delivery { id, way });
            if let Some(machine) = &mut self.broadcasts {
                machine.judging(now, &id, ticket);
            }
            self.put(Output::Deliver { ticket, broadcast: broadcast.clone() });
        } else {
            self.spread(now, &id, way);
        }
        verdict
    }

    /// The application says whether a broadcast is forwarded.
    pub(super) fn delivered(&mut self, now: Moment, ticket: Ticket, forward: bool) {
        if !matches!(self.effects.get(&ticket), Some(Effect::Delivery { .. })) {
            return;
        }
        let Some(Effect::Delivery { id, way }) = self.effects.remove(&ticket) else { return };
        if forward {
            self.spread(now, &id, way);
        } else if let Some(machine) = &mut self.broadcasts {
            machine.withhold(&id);
        }
    }

    /// Hands a broadcast on, and plans to compare.
    fn spread(&mut self, now: Moment, id: &BroadcastId, way: Way) {
        let Some(machine) = &mut self.broadcasts else { return };
        let pause = match way {
            // Those who were there have compared it.
            Way::CatchUp => None,
            Way::Tree { .. } | Way::Repair => round::pause(0, way == Way::Repair, &mut self.random),
        };
        machine.spreading(id, pause.map_or(Moment::NEVER, |pause| now + pause));
        let Some(kept) = machine.kept(id) else { return };
        let (table, k) = (&self.table, self.config.k);
        let delegates = tree::delegates(table, k, kept.depth(), kept.informed(), &mut self.random);
        for delegate in delegates {
            self.delegate(now, id, delegate);
        }
        self.report(id);
    }

    /// Gives a delegate the broadcast; a long one only if it says that it lacks it.
    fn delegate(&mut self, now: Moment, id: &BroadcastId, delegate: Delegate) {
        let Delegate { contact, depth } = delegate;
        let head = Head::of(&contact.id());
        let share = tree::share(&self.table, depth);
        let Some(kept) = self.broadcasts.as_mut().and_then(|machine| machine.kept_mut(id)) else {
            return;
        };
        if let Some(sending) = &mut kept.sending {
            sending.sent(head, depth, share);
        }
        let request = Request::Broadcast { broadcast: kept.broadcast().clone(), depth };
        if is_short(kept.broadcast()) {
            self.send_request(now, contact, request, Owner::Broadcast, TRIES);
        } else {
            kept.ask(head, depth);
            let request = Request::CompareBroadcasts { held: vec![*id], skip: 0 };
            self.send_request(now, contact, request, Owner::Broadcast, TRIES);
        }
    }

    /// A request of ours about broadcasts was answered.
    pub(super) fn broadcast_replied(
        &mut self,
        now: Moment,
        from: &Contact,
        request: &Request,
        reply: Reply,
    ) {
        let head = Head::of(&from.id());
        match (request, reply) {
            (Request::Broadcast { broadcast, .. }, Reply::BroadcastsCompared { verdicts, .. }) => {
                let is_refused = verdicts.first() == Some(&BroadcastVerdict::Refused);
                self.acknowledged(&broadcast.id(), head, !is_refused);
            }
            (
                Request::CompareBroadcasts { held, .. },
                Reply::BroadcastsCompared { verdicts, more },
            ) => {
                for (id, verdict) in held.iter().zip(verdicts) {
                    self.compared(now, from, id, verdict);
                }
                for entry in more.into_iter().take(dht_proto::limits::BROADCASTS_MAX) {
                    self.pull(now, *from, entry);
                }
            }
            (Request::PullBroadcast { id }, Reply::BroadcastPulled { broadcast }) => {
                match broadcast {
                    Some(broadcast) => {
                        self.broadcast_came(now, &broadcast, Way::Tree { depth: LEAF }, head);
                    }
                    None => self.pull_failed(id),
                }
            }
            (request, _) => self.broadcast_failed(now, from, request),
        }
    }

    /// A node said of a broadcast that we have whether it has it, too.
    pub(super) fn compared(
        &mut self,
        now: Moment,
        with: &Contact,
        id: &BroadcastId,
        verdict: BroadcastVerdict,
    ) {
        let head = Head::of(&with.id());
        let Some(machine) = &mut self.broadcasts else { return };
        let Some(kept) = machine.kept_mut(id) else { return };
        let asked = kept.asked(head);
        match verdict {
            BroadcastVerdict::Wanted => {
                let depth = asked.unwrap_or(LEAF);
                let request = Request::Broadcast { broadcast: kept.broadcast().clone(), depth };
                self.send_request(now, *with, request, Owner::Broadcast, TRIES);
            }
            BroadcastVerdict::Have | BroadcastVerdict::Taken => self.acknowledged(id, head, true),
            BroadcastVerdict::Expected | BroadcastVerdict::Refused => {
                let is_expected = verdict == BroadcastVerdict::Expected;
                if let Some(sending) = &mut kept.sending {
                    if is_expected { sending.acknowledged(head) } else { sending.failed(head) }
                }
                self.report(id);
            }
        }
    }

    /// A node has a broadcast now; or has heard of it and does not want it.
    fn acknowledged(&mut self, id: &BroadcastId, by: Head, has_it: bool) {
        let Some(machine) = &mut self.broadcasts else { return };
        machine.informed(id, by);
        if let Some(sending) = machine.kept_mut(id).and_then(|kept| kept.sending.as_mut()) {
            if has_it { sending.acknowledged(by) } else { sending.failed(by) }
        }
        self.report(id);
    }

    /// A node has a broadcast that we may lack.
    fn pull(&mut self, now: Moment, from: Contact, entry: BroadcastEntry) {
        let head = Head::of(&from.id());
        let Some(machine) = &mut self.broadcasts else { return };
        // A client only sends.
        if self.config.role == Role::Full && machine.lacks(now, entry.id, head) {
            let request = Request::PullBroadcast { id: entry.id };
            let route = route_of_pull(from, &entry);
            self.send_request_by(now, route, request, Owner::Broadcast, TRIES);
        }
    }

    fn pull_failed(&mut self, id: &BroadcastId) {
        if let Some(machine) = &mut self.broadcasts {
            machine.did_not_come(id);
        }
    }

    /// A request of ours about broadcasts was not answered.
    pub(super) fn broadcast_failed(&mut self, now: Moment, to: &Contact, request: &Request) {
        let head = Head::of(&to.id());
        match request {
            Request::Broadcast { broadcast, depth } => {
                self.replace(now, &broadcast.id(), head, *depth);
            }
            Request::CompareBroadcasts { held, .. } => {
                for id in held {
                    let machine = self.broadcasts.as_mut();
                    let kept = machine.and_then(|machine| machine.kept_mut(id));
                    if let Some(depth) = kept.and_then(|kept| kept.asked(head)) {
                        self.replace(now, id, head, depth);
                    }
                }
            }
            Request::PullBroadcast { id } => self.pull_failed(id),
            _ => {}
        }
    }

    /// A delegate did not answer: another one gets the broadcast in its place.
    fn replace(&mut self, now: Moment, id: &BroadcastId, who: Head, depth: u16) {
        let Some(machine) = &mut self.broadcasts else { return };
        let Some(kept) = machine.kept_mut(id) else { return };
        if let Some(sending) = &mut kept.sending {
            sending.failed(who);
        }
        let avoid = [kept.informed(), &[who]].concat();
        let replacement = tree::replacement(&self.table, depth, &avoid, &mut self.random);
        if let Some(delegate) = replacement
            && kept.may_replace(tree::REPLACED_MAX)
        {
            self.delegate(now, id, delegate);
        }
        self.report(id);
    }

    /// Tells the sender of a broadcast how it went, once all of its delegates have answered.
    fn report(&mut self, id: &BroadcastId) {
        let Some(machine) = &mut self.broadcasts else { return };
        let Some(kept) = machine.kept_mut(id) else { return };
        let ended = kept.sending.as_ref().and_then(|s| Some((s.operation(), s.ended()?)));
        let Some((operation, outcome)) = ended else { return };
        kept.sending = None;
        self.broadcast_ended(*id, operation, outcome);
    }

    /// Tells the senders of broadcasts that are not kept any more how far they got.
    fn report_abandoned(&mut self) {
        let abandoned = self.broadcasts.as_mut().map(|machine| machine.take_abandoned());
        for (id, sending) in abandoned.unwrap_or_default() {
            self.broadcast_ended(id, sending.operation(), sending.so_far());
        }
    }

    fn broadcast_ended(
        &mut self,
        id: BroadcastId,
        operation: OperationId,
        (acknowledged, reach): (usize, u64),
    ) {
        let reach = reach.min(self.table.network_size());
        let report = BroadcastReport { id, acknowledged, reach };
        self.event(Event::Finished { operation, outcome: Outcome::Broadcast(Ok(report)) });
    }

    /// Verdicts that were waited for too long, rounds of comparing, and what is to be forgotten.
    pub(super) fn broadcasts_due(&mut self, now: Moment) {
        let Some(machine) = &mut self.broadcasts else { return };
        if machine.next_due() > now {
            return;
        }
        self.catch_up_due(now);
        let Some(machine) = &mut self.broadcasts else { return };
        for due in machine.due(now) {
            match due {
                Due::Unjudged(_, ticket) => self.delivered(now, ticket, true),
                Due::Round(id, number) => self.compare_round(now, id, number),
            }
        }
        let is_over = self.broadcasts.as_mut().is_some_and(|machine| !machine.forget(now));
        self.report_abandoned();
        if is_over {
            self.broadcasts = None;
        }
    }

    fn compare_round(&mut self, now: Moment, id: BroadcastId, number: u8) {
        let local: NodeId = self.local.id();
        let Some(machine) = &mut self.broadcasts else { return };
        let Some(kept) = machine.kept(&id) else { return };
        let place = (&self.table, &local, self.config.k);
        let partners = round::partners(place, number, kept.informed(), &mut self.random);
        let held = machine.ids_to_compare(id);
        if let Some(pause) = round::pause(number + 1, false, &mut self.random) {
            machine.spreading(&id, now + pause);
        }
        for partner in partners {
            let request = Request::CompareBroadcasts { held: held.clone(), skip: 0 };
            self.send_request(now, partner, request, Owner::Broadcast, TRIES);
        }
    }

    /// When [`broadcasts_due`](Self::broadcasts_due) has something to do.
    pub(super) fn next_broadcast_due(&self) -> Option<Moment> {
        let due = self.broadcasts.as_ref()?.next_due();
        (due != Moment::NEVER).then_some(due)
    }
}

/// Whether a broadcast travels by datagram. As with values, the length of the payload alone tells, so that all
/// nodes agree.
pub(super) fn is_short(broadcast: &Broadcast) -> bool {
    broadcast.payload().len() <= INLINE_VALUE_MAX
}

/// What somebody gets who asks for broadcasts where there are none.
fn nothing_here(request: &Request) -> Reply {
    match request {
        Request::PullBroadcast { .. } => Reply::BroadcastPulled { broadcast: None },
        _ => Reply::BroadcastsCompared { verdicts: Vec::new(), more: Vec::new() },
    }
}

/// How a broadcast is pulled: a long one by stream.
pub(super) fn route_of_pull(from: Contact, entry: &BroadcastEntry) -> Route {
    let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
    if size <= INLINE_VALUE_MAX { Route::Datagram(from) } else { Route::Dial(from) }
}
