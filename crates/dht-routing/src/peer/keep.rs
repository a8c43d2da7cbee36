//! The upkeep of records: turns that are due, requests that the budget has room for, and what came of them.

use dht_proto::{Contact, Moment, Role, Slot, Stock, Summary};

use super::{Audience, Effect, Peer};
use crate::keeping::{Farewell, Task, TurnReport};
use crate::mirror::{MirrorProgress, VisitReport};
use crate::neighbourhood::Neighbourhood;
use crate::operation::{Happened, Operation, Renewal, Turn, Visit};
use crate::publication::RoundReport;
use crate::requests::Owner;
use crate::{Event, OperationId, Outcome, Output, Ticket};

impl Peer {
    /// How far we are as a mirror; `None` if we are none ([`ConfigBuilder::mirror`](crate::ConfigBuilder::mirror)).
    pub fn mirror(&self, now: Moment) -> Option<MirrorProgress> {
        self.mirroring.as_ref().map(|mirroring| mirroring.progress(now))
    }

    /// We have joined, or were found: the upkeep of records begins in a while.
    pub(super) fn awake(&mut self, now: Moment) {
        self.keeping.awake(now, &mut self.random);
        self.publications.awake(now, &mut self.random);
        if let Some(mirroring) = &mut self.mirroring {
            mirroring.awake(now, &mut self.random);
        }
    }

    pub(super) fn keeping_due(&mut self, now: Moment) {
        let down = self.table.is_empty() || self.maintenance.is_cut_off(self.hearing.last());
        while let Some(task) = self.keeping.pop_due(now, down, (&self.config, &mut self.random)) {
            match task {
                Task::Sweep => {
                    self.forget_demand(now);
                    // Where nothing is held there is nothing to compare.
                    let ticket = self.ticket(Effect::Sweep);
                    self.put(Output::List { ticket, from: Slot::FIRST, limit: 1 });
                }
                Task::Turn { contact, cells, errand } => {
                    let turn = Turn::new(contact, cells, errand);
                    self.start(now, Operation::Turn(Box::new(turn)), Audience::Upkeep);
                }
                Task::Farewell(farewell) => self.left(farewell),
            }
        }
        // Where the network is only ourselves, our own copies are all there is to see to.
        if self.publications.pop_due(now, down && !self.table.is_empty()) {
            let renewal = Operation::Renewal(Box::new(Renewal::new()));
            self.start(now, renewal, Audience::Upkeep);
        }
        let mirroring = self.mirroring.as_mut().filter(|_| !self.keeping.is_leaving());
        if let Some(itinerary) = mirroring.and_then(|mirroring| mirroring.pop_due(now, down)) {
            let visit = Operation::Visit(Box::new(Visit::new(itinerary)));
            self.start(now, visit, Audience::Upkeep);
        }
        while let Some(waiting) = self.pacer.pop(now) {
            self.upkeep.requests += 1;
            let owner = Owner::Operation(waiting.operation);
            self.send_request(now, waiting.to, waiting.request, owner, waiting.tries);
        }
    }

    /// When a mirror is to look at a part of the space. Whoever leaves does not look any more.
    pub(super) fn next_visit_due(&self) -> Option<Moment> {
        let mirroring = self.mirroring.as_ref().filter(|_| !self.keeping.is_leaving());
        mirroring.and_then(|mirroring| mirroring.next_due())
    }

    pub(super) fn listed(&mut self, now: Moment, ticket: Ticket, entries: Vec<Summary>) {
        match self.effects.remove(&ticket) {
            Some(Effect::Operation(id)) => self.tell(now, id, Happened::Listed(entries)),
            Some(Effect::Answer(lookout)) => self.looked(now, *lookout, &entries),
            Some(Effect::Sweep) => self.sweep(now, entries.is_empty()),
            Some(Effect::Delivery { .. } | Effect::Weigh(_)) | None => {}
        }
    }

    pub(super) fn stock_taken(&mut self, now: Moment, ticket: Ticket, stocks: Vec<Stock>) {
        match self.effects.remove(&ticket) {
            Some(Effect::Operation(id)) => self.tell(now, id, Happened::StockTaken(stocks)),
            Some(Effect::Answer(lookout)) => self.compare(now, *lookout, &stocks),
            Some(Effect::Sweep | Effect::Delivery { .. } | Effect::Weigh(_)) | None => {}
        }
    }

    fn sweep(&mut self, now: Moment, holds_nothing: bool) {
        let k = self.config.k;
        let partners = if holds_nothing || self.config.role == Role::Client {
            self.neighbourhood = None;
            Vec::new()
        } else {
            let mut kept = Neighbourhood::of(&self.table, self.local.id(), k);
            if let Some(earlier) = &self.neighbourhood {
                kept = kept.after(earlier);
            }
            let partners = kept.partners(&self.table, self.local.id(), k);
            self.neighbourhood = Some(Box::new(kept));
            partners
        };
        self.keeping.swept(now, partners, (&self.config, &mut self.random));
    }

    /// A node entered the table. If it is to hold what we do, it gets it.
    pub(super) fn welcome(&mut self, now: Moment, contact: Contact) {
        let Some(kept) = &self.neighbourhood else { return };
        let whom = (&contact, self.config.k);
        let shared = kept.shared_with(&self.table, self.local.id(), whom);
        self.keeping.newcomer(now, (contact, shared), &mut self.random);
    }

    /// A node left the table. Whoever is to hold what it held gets it.
    pub(super) fn bereaved(&mut self, now: Moment, contact: &Contact) {
        let Some(kept) = &self.neighbourhood else { return };
        let whom = (contact, self.config.k);
        for (heir, cell, closer) in kept.heirs_of(&self.table, self.local.id(), whom) {
            self.keeping.newcomer(now, (heir, vec![(cell, closer)]), &mut self.random);
        }
    }

    pub(super) fn turn_ended(&mut self, now: Moment, report: &TurnReport) {
        self.upkeep.handed_over += report.delivered as u64;
        self.keeping.ended(now, report);
        if !report.answered
            && let Some(contact) = self.table.entry(&report.partner).map(|entry| entry.contact())
        {
            // A partner that has died is to be known as dead soon.
            self.check(now, contact);
        }
    }

    pub(super) fn round_ended(&mut self, now: Moment, report: &RoundReport) {
        self.upkeep.renewed += report.renewed as u64;
        self.upkeep.lookups += report.lookups as u64;
        self.upkeep.rounds += 1;
        self.publications.ended(now, report);
    }

    pub(super) fn visit_ended(&mut self, now: Moment, report: VisitReport) {
        if let Some(mirroring) = &mut self.mirroring {
            let random = &mut self.random;
            if let Some(round) = mirroring.ended(now, report, (&self.config, random)) {
                self.event(Event::Mirrored(round));
            }
        }
    }

    fn left(&mut self, Farewell { operation, handed_over }: Farewell) {
        self.event(Event::Finished { operation, outcome: Outcome::Left { handed_over } });
    }

    /// Hands over to everybody who keeps records with us.
    pub(super) fn leave(&mut self, now: Moment) -> OperationId {
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        let k = self.config.k;
        let partners = if self.config.role == Role::Client {
            Vec::new()
        } else {
            let kept = Neighbourhood::of(&self.table, self.local.id(), k);
            kept.partners(&self.table, self.local.id(), k)
        };
        if let Some(earlier) = self.keeping.leave(now, id, partners) {
            self.left(earlier);
        }
        self.pacer.hurry();
        self.keeping_due(now);
        id
    }
}
