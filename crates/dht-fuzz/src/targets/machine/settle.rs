//! Orders to the store and to the application, and what becomes of them: the result that is due, a failure, or
//! something else.

use std::time::Duration;

use dht_proto::{
    Custody, Digest, Held, Moment, Purpose, Refusal, Slot, Source, Stock, Summary, Terms,
};
use dht_routing::{Input, Output, Ticket};
use dht_store::{RecordStore as _, SaveError, Weighed};

use super::make;
use super::world::World;

impl World {
    /// Carries out one order, as `how` says.
    pub(super) fn settle(&mut self, which: u8, how: u8) {
        let at = usize::from(which) % self.orders.len().max(1);
        let Some(order) = self.orders.remove(at) else { return };
        let result = match how % 4 {
            0 | 1 => self.carry_out(&order),
            2 => failed(&order),
            _ => self.odd(&order, how),
        };
        if let Some(result) = result {
            self.input(result);
        }
    }

    pub(super) fn settle_all(&mut self, how: u8) {
        for _ in 0..self.orders.len() {
            self.settle(0, how);
        }
    }

    /// A result that nothing waits for, or not any more.
    pub(super) fn settle_unasked(&mut self, ticket: u16, choice: u8) {
        let ticket = Ticket(u64::from(ticket) % (self.watch.tickets() + 2));
        if self.orders.iter().any(|order| ticket_of(order) == Some(ticket)) {
            return;
        }
        let found = self.held(choice);
        self.input(match choice % 8 {
            0 => Input::Loaded { ticket, found: Some(found) },
            1 => Input::Saved { ticket, result: Err(make::refusal(choice)) },
            2 => Input::Listed { ticket, entries: vec![found.summary; 3] },
            3 => Input::Delivered { ticket, forward: true },
            4 => Input::Consulted { ticket, verdict: make::verdict(choice / 8) },
            5 => Input::Weighed { ticket, existing: Some(Box::new(found.summary)), result: Ok(()) },
            6 => Input::StockTaken { ticket, stocks: vec![Stock::of(&[found.summary]); 3] },
            _ => Input::Served { ticket, answer: Ok(vec![1; 10].into()) },
        });
    }

    /// The result of an order by a store that works and an application that agrees.
    pub(super) fn carry_out(&mut self, order: &Output) -> Option<Input> {
        let now = self.now;
        Some(match order {
            Output::Load { ticket, key, kinds, whole_up_to } => {
                let found = self.store.load(now, *key, *kinds, *whole_up_to).unwrap();
                Input::Loaded { ticket: *ticket, found }
            }
            Output::Weigh { ticket, incoming, terms } => {
                let Weighed { existing, admitted } =
                    self.store.weigh(now, incoming, terms).unwrap();
                let (existing, result) = (existing.map(Box::new), admitted.map(|_| ()));
                Input::Weighed { ticket: *ticket, existing, result }
            }
            Output::TakeStock { ticket, parts, effort } => {
                let stocks = self.store.take_stock(now, parts, *effort).unwrap();
                Input::StockTaken { ticket: *ticket, stocks }
            }
            Output::Save { ticket, record, terms } => {
                self.store.expire(now).unwrap();
                let result = match self.store.save(now, record.clone(), *terms) {
                    Ok(_) => Ok(()),
                    Err(SaveError::Refused(refusal)) => Err(refusal),
                    // It waited here past the end of its life.
                    Err(_) => Err(Refusal::StorageFailed),
                };
                Input::Saved { ticket: *ticket, result }
            }
            Output::List { ticket, from, limit } => {
                let entries = self.store.list(now, *from, *limit).unwrap();
                Input::Listed { ticket: *ticket, entries }
            }
            Output::Deliver { ticket, .. } => Input::Delivered { ticket: *ticket, forward: true },
            Output::Consult { ticket, .. } => {
                Input::Consulted { ticket: *ticket, verdict: make::verdict(0) }
            }
            Output::Serve { ticket, .. } => {
                Input::Served { ticket: *ticket, answer: Ok("answer".into()) }
            }
            _ => return None,
        })
    }

