//! Deadlines: requests, greetings, and the maintenance of the table.

use std::net::SocketAddr;

use dht_proto::{Contact, Key, Moment, RequestId};

use super::{Audience, Peer};
use crate::greetings;
use crate::hearing::Fault;
use crate::maintenance::{CHECKS_PER_ROUND, Task};
use crate::operation::{Bootstrap, Happened, Operation, Survey};
use crate::requests::{Due, InFlight, Owner};
use crate::table::Failed;
use crate::{Event, Output};

/// Nodes that are asked on behalf of the table at once while it is open whether anybody answers.
const WITNESSES: usize = 3;
/// Sponsors that are asked about our own neighbourhood, where most depends on what is known by hearsay.
const SPONSORS_NEAR: usize = 2;
/// Sponsors that are asked about the rest of the space.
const SPONSORS_FAR: usize = 1;

impl Peer {
    pub(super) fn requests_due(&mut self, now: Moment) {
        while let Some(due) = self.requests.pop_due(now) {
            match due {
                Due::Slow { id } => self.tell_owner(now, id, Happened::Slow),
                Due::Late { id, again } => {
                    if again {
                        self.send_again(id);
                    }
                    self.tell_owner(now, id, Happened::Late);
                }
                Due::Again { id } => self.send_again(id),
                Due::Overdue { id } => {
                    self.call_witness(now, id);
                    self.promise_overdue(now, id);
                    self.tell_owner(now, id, Happened::Failed);
                    self.tell_broadcasts(now, id);
                }
                Due::Expired(id, request) => {
                    if request.streamed {
                        self.put(Output::Withdraw { request: id });
                        self.failed(now, &request);
                    } else {
                        self.unanswered(now, &request);
                    }
                }
            }
        }
    }

    /// A request by stream will not be answered any more.
    pub(super) fn failed(&mut self, now: Moment, request: &InFlight) {
        match request.owner {
            Owner::Operation(operation) => {
                self.tell(now, operation, Happened::Failed(request.to.id()));
            }
            Owner::Broadcast => self.broadcast_failed(now, &request.to, &request.request),
            Owner::CatchUp => self.catch_up_failed(now, &request.to, &request.request),
            Owner::Table => {}
        }
    }

    /// A request about broadcasts is overdue.
    fn tell_broadcasts(&mut self, now: Moment, id: RequestId) {
        let Some(InFlight { to, owner, request, .. }) = self.requests.get(id) else { return };
        let (to, owner) = (*to, *owner);
        match owner {
            Owner::Broadcast => self.broadcast_failed(now, &to, &request.clone()),
            Owner::CatchUp => self.catch_up_failed(now, &to, &request.clone()),
            Owner::Operation(_) | Owner::Table => {}
        }
    }

    fn tell_owner(
        &mut self,
        now: Moment,
        id: RequestId,
        happened: impl FnOnce(dht_proto::NodeId) -> Happened,
    ) {
        let Some(request) = self.requests.get(id) else { return };
        if let Owner::Operation(operation) = request.owner {
            let node = request.to.id();
            self.tell(now, operation, happened(node));
        }
    }

    /// A node did not answer. That counts against it only if anybody else answered since it was asked: if
    /// nobody did, our own network may be down.
    fn unanswered(&mut self, now: Moment, request: &InFlight) {
        let silent = (request.to.id(), request.sent);
        match self.hearing.unanswered(now, silent, self.table.len()) {
            Fault::Theirs => {}
            Fault::Unclear => return,
            Fault::Ours => return self.isolated(now),
        }
        if let Failed::Evicted { candidate } = self.table.failed(&request.to.node) {
            self.event(Event::Left(request.to));
            self.bereaved(now, &request.to);
            if let Some(candidate) = candidate {
                self.check(now, candidate);
            }
            if self.table.is_empty() {
                self.isolated(now);
            }
        }
    }

    fn isolated(&mut self, now: Moment) {
        if self.maintenance.isolated(now, &mut self.random) {
            self.event(Event::Isolated);
        }
    }

    /// A request is not answered and nobody else has answered anything since: another node is asked, to
    /// tell a dead node from a dead network.
    fn call_witness(&mut self, now: Moment, id: RequestId) {
        let Some(request) = self.requests.get(id) else { return };
        if self.hearing.worked_at(request.sent) || self.requests.checks() > WITNESSES {
            return;
        }
        let suspect = request.to.node;
        let others = self.table.len().saturating_sub(1) as u64;
        let chosen = usize::try_from(self.random.below(others)).unwrap_or(0);
        let witness = self.table.iter().filter(|entry| !entry.is(&suspect)).nth(chosen);
        if let Some(witness) = witness.map(|entry| entry.contact()) {
            self.check(now, witness);
        }
    }

    pub(super) fn greetings_due(&mut self, now: Moment) {
        while let Some(due) = self.greetings.pop_due(now) {
            match due {
                greetings::Due::Again(addr) => self.put(Output::Greet { addr }),
                greetings::Due::Silent(addr, operations) => {
                    for id in operations {
                        self.tell(now, id, Happened::Silent(addr));
                    }
                }
            }
        }
    }

    /// Pings nodes known from an earlier run, a few at a time.
    pub(super) fn reunion_due(&mut self, now: Moment) {
        while let Some(contact) = self.reunion.pop_due(now) {
            if self.table.entry_of(&contact.node).is_none() {
                self.check(now, contact);
            }
        }
    }

    pub(super) fn maintenance_due(&mut self, now: Moment) {
        while let Some(task) =
            self.maintenance.pop_due(now, &self.config, &self.table, &mut self.random)
        {
            match task {
                Task::Refresh(zeros) => {
                    let target = self.random.key_in_bucket(&self.local.id(), zeros);
                    self.survey(now, target);
                }
                Task::Neighbours => self.survey(now, self.local.id().to_key()),
                Task::Check(since) => {
                    let silent = self.table.silent_since(since).take(CHECKS_PER_ROUND);
                    for contact in silent.map(|entry| entry.contact()).collect::<Vec<_>>() {
                        self.check(now, contact);
                    }
                }
                Task::Rejoin => self.rejoin(now),
            }
        }
    }

    fn survey(&mut self, now: Moment, target: Key) {
        self.table.touch(now, &target);
        let is_about_us = target == self.local.id().to_key();
        let wanted = if is_about_us { SPONSORS_NEAR } else { SPONSORS_FAR };
        let survey = Survey::new(target, self.sponsors_to_ask(now, wanted));
        self.start(now, Operation::Survey(survey), Audience::Upkeep);
    }

    fn sponsors_to_ask(&mut self, now: Moment, wanted: usize) -> Vec<Contact> {
        if !self.maintenance.is_new() {
            self.sponsors = None;
        }
        let next = self.sponsors.as_mut().map(|sponsors| sponsors.next(wanted));
        let mut sponsors = next.unwrap_or_default();
        sponsors.retain(|one| !self.is_banned(now, &one.node, one.addr.ip()));
        sponsors
    }

    /// Bootstraps again: through the addresses we were given, and the nodes we knew.
    fn rejoin(&mut self, now: Moment) {
        let known = self.bootstrap.iter().copied();
        let addrs: Vec<SocketAddr> = known.chain(self.spares.addrs()).collect();
        if addrs.is_empty() {
            return;
        }
        let mut orders = Vec::new();
        let bootstrap = Bootstrap::new(&self.scene(now, &mut orders), addrs, &[]);
        self.start(now, Operation::Bootstrap(bootstrap), Audience::Upkeep);
    }
}
