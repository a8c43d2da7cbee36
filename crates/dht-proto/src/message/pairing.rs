//! Which replies a request may get.

use super::{Reply, Request};

impl Request {
    /// Whether a node is the same after it, however often it comes. What is not must be fresh to be taken.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Ping
            | Self::FindNode { .. }
            | Self::Fetch { .. }
            | Self::Download { .. }
            | Self::Inspect
            | Self::List { .. }
            // A broadcast has an id and a time of its own.
            | Self::Broadcast { .. }
            | Self::CompareBroadcasts { .. }
            | Self::PullBroadcast { .. } => true,
            Self::Offer { .. }
            | Self::Store { .. }
            | Self::OfferMany { .. }
            | Self::Reconcile { .. }
            | Self::Custom { .. } => false,
        }
    }

    /// Whether `reply` is one of those that the request may get. It answers all of what was asked, and a
    /// listing leads on from where it was asked for; contacts in it are for the asker to judge.
    pub fn accepts(&self, reply: &Reply) -> bool {
        match (self, reply) {
            (_, Reply::Error { .. })
            | (Self::Ping, Reply::Pong { .. })
            | (Self::FindNode { .. }, Reply::Nodes { .. })
            | (
                Self::Fetch { .. },
                Reply::Found { .. }
                | Reply::Held { .. }
                | Reply::Nodes { .. }
                | Reply::Wanting { .. },
            )
            | (
                Self::Offer { .. },
                Reply::Wanted { .. } | Reply::Have { .. } | Reply::Refused { .. },
            )
            | (Self::Store { .. }, Reply::Stored { .. } | Reply::Refused { .. })
            | (Self::Download { .. }, Reply::Found { .. } | Reply::Nodes { .. })
            | (Self::Inspect, Reply::Inspection(_))
            | (Self::Custom { .. }, Reply::Custom { .. })
            // Only what an application may be asked about takes time.
            | (
                Self::Offer { .. }
                | Self::Store { .. }
                | Self::OfferMany { .. }
                | Self::Custom { .. },
                Reply::Pending,
            ) => true,
            (Self::OfferMany { offers, .. }, Reply::Offered { answers }) => {
                offers.len() == answers.len()
            }
            (Self::Reconcile { cells }, Reply::Reconciled { cells: answers }) => {
                cells.len() == answers.len()
            }
            // Slots ascend within a listing, so the first one tells.
            (Self::List { from }, Reply::Listing { entries, next }) => {
                entries.first().is_none_or(|first| first.details.slot >= *from)
                    && next.is_none_or(|next| next > *from)
            }
            (Self::Broadcast { .. }, Reply::BroadcastsCompared { verdicts, .. }) => {
                verdicts.len() == 1
            }
            (Self::CompareBroadcasts { held, .. }, Reply::BroadcastsCompared { verdicts, .. }) => {
                verdicts.len() == held.len()
            }
            (Self::PullBroadcast { id }, Reply::BroadcastPulled { broadcast }) => {
                broadcast.as_ref().is_none_or(|broadcast| broadcast.id() == *id)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Reply, Request};
    use crate::{
        AuthorSecret, BatchedOffer, Broadcast, BroadcastId, BroadcastVerdict, Cell, CellAnswer,
        CellDigest, Key, Kind, OfferAnswer, OfferDetails, Prefix, Purpose, Record, SentAt, Slot,
        Ttl, Value,
    };

    fn slot(byte: u8) -> Slot {
        Slot { key: Key::from_bytes([byte; 32]), kind: Kind::Named }
    }

    fn offer(byte: u8) -> BatchedOffer {
        let details = OfferDetails::of(&Record::at(slot(byte).key, Value::default()));
        BatchedOffer { details, ttl: Ttl::default() }
    }

    #[test]
    fn every_offer_has_its_answer() {
        let offers = vec![offer(1), offer(2)];
        let request = Request::OfferMany { purpose: Purpose::Publish, offers };
        let offered = |count| Reply::Offered { answers: vec![OfferAnswer::Have; count] };
        assert!(request.accepts(&offered(2)));
        assert!(!request.accepts(&offered(1)) && !request.accepts(&offered(3)));
        assert!(!request.accepts(&Reply::Have { closer: Vec::new() }));
        assert!(!Request::Ping.accepts(&offered(2)));
    }

    #[test]
    fn every_cell_has_its_answer() {
        let cell = Cell { prefix: Prefix::ALL, digest: CellDigest::of([]) };
        let request = Request::Reconcile { cells: vec![cell] };
        let reconciled = |count| Reply::Reconciled { cells: vec![CellAnswer::Same; count] };
        assert!(request.accepts(&reconciled(1)));
        assert!(!request.accepts(&reconciled(0)) && !request.accepts(&reconciled(2)));
    }

    #[test]
    fn a_listing_leads_on_from_where_it_was_asked_for() {
        let request = Request::List { from: slot(5) };
        let listing = |entries, next| Reply::Listing { entries, next };
        assert!(request.accepts(&listing(vec![offer(5), offer(6)], Some(slot(7)))));
        assert!(request.accepts(&listing(Vec::new(), None)));
        assert!(!request.accepts(&listing(vec![offer(4)], None)), "it was not asked for");
        assert!(!request.accepts(&listing(Vec::new(), Some(slot(5)))), "it would never end");
        assert!(!request.accepts(&Reply::Nodes { closer: Vec::new() }));
    }

    #[test]
    fn only_what_an_application_is_asked_about_may_be_told_to_wait() {
        let record = Record::at(slot(1).key, Value::default());
        let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
        let store = Request::Store { record, ttl, purpose, expected: None };
        let custom = Request::Custom { payload: bytes::Bytes::new() };
        assert!(store.accepts(&Reply::Pending) && custom.accepts(&Reply::Pending));
        assert!(!Request::Ping.accepts(&Reply::Pending));
        assert!(!store.accepts(&Reply::Custom { payload: bytes::Bytes::new() }));
    }

    #[test]
    fn every_broadcast_that_was_compared_has_its_verdict() {
        let id = |byte| BroadcastId::from_bytes([byte; 16]);
        let request = Request::CompareBroadcasts { held: vec![id(1), id(2)], skip: 0 };
        let compared = |count| Reply::BroadcastsCompared {
            verdicts: vec![BroadcastVerdict::Have; count],
            more: Vec::new(),
        };
        assert!(request.accepts(&compared(2)));
        assert!(!request.accepts(&compared(1)) && !request.accepts(&compared(3)));
        let broadcast = Arc::new(broadcast());
        let request = Request::Broadcast { broadcast, depth: 0 };
        assert!(request.accepts(&compared(1)) && !request.accepts(&compared(0)));
    }

    #[test]
    fn a_broadcast_that_is_pulled_is_the_one_that_was_asked_for() {
        let broadcast = Arc::new(broadcast());
        let request = Request::PullBroadcast { id: broadcast.id() };
        assert!(request.accepts(&Reply::BroadcastPulled { broadcast: None }));
        let other = Request::PullBroadcast { id: BroadcastId::from_bytes([0; 16]) };
        let pulled = Reply::BroadcastPulled { broadcast: Some(broadcast) };
        assert!(request.accepts(&pulled) && !other.accepts(&pulled));
    }

    fn broadcast() -> Broadcast {
        let secret = AuthorSecret::from_seed(&[1; 32]);
        Broadcast::sign(&secret, crate::NetworkId(0), SentAt(0), "hello".into()).unwrap()
    }

    #[test]
    fn any_request_may_end_in_an_error() {
        let error = Reply::Error { code: crate::ErrorCode::Unwilling, text: String::new() };
        assert!(Request::Ping.accepts(&error) && Request::List { from: slot(1) }.accepts(&error));
    }
}
