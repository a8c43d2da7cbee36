//! Datagrams in and out: from bytes to the inputs of the peer, and from its orders to bytes.
//!
//! Invariants: what costs a stranger nothing costs us next to nothing: clear answers and key exchanges have
//! a rate, past which a stranger must prove its address with a cookie; key exchanges with those who have, and
//! the requests of each node and subnet, have a rate too. A clear answer is never longer than what asked for it. What
//! comes from banned nodes is not opened. Everything dropped is counted.

use std::net::{IpAddr, SocketAddr};

use dht_proto::envelope::{
    Envelope, HelloToken, RetryTag, SealNonce, Sealed, write_hello, write_hello_ack, write_retry,
};
use dht_proto::limits::DATAGRAM_MAX;
use dht_proto::seal::{OpenError, SealError, Sealer};
use dht_proto::stream::Channel;
use dht_proto::{
    Body, Contact, Cookie, CookieJar, DecodeError, Message, Moment, NodeIdentity, Problem,
    PublicKey, Reply, RequestId, Role,
};
use dht_routing::{Input, Offence, Via};
use tokio::net::UdpSocket;

use crate::crowd::Crowd;
use crate::entropy::Entropy;
use crate::flow::{Flow, Passage};
use crate::freshness::{Age, Freshness};
use crate::greeting::Greetings;
use crate::outbox::Outbox;
use crate::rate::Rate;
use crate::socket::canonical;
use crate::stance::Stance;
use crate::unanswered::Unanswered;
use crate::{Drops, Limits, Traffic};

/// Room for a datagram that is received: one byte more than the longest, to tell a longer one.
pub(crate) const RECEIVE_ROOM: usize = DATAGRAM_MAX + 1;

/// What it says of a node that it sealed something undecodable. Of what is unknown here a later version may know.
pub(crate) fn offence_of(error: &DecodeError) -> Option<Offence> {
    match error.problem {
        Problem::Unknown | Problem::OtherVersion { .. } | Problem::OtherNetwork { .. } => None,
        Problem::BadSignature => Some(Offence::WrongValue),
        _ => Some(Offence::Malformed),
    }
}

/// The datagrams of a node.
pub(crate) struct Datagrams {
    stance: Stance,
    udp: UdpSocket,
    outbox: Outbox,
    sealer: Sealer,
    entropy: Entropy,
    greetings: Greetings,
    unanswered: Unanswered,
    cookies: CookieJar,
    exchanges: Rate,
    /// Those with nodes that have proven their address.
    proven_exchanges: Rate,
    flow: Flow,
    crowd: Crowd,
    freshness: Freshness,
    acks: Rate,
    traffic: Traffic,
    drops: Drops,
}

impl Datagrams {
    /// Datagrams of `sealer`'s node on a bound socket.
    pub(crate) fn new(
        udp: UdpSocket,
        sealer: Sealer,
        mut entropy: Entropy,
        stance: Stance,
        limits: &Limits,
        (freshness, now): (Freshness, Moment),
    ) -> Self {
        // A client is nobody's contact: who greets it has no use for the answer.
        let acks = if stance.role == Role::Full { limits.greetings } else { 0 };
        Self {
            stance,
            udp,
            outbox: Outbox::new(stance.families),
            sealer,
            greetings: Greetings::default(),
            unanswered: Unanswered::default(),
            cookies: CookieJar::new(entropy.bytes()),
            exchanges: Rate::new(limits.key_exchanges, now),
            proven_exchanges: Rate::new(limits.proven_key_exchanges, now),
            flow: Flow::new(limits.node_requests, now),
            crowd: Crowd::new(limits, now),
            freshness,
            acks: Rate::new(acks, now),
            entropy,
            traffic: Traffic::default(),
            drops: Drops::default(),
        }
    }

