//! Streams: what takes a connection.
//!
//! A model of TCP at the level of messages: a round trip to connect (none while the connection is warm),
//! then the bytes at the bandwidth of a node, whose transfers queue behind each other on its uplink; a lost
//! packet stalls a transfer for a round trip. A target that is gone shows after the connect timeout.

use std::collections::BTreeMap;
use std::time::Duration;

use dht_proto::{Contact, Message, Moment, RequestId};
use dht_routing::{Input, StreamId, Via};

use super::{Place, Simulation, Step};
use crate::machine::Machine;
use crate::traffic::MessageKind;
use crate::wire::{self, Carrier};

/// How often the dialer hears that bytes are moving.
const PROGRESS: Duration = Duration::from_millis(250);

/// How long an idle connection stays open for the next request.
const WARM: Duration = Duration::from_secs(30);

/// What happens to a stream next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DialStep {
    /// The request has arrived.
    Asked,
    /// The reply has arrived.
    Answered,
    /// Nothing will arrive any more.
    Failed,
    /// Bytes have moved.
    Moved,
}

/// Every stream whose request is not answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Dials {
    next: u32,
    open: BTreeMap<u32, Dial>,
    by_request: BTreeMap<(Place, RequestId), u32>,
    warm: BTreeMap<(Place, Place), Moment>,
}

#[derive(Debug, Clone)]
struct Dial {
    dialer: Place,
    target: Place,
    request: RequestId,
    /// On its way to whoever the next step says.
    message: Option<Message>,
    moving_until: Moment,
}

impl Dials {
    fn close(&mut self, id: u32) -> Option<Dial> {
        let dial = self.open.remove(&id)?;
        self.by_request.remove(&(dial.dialer, dial.request));
        Some(dial)
    }

    fn warm_up(&mut self, now: Moment, dialer: Place, target: Place) {
        if self.warm.len() > 65_536 {
            self.warm.retain(|_, until| *until > now);
        }
        self.warm.insert((dialer, target), now + WARM);
    }

    fn is_warm(&self, now: Moment, dialer: Place, target: Place) -> bool {
        self.warm.get(&(dialer, target)).is_some_and(|until| *until > now)
    }
}

impl<M: Machine> Simulation<M> {
    /// Opens a stream, or reuses one, and sends a request on it.
    pub(super) fn dial(&mut self, from: Place, to: Contact, message: Message) {
        let length = wire::length(&message, Carrier::Stream);
        let kind = MessageKind::of(&message);
        self.note_request(from, &message, length);
        let id = self.dials.next;
        self.dials.next += 1;
        let request = message.id;
        let reachable = self.find(&to).filter(|place| {
            let door = self.network.lets_in(self.now, from, *place);
            door && !self.network.are_parted(from, *place)
        });
        let dial = Dial {
            dialer: from,
            target: reachable.unwrap_or(from),
            request,
            message: Some(message),
            moving_until: self.now,
        };
        self.dials.open.insert(id, dial);
        self.dials.by_request.insert((from, request), id);
        let Some(target) = reachable else {
            self.traffic.to_dead.add(0);
            let at = self.now + self.network.conditions.connect_timeout;
            self.queue.push(at, Step::Dial(id, DialStep::Failed));
            return;
        };
        self.count_sent(from, kind, length);
        let connected = if self.dials.is_warm(self.now, from, target) {
            self.now
        } else {
            self.now + self.path(from, target) + self.path(target, from)
        };
        let sent = self.transfer(id, from, target, connected, length);
        let arrival = sent + self.path(from, target);
        self.queue.push(arrival, Step::Dial(id, DialStep::Asked));
    }

    /// Sends the reply back on the stream the request came on.
    pub(super) fn answer_dial(&mut self, from: Place, stream: StreamId, message: Message) {
        let Ok(id) = u32::try_from(stream.0) else { return };
        let Some(dial) = self.dials.open.get_mut(&id) else { return };
        if dial.target != from {
            return;
        }
        let dialer = dial.dialer;
        let (length, kind) = (wire::length(&message, Carrier::Stream), MessageKind::of(&message));
        dial.message = Some(message);
        self.count_sent(from, kind, length);
        let sent = self.transfer(id, from, dialer, self.now, length);
        let arrival = sent + self.path(from, dialer);
        self.queue.push(arrival, Step::Dial(id, DialStep::Answered));
    }

