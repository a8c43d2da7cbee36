//! One turn towards one partner: cells are compared, what it lacks is offered, and what it wants is sent.
//!
//! What the partner holds and we lack is left to its own turn: each copy has one sender.
//!
//! *Invariant:* a holder's copy goes out with what is left of its life, for [`Purpose::Replicate`], and cached
//! copies never do.

use std::collections::{BTreeMap, VecDeque};

use dht_proto::limits::{CELLS_MAX, FINGERPRINTS_MAX, VALUE_MAX};
use dht_proto::{
    BatchedOffer, Body, Cell, CellAnswer, Contact, Fingerprint, Held, Load, Message, OfferAnswer,
    OfferDetails, Prefix, Purpose, Refusal, Reply, Request, RequestId, Stock, Summary, Ttl,
};

use super::{Ending, Happened, Order, Scene, TRIES};
use crate::inventory::{DETAILS_MAX as LISTED_MAX, Inventory};
use crate::keeping::{Errand, TurnReport};
use crate::pacer::Priority;
use crate::stocktaking::Stocktaking;

/// Records on their way at once.
const SENDING_MAX: usize = 8;
/// Records that may be refused or fail to arrive before the turn is given up.
const FAILURES_MAX: usize = 3;
/// Bits by which a cell with too many records is split at once.
const SPLIT_BITS: usize = 4;
/// A record that ends so soon is not worth sending.
const WORTH_SECONDS: u32 = 10;

/// What is waited for.
#[derive(Debug, Clone)]
enum Step {
    /// Our own store tells how much it holds.
    Counting(Stocktaking),
    /// The partner compares. Beside each cell, how much we hold there.
    Comparing(Vec<(Prefix, usize)>),
    /// Our own store tells what it holds where the partner holds something else, and what that is.
    Listing(Inventory, Vec<Vec<Fingerprint>>),
    Offering(Vec<Summary>),
    Delivering,
}

/// A turn.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    partner: Contact,
    errand: Errand,
    /// Cells to compare, each with the number of fingerprints that are likely to come back.
    work: BTreeMap<Prefix, usize>,
    step: Step,
    offers: VecDeque<Summary>,
    wanted: VecDeque<Summary>,
    loading: Option<Summary>,
    sending: usize,
    failures: usize,
    report: TurnReport,
}

impl Turn {
    pub(crate) fn new(
        partner: Contact,
        cells: impl IntoIterator<Item = Prefix>,
        errand: Errand,
    ) -> Self {
        Self {
            partner,
            errand,
            work: cells.into_iter().map(|cell| (cell, 0)).collect(),
            step: Step::Delivering,
            offers: VecDeque::new(),
            wanted: VecDeque::new(),
            loading: None,
            sending: 0,
            failures: 0,
            report: TurnReport::towards(partner.id(), errand),
        }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match happened {
            Happened::StockTaken(stocks) => self.counted(scene, &stocks),
            Happened::Listed(page) => self.listed(scene, &page),
            Happened::Replied { reply, .. } => self.replied(scene, reply),
            Happened::Loaded(found) => self.loaded(scene, found),
            Happened::Failed(_) if matches!(self.step, Step::Delivering) => {
                self.sending = self.sending.saturating_sub(1);
                self.failures += 1;
            }
            Happened::Failed(_) => return self.finish(scene, false),
            _ => {}
        }
        if self.failures >= FAILURES_MAX {
            return self.finish(scene, false);
        }
        if matches!(self.step, Step::Delivering) {
            self.deliver(scene);
        }
    }

    fn counted(&mut self, scene: &mut Scene<'_>, stocks: &[Stock]) {
        let Step::Counting(taking) = &mut self.step else { return };
        taking.take(stocks);
        if let Some(parts) = taking.next() {
            return scene.order(Order::TakeStock { parts });
        }
        let Step::Counting(taking) = std::mem::replace(&mut self.step, Step::Delivering) else {
            return;
        };
        if taking.has_failed() {
            // What our own store holds is for a turn when it can tell.
            self.failures = FAILURES_MAX;
            return;
        }
        let (mut cells, mut counts) = (Vec::new(), Vec::new());
        for (prefix, stock) in taking.into_stocks() {
            match stock {
                Stock::Whole { digest, records } => {
                    cells.push(Cell { prefix, digest });
                    counts.push((prefix, records));
                }
                Stock::AtLeast { records: 0 } => drop(self.work.insert(prefix, 0)),
                Stock::AtLeast { .. } => self.split(prefix),
            }
        }
        if counts.iter().all(|(_, records)| *records == 0) {
            return;
        }
        let empty = message(scene, Request::Reconcile { cells: Vec::new() });
        cells.truncate(empty.cells_that_fit(&cells).max(1));
        self.work.extend(counts.drain(cells.len()..).map(|(prefix, _)| (prefix, 0)));
        self.step = Step::Comparing(counts);
        self.ask(scene, self.errand.priority(), Request::Reconcile { cells });
    }

