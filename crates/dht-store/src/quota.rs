//! How many bytes a store may hold, how many it does, and what fits: arithmetic that every store shares.
//!
//! Invariant: the bytes used never exceed the capacity. Which record gives way is not decided here.

use dht_proto::Refusal;
use dht_proto::limits::VALUE_MAX;

use crate::Usage;

/// Capacity of a store whose owner names none, in bytes: 500 MB.
pub const CAPACITY_DEFAULT: u64 = 500_000_000;

/// What a record costs beside the bytes of its value, in bytes: key, hash, signature, salt, terms, the
/// index entries and what the allocator adds.
///
/// Rounded up, so that a store full of empty values stays within its capacity too: in memory a content or
/// named record takes some 340 bytes, a signed one with the longest salt some 570.
pub const RECORD_COST: u64 = 640;

/// Limits of a store, and what is used of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    capacity: u64,
    item_limit: usize,
    records: u64,
    bytes: u64,
}

impl Quota {
    /// Nothing used of `capacity` bytes; values as long as the protocol carries.
    pub(crate) const fn new(capacity: u64) -> Self {
        Self { capacity, item_limit: VALUE_MAX, records: 0, bytes: 0 }
    }

    /// Sets the longest value taken, in bytes.
    pub(crate) fn limit_items(&mut self, limit: usize) {
        self.item_limit = limit.min(VALUE_MAX);
    }

    /// Bytes counted for a record whose value is `size` bytes long.
    pub(crate) fn cost(size: usize) -> u64 {
        RECORD_COST.saturating_add(u64::try_from(size).unwrap_or(u64::MAX))
    }

    /// Refuses a value that would not fit even into the empty store.
    pub(crate) fn check(&self, size: usize) -> Result<(), Refusal> {
        let Some(room) = self.capacity.checked_sub(RECORD_COST) else {
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

    #[test]
    fn the_limit_told_is_the_longest_value_that_fits() {
        let quota = Quota::new(RECORD_COST + 10);
        assert_eq!(quota.check(10), Ok(()));
        assert_eq!(quota.check(11), Err(Refusal::TooLarge { limit: 10 }));
    }

    #[test]
    fn the_limit_for_one_value_holds_however_large_the_store_is() {
        let mut quota = Quota::new(u64::MAX);
        assert_eq!(quota.check(VALUE_MAX), Ok(()));
        assert_eq!(quota.check(usize::MAX), Err(Refusal::TooLarge { limit: 5_000_000 }));
        quota.limit_items(usize::MAX);
        assert_eq!(quota.check(VALUE_MAX + 1), Err(Refusal::TooLarge { limit: 5_000_000 }));
        quota.limit_items(100);
        assert_eq!(quota.check(101), Err(Refusal::TooLarge { limit: 100 }));
    }

    #[test]
    fn a_store_too_small_for_any_record_is_full() {
        assert_eq!(Quota::new(RECORD_COST - 1).check(0), Err(Refusal::Full));
        assert_eq!(Quota::new(RECORD_COST).check(0), Ok(()));
    }

    #[test]
    fn bytes_that_leave_count_towards_the_room_needed() {
        let mut quota = Quota::new(2_000);
        quota.add(1_000);
        assert_eq!(quota.missing(Quota::cost(1_000), 0), 1_280);
        assert_eq!(quota.missing(Quota::cost(1_000), Quota::cost(1_000)), 0);
    }
}
