//! Who is closest to a point, and how many nodes there are in all.

use std::cmp::Ordering;

use dht_proto::{Contact, Distance, Key};

use super::{Entry, RoutingTable, known};

impl RoutingTable {
    /// The distance from us within which about `k` nodes live: that of our k-th closest entry, or all of
    /// the space while fewer are known. Density is even over the space, so it holds around any key.
    pub fn radius(&self, k: usize) -> Distance {
        let closest = self.closest_entries(&self.local.to_key(), k, |_| true);
        match closest.last() {
            Some(last) if closest.len() >= k => last.node().id().distance(&self.local),
            _ => Distance::MAX,
        }
    }

    /// Estimated number of nodes in the network, ourselves included, from [`radius`](Self::radius).
    pub fn network_size(&self) -> u64 {
        let radius = self.radius(self.k);
        if radius == Distance::MAX {
            return self.len() as u64 + 1;
        }
        let head = known::head_of(radius.as_bytes()).max(1);
        let estimate = (u128::from(u64::MAX) * self.k as u128) / u128::from(head);
        u64::try_from(estimate).unwrap_or(u64::MAX).max(self.len() as u64 + 1)
    }

    /// The `count` entries closest to `target` that `wanted` accepts, closest first.
    pub fn closest(
        &self,
        target: &Key,
        count: usize,
        wanted: impl FnMut(&Entry<'_>) -> bool,
    ) -> Vec<Contact> {
        let closest = self.closest_entries(target, count, wanted);
        closest.iter().map(Entry::contact).collect()
    }

    /// How many entries are closer to `target` than we are.
    pub(crate) fn closer(&self, target: &Key) -> usize {
        // Entries of shallower buckets have less in common with the target than we have.
        let shared = target.distance(&self.local).leading_zeros() as usize;
        let entries = (self.range(shared).start..self.len()).map(|at| self.at(at));
        entries.filter(|entry| self.is_closer(target, entry)).count()
    }

    /// Whether an entry is closer to `target` than we are.
    pub(crate) fn is_closer(&self, target: &Key, entry: &Entry<'_>) -> bool {
        let distance = target.distance(&self.local);
        let head = known::head_of(target.as_bytes()) ^ self.entries.head(entry.at);
        match head.cmp(&known::head_of(distance.as_bytes())) {
            Ordering::Equal => target.distance(&entry.node().id()) < distance,
            order => order.is_lt(),
        }
    }

    /// The entries behind [`closest`](Self::closest).
    pub(crate) fn closest_entries(
        &self,
        target: &Key,
        count: usize,
        mut wanted: impl FnMut(&Entry<'_>) -> bool,
    ) -> Vec<Entry<'_>> {
        let head = known::head_of(target.as_bytes());
        let shared = target.distance(&self.local).leading_zeros() as usize;
        let mut found = Vec::with_capacity(count.min(self.len()));
        let mut group: Vec<(u64, usize)> = Vec::new();
        // The target's own bucket holds what is closest to it, then come all deeper buckets at one
        // distance class, then each shallower bucket is a class of its own.
        let own = self.range(shared);
        let deeper = own.end..self.len();
        let shallower = (0..shared.min(self.buckets.len())).rev().map(|zeros| self.range(zeros));
        for range in [own, deeper].into_iter().chain(shallower) {
            if found.len() >= count {
                break;
            }
            group.clear();
            group.extend(range.map(|at| (head ^ self.entries.head(at), at)));
            // Ids that are alike in their first 64 bits are told apart by all of them.
            let whole = |at: &usize| target.distance(&self.at(*at).node().id());
            group.sort_unstable_by(|(one, a), (other, b)| {
                one.cmp(other).then_with(|| whole(a).cmp(&whole(b)))
            });
            // To look at an entry takes longer than to sort it, and few are looked at.
            let closest = group.iter().map(|(_, at)| self.at(*at)).filter(|entry| wanted(entry));
            found.extend(closest.take(count - found.len()));
        }
        found
    }
}