    pub(super) fn renew(&mut self, slot: Slot, digest: Digest, terms: Terms) {
        self.store.renew(self.now, slot, digest, terms).unwrap();
    }

    /// What no store or application should say, though one may.
    fn odd(&self, order: &Output, how: u8) -> Option<Input> {
        let choice = how / 4;
        Some(match order {
            Output::Load { ticket, .. } => {
                Input::Loaded { ticket: *ticket, found: Some(self.held(choice)) }
            }
            Output::Weigh { ticket, .. } => {
                let (existing, result) =
                    (Some(Box::new(self.held(choice).summary)), Err(make::refusal(choice)));
                Input::Weighed { ticket: *ticket, existing, result }
            }
            Output::TakeStock { ticket, parts, .. } => {
                let stocks = vec![Stock::AtLeast { records: choice.into() }; parts.len() + 1];
                Input::StockTaken { ticket: *ticket, stocks }
            }
            Output::Save { ticket, .. } => {
                Input::Saved { ticket: *ticket, result: Err(make::refusal(choice)) }
            }
            Output::List { ticket, from, limit } => {
                let mut entries: Vec<_> =
                    (0..64).map(|number| self.held(choice.wrapping_add(number)).summary).collect();
                entries.sort_unstable_by_key(|entry| entry.slot);
                entries.retain(|entry| entry.slot >= *from);
                entries.truncate(*limit);
                Input::Listed { ticket: *ticket, entries }
            }
            Output::Consult { ticket, .. } => {
                Input::Consulted { ticket: *ticket, verdict: make::verdict(choice) }
            }
            Output::Serve { ticket, .. } => {
                let answer = vec![1; usize::from(choice) * 2_000].into();
                Input::Served { ticket: *ticket, answer: Ok(answer) }
            }
            Output::Deliver { ticket, .. } => Input::Delivered { ticket: *ticket, forward: false },
            _ => return None,
        })
    }

    /// A record as a store could hold it, with its value or without.
    fn held(&self, choice: u8) -> Held {
        let record = make::record(choice);
        let life = Duration::from_secs(u64::from(choice) * 100);
        let terms = terms(self.now + life, choice);
        let summary = Summary::of(&record, &terms);
        Held { summary, record: (choice & 32 == 0).then_some(record) }
    }
}

fn terms(expires: Moment, choice: u8) -> Terms {
    let custodies = [
        Custody::Own { ttl: dht_proto::Ttl::default() },
        Custody::Holder,
        Custody::Mirror,
        Custody::Cache { until: Moment::NEVER },
    ];
    Terms {
        expires,
        purpose: Purpose::Publish,
        custody: custodies[usize::from(choice % 4)],
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    }
}

fn ticket_of(order: &Output) -> Option<Ticket> {
    match order {
        Output::Load { ticket, .. }
        | Output::Weigh { ticket, .. }
        | Output::TakeStock { ticket, .. }
        | Output::Save { ticket, .. }
        | Output::List { ticket, .. }
        | Output::Deliver { ticket, .. }
        | Output::Consult { ticket, .. }
        | Output::Serve { ticket, .. } => Some(*ticket),
        _ => None,
    }
}

/// The result of an order that failed.
fn failed(order: &Output) -> Option<Input> {
    Some(match order {
        Output::Load { ticket, .. } => Input::Loaded { ticket: *ticket, found: None },
        Output::Weigh { ticket, .. } => {
            Input::Weighed { ticket: *ticket, existing: None, result: Ok(()) }
        }
        Output::TakeStock { ticket, .. } => {
            Input::StockTaken { ticket: *ticket, stocks: Vec::new() }
        }
        Output::Save { ticket, .. } => {
            Input::Saved { ticket: *ticket, result: Err(Refusal::StorageFailed) }
        }
        Output::List { ticket, .. } => Input::Listed { ticket: *ticket, entries: Vec::new() },
        Output::Deliver { ticket, .. } => Input::Delivered { ticket: *ticket, forward: false },
        Output::Consult { ticket, .. } => Input::Consulted { ticket: *ticket, verdict: None },
        Output::Serve { ticket, .. } => {
            Input::Served { ticket: *ticket, answer: Err("no".to_owned()) }
        }
        _ => return None,
    })
}