    /// The socket, to wait for.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.udp
    }

    /// Whether datagrams wait for the socket to become writable.
    pub(crate) fn is_waiting(&self) -> bool {
        self.outbox.is_blocked()
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) {
        self.outbox.flush(&self.udp, &mut self.traffic, &mut self.drops);
    }

    /// Sends what has been put together, unless the socket is known to take no more.
    pub(crate) fn settle(&mut self) {
        if !self.outbox.is_blocked() {
            self.flush();
        }
    }

    /// What was moved and what was dropped.
    pub(crate) fn figures(&self) -> (Traffic, Drops) {
        let mut drops = self.drops;
        self.freshness.count(&mut drops);
        (self.traffic, drops)
    }

    /// Takes a datagram that was received from `source`, and returns what the peer is to know of it. A longer one
    /// than any is may be cut off. With whom there is nothing to do `banned` tells.
    pub(crate) fn receive(
        &mut self,
        now: Moment,
        source: SocketAddr,
        datagram: &mut [u8],
        banned: impl FnOnce(&Sealed<'_>, IpAddr) -> bool,
    ) -> Option<Input> {
        let source = canonical(source);
        let length = datagram.len();
        self.traffic.datagrams_in += 1;
        self.traffic.bytes_in += length as u64;
        match Envelope::parse(datagram, self.sealer.network()) {
            Ok(Envelope::Sealed(sealed)) if banned(&sealed, source.ip()) => {
                self.drops.banned += 1;
                None
            }
            Ok(Envelope::Sealed(sealed)) => self.open(now, source, length, sealed),
            Ok(Envelope::Hello { token }) => self.acknowledge(now, source, token),
            Ok(Envelope::HelloAck { node, token }) => {
                if self.greetings.answered(now, source, token) {
                    return Some(Input::Greeted { addr: source, node });
                }
                self.drops.unasked += 1;
                None
            }
            Ok(Envelope::Retry { cookie, answers }) => {
                self.repeat(now, source, cookie, answers);
                None
            }
            Err(error) => {
                self.crowd.count(now, source.ip(), false);
                self.drops.count(&error);
                tracing::debug!(node = ?self.sealer.node().id(), %source, %error, "datagram dropped");
                None
            }
        }
    }

    /// Seals and sends a message.
    pub(crate) fn send(&mut self, now: Moment, to: Contact, message: Message) {
        let Some(tag) = self.seal(now, &to, &message, None) else { return };
        if matches!(message.body, Body::Request(_)) {
            self.unanswered.sent(now, to, message, tag);
        }
    }

    /// The sealing of a stream with a node. Costs a key exchange if nothing was sent to it or received from it
    /// lately. `None` if no key can be shared with it.
    pub(crate) fn channel(&mut self, node: NodeIdentity) -> Option<Channel> {
        self.sealer.channel(node).ok()
    }

    /// A request is not waited for any more.
    pub(crate) fn withdraw(&mut self, request: RequestId) {
        self.unanswered.done(request);
    }

    /// Asks an address who is there.
    pub(crate) fn greet(&mut self, now: Moment, addr: SocketAddr) {
        let fresh = HelloToken(u64::from_le_bytes(self.entropy.bytes()));
        let Some(token) = self.greetings.greet(now, addr, fresh) else {
            self.drops.over_limit += 1;
            return;
        };
        write_hello(self.sealer.network(), token, self.outbox.draft());
        self.put(addr);
    }

    fn open(
        &mut self,
        now: Moment,
        source: SocketAddr,
        length: usize,
        sealed: Sealed<'_>,
    ) -> Option<Input> {
        let cookie = sealed.cookie();
        let proven = cookie.is_some_and(|cookie| self.cookies.check(now, source, cookie));
        let sender = sealed.sender();
        // What we wait for may come at any rate.
        let of_crowd = self.crowd.check(now, source.ip(), proven);
        let passage = match self.flow.check(now, &sender, proven) {
            Passage::Free if of_crowd == Passage::Free => self.admit(now, &sender, proven),
            Passage::Free if !self.unanswered.lets_pass(now, source) => {
                self.drops.crowded += 1;
                return self.shut_out(now, source, &sealed, of_crowd);
            }
            Passage::Free => Passage::Free,
            _ if self.unanswered.lets_pass(now, source) => Passage::Free,
            passage => passage,
        };
        if passage != Passage::Free {
            self.drops.over_limit += 1;
        }
        if passage != Passage::Free {
            return self.shut_out(now, source, &sealed, passage);
        }
        let seal_nonce = sealed.seal_nonce();
        match self.sealer.open(sealed) {
            Ok((from, message)) => {
                match &message.body {
                    Body::Reply(_) => self.unanswered.done(message.id),
                    Body::Request(request) => {
                        self.flow.count(now, sender);
                        self.crowd.count(now, source.ip(), proven);
                        let may_repeat = request.is_repeatable();
                        if !may_repeat && !self.is_fresh(now, source, &seal_nonce, proven) {
                            return None;
                        }
                    }
                }
                let via = Via::Datagram { source, length, proven };
                Some(Input::Received { from, via, message })
            }
            Err(error) => {
                self.crowd.count(now, source.ip(), proven);
                tracing::debug!(node = ?self.sealer.node().id(), %source, %error, "datagram dropped");
                self.reject(now, source, proven, error)
            }
        }
    }

    /// Drops a datagram of somebody who sends too much.
    fn shut_out(
        &mut self,
        now: Moment,
        source: SocketAddr,
        sealed: &Sealed<'_>,
        passage: Passage,
    ) -> Option<Input> {
        match passage {
            Passage::Free | Passage::Closed => None,
            Passage::Demand => {
                self.demand(now, source, sealed.tag());
                None
            }
            Passage::Flood => {
                let (node, proven) = (sealed.claimed_node(), Some(source.ip()));
                Some(Input::Misbehaved { node, proven, offence: Offence::Flood })
            }
        }
    }

    /// Whether a request that changes something is new. If its clock is off, a cookie is demanded.
    fn is_fresh(
        &mut self,
        now: Moment,
        source: SocketAddr,
        seal_nonce: &SealNonce,
        proven: bool,
    ) -> bool {
        let age = self.freshness.take(now, seal_nonce, proven);
        if age == Age::Stale {
            self.demand(now, source, seal_nonce.tag());
        }
        age == Age::Fresh
    }

    /// Counts what is of somebody banned.
    pub(crate) fn turned_away(&mut self, is_banned: bool) -> bool {
        self.drops.banned += u64::from(is_banned);
        is_banned
    }

    /// Whether there is time for a key exchange with a sender, if it takes one.
    fn admit(&mut self, now: Moment, sender: &PublicKey, proven: bool) -> Passage {
        if self.sealer.knows(sender) {
            Passage::Free
        } else if proven {
            if self.proven_exchanges.allow(now) { Passage::Free } else { Passage::Closed }
        } else if self.exchanges.allow(now) {
            Passage::Free
        } else {
            Passage::Demand
        }
    }

    /// Demands that a sender repeats its datagram with a cookie.
    fn demand(&mut self, now: Moment, source: SocketAddr, answers: RetryTag) {
        let cookie = self.cookies.mint(now, source);
        write_retry(self.sealer.network(), &cookie, answers, self.outbox.draft());
        self.put(source);
    }

    /// Counts what did not open. A node that did send it, and asked something unknown, is told so. If it is nothing
    /// that any version of the protocol would send, the peer is to know.
    fn reject(
        &mut self,
        now: Moment,
        source: SocketAddr,
        proven: bool,
        error: OpenError,
    ) -> Option<Input> {
        let OpenError::Rejected(rejected) = error else {
            self.drops.not_for_us += 1;
            return None;
        };
        self.drops.malformed += 1;
        if let Some((id, code)) = rejected.undecodable.answer {
            let body = Body::Reply(Reply::Error { code, text: String::new() });
            let objection = self.stance.message(id, body);
            self.seal(now, &Contact::new(rejected.from, source), &objection, None);
        }
        let offence = offence_of(&rejected.undecodable.error)?;
        let proven = proven.then_some(source.ip());
        Some(Input::Misbehaved { node: rejected.from, proven, offence })
    }

    fn acknowledge(&mut self, now: Moment, source: SocketAddr, token: HelloToken) -> Option<Input> {
        if self.crowd.check(now, source.ip(), false) != Passage::Free {
            self.drops.crowded += 1;
            return None;
        }
        self.crowd.count(now, source.ip(), false);
        if self.acks.allow(now) {
            let node = self.sealer.node();
            write_hello_ack(self.sealer.network(), &node, token, self.outbox.draft());
            self.put(source);
        } else {
            self.drops.over_limit += 1;
        }
        None
    }

    fn repeat(&mut self, now: Moment, source: SocketAddr, cookie: Cookie, answers: RetryTag) {
        let Some((contact, message)) = self.unanswered.demanded(now, source, answers) else {
            self.drops.unasked += 1;
            return;
        };
        // Not remembered a second time: a node that goes on demanding is not going to answer.
        self.seal(now, &contact, &message, Some(cookie));
    }

    /// Returns by what a retry would name the datagram.
    fn seal(
        &mut self,
        now: Moment,
        to: &Contact,
        message: &Message,
        cookie: Option<Cookie>,
    ) -> Option<RetryTag> {
        let nonce = SealNonce::new(self.entropy.bytes(), now);
        let public = to.node.public();
        match self.sealer.seal(&public, message, nonce, cookie, self.outbox.draft()) {
            Ok(()) => {
                self.put(to.addr);
                Some(nonce.tag())
            }
            Err(error) => {
                if matches!(error, SealError::TooLong { .. }) {
                    self.drops.send_oversize += 1;
                } else {
                    self.drops.send_failed += 1;
                }
                tracing::debug!(node = ?self.sealer.node().id(), ?to, %error, "message not sent");
                None
            }
        }
    }

    /// Sends what was put together, with others.
    fn put(&mut self, addr: SocketAddr) {
        if self.outbox.send(addr, &mut self.drops) {
            self.flush();
        }
    }
}
