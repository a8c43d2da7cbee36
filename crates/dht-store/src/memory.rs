//! A store in memory: an ordered map of records and an index of when they end.
//!
//! Invariant: `records`, `deadlines` and `quota` tell of the same records; [`MemoryStore::put`] and
//! [`MemoryStore::forget`] are the only places that change which.

use std::collections::BTreeMap;
use std::fmt;

use dht_proto::{
    Admission, Custody, Digest, Held, Key, KindSet, Moment, Record, Refusal, Slot, Summary, Terms,
    admit,
};

use crate::quota::{CAPACITY_DEFAULT, Quota};
use crate::{RecordStore, SaveError, Saved, StoreError, Usage};

mod deadlines;

use deadlines::Deadlines;

/// Keeps records in memory, and forgets them all when dropped.
///
/// Default: 500 MB ([`CAPACITY_DEFAULT`]) and values of up to 5,000,000 bytes. Each record counts with the
/// length of its value and [`RECORD_COST`](crate::RECORD_COST). An empty store allocates nothing, so that
/// thousands fit a process.
///
/// Values are shared with whoever saved them, never copied: one that is a slice of a larger buffer keeps
/// the whole buffer alive, which the byte count does not see.
///
/// No call fails with [`StoreError`]. Every call takes time logarithmic in the number of records, and
/// linear in what it returns, frees, or passes over because it has ended.
#[derive(Clone)]
pub struct MemoryStore {
    records: BTreeMap<Slot, Entry>,
    deadlines: Deadlines,
    quota: Quota,
}

#[derive(Clone)]
struct Entry {
    record: Record,
    expires: Moment,
    custody: Custody,
}

impl Entry {
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
    /// Any capacity will do; one below the cost of a record refuses everything as [`Refusal::Full`].
    pub const fn new(capacity: u64) -> Self {
        Self { records: BTreeMap::new(), deadlines: Deadlines::new(), quota: Quota::new(capacity) }
    }

    /// Refuses values longer than `bytes` as [`Refusal::TooLarge`]. Default, and at most: 5,000,000
    /// ([`VALUE_MAX`](dht_proto::limits::VALUE_MAX)). Concerns what is saved from now on.
    #[must_use]
    pub fn with_item_limit(mut self, bytes: usize) -> Self {
        self.quota.limit_items(bytes);
        self
    }

    fn live(&self, now: Moment, slot: Slot) -> Option<&Entry> {
        self.records.get(&slot).filter(|entry| entry.expires > now)
    }

    /// The records that must go before `incoming` fits, in which it replaces what is in its slot.
    ///
    /// Looks at no more records than the missing bytes can pay for, [`RECORD_COST`](crate::RECORD_COST) each.
    fn victims(&self, now: Moment, incoming: &Summary) -> Result<Vec<Slot>, Refusal> {
        self.quota.check(incoming.size)?;
        let cost_of = |slot: &Slot| {
            self.records.get(slot).map_or(0, |entry| Quota::cost(entry.record.size()))
        };
        let mut missing = self.quota.missing(Quota::cost(incoming.size), cost_of(&incoming.slot));
        let mut victims = Vec::new();
        for slot in self.deadlines.yielding(now, incoming.expires, incoming.custody) {
            if missing == 0 {
                break;
            }
            if slot != incoming.slot {
                missing = missing.saturating_sub(cost_of(&slot));
                victims.push(slot);
            }
        }
        if missing == 0 { Ok(victims) } else { Err(Refusal::Full) }
    }

    fn put(&mut self, slot: Slot, entry: Entry) {
        self.forget(slot);
        self.deadlines.insert(slot, entry.expires, entry.custody);
        self.quota.add(entry.record.size());
        self.records.insert(slot, entry);
    }

    fn forget(&mut self, slot: Slot) {
        if let Some(entry) = self.records.remove(&slot) {
            self.deadlines.remove(slot, entry.expires, entry.custody);
            self.quota.subtract(entry.record.size());
        }
    }

    fn change_terms(&mut self, slot: Slot, expires: Moment, custody: Custody) {
        if let Some(entry) = self.records.get_mut(&slot) {
            self.deadlines.remove(slot, entry.expires, entry.custody);
            self.deadlines.insert(slot, expires, custody);
            (entry.expires, entry.custody) = (expires, custody);
        }
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
                for victim in self.victims(now, &incoming)? {
                    self.forget(victim);
                }
                let Terms { expires, custody, .. } = terms;
                self.put(slot, Entry { record, expires, custody });
                Ok(Saved::Inserted)
            }
            Admission::Renew { expires, custody } => {
                self.change_terms(slot, expires, custody);
                Ok(Saved::Kept)
            }
            Admission::Keep => Ok(Saved::Kept),
        }
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
            self.change_terms(slot, expires, custody);
        }
        Ok(true)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        let was_live = self.live(now, slot).is_some();
        self.forget(slot);
        Ok(was_live)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        let ended: Vec<Slot> = self.deadlines.ended(now).collect();
        for slot in &ended {
            self.forget(*slot);
        }
        Ok(ended.len())
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.deadlines.next()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        let live =
            self.records.range(from..).map(|(_, entry)| entry).filter(|entry| entry.expires > now);
        Ok(live.take(limit).map(Entry::summary).collect())
    }

    fn usage(&self) -> Usage {
        self.quota.usage()
    }
}

#[cfg(test)]
mod tests;
