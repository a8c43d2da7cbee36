//! The tables of one batch, open, and the steps that change them together.
//!
//! Invariant: `heads`, `ends`, `source ends`, `uses`, `greed` and the ledger tell of the same records;
//! [`Tables::put`], [`Tables::forget`] and [`Tables::change`] are the only places that change which.
//!
//! A row of an index without the head it stands for (as a damaged head leaves it) is passed over, and
//! removed once its moment has come.

use bytes::Bytes;
use dht_proto::{Custody, Moment, Record, Slot, Source, Summary};
use redb::{ReadableTable, Table, WriteTransaction};

use super::error::Problem;
use super::head::Head;
use super::table::{
    self, ENDS, EndKey, GREED, HEADS, SOURCE_ENDS, SlotKey, SourceEndKey, USES, UseKey,
};
use super::values::Values;
use crate::eviction::{Candidate, Class, Place, Shelf};
use crate::quota::Quota;
use crate::{Slots, Stocktaking};

/// Bytes of pages that a change of one record makes new, beside those of its value, in the mean.
const CHANGE_COST: u64 = 5 * 4_096;

/// What is counted rather than looked up.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) quota: Quota,
    /// Number of the value that comes next.
    pub(super) next_value: u64,
    /// Bytes of pages changed since the last commit, roughly; 0 if nothing was.
    pub(super) pending: u64,
    /// Digests that are kept between comparisons.
    pub(super) stocktaking: Stocktaking,
}

impl Ledger {
    fn note_change(&mut self, size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.pending = self.pending.saturating_add(CHANGE_COST).saturating_add(size);
    }
}

pub(super) struct Tables<'a> {
    heads: Table<'a, &'static SlotKey, &'static [u8]>,
    values: Values<'a>,
    ends: Table<'a, &'static EndKey, ()>,
    source_ends: Table<'a, &'static SourceEndKey, ()>,
    uses: Table<'a, &'static [u8; 16], u64>,
    greed: Table<'a, &'static UseKey, ()>,
    ledger: &'a mut Ledger,
}

impl<'a> Tables<'a> {
    /// Opens them, made if there are none.
    pub(super) fn open(
        batch: &'a WriteTransaction,
        ledger: &'a mut Ledger,
    ) -> Result<Self, Problem> {
        Ok(Self {
            heads: batch.open_table(HEADS)?,
            values: Values::open(batch)?,
            ends: batch.open_table(ENDS)?,
            source_ends: batch.open_table(SOURCE_ENDS)?,
            uses: batch.open_table(USES)?,
            greed: batch.open_table(GREED)?,
            ledger,
        })
    }

    pub(super) fn quota(&self) -> &Quota {
        &self.ledger.quota
    }

    /// The head in `slot`, live or not.
    pub(super) fn head(&self, slot: Slot) -> Result<Option<Head>, Problem> {
        let row = self.heads.get(&table::slot_key(slot))?;
        row.map(|row| Head::decode(slot, row.value())).transpose()
    }

    /// The head in `slot`, if it is there and whole.
    pub(super) fn whole_head(&self, slot: Slot) -> Result<Option<Head>, Problem> {
        match self.head(slot) {
            Err(Problem::Record(_)) => Ok(None),
            result => result,
        }
    }

    /// Adds heads of some slots, in their order, to an empty list. Damaged ones are left out.
    pub(super) fn list(
        &self,
        now: Moment,
        (first, last): Slots,
        limit: usize,
        listed: &mut Vec<Summary>,
    ) -> Result<(), Problem> {
        let (first, last) = (first.map(table::slot_key), last.map(table::slot_key));
        for row in self.heads.range::<&SlotKey>((first.as_ref(), last.as_ref()))? {
            if listed.len() >= limit {
                break;
            }
            let (key, row) = row?;
            let Ok(head) = Head::decode(table::slot_of(key.value())?, row.value()) else {
                continue;
            };
            if head.summary.expires > now {
                listed.push(head.summary);
            }
        }
        Ok(())
    }

    /// The record of `head`, if its value is the one that was kept.
    pub(super) fn record(&self, head: &Head) -> Result<Record, Problem> {
        let Summary { size, slot, .. } = head.summary;
        let value =
            if size == 0 { Some(Bytes::new()) } else { self.values.read(head.value, size)? };
        head.record(value.ok_or(Problem::Record(slot))?)
    }

    /// Number for a value that is to be [put](Self::put).
    pub(super) fn number_value(&mut self) -> u64 {
        let number = self.ledger.next_value;
        self.ledger.next_value = number.saturating_add(1);
        number
    }

    /// Fills the empty slot of `head`.
    pub(super) fn put(&mut self, head: &Head, value: &[u8]) -> Result<(), Problem> {
        self.ledger.note_change(value.len());
        self.ledger.stocktaking.changed(head.summary.slot);
        self.values.insert(head.value, value)?;
        self.heads.insert(&table::slot_key(head.summary.slot), head.encode().as_slice())?;
        self.list_end(head)?;
        self.charge(head.source, Quota::cost(head.summary.size), 0)?;
        self.ledger.quota.add(head.summary.size);
        Ok(())
    }

    /// Empties `slot`. Returns what was there; nothing if that was damaged.
    pub(super) fn forget(&mut self, slot: Slot) -> Result<Option<Head>, Problem> {
        let head = self.whole_head(slot)?;
        self.ledger.stocktaking.changed(slot);
        if self.heads.remove(&table::slot_key(slot))?.is_some() {
            self.ledger.note_change(head.as_ref().map_or(0, |head| head.summary.size));
        }
        if let Some(head) = &head {
            self.values.remove(head.value, head.summary.size)?;
            self.unlist_end(head)?;
            self.charge(head.source, 0, Quota::cost(head.summary.size))?;
            self.ledger.quota.subtract(head.summary.size);
        }
        Ok(head)
    }