    /// The dialer does not wait for the answer any more.
    pub(super) fn withdraw_dial(&mut self, place: Place, request: RequestId) {
        if let Some(id) = self.dials.by_request.get(&(place, request)).copied() {
            self.dials.close(id);
        }
    }

    /// A node is gone: its own streams with it, and those to it fail, at once or when nothing comes any more.
    pub(super) fn end_dials(&mut self, place: Place, orderly: bool) {
        let own: Vec<u32> = self.dials.ids(|dial| dial.dialer == place);
        for id in own {
            self.dials.close(id);
        }
        for id in self.dials.ids(|dial| dial.target == place) {
            let Some(dialer) = self.dials.open.get(&id).map(|dial| dial.dialer) else { continue };
            let notice = if orderly {
                self.path(place, dialer)
            } else {
                self.network.conditions.connect_timeout
            };
            self.queue.push(self.now + notice, Step::Dial(id, DialStep::Failed));
        }
    }

    pub(super) fn step_dial(&mut self, id: u32, step: DialStep) {
        match step {
            DialStep::Asked => self.dial_asked(id),
            DialStep::Answered => self.dial_answered(id),
            DialStep::Failed => {
                if let Some(dial) = self.dials.close(id) {
                    self.feed(dial.dialer, Input::Unreachable { request: dial.request });
                }
            }
            DialStep::Moved => self.dial_moved(id),
        }
    }

    fn dial_asked(&mut self, id: u32) {
        let Some(dial) = self.dials.open.get_mut(&id) else { return };
        let (dialer, target) = (dial.dialer, dial.target);
        let Some(message) = dial.message.take() else { return };
        if !self.is_live(target) {
            return;
        }
        self.trace_delivery(dialer, target, MessageKind::of(&message), message.id.0);
        self.loads[target.index()].received.add(wire::length(&message, Carrier::Stream));
        let from = self.contact(dialer);
        let via = Via::Inbound { stream: StreamId(u64::from(id)), source: from.addr };
        self.receive(target, from, via, message);
    }

    fn dial_answered(&mut self, id: u32) {
        let Some(mut dial) = self.dials.close(id) else { return };
        let Some(message) = dial.message.take() else { return };
        self.dials.warm_up(self.now, dial.dialer, dial.target);
        self.trace_delivery(dial.target, dial.dialer, MessageKind::of(&message), message.id.0);
        self.loads[dial.dialer.index()].received.add(wire::length(&message, Carrier::Stream));
        let from = self.contact(dial.target);
        self.receive(dial.dialer, from, Via::Outbound, message);
    }

    fn dial_moved(&mut self, id: u32) {
        let Some(dial) = self.dials.open.get(&id) else { return };
        let (dialer, request) = (dial.dialer, dial.request);
        if self.now < dial.moving_until {
            self.queue.push(self.now + PROGRESS, Step::Dial(id, DialStep::Moved));
        }
        self.feed(dialer, Input::Progressed { request });
    }

    /// Queues `bytes` on the uplink of `from`, not before `earliest`. Returns when the last one has left.
    fn transfer(
        &mut self,
        id: u32,
        from: Place,
        to: Place,
        earliest: Moment,
        bytes: usize,
    ) -> Moment {
        let (from_site, to_site) = (self.seats.site(from), self.seats.site(to));
        let stall = self.network.stall(from_site, to_site, bytes);
        let micros = bytes as u64 * 1_000_000 / self.network.conditions.bandwidth.max(1);
        let node = &mut self.nodes[from.index()];
        let start = earliest.max(node.uplink_free);
        let end = start + Duration::from_micros(micros) + stall;
        node.uplink_free = end;
        if let Some(dial) = self.dials.open.get_mut(&id) {
            dial.moving_until = end;
        }
        if end.since(start) > PROGRESS {
            self.queue.push(start + PROGRESS, Step::Dial(id, DialStep::Moved));
        }
        end
    }

    fn path(&mut self, from: Place, to: Place) -> Duration {
        let (from, to) = (self.seats.site(from), self.seats.site(to));
        self.network.one_way(from, to)
    }
}

impl Dials {
    fn ids(&self, wanted: impl Fn(&Dial) -> bool) -> Vec<u32> {
        self.open.iter().filter(|(_, dial)| wanted(dial)).map(|(id, _)| *id).collect()
    }
}
