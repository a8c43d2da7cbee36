//! Answering about many records at once: offers, comparisons, listings.

use dht_proto::limits::{BATCH_MAX, FINGERPRINTS_MAX};
use dht_proto::{
    Admission, BatchedOffer, Body, Cell, CellAnswer, Fingerprint, Message, OfferAnswer,
    OfferDetails, Prefix, Purpose, Reply, Slot, Stock, Summary, Terms, Ttl,
};

use super::{Asker, Responder};
use crate::inventory::{Inventory, Shelf};
use crate::stocktaking::Stocktaking;

/// Records listed for one answer: more than fit, as cached copies are left out.
pub(crate) const LIST_PAGE: usize = 2 * BATCH_MAX;

/// What is told of a cell where no better number is known: more than could be listed.
const COUNT_UNKNOWN: u32 = 1_000;

/// Offers that are answered one after the other.
#[derive(Debug, Clone)]
pub(crate) struct OfferBatch {
    purpose: Purpose,
    offers: Vec<BatchedOffer>,
    answers: Vec<OfferAnswer>,
}

impl OfferBatch {
    pub(super) fn new(purpose: Purpose, offers: Vec<BatchedOffer>) -> Self {
        Self { purpose, offers, answers: Vec::new() }
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The first one that has no answer yet.
    pub(crate) fn next(&self) -> Option<&BatchedOffer> {
        self.offers.get(self.answers.len())
    }

    pub(crate) fn answer(&mut self, answer: OfferAnswer) {
        self.answers.push(answer);
    }

    pub(crate) fn reply(self) -> Reply {
        Reply::Offered { answers: self.answers }
    }
}

/// A comparison under way.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    cells: Vec<Cell>,
    step: Step,
}

#[derive(Debug, Clone)]
enum Step {
    /// Digests are compared.
    Counting(Stocktaking),
    /// What is behind those that differ is looked up: of the cells without an answer.
    Listing(Vec<Option<CellAnswer>>, Inventory),
}

/// What a comparison needs of our own store next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// How much it holds in these parts.
    Stock(Vec<Prefix>),
    /// So many records, from a slot on.
    Page(Slot, usize),
}

/// What came of a comparison.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) answers: Vec<CellAnswer>,
    /// Cells where both hold the same.
    pub(crate) same: Vec<Prefix>,
    /// Cells where we hold something, and not the same.
    pub(crate) differ: Vec<Prefix>,
}

impl Comparison {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        let step = Step::Counting(Stocktaking::new(cells.iter().map(|cell| cell.prefix)));
        Self { cells, step }
    }

    /// The next look at our own store; `None` if all is known.
    pub(crate) fn next(&mut self) -> Option<Look> {
        if let Step::Counting(taking) = &self.step {
            if let Some(parts) = taking.next() {
                return Some(Look::Stock(parts));
            }
            self.step = self.listing(&taking.clone().into_stocks());
        }
        match &self.step {
            Step::Listing(_, inventory) => {
                inventory.next_page().map(|(from, limit)| Look::Page(from, limit))
            }
            Step::Counting(_) => None,
        }
    }

    pub(crate) fn take_stock(&mut self, stocks: &[Stock]) {
        if let Step::Counting(taking) = &mut self.step {
            taking.take(stocks);
        }
    }

    pub(crate) fn take_page(&mut self, page: &[Summary]) {
        if let Step::Listing(_, inventory) = &mut self.step {
            inventory.take(page);
        }
    }

    fn listing(&self, stocks: &[(Prefix, Stock)]) -> Step {
        let pairs = self.cells.iter().zip(stocks);
        let answers: Vec<_> = pairs.map(|(cell, (_, stock))| compare(cell, *stock)).collect();
        let open = stocks.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        let parts = open.map(|((part, stock), _)| (*part, stock.records()));
        let inventory = Inventory::new(parts, false);
        Step::Listing(answers, inventory)
    }

    pub(crate) fn finish(self) -> Compared {
        let (answers, inventory) = match self.step {
            Step::Listing(answers, inventory) => (answers, inventory),
            Step::Counting(_) => (vec![None; self.cells.len()], Inventory::new([], false)),
        };
        let mut shelves = inventory.into_shelves().into_iter();
        let mut listed = || shelves.next().and_then(Shelf::into_fingerprints);
        let of_shelf = |held: Vec<Fingerprint>| CellAnswer::Differs { held };
        let answers: Vec<CellAnswer> = answers
            .into_iter()
            .map(|told| told.or_else(|| listed().map(of_shelf)))
            // More has come meanwhile, or there are very many cached copies between.
            .map(|told| told.unwrap_or(CellAnswer::TooMany { count: COUNT_UNKNOWN }))
            .collect();
        let (mut same, mut differ) = (Vec::new(), Vec::new());
        for (cell, answer) in self.cells.iter().zip(&answers) {
            match answer {
                CellAnswer::Same => same.push(cell.prefix),
                CellAnswer::Differs { held } if held.is_empty() => {}
                CellAnswer::Differs { .. } | CellAnswer::TooMany { .. } => differ.push(cell.prefix),
            }
        }
        Compared { answers, same, differ }
    }
}

