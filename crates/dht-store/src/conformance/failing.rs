//! A store that fails when told to.

use std::cell::Cell;

use dht_proto::{Digest, Held, Key, KindSet, Moment, Prefix, Record, Slot, Stock, Summary, Terms};

use crate::{RecordStore, SaveError, Saved, StoreError, Usage, Weighed};

/// Passes calls on to another store, but for one, which fails without reaching it.
///
/// Counted are the calls that can fail: `load`, `save`, `weigh`, `renew`, `remove`, `expire`, `list`, `take_stock`
/// and `flush`, from 0.
///
/// ```
/// use dht_proto::Moment;
/// use dht_store::conformance::FailingStore;
/// use dht_store::{MemoryStore, RecordStore};
///
/// let mut store = FailingStore::new(MemoryStore::default(), 1);
/// assert!(store.expire(Moment::EPOCH).is_ok());
/// assert!(store.expire(Moment::EPOCH).is_err());
/// assert!(store.expire(Moment::EPOCH).is_ok());
/// assert_eq!(store.calls(), 3);
/// ```
#[derive(Debug, Clone)]
pub struct FailingStore<S> {
    store: S,
    fail_on: u64,
    calls: Cell<u64>,
}

impl<S> FailingStore<S> {
    /// Makes call number `fail_on` of `store` fail; none if it is [`u64::MAX`].
    pub const fn new(store: S, fail_on: u64) -> Self {
        Self { store, fail_on, calls: Cell::new(0) }
    }

    /// How many calls were counted so far, the failed one included.
    pub const fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// The store itself.
    pub fn into_store(self) -> S {
        self.store
    }

    fn count(&self) -> Result<(), StoreError> {
        let call = self.calls.replace(self.calls.get().saturating_add(1));
        if call == self.fail_on {
            return Err(StoreError::new(format!("call {call} was made to fail")));
        }
        Ok(())
    }
}

impl<S: RecordStore> RecordStore for FailingStore<S> {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        self.count()?;
        self.store.load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        self.count()?;
        self.store.save(now, record, terms)
    }

    fn weigh(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Weighed, StoreError> {
        self.count()?;
        self.store.weigh(now, incoming, terms)
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.count()?;
        self.store.renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        self.count()?;
        self.store.remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        self.count()?;
        self.store.expire(now)
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.store.next_expiry()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        self.count()?;
        self.store.list(now, from, limit)
    }

    fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
    ) -> Result<Vec<Stock>, StoreError> {
        self.count()?;
        self.store.take_stock(now, parts, effort)
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.count()?;
        self.store.flush()
    }
}
