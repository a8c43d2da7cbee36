//! What waits for the application, until when, and what it has answered.
//!
//! Invariants: what waits is bounded by whoever adds it and ends at its deadline, answered or not. A request is
//! handed to the application once, for as long as it may come again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dht_proto::{Contact, Moment, Record, Reply, Summary, Terms};

use crate::responder::{Asker, OfferBatch};
use crate::{OperationId, Ticket};

mod recollection;

pub(crate) use recollection::Standing;
use recollection::{Recollection, RequestKey};

/// How long a request that was answered is remembered: longer than its sender goes on repeating it.
const MEMORY: Duration = Duration::from_secs(10);

/// How long one that is being worked on is remembered at most: longer than any deadline, and than a store takes.
const WORK: Duration = Duration::from_mins(2);

/// On whose behalf a record is to be kept.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    /// A node that sent it.
    Asker(Box<Asker>),
    /// A store of our own.
    Operation(OperationId),
    /// A mirror of ours, that got it from a node.
    Mirror(OperationId, Box<Contact>),
}

/// A record on its way into our own store.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) whom: Whom,
    pub(crate) record: Record,
    pub(crate) terms: Terms,
}

/// A record that is only offered so far.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    pub(crate) asker: Asker,
    pub(crate) incoming: Summary,
    pub(crate) terms: Terms,
    pub(crate) existing: Option<Summary>,
}

/// What a verdict is awaited for.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// A record that is here.
    Keep(Intake),
    /// One that is offered.
    Offer(Offered),
    /// The next one of several that are offered.
    Batch(Offered, OfferBatch),
    /// A name that a store of our own is to take, though another value lives under it here.
    Claim(OperationId),
}

impl Subject {
    /// Whose request it is, if it is one.
    pub(crate) fn asker(&self) -> Option<&Asker> {
        match self {
            Self::Keep(Intake { whom: Whom::Asker(asker), .. }) => Some(asker),
            Self::Offer(offered) | Self::Batch(offered, _) => Some(&offered.asker),
            Self::Keep(_) | Self::Claim(_) => None,
        }
    }
}

/// What waits for the application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Application {
    subjects: BTreeMap<Ticket, (Moment, Box<Subject>)>,
    services: BTreeMap<Ticket, (Moment, Asker)>,
    operations: BTreeMap<OperationId, Moment>,
    due: BTreeSet<(Moment, Wait)>,
    recollection: Recollection,
}

/// What has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    Verdict(Ticket),
    Service(Ticket),
    Operation(OperationId),
}

/// What has waited for too long.
#[derive(Debug)]
pub(crate) enum Overdue {
    /// A verdict.
    Verdict(Box<Subject>),
    /// An answer to a custom request.
    Service(Box<Asker>),
    /// The end of an operation of ours.
    Operation(OperationId),
}

impl Application {
    /// Whether one more verdict may be awaited for `asker`, of `limit` in all; for ourselves if there is none.
    pub(crate) fn may_consult(&self, asker: Option<&Asker>, limit: usize) -> bool {
        let is_same = |subject: &Subject| {
            subject.asker().map(|other| other.node) == asker.map(|asker| asker.node)
        };
        let same = self.subjects.values().filter(|(_, subject)| is_same(subject)).count();
        is_fair(same, self.subjects.len(), limit)
    }

    /// Awaits a verdict until `due`.
    pub(crate) fn consult(&mut self, due: Moment, ticket: Ticket, subject: Subject) {
        self.subjects.insert(ticket, (due, Box::new(subject)));
        self.due.insert((due, Wait::Verdict(ticket)));
    }

    /// A verdict came: what it was awaited for, unless that is over.
    pub(crate) fn consulted(&mut self, ticket: Ticket) -> Option<Box<Subject>> {
        let (due, subject) = self.subjects.remove(&ticket)?;
        self.due.remove(&(due, Wait::Verdict(ticket)));
        Some(subject)
    }

    /// Whether one more answer may be awaited for `asker`, of `limit` in all.
    pub(crate) fn may_serve(&self, asker: &Asker, limit: usize) -> bool {
        let same = self.services.values().filter(|(_, other)| other.node == asker.node).count();
        is_fair(same, self.services.len(), limit)
    }

    /// Awaits an answer to a custom request until `due`.
    pub(crate) fn serve(&mut self, due: Moment, ticket: Ticket, asker: Asker) {
        self.services.insert(ticket, (due, asker));
        self.due.insert((due, Wait::Service(ticket)));
    }

    /// An answer came: whom it is for, unless that is over.
    pub(crate) fn served(&mut self, ticket: Ticket) -> Option<Asker> {
        let (due, asker) = self.services.remove(&ticket)?;
        self.due.remove(&(due, Wait::Service(ticket)));
        Some(asker)
    }

    /// An operation of ours is to end at `due`.
    pub(crate) fn limit(&mut self, due: Moment, operation: OperationId) {
        self.operations.insert(operation, due);
        self.due.insert((due, Wait::Operation(operation)));
    }

    /// An operation has ended.
    pub(crate) fn ended(&mut self, operation: OperationId) {
        if let Some(due) = self.operations.remove(&operation) {
            self.due.remove(&(due, Wait::Operation(operation)));
        }
    }

    /// The next thing whose deadline has passed.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Overdue> {
        self.recollection.forget(now);
        let (_, wait) = *self.due.first().filter(|(due, _)| *due <= now)?;
        match wait {
            Wait::Verdict(ticket) => self.consulted(ticket).map(Overdue::Verdict),
            Wait::Service(ticket) => self.served(ticket).map(Box::new).map(Overdue::Service),
            Wait::Operation(operation) => {
                self.ended(operation);
                Some(Overdue::Operation(operation))
            }
        }
    }

    /// The earliest deadline.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        let deadlines = [self.due.first().map(|(due, _)| *due), self.recollection.next_due()];
        deadlines.into_iter().flatten().min()
    }

    /// Whether nothing is awaited or remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.due.is_empty() && self.recollection.is_empty()
    }

    /// What has become of a request that came before.
    pub(crate) fn recall(&self, asker: &Asker) -> Option<&Standing> {
        self.recollection.recall(&key_of(asker))
    }

    /// A request was handed to the application.
    pub(crate) fn working(&mut self, now: Moment, asker: &Asker) {
        self.recollection.working(now + WORK, key_of(asker));
    }

    /// A request was answered: if the application had a part in it, the answer is remembered.
    pub(crate) fn answered(&mut self, now: Moment, asker: &Asker, reply: &Reply) {
        self.recollection.answered(now + MEMORY, key_of(asker), reply);
    }
}

/// Whether somebody who has `same` of `taken` places may have one more, of `limit`: nobody gets more than are left
/// free, so that there is always room for others (dynamic thresholds: Choudhury and Hahne,
/// Transactions on Networking 1998).
fn is_fair(same: usize, taken: usize, limit: usize) -> bool {
    taken < limit && (same == 0 || same < limit - taken)
}

fn key_of(asker: &Asker) -> RequestKey {
    (asker.node.id(), asker.id)
}
