//! Nodes with a data directory: what they have after a restart, and what they do without it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use dht_node::{
    Custody, DataDirError, Kind, MemoryStore, Moment, Node, NodeBuilder, Record, RecordStore,
    Refusal, Slot, StartError, StoreError, Usage,
};
use dht_proto::{Digest, Held, Key, KindSet, Summary, Terms};
use dht_store::{SaveError, Saved};

mod common;

use common::{builder, bytes, joined, single, until, within};

fn kept(path: &Path) -> NodeBuilder {
    builder().data_dir(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_is_who_it_was_and_holds_what_it_held() {
    let directory = tempfile::tempdir().unwrap();
    let node = kept(directory.path()).start().await.unwrap();
    let id = node.id();
    let mut keys = Vec::new();
    for (index, length) in [0, 1, 1_000, 20_000, 2_000_000].into_iter().enumerate() {
        let value = bytes(index as u64, length);
        keys.push((within(node.store(value.clone())).await.unwrap().key, value));
    }
    within(node.store_at("name", "named")).await.unwrap();
    let held = node.stored_keys().await.unwrap();
    node.stop().await;

    let node = within(kept(directory.path()).start()).await.unwrap();

    assert_eq!(node.id(), id);
    for (key, value) in keys {
        assert!(within(node.fetch(key)).await.unwrap().into_bytes() == value);
    }
    assert_eq!(within(node.fetch_at("name")).await.unwrap().into_bytes(), "named");
    let again = node.stored_keys().await.unwrap();
    let what = |held: &[dht_node::StoredKey]| -> Vec<(Key, Kind, usize, Custody)> {
        held.iter().map(|held| (held.key, held.kind, held.size, held.custody)).collect()
    };
    assert_eq!(what(&again), what(&held));
    let left = |held: &[dht_node::StoredKey]| held.iter().map(|held| held.remaining).max();
    assert!(left(&again) <= left(&held), "a restart lengthens no life");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_finds_those_it_knew_without_being_told_of_any() {
    let directory = tempfile::tempdir().unwrap();
    let others = common::network(3).await;
    let node = joined(kept(directory.path()), &others[0]).await;
    until(&node, "knows all", |status| status.contacts == 3).await;
    let id = node.id();
    node.stop().await;

    let node = within(kept(directory.path()).start()).await.unwrap();

    assert_eq!(within(node.joined()).await.unwrap().contacts, 0, "it waits for none of them");
    until(&node, "knows all again", |status| status.contacts == 3).await;
    assert_eq!(node.id(), id);
}

#[tokio::test]
async fn those_it_knew_being_gone_keeps_no_node_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let other = single().await;
    let node = joined(kept(directory.path()), &other).await;
    node.stop().await;
    other.stop().await;

    let node = within(kept(directory.path()).start()).await.unwrap();

    within(node.joined()).await.unwrap();
    within(node.store("alone")).await.unwrap();
}

#[tokio::test]
async fn a_data_directory_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let node = kept(directory.path()).start().await.unwrap();

    let error = kept(directory.path()).start().await.unwrap_err();

    assert!(matches!(error, StartError::DataDir(DataDirError::InUse { .. })), "{error:?}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
    node.stop().await;
    within(kept(directory.path()).start()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_identity_costs_the_id_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let node = kept(directory.path()).start().await.unwrap();
    let id = node.id();
    let key = node.store("kept").await.unwrap().key;
    node.stop().await;
    std::fs::write(directory.path().join("identity"), "damage").unwrap();

    let node = within(kept(directory.path()).start()).await.unwrap();

    assert_ne!(node.id(), id);
    assert_eq!(within(node.fetch(key)).await.unwrap().into_bytes(), "kept");
}

#[tokio::test]
async fn another_network_does_not_get_the_records_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    kept(directory.path()).network("one").start().await.unwrap().stop().await;

    let error = kept(directory.path()).network("two").start().await.unwrap_err();

    assert!(matches!(error, StartError::DataDir(DataDirError::OtherNetwork { .. })), "{error:?}");
}

#[tokio::test]
async fn a_forgotten_record_is_gone_from_this_node_alone() {
    let other = single().await;
    let directory = tempfile::tempdir().unwrap();
    let node = joined(kept(directory.path()), &other).await;
    let key = within(node.store("twice")).await.unwrap().key;

    assert_eq!(within(node.forget(key, Kind::Named)).await, Ok(false));
    assert_eq!(within(node.forget(key, Kind::Content)).await, Ok(true));

    assert_eq!(within(node.forget(key, Kind::Content)).await, Ok(false));
    assert_eq!(node.stored_keys().await.unwrap(), []);
    assert_eq!(other.stored_keys().await.unwrap().len(), 1);
}

/// A store in memory whose flushes fail while told to, and undo what was not flushed.
struct Unsteady {
    store: MemoryStore,
    flushed: MemoryStore,
    fails: Arc<AtomicBool>,
}

impl RecordStore for Unsteady {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, dht_store::StoreError> {
        self.store.load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        self.store.save(now, record, terms)
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, dht_store::StoreError> {
        self.store.renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, dht_store::StoreError> {
        self.store.remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, dht_store::StoreError> {
        self.store.expire(now)
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.store.next_expiry()
    }

    fn list(
        &self,
        now: Moment,
        from: Slot,
        limit: usize,
    ) -> Result<Vec<Summary>, dht_store::StoreError> {
        self.store.list(now, from, limit)
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn flush(&mut self) -> Result<(), dht_store::StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            self.store = self.flushed.clone();
            return Err(dht_store::StoreError::new("no room left on the device"));
        }
        self.flushed = self.store.clone();
        Ok(())
    }
}

async fn unsteady() -> (Node, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let (store, flushed) = (MemoryStore::new(1 << 30), MemoryStore::new(1 << 30));
    let store = Unsteady { store, flushed, fails: Arc::clone(&fails) };
    (builder().blocking_store(Box::new(store)).start().await.unwrap(), fails)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_room_refuses_and_the_node_lives_on() {
    let (holder, fails) = unsteady().await;
    let client = joined(builder().client(true), &holder).await;
    let before = within(client.store("before")).await.unwrap().key;
    fails.store(true, Ordering::SeqCst);

    for length in [10, 100_000] {
        let refused = within(client.store(bytes(1, length))).await.unwrap_err();
        let StoreError::NoHolder(report) = &refused else { panic!("{refused:?}") };
        assert_eq!(report.refused, [(holder.id(), Refusal::StorageFailed)]);
        assert!(refused.to_string().contains("1 storage failed"), "{refused}");
        assert!(within(client.fetch(report.key)).await.is_err());
    }
    assert!(within(client.fetch(before)).await.is_ok());

    fails.store(false, Ordering::SeqCst);
    let after = within(client.store("after")).await.unwrap();
    assert_eq!(after.holders, [holder.id()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_crash_however_many_store_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let holder = kept(directory.path()).start().await.unwrap();
    let client = joined(builder().client(true), &holder).await;
    let stored = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..500 {
        let (client, stored) = (client.clone(), Arc::clone(&stored));
        tasks.spawn(async move {
            // On a busy machine the one holder may be too late for some of them.
            if let Ok(report) = client.store(bytes(number, 900)).await {
                stored.lock().unwrap().push((report.key, number));
            }
        });
    }
    within(tasks.join_all()).await;
    holder.abort();
    within(holder.stopped()).await;

    let holder = within(kept(directory.path()).start()).await.unwrap();

    let stored = std::mem::take(&mut *stored.lock().unwrap());
    assert!(stored.len() >= 100, "{} of 500 acknowledged", stored.len());
    for (key, number) in stored {
        assert_eq!(within(holder.fetch(key)).await.unwrap().into_bytes(), bytes(number, 900));
    }
}
