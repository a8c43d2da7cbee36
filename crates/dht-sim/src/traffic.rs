//! Messages and bytes, counted by kind.

use dht_proto::{Body, Message, Reply, Request};

/// What a message is, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// `Hello`, to learn who is at an address.
    Hello,
    /// Its answer.
    HelloAck,
    /// Request.
    Ping,
    /// Request.
    FindNode,
    /// Request.
    Fetch,
    /// Request.
    Offer,
    /// Request.
    Store,
    /// Request.
    Download,
    /// Request.
    Inspect,
    /// Request.
    OfferMany,
    /// Request.
    Reconcile,
    /// Request.
    List,
    /// Request, with the payload.
    Broadcast,
    /// Request.
    CompareBroadcasts,
    /// Request.
    PullBroadcast,
    /// Request.
    Custom,
    /// Any other request.
    OtherRequest,
    /// Reply.
    Pong,
    /// Reply.
    Nodes,
    /// Reply.
    Found,
    /// Reply.
    Held,
    /// Reply to an offer or store.
    Stored,
    /// Reply to an offer or store.
    Refused,
    /// Reply to an offer of many records.
    Offered,
    /// Reply.
    Reconciled,
    /// Reply.
    Listing,
    /// Reply.
    BroadcastsCompared,
    /// Reply, with the payload unless there is none.
    BroadcastPulled,
    /// Reply.
    CustomReply,
    /// Any other reply.
    OtherReply,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 30] = [
        Self::Hello,
        Self::HelloAck,
        Self::Ping,
        Self::FindNode,
        Self::Fetch,
        Self::Offer,
        Self::Store,
        Self::Download,
        Self::Inspect,
        Self::OfferMany,
        Self::Reconcile,
        Self::List,
        Self::Broadcast,
        Self::CompareBroadcasts,
        Self::PullBroadcast,
        Self::Custom,
        Self::OtherRequest,
        Self::Pong,
        Self::Nodes,
        Self::Found,
        Self::Held,
        Self::Stored,
        Self::Refused,
        Self::Offered,
        Self::Reconciled,
        Self::Listing,
        Self::BroadcastsCompared,
        Self::BroadcastPulled,
        Self::CustomReply,
        Self::OtherReply,
    ];

    /// The kind of `message`.
    pub fn of(message: &Message) -> Self {
        match &message.body {
            Body::Request(request) => match request {
                Request::Ping => Self::Ping,
                Request::FindNode { .. } => Self::FindNode,
                Request::Fetch { .. } => Self::Fetch,
                Request::Offer { .. } => Self::Offer,
                Request::Store { .. } => Self::Store,
                Request::Download { .. } => Self::Download,
                Request::Inspect => Self::Inspect,
                Request::OfferMany { .. } => Self::OfferMany,
                Request::Reconcile { .. } => Self::Reconcile,
                Request::List { .. } => Self::List,
                Request::Broadcast { .. } => Self::Broadcast,
                Request::CompareBroadcasts { .. } => Self::CompareBroadcasts,
                Request::PullBroadcast { .. } => Self::PullBroadcast,
                Request::Custom { .. } => Self::Custom,
                _ => Self::OtherRequest,
            },
            Body::Reply(reply) => match reply {
                Reply::Pong { .. } => Self::Pong,
                Reply::Nodes { .. } | Reply::Wanting { .. } => Self::Nodes,
                Reply::Found { .. } => Self::Found,
                Reply::Held { .. } => Self::Held,
                Reply::Wanted { .. } | Reply::Have { .. } | Reply::Stored { .. } => Self::Stored,
                Reply::Refused { .. } => Self::Refused,
                Reply::Offered { .. } => Self::Offered,
                Reply::Reconciled { .. } => Self::Reconciled,
                Reply::Listing { .. } => Self::Listing,
                Reply::BroadcastsCompared { .. } => Self::BroadcastsCompared,
                Reply::BroadcastPulled { .. } => Self::BroadcastPulled,
                Reply::Custom { .. } => Self::CustomReply,
                _ => Self::OtherReply,
            },
        }
    }

    /// Whether it wants an answer.
    pub fn is_request(self) -> bool {
        self == Self::Hello || (Self::Ping..=Self::OtherRequest).contains(&self)
    }

    /// Its name, lower-case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::HelloAck => "hello-ack",
            Self::Ping => "ping",
            Self::FindNode => "find-node",
            Self::Fetch => "fetch",
            Self::Offer => "offer",
            Self::Store => "store",
            Self::Download => "download",
            Self::Inspect => "inspect",
            Self::OfferMany => "offer-many",
            Self::Reconcile => "reconcile",
            Self::List => "list",
            Self::Broadcast => "broadcast",
            Self::CompareBroadcasts => "compare-broadcasts",
            Self::PullBroadcast => "pull-broadcast",
            Self::Custom => "custom",
            Self::OtherRequest => "other-request",
            Self::Pong => "pong",
            Self::Nodes => "nodes",
            Self::Found => "found",
            Self::Held => "held",
            Self::Stored => "stored",
            Self::Refused => "refused",
            Self::Offered => "offered",
            Self::Reconciled => "reconciled",
            Self::Listing => "listing",
            Self::BroadcastsCompared => "broadcasts-compared",
            Self::BroadcastPulled => "broadcast-pulled",
            Self::CustomReply => "custom-reply",
            Self::OtherReply => "other-reply",
        }
    }
}