    /// Changes end of life, custody and source of the record of `head`.
    pub(super) fn change(
        &mut self,
        head: &Head,
        expires: Moment,
        custody: Custody,
        source: Source,
    ) -> Result<(), Problem> {
        self.ledger.note_change(0);
        if head.summary.custody.is_cached() != custody.is_cached() {
            self.ledger.stocktaking.changed(head.summary.slot);
        }
        self.unlist_end(head)?;
        let cost = Quota::cost(head.summary.size);
        if source != head.source {
            self.charge(head.source, 0, cost)?;
            self.charge(source, cost, 0)?;
        }
        let changed = head.changed(expires, custody, source);
        self.heads.insert(&table::slot_key(head.summary.slot), changed.encode().as_slice())?;
        self.list_end(&changed)
    }

    /// Frees up to `limit` records whose life has ended at `now`. Returns how many.
    pub(super) fn expire(&mut self, now: Moment, limit: usize) -> Result<usize, Problem> {
        let mut freed = 0;
        for class in Class::ALL {
            while freed < limit
                && let Some(place) = self.first_end(class)?.filter(|(end, _)| *end <= now)
            {
                let (end, slot) = place;
                if self.whole_head(slot)?.is_some_and(|head| head.summary.expires == end) {
                    self.forget(slot)?;
                    freed += 1;
                } else {
                    self.ledger.note_change(0);
                }
                // Gone with the record, unless the record's head was damaged.
                self.ends.remove(&table::end_key(class, place))?;
            }
        }
        Ok(freed)
    }

    /// When the first record ends.
    pub(super) fn next_expiry(&self) -> Result<Option<Moment>, Problem> {
        let mut next = None;
        for class in Class::ALL {
            let first = self.first_end(class)?.map(|(end, _)| end);
            next = [next, first].into_iter().flatten().min();
        }
        Ok(next)
    }

    fn first_end(&self, class: Class) -> Result<Option<Place>, Problem> {
        let (first, last) = table::ends_of(class);
        let row = self.ends.range::<&EndKey>(&first..=&last)?.next().transpose()?;
        row.map(|(key, _)| table::place_of(key.value())).transpose()
    }

    fn list_end(&mut self, head: &Head) -> Result<(), Problem> {
        let (class, place) = (head.summary.custody.into(), head.candidate().place);
        self.ends.insert(&table::end_key(class, place), ())?;
        self.source_ends.insert(&table::source_end_key(head.source, class, place), ())?;
        Ok(())
    }

    fn unlist_end(&mut self, head: &Head) -> Result<(), Problem> {
        let (class, place) = (head.summary.custody.into(), head.candidate().place);
        self.ends.remove(&table::end_key(class, place))?;
        self.source_ends.remove(&table::source_end_key(head.source, class, place))?;
        Ok(())
    }

    /// Counts bytes for `source`, and off.
    fn charge(&mut self, source: Source, more: u64, less: u64) -> Result<(), Problem> {
        let before = self.used_by(source)?;
        let after = before.saturating_add(more).saturating_sub(less);
        if !source.is_local() {
            self.greed.remove(&table::use_key(before, source))?;
            if after > 0 {
                self.greed.insert(&table::use_key(after, source), ())?;
            }
        }
        if after > 0 {
            self.uses.insert(source.as_bytes(), after)?;
        } else {
            self.uses.remove(source.as_bytes())?;
        }
        Ok(())
    }

    /// What stands for `place`, if that is not the trace of a damaged head.
    fn candidate(&self, place: Place) -> Result<Option<Candidate>, Problem> {
        let head = self.whole_head(place.1)?;
        Ok(head.map(|head| head.candidate()).filter(|candidate| candidate.place == place))
    }
}

impl Shelf for Tables<'_> {
    type Error = Problem;

    fn next_ending(
        &self,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Problem> {
        let (first, last) = table::ends_of(class);
        let first = after.map_or(first, |place| table::end_key(class, place));
        for row in self.ends.range::<&EndKey>(&first..=&last)? {
            let place = table::place_of(row?.0.value())?;
            if Some(place) != after
                && let Some(candidate) = self.candidate(place)?
            {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn next_of_source(
        &self,
        source: Source,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Problem> {
        let (first, last) = table::source_ends_of(source, class);
        let first = after.map_or(first, |place| table::source_end_key(source, class, place));
        for row in self.source_ends.range::<&SourceEndKey>(&first..=&last)? {
            let place = table::place_of_source_end(row?.0.value())?;
            if Some(place) != after
                && let Some(candidate) = self.candidate(place)?
            {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn next_greedy(&self, below: Option<(u64, Source)>) -> Result<Option<(u64, Source)>, Problem> {
        let row = match below {
            Some((bytes, source)) => {
                self.greed.range::<&UseKey>(..&table::use_key(bytes, source))?.next_back()
            }
            None => self.greed.range::<&UseKey>(..)?.next_back(),
        };
        row.transpose()?.map(|(key, _)| table::use_of(key.value())).transpose()
    }

    fn used_by(&self, source: Source) -> Result<u64, Problem> {
        Ok(self.uses.get(source.as_bytes())?.map_or(0, |bytes| bytes.value()))
    }
}
