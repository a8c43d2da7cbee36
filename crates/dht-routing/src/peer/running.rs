//! Operations under way: how they start, what they are told, how they end.

use dht_proto::Moment;

use super::Peer;
use crate::operation::{Ending, Happened, Operation, Order};
use crate::{Event, OperationId, Outcome, Output};

/// An operation under way, and who wants to know its outcome.
#[derive(Debug, Clone)]
pub(super) struct Running {
    operation: Operation,
    audience: Audience,
}

impl Running {
    /// Whether it leaves a copy of a large record with somebody.
    pub(super) fn is_copy(&self) -> bool {
        matches!(self.operation, Operation::Copy(_))
    }

    /// Whether nobody asked for it but ourselves.
    pub(super) fn is_upkeep(&self) -> bool {
        self.audience == Audience::Upkeep
    }
}

/// Who an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Its outcome is an event.
    Application,
    /// Its outcome only moves the maintenance on.
    Upkeep,
}

impl Peer {
    pub(super) fn start(
        &mut self,
        now: Moment,
        operation: Operation,
        audience: Audience,
    ) -> OperationId {
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        self.operations.insert(id, Box::new(Running { operation, audience }));
        self.tell(now, id, Happened::Started);
        id
    }

    /// Tells an operation what happened, and carries out what it orders.
    pub(super) fn tell(&mut self, now: Moment, id: OperationId, happened: Happened) {
        // Taken out so that it can look at the rest of the peer; an operation that ended stays out.
        let Some(mut running) = self.operations.remove(&id) else { return };
        let mut orders = Vec::new();
        running.operation.handle(&mut self.scene(now, &mut orders), happened);
        let mut finished = None;
        for order in orders {
            match order {
                Order::Finish(ending) => {
                    finished = Some(ending);
                    break;
                }
                order => self.execute(now, id, order),
            }
        }
        match finished {
            None => {
                self.operations.insert(id, running);
            }
            Some(Ending::Outcome(outcome)) => {
                self.withdraw(id);
                self.finished(now, id, running.audience, outcome);
            }
            Some(Ending::Quiet) => self.withdraw(id),
            Some(Ending::Turn(report)) => {
                self.withdraw(id);
                self.turn_ended(now, &report);
            }
            Some(Ending::Visit(report)) => {
                self.withdraw(id);
                self.visit_ended(now, *report);
            }
            Some(Ending::Renewal(report)) => {
                self.withdraw(id);
                self.round_ended(now, &report);
            }
        }
    }

    fn finished(&mut self, now: Moment, id: OperationId, audience: Audience, outcome: Outcome) {
        if let Outcome::Bootstrapped(result) = &outcome {
            match result {
                Ok(_) => {
                    let met = self.reunion.ends();
                    self.maintenance.joined((now, met), &self.config, &mut self.random);
                    self.awake(now);
                    self.catch_up(now);
                }
                Err(_) => {
                    self.maintenance.isolated(now, &mut self.random);
                }
            }
        }
        match (audience, outcome) {
            (Audience::Upkeep, Outcome::Nodes(_)) => {
                self.maintenance.finished(now, &self.table, &mut self.random);
            }
            (Audience::Upkeep, _) => {}
            (Audience::Application, outcome) => {
                self.event(Event::Finished { operation: id, outcome });
            }
        }
    }

    pub(super) fn withdraw(&mut self, operation: OperationId) {
        self.alarms.set(operation, None);
        self.greetings.disown(operation);
        self.pacer.disown(operation);
        if let Some(application) = &mut self.application {
            application.ended(operation);
        }
        for request in self.requests.disown(operation) {
            self.put(Output::Withdraw { request });
        }
    }
}