    fn listed(&mut self, scene: &mut Scene<'_>, page: &[Summary]) {
        let Step::Listing(inventory, _) = &mut self.step else { return };
        inventory.take(page);
        if let Some((from, limit)) = inventory.next_page() {
            return scene.order(Order::List { from, limit });
        }
        let step = std::mem::replace(&mut self.step, Step::Delivering);
        let Step::Listing(inventory, held) = step else { return };
        for (shelf, held) in inventory.into_shelves().into_iter().zip(held) {
            match shelf.lacked_by(&held) {
                Some(lacked) => self.offers.extend(lacked),
                None => self.split(shelf.prefix()),
            }
        }
        self.offers.retain(|summary| is_worth(scene, summary));
    }

    fn replied(&mut self, scene: &mut Scene<'_>, reply: Reply) {
        match (std::mem::replace(&mut self.step, Step::Delivering), reply) {
            (Step::Comparing(counts), Reply::Reconciled { cells }) => {
                self.report.answered = true;
                self.compared(scene, counts, cells);
            }
            (Step::Offering(offered), Reply::Offered { answers }) => {
                for (summary, answer) in offered.into_iter().zip(answers) {
                    match answer {
                        OfferAnswer::Wanted => self.wanted.push_back(summary),
                        OfferAnswer::Have => {}
                        OfferAnswer::Refused(refusal) => self.refused(&refusal),
                    }
                }
            }
            (Step::Delivering, Reply::Stored { .. }) => {
                self.sending = self.sending.saturating_sub(1);
                self.report.delivered += 1;
            }
            (Step::Delivering, Reply::Refused { refusal, .. }) => {
                self.sending = self.sending.saturating_sub(1);
                self.refused(&refusal);
            }
            // It is too busy, or does not understand: the rest is for another turn.
            _ => self.failures = FAILURES_MAX,
        }
        self.offers.retain(|summary| is_worth(scene, summary));
    }

    fn refused(&mut self, refusal: &Refusal) {
        // A newer version is no reluctance, nor is a name that others hold otherwise.
        let is_reluctant = matches!(
            refusal,
            Refusal::Full | Refusal::TooLarge { .. } | Refusal::NotStoring | Refusal::Policy { .. }
        );
        self.report.refused += usize::from(is_reluctant);
        self.failures += usize::from(is_reluctant);
    }

    fn compared(
        &mut self,
        scene: &mut Scene<'_>,
        counts: Vec<(Prefix, usize)>,
        answers: Vec<CellAnswer>,
    ) {
        let alone = counts.len() == 1;
        let (mut differing, mut theirs) = (Vec::new(), Vec::new());
        for ((prefix, records), answer) in counts.into_iter().zip(answers) {
            match answer {
                CellAnswer::Same => {}
                CellAnswer::Differs { .. } if records == 0 => {}
                CellAnswer::Differs { .. } if records > LISTED_MAX => self.split(prefix),
                CellAnswer::Differs { held } => {
                    differing.push((prefix, records));
                    theirs.push(held);
                }
                CellAnswer::TooMany { count } => {
                    let count = usize::try_from(count).unwrap_or(usize::MAX);
                    if count <= FINGERPRINTS_MAX && !alone {
                        // It had no room to tell: asked about with fewer others, it will.
                        self.work.insert(prefix, count);
                    } else {
                        self.split(prefix);
                    }
                }
            }
        }
        let inventory = Inventory::new(differing, true);
        if let Some((from, limit)) = inventory.next_page() {
            self.step = Step::Listing(inventory, theirs);
            scene.order(Order::List { from, limit });
        }
    }

