//! The trait every store implements, and what its calls return.

use dht_proto::{Digest, Held, Key, KindSet, Moment, Record, Refusal, Slot, Summary, Terms};

/// A place for records. Not shared: one owner calls it.
///
/// Contract, checked by the conformance suite:
/// - a record whose `expires` is not after `now` is absent, in every call, whether or not
///   [`expire`](Self::expire) ran;
/// - [`save`](Self::save) applies [`dht_proto::admit`] to the live record of the slot, atomically;
/// - a live record is given up only where these docs say so: replaced by `admit`, removed, or, being a
///   cached copy, evicted to make room;
/// - a failed or refused call changes nothing;
/// - the same calls on an equal store have the same results: no order depends on chance.
pub trait RecordStore: Send {
    /// Finds the live record at `key` of the first of `kinds`, in the order of
    /// [`Kind::ALL`](dht_proto::Kind::ALL), that is held. Its bytes come along if the value is at most
    /// `whole_up_to` bytes long.
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError>;

    /// Keeps `record` under `terms`, if [`dht_proto::admit`] and the quota let it.
    ///
    /// A record that needs room takes that of records whose life has ended, then that of copies kept as
    /// [`Custody::Cache`](dht_proto::Custody::Cache), soonest to end first; a cached copy takes only that
    /// of copies that end no later than itself. What still does not fit is refused: [`Refusal::TooLarge`]
    /// if the value would not fit an empty store or is over the limit for one value, else [`Refusal::Full`].
    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError>;

    /// Applies `terms` to the live record of `slot`, if it is still the one with `digest`, as saving the
    /// same record again would: its publisher lengthens the life, a holder only makes a cached copy a held
    /// one. The bytes are not touched. Returns whether such a record was there.
    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError>;

    /// Drops the record of `slot`. Returns whether a live one was there.
    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError>;

    /// Frees every record whose life has ended at `now`, and its bytes. Returns how many.
    fn expire(&mut self, now: Moment) -> Result<usize, StoreError>;

    /// When the next record's life ends; `None` when empty. In the past as long as a record whose life has
    /// ended is not freed.
    fn next_expiry(&self) -> Option<Moment>;

    /// Live records in ascending order of slot, from `from` on (inclusive), at most `limit`.
    ///
    /// To page through a store, begin with [`Slot::FIRST`] and ask on from the slot that follows the last
    /// one told ([`Slot::next`]).
    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError>;

    /// What is used of the quota, by every record not yet freed.
    fn usage(&self) -> Usage;
}

impl<S: RecordStore + ?Sized> RecordStore for Box<S> {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        (**self).load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        (**self).save(now, record, terms)
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        (**self).renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        (**self).remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        (**self).expire(now)
    }

    fn next_expiry(&self) -> Option<Moment> {
        (**self).next_expiry()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        (**self).list(now, from, limit)
    }

    fn usage(&self) -> Usage {
        (**self).usage()
    }
}

/// What became of a record that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The slot holds it now.
    Inserted,
    /// The same value was there already; its life is at least what was asked for where the terms may
    /// extend it.
    Kept,
}

/// How full a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Records held.
    pub records: u64,
    /// Bytes of their values, with the fixed cost that the store documents for each.
    pub bytes: u64,
    /// Bytes at most.
    pub capacity: u64,
}

/// Why a record was not kept. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The rules or the quota do not let it in. The reason goes to the sender.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its life had ended before it came: kept, it would be absent. Send it with a later end, or not at all.
    #[error("life of the record has ended")]
    Ended,
    /// The store itself failed. Trying again may succeed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// What the sender of the record is told.
impl From<SaveError> for Refusal {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Refused(refusal) => refusal,
            SaveError::Ended => Self::Policy { reason: error.to_string() },
            SaveError::Failed(_) => Self::StorageFailed,
        }
    }
}

/// The medium under a store failed. The call changed nothing. Shows as its cause does.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
