//! Where a node keeps records: the trait [`RecordStore`] and [`MemoryStore`].
//!
//! A store has one slot per key and [`Kind`](dht_proto::Kind), applies [`dht_proto::admit`] atomically,
//! counts bytes against a quota and forgets records when their life ends. It is synchronous and reads no
//! clock: time is an argument.
//!
//! What it deliberately is not: a policy. Which records reach it, and which are passed on, is decided in
//! `dht-routing`.

mod store;

pub use store::{RecordStore, SaveError, Saved, StoreError, Usage};
