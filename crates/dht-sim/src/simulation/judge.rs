//! What only an all-seeing observer knows: who is really closest, and how good the tables really are.

use std::time::Duration;

use dht_proto::{Contact, Key, NodeId};

use super::{Place, Role, Simulation};
use crate::census::subtree;
use crate::machine::Machine;

/// How good routing tables are, averaged over all live nodes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableHealth {
    /// Contacts in a table, dead ones included.
    pub contacts: f64,
    /// Live contacts over how many there could be, bucket by bucket up to k: 0..=1.
    pub fill: f64,
    /// Share of contacts that are dead, or live elsewhere by now: 0..=1.
    pub stale: f64,
}

impl<M: Machine> Simulation<M> {
    /// The `count` live nodes really closest to `target` other than `asker`, closest first.
    pub fn closest(&self, target: &Key, count: usize, asker: Option<Place>) -> Vec<NodeId> {
        let except = asker.and_then(|place| self.identity(place)).map(|node| node.id());
        let found = self.census.closest(target.as_bytes(), count, except);
        found.into_iter().map(|(id, _)| id).collect()
    }

    /// Share of the k live nodes really closest to `target`, other than `asker`, that are in `found`: 0..=1.
    pub fn recall(&self, target: &Key, asker: Place, found: &[Contact]) -> f64 {
        let closest = self.closest(target, self.k, Some(asker));
        let known = |id: &NodeId| found.iter().any(|contact| contact.id() == *id);
        let hits = closest.iter().filter(|id| known(id)).count();
        share_of(hits, closest.len())
    }

    /// [`recall`](Self::recall) of the closest honest nodes.
    pub fn recall_honest(&self, target: &Key, asker: Place, found: &[Contact]) -> f64 {
        let is_honest = |id: &NodeId| {
            self.census.place(*id).is_some_and(|place| self.role(place) == Role::Honest)
        };
        // Unless hardly anybody is honest, there are enough among so many.
        let mut closest = self.closest(target, 8 * self.k, Some(asker));
        closest.retain(is_honest);
        closest.truncate(self.k);
        let known = |id: &&NodeId| found.iter().any(|contact| contact.id() == **id);
        let hits = closest.iter().filter(known).count();
        share_of(hits, closest.len())
    }

    /// Round trip between two places, without jitter.
    pub fn round_trip(&self, one: Place, other: Place) -> Duration {
        self.network.round_trip(self.seats.site(one), self.seats.site(other))
    }

    /// Where a live node lives.
    pub fn place_of(&self, id: NodeId) -> Option<Place> {
        self.census.place(id)
    }

    /// Whether the contact lives where it is said to.
    pub fn is_current(&self, contact: &Contact) -> bool {
        self.find(contact).is_some()
    }

    /// How many contacts the node at `place` has in its table, and how many of them misbehave.
    pub fn contacts_of(&self, place: Place) -> (usize, usize) {
        let (mut all, mut misbehaving) = (0, 0);
        if let Some(machine) = self.machine(place) {
            machine.visit_contacts(&mut |contact| {
                let lives = self.census.place(contact.id());
                all += 1;
                misbehaving +=
                    usize::from(lives.is_some_and(|place| self.role(place) != Role::Honest));
            });
        }
        (all, misbehaving)
    }

    /// Looks into every table. Takes a while: about a millisecond for each hundred nodes.
    #[expect(clippy::cast_precision_loss, reason = "counts of nodes")]
    pub fn table_health(&self) -> TableHealth {
        let ids = self.census.ids();
        let (mut contacts, mut stale, mut filled, mut possible) = (0_usize, 0_usize, 0, 0);
        for place in &self.roster {
            let node = &self.nodes[place.index()];
            let Some(machine) = &node.machine else { continue };
            let own = node.identity.id();
            let mut buckets = [0_usize; 257];
            machine.visit_contacts(&mut |contact| {
                contacts += 1;
                if self.is_current(&contact) {
                    buckets[own.distance(&contact.id()).leading_zeros() as usize] += 1;
                } else {
                    stale += 1;
                }
            });
            for (prefix, held) in (0..256).zip(buckets) {
                let (available, deeper) = in_bucket(&ids, own, prefix);
                possible += available.min(self.k);
                filled += held.min(available.min(self.k));
                if deeper <= 1 {
                    break;
                }
            }
        }
        TableHealth {
            contacts: contacts as f64 / self.roster.len().max(1) as f64,
            fill: filled as f64 / possible.max(1) as f64,
            stale: stale as f64 / contacts.max(1) as f64,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of at most k")]
fn share_of(hits: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { hits as f64 / all as f64 }
}

/// How many of the sorted `ids` share exactly `prefix` leading bits with `own`, and how many more than that.
fn in_bucket(ids: &[[u8; 32]], own: NodeId, prefix: u32) -> (usize, usize) {
    let count = |prefix| {
        let (low, high) = subtree(own.as_bytes(), prefix);
        ids.partition_point(|id| *id <= high) - ids.partition_point(|id| *id < low)
    };
    let (all, deeper) = (count(prefix), count(prefix + 1));
    (all - deeper, deeper)
}
