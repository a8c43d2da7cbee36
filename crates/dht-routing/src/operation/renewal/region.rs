//! One region of a round of renewing: its nodes, the records that are due there, and what is still to be done.

use std::collections::{BTreeMap, VecDeque};

use dht_proto::{BatchedOffer, Contact, NodeId, Slot, Summary, Ttl};

use super::{closest_of, offer_of};

/// Records that are known to be due at once, at most; the others wait in our store.
pub(super) const RECORDS_MAX: usize = 4_096;

/// A region.
#[derive(Debug, Clone)]
pub(super) struct Region {
    records: Vec<(Summary, Ttl)>,
    confirmed: Vec<bool>,
    nodes: BTreeMap<NodeId, Contact>,
    /// Records that are still to be offered to each node.
    offers: BTreeMap<NodeId, VecDeque<usize>>,
    wanted: VecDeque<(Contact, usize)>,
}

impl Region {
    pub(super) fn new(nodes: Vec<Contact>, records: Vec<(Summary, Ttl)>, k: usize) -> Self {
        let mut offers: BTreeMap<NodeId, VecDeque<usize>> = BTreeMap::new();
        for (at, (summary, _)) in records.iter().enumerate() {
            for id in closest_of(&nodes, &summary.slot.key, k) {
                offers.entry(id).or_default().push_back(at);
            }
        }
        let nodes = nodes.into_iter().map(|contact| (contact.id(), contact)).collect();
        let confirmed = vec![false; records.len()];
        Self { records, confirmed, nodes, offers, wanted: VecDeque::new() }
    }

    pub(super) fn record(&self, at: usize) -> Option<(Summary, Ttl)> {
        self.records.get(at).copied()
    }

    pub(super) fn confirm(&mut self, at: usize) {
        if let Some(confirmed) = self.confirmed.get_mut(at) {
            *confirmed = true;
        }
    }

    pub(super) fn want(&mut self, node: Contact, at: usize) {
        self.wanted.push_back((node, at));
    }

    /// A node does not answer: nothing more is asked of it.
    pub(super) fn lose(&mut self, id: &NodeId) {
        self.offers.remove(id);
        self.wanted.retain(|(node, _)| node.id() != *id);
    }

    /// A record that a node which is `free` wants.
    pub(super) fn next_wanted(
        &mut self,
        free: impl Fn(&NodeId) -> bool,
    ) -> Option<(Contact, usize, Slot)> {
        let place = self.wanted.iter().position(|(node, _)| free(&node.id()))?;
        let (node, at) = self.wanted.remove(place)?;
        let (summary, _) = self.record(at)?;
        Some((node, at, summary.slot))
    }

    /// A node which is `free` and is still to be offered something.
    pub(super) fn next_node(&self, free: impl Fn(&NodeId) -> bool) -> Option<Contact> {
        let id = self.offers.keys().find(|id| free(id))?;
        self.nodes.get(id).copied()
    }

    /// The next records to offer to a node, as many as `fit` says.
    pub(super) fn next_offers(
        &mut self,
        id: &NodeId,
        fit: impl Fn(&[BatchedOffer]) -> usize,
    ) -> (Vec<usize>, Vec<BatchedOffer>) {
        let Some(queue) = self.offers.get_mut(id) else { return (Vec::new(), Vec::new()) };
        let head = queue.iter().take(dht_proto::limits::BATCH_MAX);
        let records = head.filter_map(|at| self.records.get(*at));
        let mut offers: Vec<BatchedOffer> =
            records.map(|(summary, ttl)| offer_of(summary, *ttl)).collect();
        let count = fit(&offers).clamp(1, queue.len().max(1));
        offers.truncate(count);
        let taken = queue.drain(..count.min(queue.len())).collect();
        if queue.is_empty() {
            self.offers.remove(id);
        }
        (taken, offers)
    }

    pub(super) fn is_done(&self) -> bool {
        self.offers.is_empty() && self.wanted.is_empty()
    }

    /// Every record, and whether anybody confirmed to hold it.
    pub(super) fn outcome(&self) -> impl Iterator<Item = (Summary, Ttl, bool)> {
        let pairs = self.records.iter().zip(&self.confirmed);
        pairs.map(|((summary, ttl), confirmed)| (*summary, *ttl, *confirmed))
    }
}
