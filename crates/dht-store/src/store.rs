//! The trait every store implements, and what its calls return.

use dht_proto::{Digest, Held, Key, KindSet, Moment, Record, Refusal, Slot, Summary, Terms};

/// A place for records. Not shared: one owner calls it.
///
/// Contract, checked by the conformance suite:
/// - a record whose `expires` is not after `now` is absent, in every call, whether or not [`expire`](Self::expire) ran;
/// - [`save`](Self::save) applies [`dht_proto::admit`] to the live record of the slot, atomically;
/// - a failed call changes nothing.
pub trait RecordStore: Send {
    /// Finds the live record at `key` of the first of `kinds`, in the order of [`Kind::ALL`](dht_proto::Kind::ALL),
    /// that is held. Its bytes come along if the value is at most `whole_up_to` bytes long.
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError>;

    /// Keeps `record` under `terms`, if [`dht_proto::admit`] and the quota let it.
    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError>;

    /// Lengthens the life of the record of `slot`, if it is still the one with `digest`: its end becomes the
    /// later of the old one and `terms.expires`, its purpose the stronger of the two. The bytes are not
    /// touched. Returns whether such a record was there.
    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError>;

    /// Drops the record of `slot`. Returns whether one was there.
    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError>;

    /// Frees every record whose life has ended at `now`. Returns how many.
    fn expire(&mut self, now: Moment) -> Result<usize, StoreError>;

    /// When the next record's life ends; `None` when empty.
    fn next_expiry(&self) -> Option<Moment>;

    /// Live records in ascending order of (key, kind), from `from` on (inclusive), at most `limit`.
    fn list(&self, now: Moment, from: Key, limit: usize) -> Result<Vec<Summary>, StoreError>;

    /// What is used of the quota.
    fn usage(&self) -> Usage;
}

/// What became of a record that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The slot holds it now.
    Inserted,
    /// The same value was there already; its life is at least what was asked for where the terms may extend it.
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

/// Why a record was not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The rules or the quota do not let it in. Nothing changed; the reason goes to the sender.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store itself failed. Nothing changed.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// The medium under a store failed.
#[derive(Debug, thiserror::Error)]
#[error("store failed: {0}")]
pub struct StoreError(#[from] Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
