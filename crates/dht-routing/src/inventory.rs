//! Looking through some parts of the space: which records our own store holds there, page by page, where two holders
//! differ.
//!
//! *Invariant:* bounded by [`LOOK_MAX`] fingerprints and [`DETAILS_MAX`] descriptions in each part, however much
//! the store holds.

use dht_proto::limits::FINGERPRINTS_MAX;
use dht_proto::{Fingerprint, Prefix, Slot, Summary};

/// Records asked of the store at once, at most.
pub(crate) const PAGE: usize = 256;
/// The same, at least: more may have come than was expected.
const PAGE_MIN: usize = 16;
/// Records that are looked at for one inventory, at most.
const LOOK_MAX: usize = 65_536;
/// Records of one part that are described, at most: as many again as the other holder can tell of.
pub(crate) const DETAILS_MAX: usize = 2 * FINGERPRINTS_MAX;

/// What is held in one part of the space.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    prefix: Prefix,
    last: Slot,
    fingerprints: Vec<Fingerprint>,
    details: Vec<Summary>,
    /// Whether all of it was looked at.
    complete: bool,
    /// Records that are likely to be there.
    expected: usize,
}

impl Shelf {
    fn new((prefix, expected): (Prefix, usize)) -> Self {
        let last = *prefix.slots().end();
        let fingerprints = Vec::with_capacity(expected.min(DETAILS_MAX));
        Self { prefix, last, fingerprints, details: Vec::new(), complete: false, expected }
    }

    pub(crate) fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// What is held there; `None` where it is too much to be told, or not all of it was looked at.
    pub(crate) fn into_fingerprints(self) -> Option<Vec<Fingerprint>> {
        let is_told = self.complete && self.fingerprints.len() <= FINGERPRINTS_MAX;
        is_told.then_some(self.fingerprints)
    }

    /// The records that `held` does not list; `None` where there are too many to have been described.
    pub(crate) fn lacked_by(&self, held: &[Fingerprint]) -> Option<Vec<Summary>> {
        if self.details.len() < self.fingerprints.len() || !self.complete {
            return None;
        }
        let pairs = self.fingerprints.iter().zip(&self.details);
        Some(pairs.filter(|(one, _)| !held.contains(one)).map(|(_, summary)| *summary).collect())
    }
}

/// An inventory under way.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    shelves: Vec<Shelf>,
    /// The part that is being looked at.
    at: usize,
    from: Slot,
    looked: usize,
    described: bool,
}

impl Inventory {
    /// Of these parts, in ascending order and without overlap, each with how many records are likely to be there.
    /// `described` says whether records are to be described, or only compared.
    pub(crate) fn new(parts: impl IntoIterator<Item = (Prefix, usize)>, described: bool) -> Self {
        let shelves: Vec<Shelf> = parts.into_iter().map(Shelf::new).collect();
        let from = shelves.first().map_or(Slot::FIRST, |shelf| *shelf.prefix.slots().start());
        Self { shelves, at: 0, from, looked: 0, described }
    }

    /// Where the next page begins, and how many records it has; `None` at the end.
    pub(crate) fn next_page(&self) -> Option<(Slot, usize)> {
        let part = self.shelves.get(self.at)?;
        let left = part.expected.saturating_sub(part.fingerprints.len());
        // One more shows that there is nothing else.
        Some((self.from, (left + 1).clamp(PAGE_MIN, PAGE)))
    }

    /// Takes the page that was asked for.
    pub(crate) fn take(&mut self, page: &[Summary]) {
        let limit = self.next_page().map_or(0, |(_, limit)| limit);
        for summary in page {
            self.pass(summary.slot);
            let Some(part) = self.shelves.get_mut(self.at) else { return };
            self.looked += 1;
            // `pass` has left the parts before it.
            let is_within = part.prefix.first() <= summary.slot.key;
            if summary.custody.is_cached() || !is_within {
                continue;
            }
            part.fingerprints.push(Fingerprint::of(summary));
            if self.described && part.details.len() < DETAILS_MAX {
                part.details.push(*summary);
            }
        }
        let next = page.last().and_then(|last| last.slot.next()).filter(|_| page.len() >= limit);
        match next {
            Some(next) if self.looked < LOOK_MAX => {
                self.pass(next);
                let first = self.shelves.get(self.at).map(|shelf| *shelf.prefix.slots().start());
                self.from = first.map_or(next, |first| first.max(next));
            }
            // The end of the store, or of our patience.
            Some(_) => self.at = self.shelves.len(),
            None => {
                self.shelves.iter_mut().skip(self.at).for_each(|shelf| shelf.complete = true);
                self.at = self.shelves.len();
            }
        }
    }

    /// Leaves the parts that lie before `slot`.
    fn pass(&mut self, slot: Slot) {
        while let Some(shelf) = self.shelves.get_mut(self.at) {
            if shelf.last >= slot {
                return;
            }
            shelf.complete = true;
            self.at += 1;
        }
    }

    /// What was found, part by part.
    pub(crate) fn into_shelves(self) -> Vec<Shelf> {
        self.shelves
    }
}

#[cfg(test)]
mod tests;