    fn split(&mut self, cell: Prefix) {
        let mut parts = vec![cell];
        for _ in 0..SPLIT_BITS {
            let halves = |part: Prefix| [part.child(false), part.child(true)];
            parts = parts.into_iter().flat_map(halves).flatten().collect();
        }
        self.work.extend(parts.into_iter().map(|part| (part, 0)));
    }

    fn deliver(&mut self, scene: &mut Scene<'_>) {
        if self.loading.is_none() && self.sending < SENDING_MAX {
            while let Some(summary) = self.wanted.pop_front() {
                if is_worth(scene, &summary) {
                    self.loading = Some(summary);
                    let (key, kinds) = (summary.slot.key, summary.slot.kind.into());
                    return scene.order(Order::Load { key, kinds, whole_up_to: VALUE_MAX });
                }
            }
        }
        if self.loading.is_some() || self.sending > 0 || !self.wanted.is_empty() {
            return;
        }
        if !self.offers.is_empty() {
            self.offer(scene);
        } else if self.work.is_empty() {
            self.finish(scene, true);
        } else {
            self.count(scene);
        }
    }

    /// Offers as many records as fit.
    fn offer(&mut self, scene: &mut Scene<'_>) {
        let offers: Vec<BatchedOffer> =
            self.offers.iter().filter_map(|summary| offer_of(scene, summary)).collect();
        let purpose = Purpose::Replicate;
        let empty = message(scene, Request::OfferMany { purpose, offers: Vec::new() });
        let count = empty.batch_that_fits(&offers, usize::MAX).max(1);
        let offered: Vec<Summary> = self.offers.drain(..count.min(self.offers.len())).collect();
        let offers = offers.into_iter().take(count).collect();
        self.step = Step::Offering(offered);
        self.ask(scene, self.errand.priority(), Request::OfferMany { purpose, offers });
    }

    fn count(&mut self, scene: &mut Scene<'_>) {
        let (mut cells, mut expected) = (Vec::new(), 0);
        while let Some((_, weight)) = self.work.first_key_value() {
            expected += weight;
            if !cells.is_empty() && (expected > FINGERPRINTS_MAX || cells.len() >= CELLS_MAX) {
                break;
            }
            cells.extend(self.work.pop_first().map(|(cell, _)| cell));
        }
        let taking = Stocktaking::new(cells);
        if let Some(parts) = taking.next() {
            self.step = Step::Counting(taking);
            scene.order(Order::TakeStock { parts });
        }
    }

    fn loaded(&mut self, scene: &mut Scene<'_>, found: Option<Held>) {
        let Some(summary) = self.loading.take() else { return };
        let same = found.filter(|held| held.summary.is_same_value(&summary));
        let Some((record, held)) = same.and_then(|held| Some((held.record?, held.summary))) else {
            return;
        };
        let Some(ttl) = Ttl::left(scene.now, held.expires) else { return };
        self.sending += 1;
        let purpose = Purpose::Replicate;
        let priority = self.errand.priority().min(Priority::Bytes);
        self.ask(scene, priority, Request::Store { record, ttl, purpose, expected: None });
    }

    fn ask(&self, scene: &mut Scene<'_>, priority: Priority, request: Request) {
        let to = self.partner;
        scene.order(Order::AskInTurn { priority, to, request, tries: TRIES });
    }

    fn finish(&mut self, scene: &mut Scene<'_>, complete: bool) {
        self.report.complete = complete;
        scene.order(Order::Finish(Ending::Turn(self.report)));
    }
}

fn is_worth(scene: &Scene<'_>, summary: &Summary) -> bool {
    Ttl::left(scene.now, summary.expires).is_some_and(|ttl| ttl.as_secs() >= WORTH_SECONDS)
}

fn offer_of(scene: &Scene<'_>, summary: &Summary) -> Option<BatchedOffer> {
    let ttl = Ttl::left(scene.now, summary.expires)?;
    Some(BatchedOffer { details: OfferDetails::of_summary(summary), ttl })
}

/// The message that would carry a request, to see what fits.
pub(super) fn message(scene: &Scene<'_>, request: Request) -> Message {
    let (role, families) = (scene.config.role, scene.config.families);
    Message {
        role,
        families,
        load: Load::NONE,
        id: RequestId(u64::MAX),
        body: Body::Request(request),
    }
}
