//! Deadlines: requests, greetings, and the maintenance of the table.

use std::net::SocketAddr;

use dht_proto::Moment;

use super::{Audience, Peer};
use crate::greetings;
use crate::maintenance::Task;
use crate::operation::{Bootstrap, Find, Happened, Operation};
use crate::requests::{Due, InFlight, Owner};
use crate::table::Failed;
use crate::{Event, Output};

impl Peer {
    pub(super) fn requests_due(&mut self, now: Moment) {
        while let Some(due) = self.requests.pop_due(now) {
            match due {
                Due::Late { id, again } => {
                    if again {
                        self.send_again(id);
                    }
                    self.tell_owner(now, id, Happened::Late);
                }
                Due::Again { id } => self.send_again(id),
                Due::Overdue { id } => self.tell_owner(now, id, Happened::Failed),
                Due::Expired(id, request) => {
                    if request.streamed {
                        self.outputs.push_back(Output::Withdraw { request: id });
                        if let Owner::Operation(operation) = request.owner {
                            self.tell(now, operation, Happened::Failed(request.to.id()));
                        }
                    } else {
                        self.unanswered(now, &request);
                    }
                }
            }
        }
    }

    fn tell_owner(
        &mut self,
        now: Moment,
        id: dht_proto::RequestId,
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
        if self.heard <= request.sent {
            return;
        }
        if let Failed::Evicted { candidate } = self.table.failed(&request.to.id()) {
            self.event(Event::Left(request.to));
            if let Some(candidate) = candidate {
                self.check(now, candidate);
            }
            if self.table.is_empty() {
                self.event(Event::Isolated);
                self.maintenance.isolated(now, &mut self.random);
            }
        }
    }

    pub(super) fn greetings_due(&mut self, now: Moment) {
        while let Some(due) = self.greetings.pop_due(now) {
            match due {
                greetings::Due::Again(addr) => self.outputs.push_back(Output::Greet { addr }),
                greetings::Due::Silent(addr, operations) => {
                    for id in operations {
                        self.tell(now, id, Happened::Silent(addr));
                    }
                }
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
                    self.table.touch(now, &target);
                    let mut orders = Vec::new();
                    let find = Find::new(&self.scene(now, &mut orders), target);
                    self.start(now, Operation::Find(find), Audience::Upkeep);
                }
                Task::Check => {
                    if let Some(entry) = self.table.stalest_entry() {
                        self.check(now, entry.contact);
                    }
                }
                Task::Rejoin => self.rejoin(now),
            }
        }
    }

    /// Bootstraps again: through the addresses we were given, and the nodes we knew.
    fn rejoin(&mut self, now: Moment) {
        let spares = self.spares.iter().map(|contact| contact.addr);
        let addrs: Vec<SocketAddr> = self.bootstrap.iter().copied().chain(spares).collect();
        if addrs.is_empty() {
            return;
        }
        let mut orders = Vec::new();
        let bootstrap = Bootstrap::new(&self.scene(now, &mut orders), addrs);
        self.start(now, Operation::Bootstrap(bootstrap), Audience::Upkeep);
    }
}
