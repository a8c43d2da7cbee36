//! How many bytes a store may hold, how many it does, and what fits: arithmetic that every store shares.
//!
//! Invariant: the bytes used never exceed the capacity. Which record gives way is not decided here.

use dht_proto::limits::VALUE_MAX;
use dht_proto::{Refusal, Source};

use crate::Usage;

/// Capacity of a store whose owner names none, in bytes: 500 MB.
pub const CAPACITY_DEFAULT: u64 = 500_000_000;

/// Part of the capacity that the records of one source other than [`Source::LOCAL`] may take, where the
/// owner names none, in percent: half.
pub const SOURCE_SHARE_DEFAULT: u8 = 50;

/// What a record costs beside the bytes of its value, in bytes: key, hash, signature, salt, terms, the
/// index entries and what the allocator adds.
///
/// Rounded up, so that a store full of empty values stays within its capacity too: a content or named
/// record takes some 480 bytes in memory and 320 on disk, a signed one with the longest salt some 670 and 550.
pub const RECORD_COST: u64 = 768;

/// Limits of a store, and what is used of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    capacity: u64,
    item_limit: usize,
    source_share: u8,
    records: u64,
    bytes: u64,
}

impl Quota {
    /// Nothing used of `capacity` bytes; values as long as the protocol carries; half for one source.
    pub(crate) const fn new(capacity: u64) -> Self {
        let source_share = SOURCE_SHARE_DEFAULT;
        Self { capacity, item_limit: VALUE_MAX, source_share, records: 0, bytes: 0 }
    }

    /// Takes over what is in use already.
    #[cfg(feature = "disk")]
    pub(crate) fn resume(&mut self, records: u64, bytes: u64) {
        (self.records, self.bytes) = (records, bytes);
    }

    /// Sets the longest value taken, in bytes.
    pub(crate) fn limit_items(&mut self, limit: usize) {
        self.item_limit = limit.min(VALUE_MAX);
    }

    /// Sets the part of the capacity that one source may take, in percent: 1 to 100.
    pub(crate) fn limit_sources(&mut self, percent: u8) {
        self.source_share = percent.clamp(1, 100);
    }

    /// Bytes counted for a record whose value is `size` bytes long.
    pub(crate) fn cost(size: usize) -> u64 {
        RECORD_COST.saturating_add(u64::try_from(size).unwrap_or(u64::MAX))
    }

    /// Bytes that the records of `source` may take.
    pub(crate) fn budget(&self, source: Source) -> u64 {
        if source.is_local() {
            return u64::MAX;
        }
        let share = u128::from(self.capacity) * u128::from(self.source_share) / 100;
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// Refuses a value that `source` could not even leave in the empty store.
    pub(crate) fn check(&self, size: usize, source: Source) -> Result<(), Refusal> {
        let Some(room) = self.capacity.min(self.budget(source)).checked_sub(RECORD_COST) else {
            return Err(Refusal::Full);
        };
        let limit = usize::try_from(room).unwrap_or(usize::MAX).min(self.item_limit);
        if size > limit {
            return Err(Refusal::TooLarge { limit: u32::try_from(limit).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    /// Bytes to be freed before `incoming` more fit, once `leaving` are gone.
    pub(crate) fn missing(&self, incoming: u64, leaving: u64) -> u64 {
        self.bytes.saturating_sub(leaving).saturating_add(incoming).saturating_sub(self.capacity)
    }

    /// Counts a record in.
    pub(crate) fn add(&mut self, size: usize) {
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(Self::cost(size));
        debug_assert!(self.bytes <= self.capacity, "room was made before the record came");
    }

    /// Counts a record out.
    pub(crate) fn subtract(&mut self, size: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(Self::cost(size));
    }

    /// The figures to be told.
    pub(crate) const fn usage(&self) -> Usage {
        Usage { records: self.records, bytes: self.bytes, capacity: self.capacity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: Source = Source::from_bytes([1; 16]);

    #[test]
    fn the_limit_told_is_the_longest_value_that_fits() {
        let quota = Quota::new(RECORD_COST + 10);
        assert_eq!(quota.check(10, Source::LOCAL), Ok(()));
        assert_eq!(quota.check(11, Source::LOCAL), Err(Refusal::TooLarge { limit: 10 }));
    }

    #[test]
    fn the_limit_for_one_value_holds_however_large_the_store_is() {
        let mut quota = Quota::new(u64::MAX);
        let check = |quota: &Quota, size| quota.check(size, STRANGER);
        assert_eq!(check(&quota, VALUE_MAX), Ok(()));
        assert_eq!(check(&quota, usize::MAX), Err(Refusal::TooLarge { limit: 5_000_000 }));
        quota.limit_items(usize::MAX);
        assert_eq!(check(&quota, VALUE_MAX + 1), Err(Refusal::TooLarge { limit: 5_000_000 }));
        quota.limit_items(100);
        assert_eq!(check(&quota, 101), Err(Refusal::TooLarge { limit: 100 }));
    }

    #[test]
    fn a_store_too_small_for_any_record_is_full() {
        assert_eq!(Quota::new(RECORD_COST - 1).check(0, Source::LOCAL), Err(Refusal::Full));
        assert_eq!(Quota::new(RECORD_COST).check(0, Source::LOCAL), Ok(()));
    }

    #[test]
    fn a_source_may_take_its_share_and_we_ourselves_all() {
        let mut quota = Quota::new(10_001);
        assert_eq!(quota.budget(Source::LOCAL), u64::MAX);
        for (percent, budget) in [(50, 5_000), (100, 10_001), (1, 100), (0, 100), (255, 10_001)] {
            quota.limit_sources(percent);
            assert_eq!(quota.budget(STRANGER), budget, "{percent} %");
        }
        assert_eq!(Quota::new(u64::MAX).budget(STRANGER), u64::MAX / 2);
        assert_eq!(
            Quota::new(10_000).check(5_000, STRANGER),
            Err(Refusal::TooLarge { limit: 5_000 - 768 }),
            "what no share could hold is told as what it is"
        );
    }

    #[test]
    fn bytes_that_leave_count_towards_the_room_needed() {
        let mut quota = Quota::new(2_000);
        quota.add(1_000);
        assert_eq!(quota.missing(Quota::cost(1_000), 0), 1_536);
        assert_eq!(quota.missing(Quota::cost(1_000), Quota::cost(1_000)), 0);
    }
}
