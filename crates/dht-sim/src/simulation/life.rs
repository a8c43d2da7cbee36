//! Nodes come and go.

use std::time::Duration;

use dht_proto::{Contact, NodeIdentity};
use dht_routing::{Command, Seed};

use super::adversary::Role;
use super::builder::draw_identity;
use super::{Occurrence, Place, Simulation, Step};
use crate::machine::Machine;
use crate::{Rejoin, address};

/// Times somebody else is drawn in place of a colluder.
const JOIN_DRAWS: usize = 64;

impl<M: Machine> Simulation<M> {
    /// Lets time pass until every place that is not to stay vacant has been taken and its node has joined, and `extra` after that.
    /// `progress` is called now and then with the number of nodes that have joined and the number of places.
    pub fn settle(&mut self, extra: Duration, mut progress: impl FnMut(u64, u64)) {
        let places = self.first_vacant as u64;
        let last = self.growth.arrival(self.first_vacant.saturating_sub(1));
        while self.now < last + extra {
            let slice = (self.now + Duration::from_secs(5)).min(last + extra);
            self.run_until(slice);
            progress(self.joined().min(places), places);
        }
    }

    /// Ends the node at `place` without notice: a machine that lost its power. Its store is lost to the
    /// network until the same node returns.
    pub fn kill(&mut self, place: Place) {
        self.end_life(place, false);
    }

    /// Ends the node at `place` in order: a stopped process, whose streams are closed.
    pub fn stop(&mut self, place: Place) {
        self.end_life(place, true);
    }

    /// Brings a node to a vacant place: the same as before with its store, or a stranger with nothing.
    /// It joins through random live nodes. Does nothing if the place is taken.
    pub fn revive(&mut self, place: Place, rejoin: Rejoin) {
        if self.is_live(place) || place.index() >= self.nodes.len() {
            return;
        }
        match rejoin {
            Rejoin::Same => self.begin_life(place, Vec::new()),
            Rejoin::Fresh => {
                self.vacate(place);
                self.begin_life(place, Vec::new());
            }
            Rejoin::Never => {}
        }
    }

    /// Has a node with this identity take a vacant place with a role, and join. Identities can be ground, so that
    /// whoever has them chooses where in the space it lives. Does nothing if the place is taken.
    pub fn settle_in(&mut self, place: Place, identity: NodeIdentity, role: Role) {
        if self.is_live(place) || place.index() >= self.nodes.len() {
            return;
        }
        self.vacate(place);
        self.nodes[place.index()].identity = identity;
        self.set_role(place, role);
        self.begin_life(place, Vec::new());
    }

    /// Has vacant places live behind one ip, up to eight; more keep hosts of their own. Every other place has an ip
    /// of its own, in a subnet of its own.
    pub fn share_host(&mut self, places: &[Place]) {
        let vacant = |place: &&Place| !self.is_live(**place) && place.index() < self.nodes.len();
        let places: Vec<Place> =
            places.iter().filter(vacant).take(address::LODGERS_MAX).copied().collect();
        self.seats.share(&places);
    }

    /// Stops the node at `place` and starts it again at once, as one with a data directory: its store is kept, and
    /// of its table a list of whom to ask.
    pub fn restart(&mut self, place: Place) {
        if let Some(machine) = self.machine(place) {
            let mut known = Vec::new();
            machine.visit_contacts(&mut |contact| known.push(contact));
            self.stop(place);
            self.begin_life(place, known);
        }
    }

    /// Who lives at `place`, or lived there last, with the address it has there.
    pub(crate) fn contact(&self, place: Place) -> Contact {
        Contact::new(self.nodes[place.index()].identity, self.seats.addr(place))
    }

    pub(super) fn arrive(&mut self, place: Place, epoch: u32) {
        if self.nodes[place.index()].epoch == epoch && !self.is_live(place) {
            self.begin_life(place, Vec::new());
        }
    }

    pub(super) fn depart(&mut self, place: Place, epoch: u32) {
        if self.nodes[place.index()].epoch != epoch {
            return;
        }
        let Some(churn) = self.churn else { return };
        let orderly = self.random.sessions.chance(churn.orderly);
        self.end_life(place, orderly);
        if churn.rejoin == Rejoin::Fresh {
            self.vacate(place);
        }
        if churn.rejoin != Rejoin::Never {
            let absence = churn.absences.map(|model| model.draw(&mut self.random.sessions));
            let at = self.now + absence.unwrap_or(Duration::ZERO);
            self.queue.push(at, Step::Arrive(place, self.nodes[place.index()].epoch));
        }
    }

