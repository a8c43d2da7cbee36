//! How a store on disk is set up.

use dht_proto::limits::VALUE_MAX;

use crate::quota::{CAPACITY_DEFAULT, Quota, SOURCE_SHARE_DEFAULT};

/// Bytes of pages a store on disk keeps in memory, unless told otherwise: 24 MB. The inner pages of all
/// tables of a store of 500 MB fit.
pub const CACHE_SIZE_DEFAULT: usize = 24_000_000;

/// Least cache, in bytes: a batch has to find room for the pages it changes.
const CACHE_SIZE_MIN: usize = 1_000_000;

/// Limits of a [`DiskStore`](crate::DiskStore). None of them is written to the file: each opening names
/// its own.
///
/// ```
/// use dht_store::DiskOptions;
///
/// let options = DiskOptions::default().capacity(50_000_000).item_limit(1_000_000);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskOptions {
    capacity: u64,
    item_limit: usize,
    source_share: u8,
    cache_size: usize,
}

impl DiskOptions {
    /// 500 MB, values of up to 5,000,000 bytes, half of it for one source at most, 24 MB of cache.
    pub const fn new() -> Self {
        Self {
            capacity: CAPACITY_DEFAULT,
            item_limit: VALUE_MAX,
            source_share: SOURCE_SHARE_DEFAULT,
            cache_size: CACHE_SIZE_DEFAULT,
        }
    }

    /// Bytes the records may take, each counted with its value and [`RECORD_COST`](crate::RECORD_COST).
    /// Default: 500,000,000 ([`CAPACITY_DEFAULT`]), as much as a desktop or a small server spares unasked.
    ///
    /// Any number will do; one below the cost of a record refuses everything as
    /// [`Refusal::Full`](dht_proto::Refusal::Full). If the file holds more already, opening it gives up
    /// what does not fit, as for a new record.
    #[must_use]
    pub const fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Longest value taken, in bytes; longer ones are refused as
    /// [`Refusal::TooLarge`](dht_proto::Refusal::TooLarge). Default, and at most: 5,000,000
    /// ([`VALUE_MAX`](dht_proto::limits::VALUE_MAX)). Concerns what is saved from now on.
    #[must_use]
    pub const fn item_limit(mut self, bytes: usize) -> Self {
        self.item_limit = bytes;
        self
    }

    /// Part of the capacity that the records of one source may take, in percent, from 1 to 100 (others are
    /// taken for the nearest of these). Default: 50 ([`SOURCE_SHARE_DEFAULT`]), so that nobody can fill a
    /// node alone.
    #[must_use]
    pub const fn source_share(mut self, percent: u8) -> Self {
        self.source_share = percent;
        self
    }

    /// Bytes of pages kept in memory, at least 1,000,000. Default: 24,000,000 ([`CACHE_SIZE_DEFAULT`]). The
    /// operating system caches the file as well, so more of it saves only copying.
    #[must_use]
    pub const fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_size = if bytes < CACHE_SIZE_MIN { CACHE_SIZE_MIN } else { bytes };
        self
    }

    pub(super) const fn cache(&self) -> usize {
        self.cache_size
    }

    /// A quota of nothing used yet.
    pub(super) fn quota(&self) -> Quota {
        let mut quota = Quota::new(self.capacity);
        quota.limit_items(self.item_limit);
        quota.limit_sources(self.source_share);
        quota
    }
}

impl Default for DiskOptions {
    /// The same as [`new`](Self::new).
    fn default() -> Self {
        Self::new()
    }
}
