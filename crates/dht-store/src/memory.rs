//! A store in memory: an ordered map of records, and the orders in which they end and give way.
//!
//! Invariant: `records`, `orders` and `quota` tell of the same records; [`MemoryStore::put`] and
//! [`MemoryStore::forget`] are the only places that change which.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::ops::Bound;

use dht_proto::{
    Admission, Custody, Digest, Held, Key, KindSet, Moment, Prefix, Record, Refusal, Slot, Source,
    Stock, Summary, Terms, admit,
};

use crate::eviction::{self, Candidate, Class, Incoming, NoPlan, Place, Shelf};
use crate::quota::{CAPACITY_DEFAULT, Quota};
use crate::{RecordStore, SaveError, Saved, Slots, Stocktaking, StoreError, Usage, Weighed};

mod orders;

use orders::Orders;

/// Records of a listing that room is made for at once: more than one page of those who list by pages.
const PAGE_ROOM: usize = 256;

/// Records whose life has ended that are freed in one call, at most: some hundred microseconds of work.
const EXPIRED_MAX: usize = 1_024;

/// Keeps records in memory, and forgets them all when dropped.
///
/// Default: 500 MB ([`CAPACITY_DEFAULT`]) and values of up to 5,000,000 bytes. Each record counts with the
/// length of its value and [`RECORD_COST`](crate::RECORD_COST). An empty store allocates nothing, so that
/// thousands fit a process.
///
/// Values of up to 900 bytes ([`INLINE_VALUE_MAX`](dht_proto::limits::INLINE_VALUE_MAX)) are copied, because they
/// come as slices of messages that would stay in memory with them; longer ones have buffers of their own
/// and are shared with whoever saved them. See [`sharing_values`](MemoryStore::sharing_values).
///
/// No call fails with [`StoreError`]. Every call takes time logarithmic in the number of records, and
/// linear in what it returns, frees, or passes over because it has ended.
#[derive(Clone)]
pub struct MemoryStore {
    records: BTreeMap<Slot, Entry>,
    orders: Orders,
    quota: Quota,
    /// `None` until somebody asks.
    stocktaking: Option<Box<Stocktaking>>,
    /// Whether short values are kept as they come.
    shares: bool,
}

#[derive(Clone)]
struct Entry {
    record: Record,
    expires: Moment,
    custody: Custody,
    source: Source,
}

impl Entry {
    fn class(&self) -> Class {
        self.custody.into()
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            place: (self.expires, self.record.slot()),
            source: self.source,
            cost: Quota::cost(self.record.size()),
        }
    }

    fn summary(&self) -> Summary {
        Summary {
            slot: self.record.slot(),
            size: self.record.size(),
            digest: self.record.digest(),
            sequence: self.record.sequence(),
            expires: self.expires,
            custody: self.custody,
        }
    }
}

impl MemoryStore {
    /// An empty store for `capacity` bytes, each record counted with [`RECORD_COST`](crate::RECORD_COST).
    ///
    /// Any capacity will do; one below the cost of a record refuses everything as
    /// [`Refusal::Full`](dht_proto::Refusal::Full).
    pub const fn new(capacity: u64) -> Self {
        let quota = Quota::new(capacity);
        let orders = Orders::new();
        Self { records: BTreeMap::new(), orders, quota, stocktaking: None, shares: false }
    }

    /// Refuses values longer than `bytes` as [`Refusal::TooLarge`](dht_proto::Refusal::TooLarge). Default, and at
    /// most: 5,000,000
    /// ([`VALUE_MAX`](dht_proto::limits::VALUE_MAX)). Concerns what is saved from now on.
    #[must_use]
    pub fn with_item_limit(mut self, bytes: usize) -> Self {
        self.quota.limit_items(bytes);
        self
    }

    /// Lets the records of one source take `percent` of the capacity, from 1 to 100 (others are taken for the
    /// nearest of these). Default: 50 ([`SOURCE_SHARE_DEFAULT`](crate::SOURCE_SHARE_DEFAULT)).
    #[must_use]
    pub fn with_source_share(mut self, percent: u8) -> Self {
        self.quota.limit_sources(percent);
        self
    }

    /// Copies no value, however short: for many stores in one process that hold the same records, and for
    /// records that are no slices of anything.
    #[must_use]
    pub const fn sharing_values(mut self) -> Self {
        self.shares = true;
        self
    }

    fn live(&self, now: Moment, slot: Slot) -> Option<&Entry> {
        self.records.get(&slot).filter(|entry| entry.expires > now)
    }

    fn put(&mut self, slot: Slot, entry: Entry) {
        self.forget(slot);
        self.orders.insert(entry.class(), &entry.candidate());
        self.quota.add(entry.record.size());
        if entry.class() != Class::Cached {
            self.note_change(slot);
        }
        self.records.insert(slot, entry);
    }

    fn forget(&mut self, slot: Slot) {
        if let Some(entry) = self.records.remove(&slot) {
            self.orders.remove(entry.class(), &entry.candidate());
            self.quota.subtract(entry.record.size());
            if entry.class() != Class::Cached {
                self.note_change(slot);
            }
        }
    }

    fn change_terms(&mut self, slot: Slot, expires: Moment, custody: Custody, terms: &Terms) {
        if let Some(entry) = self.records.get_mut(&slot) {
            self.orders.remove(entry.class(), &entry.candidate());
            let was_cached = entry.class() == Class::Cached;
            entry.source = eviction::charged(entry.source, terms);
            (entry.expires, entry.custody) = (expires, custody);
            self.orders.insert(entry.class(), &entry.candidate());
            if was_cached != (entry.class() == Class::Cached) {
                self.note_change(slot);
            }
        }
    }