/// How a cell compares with what our own store told of it; `None` if that takes a list of what is there.
fn compare(cell: &Cell, stock: Stock) -> Option<CellAnswer> {
    let count = u32::try_from(stock.records()).unwrap_or(u32::MAX).max(1);
    match stock {
        Stock::Whole { digest, .. } if digest == cell.digest => Some(CellAnswer::Same),
        Stock::Whole { records: 0, .. } => Some(CellAnswer::Differs { held: Vec::new() }),
        Stock::Whole { records, .. } if records <= FINGERPRINTS_MAX => None,
        Stock::Whole { .. } | Stock::AtLeast { .. } => Some(CellAnswer::TooMany { count }),
    }
}

impl Responder<'_> {
    /// What an offer would be in our store and on which terms, or the answer that needs no look at the store.
    pub(crate) fn weigh(
        &self,
        asker: &Asker,
        offer: &BatchedOffer,
        purpose: Purpose,
    ) -> Result<(Summary, Terms), OfferAnswer> {
        let terms = self.terms(asker, offer.ttl, purpose, None);
        self.incoming(&offer.details, terms).map_err(OfferAnswer::Refused)
    }

    /// The answer to an offer, beside what our store has, and the terms for what it has, if they change.
    pub(crate) fn judge(
        existing: Option<&Summary>,
        incoming: &Summary,
        terms: &Terms,
    ) -> (OfferAnswer, Option<Terms>) {
        match dht_proto::admit(existing, incoming, terms) {
            Ok(Admission::Insert) => (OfferAnswer::Wanted, None),
            Ok(Admission::Keep) => (OfferAnswer::Have, None),
            Ok(Admission::Renew { .. }) => {
                (OfferAnswer::Have, Some(Terms { expected: None, ..*terms }))
            }
            Err(refusal) => (OfferAnswer::Refused(refusal), None),
        }
    }

    /// Tells how cells compare, as much as there is room for.
    pub(crate) fn reconciled(&self, asker: &Asker, answers: Vec<CellAnswer>) -> Reply {
        let mut message = self.message(asker, Reply::Reconciled { cells: answers });
        message.shorten_cells(asker.budget);
        reply_of(message)
    }

    /// Tells what our store listed.
    pub(crate) fn listing(&self, asker: &Asker, page: &[Summary]) -> Reply {
        let held = page.iter().filter(|summary| !summary.custody.is_cached());
        let offers = held.filter_map(|summary| {
            let ttl = Ttl::left(self.now, summary.expires)?;
            Some(BatchedOffer { details: OfferDetails::of_summary(summary), ttl })
        });
        let mut entries: Vec<BatchedOffer> = offers.collect();
        let empty = self.message(asker, Reply::Listing { entries: Vec::new(), next: None });
        let count = empty.batch_that_fits(&entries, asker.budget);
        let left_out = entries.get(count).map(|offer| offer.details.slot);
        let is_full = page.len() >= LIST_PAGE;
        let beyond = page.last().filter(|_| is_full).and_then(|last| last.slot.next());
        let next: Option<Slot> = left_out.or(beyond);
        entries.truncate(count);
        Reply::Listing { entries, next }
    }
}

fn reply_of(message: Message) -> Reply {
    match message.body {
        Body::Reply(reply) => reply,
        // It was made of a reply.
        Body::Request(_) => Reply::Reconciled { cells: Vec::new() },
    }
}
