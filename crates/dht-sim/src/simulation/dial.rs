//! Streams: what takes a connection.
//!
//! A model of TCP at the level of messages: a round trip to connect (none while the connection is warm),
//! then the bytes at the bandwidth of a node, whose transfers queue behind each other on its uplink; a lost
//! packet stalls a transfer for a round trip. A target that is gone shows after the connect timeout.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::limits::PART_MAX;
use dht_proto::{
    Body, Contact, Message, Moment, Mosaic, Reply, Request, RequestId, Ttl, ValueRange,
};
use dht_routing::{Gathered, Input, StreamId, Via};

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
    /// A part of a value has arrived.
    Part(u32),
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
    /// What parts of a value are laid into.
    gathering: Option<Gathering>,
}

/// Parts of a value that were asked for.
#[derive(Debug, Clone)]
struct Gathering {
    mosaic: Arc<Mosaic>,
    asked: ValueRange,
    /// Those that come, and the life that the holder told, once it has answered.
    coming: Option<(Range<u32>, Ttl)>,
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
        self.dial_for(from, to, message, None);
    }

    /// The same for parts of a value.
    pub(super) fn gather(
        &mut self,
        from: Place,
        to: Contact,
        message: Message,
        mosaic: Arc<Mosaic>,
    ) {
        let asked = match &message.body {
            Body::Request(Request::Download { range, .. }) => *range,
            _ => ValueRange::WHOLE,
        };
        self.dial_for(from, to, message, Some(Gathering { mosaic, asked, coming: None }));
    }

    fn dial_for(
        &mut self,
        from: Place,
        to: Contact,
        message: Message,
        gathering: Option<Gathering>,
    ) {
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
            gathering,
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
        let sent = self.transfer(id, from, target, connected, length).end;
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
        if dial.gathering.is_some() && self.answer_in_parts((id, from, dialer), &message) {
            return;
        }
        let Some(dial) = self.dials.open.get_mut(&id) else { return };
        let (length, kind) = (wire::length(&message, Carrier::Stream), MessageKind::of(&message));
        dial.message = Some(message);
        self.count_sent(from, kind, length);
        let sent = self.transfer(id, from, dialer, self.now, length).end;
        let arrival = sent + self.path(from, dialer);
        self.queue.push(arrival, Step::Dial(id, DialStep::Answered));
    }

    /// Sends the parts of a value that were asked for. Returns whether the answer is one that has parts.
    fn answer_in_parts(
        &mut self,
        (id, from, dialer): (u32, Place, Place),
        message: &Message,
    ) -> bool {
        let Body::Reply(Reply::Found { record, ttl, .. }) = &message.body else { return false };
        let dial = self.dials.open.get_mut(&id);
        let Some(gathering) = dial.and_then(|dial| dial.gathering.as_mut()) else { return false };
        if record.is_inline() {
            return false;
        }
        let length = message.stream_len_of(gathering.asked, true);
        let parts = gathering.mosaic.fill(record, gathering.asked);
        gathering.coming = parts.clone().map(|parts| (parts, *ttl));
        self.count_sent(from, MessageKind::of(message), length);
        let sent = self.transfer(id, from, dialer, self.now, length);
        let way = self.path(from, dialer);
        let parts = parts.unwrap_or_default();
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX).max(1);
        let each = sent.end.since(sent.start) / count;
        if parts.is_empty() {
            self.queue.push(sent.end + way, Step::Dial(id, DialStep::Answered));
        }
        for (part, number) in parts.zip(1..) {
            let arrival = sent.start + each * number + way;
            self.queue.push(arrival, Step::Dial(id, DialStep::Part(part)));
        }
        true
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
            DialStep::Part(part) => self.part_arrived(id, part),
        }
    }

    fn part_arrived(&mut self, id: u32, part: u32) {
        let Some(dial) = self.dials.open.get(&id) else { return };
        let coming = dial.gathering.as_ref().and_then(|gathering| gathering.coming.clone());
        let Some((parts, ttl)) = coming else { return };
        let (dialer, target, request) = (dial.dialer, dial.target, dial.request);
        let is_last = part + 1 == parts.end;
        if is_last {
            self.dials.close(id);
            self.dials.warm_up(self.now, dialer, target);
        }
        self.loads[dialer.index()].received.add(PART_MAX);
        let news = Gathered::Part { part, ttl, is_last };
        self.feed(dialer, Input::Gathered { request, news });
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
        let (dialer, request) = (dial.dialer, dial.request);
        let Some(message) = dial.message.take() else {
            // Parts were asked for, and another record sent.
            let news = Gathered::False;
            return self.feed(dialer, Input::Gathered { request, news });
        };
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

    /// Queues `bytes` on the uplink of `from`, not before `earliest`. Returns from when on they leave, and when the
    /// last one has left.
    fn transfer(
        &mut self,
        id: u32,
        from: Place,
        to: Place,
        earliest: Moment,
        bytes: usize,
    ) -> Range<Moment> {
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
        start..end
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