/// A number of messages and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// Bytes of the datagrams and stream frames that carry them, sealed, without IP, UDP and TCP headers.
    pub bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}

/// Everything all nodes sent, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    counts: [Count; MessageKind::ALL.len()],
    /// Messages to addresses where the node they were meant for does not live any more.
    pub to_dead: Count,
    /// Messages lost on the way: loss, partitions, closed doors.
    pub lost: Count,
    /// Messages longer than a datagram may be that were to travel in one: dropped, and a fault of the machine.
    pub too_long: Count,
}

impl Traffic {
    pub(crate) fn add(&mut self, kind: MessageKind, bytes: usize) {
        self.counts[kind as usize].add(bytes);
    }

    /// Messages of one kind.
    pub fn of(&self, kind: MessageKind) -> Count {
        self.counts[kind as usize]
    }

    /// All messages.
    pub fn total(&self) -> Count {
        self.sum(|_| true)
    }

    /// All requests.
    pub fn requests(&self) -> Count {
        self.sum(MessageKind::is_request)
    }

    fn sum(&self, wanted: impl Fn(MessageKind) -> bool) -> Count {
        let mut sum = Count::default();
        for kind in MessageKind::ALL.into_iter().filter(|kind| wanted(*kind)) {
            sum.messages += self.of(kind).messages;
            sum.bytes += self.of(kind).bytes;
        }
        sum
    }

    /// What was sent after `earlier`, a copy of the same simulation's traffic.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |a: Count, b: Count| Count {
            messages: a.messages.saturating_sub(b.messages),
            bytes: a.bytes.saturating_sub(b.bytes),
        };
        Self {
            counts: std::array::from_fn(|i| less(self.counts[i], earlier.counts[i])),
            to_dead: less(self.to_dead, earlier.to_dead),
            lost: less(self.lost, earlier.lost),
            too_long: less(self.too_long, earlier.too_long),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_counter_and_name() {
        let mut traffic = Traffic::default();
        for (index, kind) in MessageKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{}", kind.name());
            traffic.add(kind, index);
        }
        assert_eq!(traffic.total(), Count { messages: 30, bytes: (0..30).sum() });
        assert_eq!(traffic.requests().messages, 16);
        let earlier = traffic.clone();
        traffic.add(MessageKind::Ping, 50);
        assert_eq!(traffic.since(&earlier).total(), Count { messages: 1, bytes: 50 });
    }
}
