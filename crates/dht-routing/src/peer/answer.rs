//! Answers that need many looks at our own store: one after the other, until the reply is whole.

use dht_proto::{Contact, Moment, OfferAnswer, Prefix, Refusal, Stock, Summary};

use super::{Effect, Peer};
use crate::application::Offered;
use crate::responder::{Asker, Comparison, LIST_PAGE, Look, Lookout, OfferBatch, Waiting};
use crate::stocktaking::EFFORT;
use crate::{Output, Route, Ticket};

impl Peer {
    /// Takes the next look that an answer needs, or gives it.
    pub(super) fn look(&mut self, now: Moment, asker: Asker, waiting: Waiting) {
        match waiting {
            Waiting::Offered(batch) => self.look_for_offer(now, asker, batch),
            Waiting::Compared(comparison) => self.look_through(now, asker, comparison),
            Waiting::Listed(from) => {
                let lookout = Lookout { asker, then: Waiting::Listed(from) };
                let ticket = self.ticket(Effect::Answer(Box::new(lookout)));
                self.put(Output::List { ticket, from, limit: LIST_PAGE });
            }
            Waiting::Loaded(_) | Waiting::Weighed(..) | Waiting::Saved(_) => {}
        }
    }

    /// Our own store listed what an answer needs.
    pub(super) fn looked(&mut self, now: Moment, lookout: Lookout, page: &[Summary]) {
        let Lookout { asker, then } = lookout;
        match then {
            Waiting::Compared(mut comparison) => {
                comparison.take_page(page);
                self.look_through(now, asker, comparison);
            }
            Waiting::Listed(_) => {
                let reply = self.responder(now).listing(&asker, page);
                self.reply(&asker, reply);
            }
            _ => {}
        }
    }

    /// Our own store told what it would do with a record that is offered.
    pub(super) fn weighed_in_store(
        &mut self,
        now: Moment,
        ticket: Ticket,
        existing: Option<Summary>,
        result: Result<(), Refusal>,
    ) {
        let Some(Effect::Answer(lookout)) = self.effects.remove(&ticket) else { return };
        let Lookout { asker, then } = *lookout;
        // What else is refused, but for want of room, is for the application to hear of.
        let refusal = result.err().filter(is_for_want_of_room);
        match (then, refusal) {
            (Waiting::Weighed(incoming, _), Some(refusal)) => {
                let reply = self.responder(now).refused(&asker, &incoming.slot.key, refusal);
                self.answer(now, &asker, reply);
            }
            (Waiting::Weighed(incoming, terms), None) => {
                let (incoming, terms) = (*incoming, *terms);
                let offered = Offered { asker, incoming, terms, existing };
                if let Some(offered) = self.weigh_offer(now, offered) {
                    self.offer_weighed(now, &offered);
                }
            }
            (Waiting::Offered(mut batch), Some(refusal)) => {
                batch.answer(OfferAnswer::Refused(refusal));
                self.look_for_offer(now, asker, batch);
            }
            (Waiting::Offered(batch), None) => self.looked_for_offer(now, (asker, batch), existing),
            _ => {}
        }
    }

    /// Our own store has room for the offer that is next, and told what it has in its slot.
    fn looked_for_offer(
        &mut self,
        now: Moment,
        (asker, mut batch): (Asker, OfferBatch),
        existing: Option<Summary>,
    ) {
        let Some(offer) = batch.next().copied() else { return };
        match self.responder(now).weigh(&asker, &offer, batch.purpose()) {
            Err(answer) => {
                batch.answer(answer);
                self.look_for_offer(now, asker, batch);
            }
            Ok((incoming, terms)) => {
                let offered = Offered { asker, incoming, terms, existing };
                if let Some((offered, batch)) = self.weigh_batch(now, offered, batch) {
                    self.batch_weighed(now, &offered, batch);
                }
            }
        }
    }

    /// Our own store told how much it holds in the parts that an answer compares.
    pub(super) fn compare(&mut self, now: Moment, lookout: Lookout, stocks: &[Stock]) {
        let Lookout { asker, then: Waiting::Compared(mut comparison) } = lookout else { return };
        comparison.take_stock(stocks);
        self.look_through(now, asker, comparison);
    }

    pub(super) fn look_for_offer(&mut self, now: Moment, asker: Asker, mut batch: OfferBatch) {
        let purpose = batch.purpose();
        while let Some(offer) = batch.next() {
            match self.responder(now).weigh(&asker, offer, purpose) {
                Err(answer) => batch.answer(answer),
                Ok((incoming, terms)) => {
                    let lookout = Lookout { asker, then: Waiting::Offered(batch) };
                    let ticket = self.ticket(Effect::Answer(Box::new(lookout)));
                    let (incoming, terms) = (Box::new(incoming), Box::new(terms));
                    return self.put(Output::Weigh { ticket, incoming, terms });
                }
            }
        }
        let reply = batch.reply();
        self.answer(now, &asker, reply);
    }

    fn look_through(&mut self, now: Moment, asker: Asker, mut comparison: Comparison) {
        if let Some(look) = comparison.next() {
            let lookout = Lookout { asker, then: Waiting::Compared(comparison) };
            let ticket = self.ticket(Effect::Answer(Box::new(lookout)));
            return self.put(match look {
                Look::Stock(parts) => Output::TakeStock { ticket, parts, effort: EFFORT },
                Look::Page(from, limit) => Output::List { ticket, from, limit },
            });
        }
        let compared = comparison.finish();
        self.visited(now, &asker, (&compared.same, &compared.differ));
        let reply = self.responder(now).reconciled(&asker, compared.answers);
        self.reply(&asker, reply);
    }

    /// A node compared what it holds with us. Whether it is to hold what we hold is for our table to say.
    fn visited(&mut self, now: Moment, asker: &Asker, (same, differ): (&[Prefix], &[Prefix])) {
        let Route::Datagram(contact) = asker.route else { return };
        if self.table.entry_of(&contact.node).is_none_or(|entry| entry.addr() != contact.addr) {
            return;
        }
        let whom: (&Contact, usize) = (&contact, self.config.k);
        let is_to_hold = |part: &&Prefix| crate::neighbourhood::is_to_hold(&self.table, part, whom);
        let differ: Vec<Prefix> = differ.iter().filter(is_to_hold).copied().collect();
        let parts = (same, differ.as_slice());
        self.keeping.visited(now, contact, parts, (&self.config, &mut self.random));
    }
}

/// Whether a record is refused for what it takes, and not for what it is.
fn is_for_want_of_room(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Full | Refusal::TooLarge { .. })
}