    /// What is held in a slot has changed.
    fn note_change(&mut self, slot: Slot) {
        if let Some(stocktaking) = &mut self.stocktaking {
            stocktaking.changed(slot);
        }
    }

    /// The records that must go before `incoming` can be put into its slot.
    fn plan(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Vec<Slot>, Refusal> {
        let wanted = Incoming::new(incoming, terms);
        let replaced = self.records.get(&incoming.slot).map(Entry::candidate);
        let plan = eviction::plan(self, &self.quota, now, &wanted, replaced.as_ref());
        plan.map_err(|NoPlan::Refused(refusal)| refusal)
    }

    fn candidate(&self, (_, slot): Place) -> Option<Candidate> {
        self.records.get(&slot).map(Entry::candidate)
    }
}

impl Shelf for MemoryStore {
    type Error = Infallible;

    fn next_ending(
        &self,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Infallible> {
        Ok(self.orders.next_ending(class, after).and_then(|place| self.candidate(place)))
    }

    fn next_of_source(
        &self,
        source: Source,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Infallible> {
        let place = self.orders.next_of_source(source, class, after);
        Ok(place.and_then(|place| self.candidate(place)))
    }

    fn next_greedy(
        &self,
        below: Option<(u64, Source)>,
    ) -> Result<Option<(u64, Source)>, Infallible> {
        Ok(self.orders.next_greedy(below))
    }

    fn used_by(&self, source: Source) -> Result<u64, Infallible> {
        Ok(self.orders.used_by(source))
    }
}

impl Default for MemoryStore {
    /// 500 MB, values of up to 5,000,000 bytes.
    fn default() -> Self {
        Self::new(CAPACITY_DEFAULT)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryStore").field(&self.usage()).finish()
    }
}

impl RecordStore for MemoryStore {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        let found = kinds.iter().find_map(|kind| self.live(now, Slot { key, kind }));
        Ok(found.map(|entry| {
            let summary = entry.summary();
            let record = (summary.size <= whole_up_to).then(|| entry.record.clone());
            Held { summary, record }
        }))
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        if terms.expires <= now {
            return Err(SaveError::Ended);
        }
        let incoming = Summary::of(&record, &terms);
        let slot = incoming.slot;
        let existing = self.live(now, slot).map(Entry::summary);
        match admit(existing.as_ref(), &incoming, &terms)? {
            Admission::Insert => {
                for victim in self.plan(now, &incoming, &terms)? {
                    self.forget(victim);
                }
                let is_kept_as_it_came = self.shares || !record.is_inline();
                let record = if is_kept_as_it_came { record } else { record.detached() };
                let Terms { expires, custody, source, .. } = terms;
                self.put(slot, Entry { record, expires, custody, source });
                Ok(Saved::Inserted)
            }
            Admission::Renew { expires, custody } => {
                self.change_terms(slot, expires, custody, &terms);
                Ok(Saved::Kept)
            }
            Admission::Keep => Ok(Saved::Kept),
        }
    }

    fn weigh(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Weighed, StoreError> {
        let existing = self.live(now, incoming.slot).map(Entry::summary);
        let admitted = match admit(existing.as_ref(), incoming, terms) {
            Ok(Admission::Insert) => self.plan(now, incoming, terms).map(|_| Admission::Insert),
            other => other,
        };
        Ok(Weighed { existing, admitted })
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        let existing = self.live(now, slot).map(Entry::summary);
        let Some(existing) = existing.filter(|summary| summary.digest == digest) else {
            return Ok(false);
        };
        let again = Summary { expires: terms.expires, custody: terms.custody, ..existing };
        if let Ok(Admission::Renew { expires, custody }) = admit(Some(&existing), &again, &terms) {
            self.change_terms(slot, expires, custody, &terms);
        }
        Ok(true)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        let was_live = self.live(now, slot).is_some();
        self.forget(slot);
        Ok(was_live)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        let ended: Vec<Slot> = self.orders.ended(now).take(EXPIRED_MAX).collect();
        for slot in &ended {
            self.forget(*slot);
        }
        Ok(ended.len())
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.orders.next_end()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        let mut page = Vec::with_capacity(limit.min(self.records.len()).min(PAGE_ROOM));
        let slots = (Bound::Included(from), Bound::Unbounded);
        page.extend(live(&self.records, now, slots).take(limit));
        Ok(page)
    }

    fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
    ) -> Result<Vec<Stock>, StoreError> {
        let (stocktaking, records) = (&mut self.stocktaking, &self.records);
        let list = |slots: Slots, limit: usize, page: &mut Vec<Summary>| {
            page.extend(live(records, now, slots).take(limit));
            Ok(())
        };
        stocktaking.get_or_insert_default().take(now, parts, effort, list)
    }

    fn usage(&self) -> Usage {
        self.quota.usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The live ones of `records` in some slots.
fn live(
    records: &BTreeMap<Slot, Entry>,
    now: Moment,
    slots: Slots,
) -> impl Iterator<Item = Summary> {
    let entries = records.range(slots).map(|(_, entry)| entry);
    entries.filter(move |entry| entry.expires > now).map(Entry::summary)
}

#[cfg(test)]
mod tests;
