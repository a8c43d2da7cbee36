//! The trait every store implements, and what its calls return.

use std::ops::RangeBounds;

use dht_proto::{
    Admission, Digest, Held, Key, KindSet, Moment, Prefix, Record, Refusal, Slot, Stock, Summary,
    Terms,
};

use crate::Stocktaking;

/// A place for records. Not shared: one owner calls it.
///
/// Contract, checked by the conformance suite:
/// - a record whose `expires` is not after `now` is absent, in every call, whether or not
///   [`expire`](Self::expire) ran;
/// - [`save`](Self::save) applies [`dht_proto::admit`] to the live record of the slot, atomically;
/// - a live record is given up only where these docs say so: replaced by `admit`, removed, or evicted to
///   make room by the rules of [`save`](Self::save);
/// - a refused call changes nothing, nor does one that fails, but for what [`flush`](Self::flush) says;
/// - the same calls on an equal store have the same results: no order depends on chance.
///
/// # Batches
/// What calls change is seen by the calls after them at once, and survives a crash once
/// [`flush`](Self::flush) returns. A store on disk needs a few milliseconds for that, however much was
/// changed, so whoever drives one makes the calls at hand, flushes once, and reports their results then.
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
    /// A record that needs room takes, in this order and soonest to end first, that of
    /// 1. records whose life has ended;
    /// 2. copies kept as [`Custody::Cache`](dht_proto::Custody::Cache);
    /// 3. records of the [`Source`](dht_proto::Source) that uses most at each step.
    ///
    /// A cached copy takes only 1 and of 2 those that end no later than itself. Only a source that, with the
    /// new record, uses less than the greediest one is left with, takes 3, so that no two of them push each
    /// other out in turns; what this node publishes ([`Custody::Own`](dht_proto::Custody::Own)) takes it
    /// in any case. What is our own is never evicted, nor is anything else of
    /// [`Source::LOCAL`](dht_proto::Source::LOCAL) but cached copies.
    ///
    /// No source but [`Source::LOCAL`](dht_proto::Source::LOCAL) uses more than its share of the capacity
    /// (half, unless the store is told otherwise). One that would makes room of its own ended records and
    /// cached copies.
    ///
    /// What still does not fit is refused: [`Refusal::TooLarge`] if the value is over the limit for one value,
    /// or would not even fit if its source had nothing else in the store, else [`Refusal::Full`].
    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError>;

    /// What [`save`](Self::save) would do with a record of which only a description is here, with what is in its
    /// slot. Changes nothing. So a sender can be told before the bytes travel.
    ///
    /// A store that does not say how tells what [`dht_proto::admit`] does, and that there is room.
    fn weigh(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Weighed, StoreError> {
        let Slot { key, kind } = incoming.slot;
        let existing = self.load(now, key, kind.into(), 0)?.map(|held| held.summary);
        let admitted = dht_proto::admit(existing.as_ref(), incoming, terms);
        Ok(Weighed { existing, admitted })
    }

    /// Applies `terms` to the live record of `slot`, if it is still the one with `digest`, as saving the
    /// same record again would: its publisher lengthens the life, a holder only makes a cached copy a held
    /// one. The bytes are not touched, and whoever was charged for them still is, unless the record becomes
    /// our own. Returns whether such a record was there.
    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError>;

    /// Drops the record of `slot`. Returns whether a live one was there.
    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError>;

    /// Frees records whose life has ended at `now`, and their bytes: 1,024 at most, or what a store deems short work.
    /// Returns how many. There are none left when it returns 0; as long as there are some
    /// [`next_expiry`](Self::next_expiry) is in the past.
    fn expire(&mut self, now: Moment) -> Result<usize, StoreError>;

    /// When the next record's life ends; `None` when empty. In the past as long as a record whose life has
    /// ended is not freed.
    fn next_expiry(&self) -> Option<Moment>;

    /// Live records in ascending order of slot, from `from` on (inclusive), at most `limit`.
    ///
    /// To page through a store, begin with [`Slot::FIRST`] and ask on from the slot that follows the last
    /// one told ([`Slot::next`]).
    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError>;

    /// What is held in each of `parts`, in their order: the same as listing them would tell, cached copies left out.
    ///
    /// It looks at some `effort` records at most, and says of a part that it has not gone through that there is
    /// more ([`Stock::AtLeast`]). Whoever wants to know the rest asks again.
    ///
    /// A store keeps from one call to the next what did not change, with the help of [`Stocktaking`], so that
    /// it need not go through all its records whenever they are compared with another node's. Unless a store says
    /// how, nothing is kept and every part is gone through, whatever the effort.
    fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        _effort: usize,
    ) -> Result<Vec<Stock>, StoreError> {
        let list = |slots: crate::Slots, limit: usize, page: &mut Vec<Summary>| {
            let std::ops::Bound::Included(from) = slots.0 else { return Ok(()) };
            let listed = self.list(now, from, limit)?;
            page.extend(listed.into_iter().filter(|summary| slots.contains(&summary.slot)));
            Ok(())
        };
        Stocktaking::new().take(now, parts, usize::MAX, list)
    }

    /// What is used of the quota, by every record not yet freed.
    fn usage(&self) -> Usage;

    /// Makes what the calls before it changed last: it survives a crash once this returns.
    ///
    /// If it fails, the calls since the last flush that succeeded may have been undone, all of them or
    /// none, and are to be reported as failed. So they may be if one of them fails with [`StoreError`]: then
    /// the next flush fails too. Either way the store goes on from what was flushed.
    fn flush(&mut self) -> Result<(), StoreError>;
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

    fn weigh(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Weighed, StoreError> {
        (**self).weigh(now, incoming, terms)
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

    fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
    ) -> Result<Vec<Stock>, StoreError> {
        (**self).take_stock(now, parts, effort)
    }

    fn usage(&self) -> Usage {
        (**self).usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        (**self).flush()
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

/// What would become of a record, see [`RecordStore::weigh`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The live record of its slot.
    pub existing: Option<Summary>,
    /// What saving it would do, or why it would be refused: by the rules, or for want of room.
    pub admitted: Result<Admission, Refusal>,
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
    /// The store itself failed, see [`StoreError`]. Trying again may succeed.
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

/// The medium under a store failed. The call changed nothing; calls before it may have been undone, as
/// [`RecordStore::flush`] says and will tell. Shows as its cause does.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
