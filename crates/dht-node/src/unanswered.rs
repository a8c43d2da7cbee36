//! Requests sent in datagrams and not answered yet, to be sent again with a cookie if the asked node
//! demands one.
//!
//! Invariant: bounded in number and time; a request is sent again once, and only for a demand that repeats
//! part of the seal nonce it was sent with, which nobody off its path knows.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::envelope::RetryTag;
use dht_proto::{Contact, Message, Moment, RequestId};

/// Requests kept. Past that the oldest are forgotten: the peer repeats them by itself.
const KEPT: usize = 1_024;

/// How long a request is kept.
const PATIENCE: Duration = Duration::from_secs(3);

/// The unanswered requests of a node.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    /// Boxed: a map of messages would allocate room for eleven with the first.
    requests: BTreeMap<RequestId, Box<Sent>>,
    order: VecDeque<(Moment, RequestId)>,
}

#[derive(Debug)]
struct Sent {
    tag: RetryTag,
    contact: Contact,
    message: Message,
    /// Whether a datagram passed that may have been the answer.
    let_pass: bool,
}

impl Unanswered {
    /// A request was sent.
    pub(crate) fn sent(&mut self, now: Moment, contact: Contact, message: Message, tag: RetryTag) {
        self.forget(now);
        self.order.push_back((now, message.id));
        self.requests.insert(message.id, Box::new(Sent { tag, contact, message, let_pass: false }));
    }

    /// A request was answered, or is not wanted any more.
    pub(crate) fn done(&mut self, request: RequestId) {
        self.requests.remove(&request);
        if self.requests.is_empty() {
            *self = Self::default();
        }
    }

    /// `source` demands a cookie for the datagram of `tag`. Returns the request to be sent again.
    pub(crate) fn demanded(
        &mut self,
        now: Moment,
        source: SocketAddr,
        tag: RetryTag,
    ) -> Option<(Contact, Message)> {
        self.forget(now);
        let is_it = |sent: &Sent| sent.tag == tag && sent.contact.addr == source;
        let request = self.requests.iter().find_map(|(id, sent)| is_it(sent).then_some(*id))?;
        let sent = self.requests.remove(&request)?;
        Some((sent.contact, sent.message))
    }

    /// Whether a datagram from `source`, which sends too many, may be the answer to a request: one for each.
    pub(crate) fn lets_pass(&mut self, now: Moment, source: SocketAddr) -> bool {
        self.forget(now);
        let is_it = |sent: &&mut Box<Sent>| sent.contact.addr == source && !sent.let_pass;
        match self.requests.values_mut().find(is_it) {
            Some(sent) => {
                sent.let_pass = true;
                true
            }
            None => false,
        }
    }

    fn forget(&mut self, now: Moment) {
        while let Some((at, request)) = self.order.front().copied() {
            if now.since(at) < PATIENCE && self.order.len() < KEPT {
                return;
            }
            self.order.pop_front();
            self.requests.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Body, Families, Load, NodeIdentity, Nonce, PublicKey, Request, Role};

    use super::*;

    const NOW: Moment = Moment::from_secs(100);

    fn contact(port: u16) -> Contact {
        let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(0));
        Contact::new(node, ([127, 0, 0, 1], port).into())
    }

    fn ping(request: u64) -> Message {
        let body = Body::Request(Request::Ping);
        Message {
            role: Role::Full,
            families: Families::V4,
            load: Load::NONE,
            id: RequestId(request),
            body,
        }
    }

    #[test]
    fn a_demand_brings_the_request_back_once() {
        let mut unanswered = Unanswered::default();
        unanswered.sent(NOW, contact(1), ping(5), RetryTag([9; 8]));

        let again = unanswered.demanded(NOW, contact(1).addr, RetryTag([9; 8]));
        assert_eq!(again, Some((contact(1), ping(5))));
        assert_eq!(unanswered.demanded(NOW, contact(1).addr, RetryTag([9; 8])), None);
    }

    #[test]
    fn a_demand_with_another_nonce_or_from_another_address_is_none() {
        let mut unanswered = Unanswered::default();
        unanswered.sent(NOW, contact(1), ping(5), RetryTag([9; 8]));

        assert_eq!(unanswered.demanded(NOW, contact(1).addr, RetryTag([8; 8])), None);
        assert_eq!(unanswered.demanded(NOW, contact(2).addr, RetryTag([9; 8])), None);
    }

    #[test]
    fn one_datagram_for_each_request_passes_from_where_it_went() {
        let mut unanswered = Unanswered::default();
        for request in 1..=2 {
            unanswered.sent(NOW, contact(1), ping(request), RetryTag([9; 8]));
        }

        assert!(!unanswered.lets_pass(NOW, contact(2).addr));
        let passed = (0..10).filter(|_| unanswered.lets_pass(NOW, contact(1).addr));
        assert_eq!(passed.count(), 2);
    }

    #[test]
    fn an_answered_request_is_not_sent_again() {
        let mut unanswered = Unanswered::default();
        unanswered.sent(NOW, contact(1), ping(5), RetryTag([9; 8]));
        unanswered.done(RequestId(5));

        assert_eq!(unanswered.demanded(NOW, contact(1).addr, RetryTag([9; 8])), None);
    }

    #[test]
    fn requests_are_kept_for_a_time_and_up_to_a_number() {
        let mut unanswered = Unanswered::default();
        for request in 0..3 * KEPT as u64 {
            unanswered.sent(NOW, contact(1), ping(request), RetryTag(request.to_le_bytes()));
        }
        assert_eq!(unanswered.requests.len(), KEPT);
        assert_eq!(unanswered.demanded(NOW, contact(1).addr, RetryTag(0_u64.to_le_bytes())), None);

        unanswered.sent(NOW + PATIENCE, contact(1), ping(9_999_999), RetryTag([9; 8]));
        assert_eq!(unanswered.requests.len(), 1);
        assert_eq!(unanswered.order.len(), 1);
    }
}
