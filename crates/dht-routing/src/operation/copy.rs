//! Leaving a copy of a large record with a node that wants one: an offer, and the record if it is taken.

use dht_proto::{Contact, OfferDetails, Purpose, Record, Reply, Request, Ttl};

use super::{Ending, Happened, Order, Scene};

/// A copy on its way.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    to: Contact,
    record: Record,
    ttl: Ttl,
}

impl Copy {
    pub(crate) fn new(to: Contact, record: Record, ttl: Ttl) -> Self {
        Self { to, record, ttl }
    }

    pub(crate) fn handle(&self, scene: &mut Scene<'_>, happened: &Happened) {
        let (ttl, purpose, expected) = (self.ttl, Purpose::Cache, None);
        match happened {
            Happened::Started => {
                let details = OfferDetails::of(&self.record);
                scene.ask(self.to, Request::Offer { details, ttl, purpose, expected }, 1);
            }
            Happened::Replied { reply: Reply::Wanted { .. }, .. } => {
                let record = self.record.clone();
                scene.ask(self.to, Request::Store { record, ttl, purpose, expected }, 1);
            }
            Happened::Replied { .. } | Happened::Failed(_) => {
                scene.order(Order::Finish(Ending::Quiet));
            }
            _ => {}
        }
    }
}
