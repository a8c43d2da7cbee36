//! What is held in parts of the space, as digests that are kept from one comparison to the next.
//!
//! Nodes compare what they hold every few minutes, with dozens of others, and most of it is what it was the time
//! before. So a part that was asked about is kept as *runs* of fingerprints: a change marks the one run it falls
//! into, and what is looked at again is that run. A part of a single run is kept as its digest alone.
//!
//! Invariant: what is told is what listing the part would tell, at any moment and after any changes, if
//! [`Stocktaking::changed`] hears of each of them.
//! Invariant: at most [`CELLS_KEPT`] parts and [`FINGERPRINTS_KEPT`] fingerprints are kept; those asked about last.

use std::collections::BTreeMap;
use std::ops::Bound;

use dht_proto::{CellDigest, Fingerprint, Moment, Prefix, Slot, Stock, Summary};

/// Parts that are kept, at most: those that a node keeps with others are some dozens, in two or three sizes.
const CELLS_KEPT: usize = 512;
/// Fingerprints that are kept, at most: 16 MB of them, for half a million records in parts of several sizes.
const FINGERPRINTS_KEPT: usize = 1 << 21;
/// Records of a run, at most.
const RUN: usize = 128;
/// A part with fewer records is not kept: to look at it is as cheap.
const WORTH_KEEPING: usize = 4;

/// From a slot on, inclusive, up to another one or to the end.
pub type Slots = (Bound<Slot>, Bound<Slot>);

/// Digests of the parts of a store, for whoever implements [`RecordStore`](crate::RecordStore).
///
/// ```
/// use dht_proto::{Moment, Prefix, Stock};
/// use dht_store::{Slots, Stocktaking};
///
/// let mut stocktaking = Stocktaking::new();
/// let empty = |_: Slots, _: usize, _: &mut Vec<_>| Ok::<_, std::convert::Infallible>(());
/// let Ok(stocks) = stocktaking.take(Moment::EPOCH, &[Prefix::ALL], 1_000, empty);
/// assert!(matches!(stocks[..], [Stock::Whole { records: 0, .. }]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stocktaking {
    cells: BTreeMap<Prefix, Cell>,
    /// How many of them have a prefix of so many bits.
    lengths: Vec<(u16, usize)>,
    /// Fingerprints in all of them.
    kept: usize,
    /// Counts what is asked.
    clock: u64,
}

/// A part of the space.
#[derive(Debug, Clone, Default)]
struct Cell {
    /// In ascending order, without a gap; none stands for a single one that is to be looked at.
    runs: Vec<Run>,
    /// Of all of it, and how many records that are.
    digest: Option<(CellDigest, usize)>,
    /// From when on, and until when, the runs and the digest hold.
    since: Moment,
    until: Moment,
    /// When it was last asked about.
    used: u64,
}

/// Records in a row.
#[derive(Debug, Clone)]
struct Run {
    /// It reaches from here to the next one.
    first: Slot,
    /// Of what is held; `None` where it is to be looked at.
    fingerprints: Option<Box<[Fingerprint]>>,
    /// When the first of its records ends.
    until: Moment,
}

/// Looks at the store, a page at a time.
struct Looking<F> {
    /// Records that may still be looked at.
    effort: usize,
    list: F,
    /// The one page that they are listed into.
    page: Vec<Summary>,
}

impl<E, F: FnMut(Slots, usize, &mut Vec<Summary>) -> Result<(), E>> Looking<F> {
    fn look(&mut self, slots: Slots) -> Result<&[Summary], E> {
        self.page.clear();
        (self.list)(slots, RUN, &mut self.page)?;
        self.effort = self.effort.saturating_sub(self.page.len().max(1));
        Ok(&self.page)
    }
}

impl Stocktaking {
    /// Nothing is kept yet, and nothing allocated.
    pub const fn new() -> Self {
        Self { cells: BTreeMap::new(), lengths: Vec::new(), kept: 0, clock: 0 }
    }

    /// A record came to `slot` or went, or turned from a cached copy into one that is held. Whoever does not
    /// know whether that is so may say so.
    pub fn changed(&mut self, slot: Slot) {
        for (bits, _) in &self.lengths {
            if let Some(cell) = self.cells.get_mut(&Prefix::of(&slot.key, *bits)) {
                self.kept -= cell.forget(slot);
            }
        }
    }

    /// What is held in each of `parts` at `now`, after looking at `effort` records at most, with 128 more to
    /// finish. `list` adds the live records of a range of slots to an empty list, in ascending order and at most so many.
    ///
    /// Fails as `list` does.
    pub fn take<E>(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
        list: impl FnMut(Slots, usize, &mut Vec<Summary>) -> Result<(), E>,
    ) -> Result<Vec<Stock>, E> {
        let mut looking = Looking { effort, list, page: Vec::new() };
        let mut stocks = Vec::with_capacity(parts.len());
        for part in parts {
            self.clock += 1;
            if let Some(stock) = self.recall(now, *part) {
                stocks.push(stock);
                continue;
            }
            let mut cell = self.remove(*part);
            cell.used = self.clock;
            stocks.push(cell.take(now, *part, &mut looking)?);
            self.insert(*part, cell);
        }
        Ok(stocks)
    }

    /// What is held in a part where nothing has changed since it was told.
    fn recall(&mut self, now: Moment, part: Prefix) -> Option<Stock> {
        let cell = self.cells.get_mut(&part)?;
        let stock = cell.told(now)?;
        cell.used = self.clock;
        Some(stock)
    }