    pub(super) fn plan_departure(&mut self, place: Place, stay: Duration) {
        let node = &mut self.nodes[place.index()];
        node.epoch += 1;
        let (at, epoch) = (self.now + stay, node.epoch);
        self.queue.push(at, Step::Depart(place, epoch));
        self.plan_flood(place, epoch, Duration::ZERO);
    }

    pub(crate) fn plan_flood(&mut self, place: Place, epoch: u32, pause: Duration) {
        if matches!(self.nodes[place.index()].role, Role::Flooding { .. }) {
            self.queue.push(self.now + pause, Step::Flood(place, epoch));
        }
    }

    /// Makes the place ready for a stranger.
    fn vacate(&mut self, place: Place) {
        let identity = draw_identity(&mut self.random.identities);
        let node = &mut self.nodes[place.index()];
        node.identity = identity;
        node.store = None;
        self.seats.vacate(place);
    }

    fn begin_life(&mut self, place: Place, known: Vec<Contact>) {
        self.tally_lives();
        let seed = Seed(self.random.peers.bytes32());
        let (factory, now) = (self.factory.clone(), self.now);
        let position = u32::try_from(self.roster.len()).unwrap_or(u32::MAX);
        let node = &mut self.nodes[place.index()];
        node.machine = Some(factory(node.identity, seed, now));
        node.epoch += 1;
        node.uplink_free = now;
        node.position = position;
        self.alarms.switch_off(place);
        let (id, role, epoch) = (node.identity.id(), node.role, node.epoch);
        self.roster.push(place);
        self.seats.take(place, id);
        self.census.insert(id, place);
        if role == Role::Colluding {
            self.accomplices.insert(id, place);
        }
        self.trace.update([now.as_micros(), u64::from(place.0), u64::MAX, 1]);
        self.occurrences.push_back(Occurrence::Arrived(place));
        self.tell_usage(place);
        match self.churn {
            Some(churn) => {
                let stay = churn.sessions.draw(&mut self.random.sessions);
                self.plan_departure(place, stay);
            }
            None => self.plan_flood(place, epoch, Duration::ZERO),
        }
        self.join(place, known);
    }

    /// Starts joining through random live nodes, and those `known` from an earlier run; the first node of a network
    /// has nobody to join. Whoever runs a node is told of nodes to join through by people: of none that only brings
    /// newcomers to its accomplices.
    fn join(&mut self, place: Place, known: Vec<Contact>) {
        let others = self.roster.len() - 1;
        let mut addrs = Vec::new();
        // Newcomers are last in the roster, so that a draw below its length less one is another node.
        for _ in 0..self.growth.contacts.min(others) {
            let mut other = self.roster[self.random.joins.below(others)];
            for _ in 0..JOIN_DRAWS {
                if self.role(other) != Role::Colluding {
                    break;
                }
                other = self.roster[self.random.joins.below(others)];
            }
            let addr = self.contact(other).addr;
            if !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        if addrs.is_empty() {
            self.joins += 1;
        } else {
            // A machine that has just been made is not busy.
            let _ = self.start_operation(place, Command::Bootstrap { addrs, known });
        }
    }

    fn end_life(&mut self, place: Place, orderly: bool) {
        if !self.is_live(place) {
            return;
        }
        self.tally_lives();
        let node = &mut self.nodes[place.index()];
        node.machine = None;
        node.epoch += 1;
        node.active = Vec::new();
        self.alarms.switch_off(place);
        self.seats.leave(place);
        let (id, position) = (node.identity.id(), node.position);
        self.roster.swap_remove(position as usize);
        if let Some(moved) = self.roster.get(position as usize) {
            self.nodes[moved.index()].position = position;
        }
        self.census.remove(id);
        self.accomplices.remove(id);
        self.end_dials(place, orderly);
        self.trace.update([self.now.as_micros(), u64::from(place.0), u64::MAX, 0]);
        self.occurrences.push_back(Occurrence::Departed(place));
    }

    /// Adds the time lived since the number of nodes last changed.
    fn tally_lives(&mut self) {
        let span = u64::try_from(self.now.since(self.lived_until).as_micros()).unwrap_or(u64::MAX);
        self.lived += span * self.census.len() as u64;
        self.lived_until = self.now;
    }
}
