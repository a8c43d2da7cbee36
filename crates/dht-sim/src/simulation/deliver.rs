//! Packets: sent, carried by the network, delivered.

use dht_proto::limits::DATAGRAM_MAX;
use dht_proto::{Body, Contact, Message, NodeIdentity, Reply};
use dht_routing::{Input, Via};

use super::adversary::Verdict;
use super::{Place, Simulation, Step};
use crate::machine::Machine;
use crate::traffic::MessageKind;
use crate::wire;
use crate::wire::Carrier;

/// A datagram on its way.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    from: Place,
    /// Who sent it; the place may be another's by the time it arrives.
    sender: NodeIdentity,
    sender_life: u32,
    to: Place,
    to_life: u32,
    length: u32,
    body: PacketBody,
}

#[derive(Debug, Clone)]
enum PacketBody {
    Message(Message),
    Hello,
    HelloAck,
}

impl<M: Machine> Simulation<M> {
    /// Sends `message` in a datagram.
    pub(crate) fn send_datagram(&mut self, from: Place, to: Contact, message: Message) {
        let length = wire::length(&message, Carrier::Datagram);
        self.count_sent(from, MessageKind::of(&message), length);
        self.note_request(from, &message, length);
        if length > DATAGRAM_MAX {
            self.traffic.too_long.add(length);
            return;
        }
        let Some(place) = self.find(&to) else {
            self.traffic.to_dead.add(length);
            return;
        };
        self.send_packet(from, place, length, PacketBody::Message(message));
    }

    /// Sends a `Hello` to whoever is at an address.
    pub(super) fn send_hello(&mut self, from: Place, addr: std::net::SocketAddr) {
        let length = wire::HELLO;
        self.count_sent(from, MessageKind::Hello, length);
        match self.seats.find(addr, None) {
            Some(place) => self.send_packet(from, place, length, PacketBody::Hello),
            None => self.traffic.to_dead.add(length),
        }
    }

    /// Where the contact lives now, if it does.
    pub(super) fn find(&self, contact: &Contact) -> Option<Place> {
        self.seats.find(contact.addr, Some(contact.node.id()))
    }

    pub(super) fn count_sent(&mut self, from: Place, kind: MessageKind, length: usize) {
        self.traffic.add(kind, length);
        self.loads[from.index()].sent.add(length);
    }

    fn send_packet(&mut self, from: Place, to: Place, length: usize, body: PacketBody) {
        self.network.note_sent(self.now, from, to);
        if self.network.are_parted(from, to) {
            self.traffic.lost.add(length);
            return;
        }
        let packet = Packet {
            from,
            sender: self.nodes[from.index()].identity,
            sender_life: self.seats.life(from),
            to,
            to_life: self.seats.life(to),
            length: u32::try_from(length).unwrap_or(u32::MAX),
            body,
        };
        let [first, second] = self.network.arrivals(self.seats.site(from), self.seats.site(to));
        let Some(first) = first else {
            self.traffic.lost.add(length);
            return;
        };
        if let Some(second) = second {
            let slot = self.packets.insert(packet.clone());
            self.queue.push(self.now + second, Step::Deliver(slot));
        }
        let slot = self.packets.insert(packet);
        self.queue.push(self.now + first, Step::Deliver(slot));
    }

    pub(super) fn deliver(&mut self, slot: u32) {
        let Some(packet) = self.packets.take(slot) else { return };
        let length = packet.length as usize;
        if !self.seats.is_live(packet.to) || self.seats.life(packet.to) != packet.to_life {
            self.traffic.to_dead.add(length);
            return;
        }
        if !self.network.lets_in(self.now, packet.from, packet.to) {
            self.traffic.lost.add(length);
            return;
        }
        self.loads[packet.to.index()].received.add(length);
        let (kind, id) = match &packet.body {
            PacketBody::Message(message) => (MessageKind::of(message), message.id.0),
            PacketBody::Hello => (MessageKind::Hello, 0),
            PacketBody::HelloAck => (MessageKind::HelloAck, 0),
        };
        self.loads[packet.to.index()].fetches += u64::from(kind == MessageKind::Fetch);
        self.trace_delivery(packet.from, packet.to, kind, id);
        let source = self.seats.addr_in(packet.from, packet.sender_life);
        match packet.body {
            PacketBody::Message(message) => {
                let via = Via::Datagram { source, length, proven: true };
                let from = Contact::new(packet.sender, source);
                self.receive(packet.to, from, via, message);
            }
            PacketBody::Hello => {
                let length = wire::HELLO;
                self.count_sent(packet.to, MessageKind::HelloAck, length);
                self.send_packet(packet.to, packet.from, length, PacketBody::HelloAck);
            }
            PacketBody::HelloAck => {
                let input = Input::Greeted { addr: source, node: packet.sender };
                self.feed(packet.to, input);
            }
        }
    }

    /// Hands a message to a node: to its role first, then to its machine.
    pub(super) fn receive(&mut self, to: Place, from: Contact, via: Via, message: Message) {
        match &message.body {
            Body::Reply(_) => self.note_reply(to, from.node.id(), via, &message),
            Body::Request(request) => match self.judge_request(to, request) {
                Verdict::Pass => {}
                Verdict::Drop => return,
                Verdict::Answer(reply) => {
                    let answer = Message { body: Body::Reply(reply), ..message };
                    self.answer(to, from, via, answer);
                    return;
                }
            },
        }
        self.feed(to, Input::Received { from: from.node, via, message });
    }

    /// Sends a reply that no machine made the way the request came.
    fn answer(&mut self, place: Place, asker: Contact, via: Via, mut answer: Message) {
        match via {
            Via::Inbound { stream, .. } => self.answer_dial(place, stream, answer),
            Via::Datagram { .. } | Via::Outbound => {
                if let Body::Reply(Reply::Found { record, .. }) = &answer.body
                    && !record.is_inline()
                {
                    answer.body = Body::Reply(Reply::Nodes { closer: Vec::new() });
                }
                self.send_datagram(place, asker, answer);
            }
        }
    }

    pub(super) fn trace_delivery(&mut self, from: Place, to: Place, kind: MessageKind, id: u64) {
        let route = u64::from(from.0) << 32 | u64::from(to.0);
        self.trace.update([self.now.as_micros(), route, kind as u64, id]);
    }
}