    fn remove(&mut self, part: Prefix) -> Cell {
        let Some(cell) = self.cells.remove(&part) else { return Cell::default() };
        self.kept -= cell.kept();
        if let Some((_, count)) = self.lengths.iter_mut().find(|(bits, _)| *bits == part.bits()) {
            *count -= 1;
        }
        self.lengths.retain(|(_, count)| *count > 0);
        cell
    }

    fn insert(&mut self, part: Prefix, cell: Cell) {
        if !cell.is_worth_keeping() {
            return;
        }
        self.kept += cell.kept();
        match self.lengths.iter_mut().find(|(bits, _)| *bits == part.bits()) {
            Some((_, count)) => *count += 1,
            None => self.lengths.push((part.bits(), 1)),
        }
        self.cells.insert(part, cell);
        while self.cells.len() > CELLS_KEPT || self.kept > FINGERPRINTS_KEPT {
            let oldest = self.cells.iter().min_by_key(|(_, cell)| cell.used);
            let Some((oldest, _)) = oldest else { return };
            self.remove(*oldest);
        }
    }
}

impl Cell {
    /// Fingerprints that take room.
    fn kept(&self) -> usize {
        self.runs.iter().map(Run::len).sum()
    }

    /// What was told last, if that is what is held at `now`.
    fn told(&self, now: Moment) -> Option<Stock> {
        let holds = self.since <= now && now < self.until;
        self.digest.filter(|_| holds).map(|(digest, records)| Stock::Whole { digest, records })
    }

    fn is_worth_keeping(&self) -> bool {
        let has_begun = self.runs.len() > 1;
        self.digest.map_or(has_begun, |(_, records)| records >= WORTH_KEEPING)
    }

    /// Something changed in `slot`. Returns how many fingerprints went.
    fn forget(&mut self, slot: Slot) -> usize {
        self.digest = None;
        let after = self.runs.partition_point(|run| run.first <= slot);
        let run = after.checked_sub(1).and_then(|at| self.runs.get_mut(at));
        run.and_then(|run| run.fingerprints.take()).map_or(0, |gone| gone.len())
    }

    fn take<E>(
        &mut self,
        now: Moment,
        part: Prefix,
        looking: &mut Looking<impl FnMut(Slots, usize, &mut Vec<Summary>) -> Result<(), E>>,
    ) -> Result<Stock, E> {
        if now < self.since {
            self.runs = Vec::new();
        }
        (self.digest, self.since) = (None, now);
        let slots = part.slots();
        if self.runs.is_empty() {
            self.runs.push(Run::unknown(*slots.start()));
        }
        let is_whole = self.look(now, *slots.end(), looking)?;
        if !is_whole {
            let known = self.runs.iter().filter(|run| now < run.until);
            return Ok(Stock::AtLeast { records: known.map(Run::len).sum() });
        }
        let records = self.kept();
        let told = self.runs.iter().flat_map(|run| run.fingerprints.iter().flatten());
        let digest = CellDigest::of(told.copied());
        self.until = self.runs.iter().map(|run| run.until).min().unwrap_or(Moment::NEVER);
        self.digest = Some((digest, records));
        if self.runs.len() == 1 {
            self.runs = Vec::new();
        }
        Ok(Stock::Whole { digest, records })
    }

    /// Looks at every run that needs it, as far as the effort goes. Returns whether none is left.
    fn look<E>(
        &mut self,
        now: Moment,
        last: Slot,
        looking: &mut Looking<impl FnMut(Slots, usize, &mut Vec<Summary>) -> Result<(), E>>,
    ) -> Result<bool, E> {
        let mut at = 0;
        while let Some(run) = self.runs.get(at) {
            if run.fingerprints.is_some() && now < run.until {
                at += 1;
                continue;
            }
            if looking.effort == 0 {
                return Ok(false);
            }
            let first = run.first;
            let next = self.runs.get(at + 1).map(|run| run.first);
            let end = next.map_or(Bound::Included(last), Bound::Excluded);
            let page = looking.look((Bound::Included(first), end))?;
            // A full page may be all there is; what follows it is looked at then, and nothing is found.
            let rest = page.last().filter(|_| page.len() >= RUN).and_then(|one| one.slot.next());
            if let Some(rest) = rest.filter(|rest| *rest <= last && Some(*rest) != next) {
                self.runs.insert(at + 1, Run::unknown(rest));
            }
            let run = Run::of(first, page);
            at = self.put(at, run);
        }
        Ok(true)
    }

    /// Puts in a run that was looked at, or adds it to the one before if both are short. Returns the number
    /// of the next one.
    fn put(&mut self, at: usize, run: Run) -> usize {
        let before = at.checked_sub(1).and_then(|before| self.runs.get_mut(before));
        if let Some(before) = before
            && let (Some(first), Some(second)) = (&before.fingerprints, &run.fingerprints)
            && first.len() + second.len() <= RUN / 2
        {
            before.fingerprints = Some(first.iter().chain(second).copied().collect());
            before.until = before.until.min(run.until);
            self.runs.remove(at);
            return at;
        }
        if let Some(place) = self.runs.get_mut(at) {
            *place = run;
        }
        at + 1
    }
}

impl Run {
    /// To be looked at.
    const fn unknown(first: Slot) -> Self {
        Self { first, fingerprints: None, until: Moment::NEVER }
    }

    fn of(first: Slot, page: &[Summary]) -> Self {
        let held = || page.iter().filter(|summary| !summary.custody.is_cached());
        let until = held().map(|summary| summary.expires).min().unwrap_or(Moment::NEVER);
        Self { first, fingerprints: Some(held().map(Fingerprint::of).collect()), until }
    }

    fn len(&self) -> usize {
        self.fingerprints.as_ref().map_or(0, |fingerprints| fingerprints.len())
    }
}

#[cfg(test)]
mod tests;
