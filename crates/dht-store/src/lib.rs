//! Where a node keeps records: the trait [`RecordStore`], [`MemoryStore`] and, with the feature `disk`,
//! `DiskStore`.
//!
//! A store has one slot per key and [`Kind`](dht_proto::Kind), applies [`dht_proto::admit`] atomically,
//! counts bytes against a quota and forgets records when their life ends. It is synchronous and reads no
//! clock: time is an argument.
//!
//! What it deliberately is not: a policy. Which records reach it, and which are passed on, is decided in
//! `dht-routing`.
//!
//! ```
//! use dht_proto::{Custody, KindSet, Moment, Purpose, Record, Source, Terms, Ttl, Value};
//! use dht_store::{MemoryStore, RecordStore, Saved};
//!
//! let mut store = MemoryStore::default();
//! let now = Moment::EPOCH;
//! let record = Record::content(Value::new("hello")?);
//! let terms = Terms {
//!     expires: Ttl::default().ends(now),
//!     purpose: Purpose::Publish,
//!     custody: Custody::Holder,
//!     source: Source::from_bytes([7; 16]),
//!     expected: None,
//!     replaces: false,
//! };
//! assert_eq!(store.save(now, record.clone(), terms)?, Saved::Inserted);
//!
//! let held = store.load(now, record.key(), KindSet::PROVEN, 1_000)?.expect("it was just saved");
//! assert_eq!(held.record, Some(record.clone()));
//! assert!(store.load(terms.expires, record.key(), KindSet::ALL, 0)?.is_none(), "its life has ended");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Your own store: implement [`RecordStore`], turn the feature `conformance` on in your dev-dependencies and
//! let `conformance_tests!` prove it.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "disk")]
pub mod disk;
mod eviction;
mod memory;
mod quota;
mod stock;
mod store;

#[cfg(feature = "disk")]
pub use disk::{DiskOptions, DiskStore, OpenError};
pub use memory::MemoryStore;
pub use quota::{CAPACITY_DEFAULT, RECORD_COST, SOURCE_SHARE_DEFAULT};
pub use stock::{Slots, Stocktaking};
pub use store::{RecordStore, SaveError, Saved, StoreError, Usage, Weighed};
