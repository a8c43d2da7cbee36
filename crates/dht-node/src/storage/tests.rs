//! The store of a node in its task and on its own thread, with stores that wait, fail and panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use dht_proto::{
    Custody, Digest, Held, Key, KindSet, Purpose, Record, Refusal, Slot, Source, Summary, Terms,
    Ttl, Value,
};
use dht_store::{MemoryStore, SaveError, Saved, StoreError};
use tokio::sync::oneshot;

use super::*;

const NOW: Moment = Moment::from_secs(1_000);
const NODE: NodeId = NodeId::from_bytes([0; 32]);

/// A store in memory whose changes wait for a permit each, and whose flushes are counted.
struct Slow {
    store: MemoryStore,
    permits: Mutex<Receiver<()>>,
    flushes: Arc<AtomicUsize>,
    /// The flush that fails, counted from 1; 0 for none.
    failing: usize,
}

/// Gives permits to a [`Slow`] store. When it is gone, everything is permitted.
struct Permits(SyncSender<()>);

impl Slow {
    fn new(failing: usize) -> (Box<Self>, Permits, Arc<AtomicUsize>) {
        let (sender, receiver) = sync_channel(1);
        let flushes = Arc::new(AtomicUsize::new(0));
        let store = Self {
            store: MemoryStore::new(1 << 40),
            permits: Mutex::new(receiver),
            flushes: Arc::clone(&flushes),
            failing,
        };
        (Box::new(store), Permits(sender), flushes)
    }

    fn wait(&self) {
        // An error says that nobody gives permits any more.
        let _ = self.permits.lock().unwrap().recv();
    }
}

impl RecordStore for Slow {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        assert_ne!(key, poison().key(), "this key makes the store panic");
        self.store.load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        self.wait();
        self.store.save(now, record, terms)
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.store.renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        self.store.remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        self.store.expire(now)
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.store.next_expiry()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        self.store.list(now, from, limit)
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let flush = self.flushes.fetch_add(1, Ordering::SeqCst) + 1;
        if flush == self.failing { Err(StoreError::new("no room left")) } else { Ok(()) }
    }
}

fn poison() -> Record {
    record("poison")
}

fn record(text: &'static str) -> Record {
    Record::content(Value::new(text).unwrap())
}

fn numbered(number: u64, size: usize) -> Record {
    let mut bytes = vec![0; size];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Record::content(Value::new(bytes).unwrap())
}

fn terms(seconds: u32) -> Terms {
    Terms {
        expires: Ttl::from_secs(seconds).unwrap().ends(NOW),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    }
}

fn in_place(capacity: u64) -> Storage {
    Storage::in_place(NODE, Box::new(MemoryStore::new(capacity)), NOW)
}

fn on_thread(store: Box<dyn RecordStore>) -> Storage {
    Storage::on_thread(NODE, store, NOW).unwrap()
}

fn save(ticket: u64, record: Record) -> Job {
    Job::Save { ticket: Ticket(ticket), record, terms: terms(60) }
}

fn load(ticket: u64, record: &Record) -> Job {
    let (ticket, key) = (Ticket(ticket), record.key());
    Job::Load { ticket, key, kinds: KindSet::ALL, whole_up_to: 5_000_000 }
}

/// Tickets of saves with whether they succeeded, and of loads with whether they found anything.
fn told(inputs: &[Input]) -> Vec<(u64, bool)> {
    let tell = |input: &Input| match input {
        Input::Saved { ticket, result } => (ticket.0, result.is_ok()),
        Input::Loaded { ticket, found } => (ticket.0, found.is_some()),
        other => panic!("no result of a store: {other:?}"),
    };
    inputs.iter().map(tell).collect()
}

/// The results that come until there are `count` of them.
async fn results(storage: &mut Storage, count: usize) -> Vec<(u64, bool)> {
    let mut all = Vec::new();
    while all.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), storage.results());
        all.extend(told(&next.await.expect("no results in time")));
    }
    assert!(all.len() >= count);
    all
}

#[test]
fn in_the_task_every_result_is_given_at_once() {
    let mut storage = in_place(1_000_000);

    let saved = storage.take(NOW, save(4, record("x")));
    assert!(matches!(saved, Some(Input::Saved { ticket: Ticket(4), result: Ok(()) })));

    let loaded = storage.take(NOW, load(5, &record("x")));
    let Some(Input::Loaded { ticket: Ticket(5), found: Some(held) }) = loaded else {
        panic!("not found: {loaded:?}")
    };
    assert_eq!(held.record, Some(record("x")));
    assert_eq!(storage.usage().records, 1);
}

#[test]
fn a_refusal_reaches_the_peer() {
    let saved = in_place(1).take(NOW, save(4, record("x")));

    assert!(matches!(saved, Some(Input::Saved { result: Err(_), .. })), "{saved:?}");
}

#[test]
fn memory_of_ended_records_is_freed_at_most_once_a_second() {
    let mut storage = in_place(1_000_000);
    assert_eq!(storage.sweep_due(), None);
    storage.take(NOW, save(1, record("x")));
    let end = NOW + Duration::from_mins(1);
    assert_eq!(storage.sweep_due(), Some(end));

    storage.sweep(end - Duration::from_micros(1));
    assert_eq!(storage.usage().records, 1);
    storage.sweep(end);
    assert_eq!(storage.usage().records, 0);

    let terms = Terms { expires: end + Duration::from_millis(1), ..terms(5) };
    storage.take(end, Job::Save { ticket: Ticket(1), record: record("y"), terms });
    assert_eq!(storage.sweep_due(), Some(end + SWEEP_INTERVAL));
}

#[tokio::test]
async fn changes_that_come_in_during_a_flush_share_the_next_one() {
    let (store, permits, flushes) = Slow::new(0);
    let mut storage = on_thread(store);
    // The first is taken up alone, and waits for its permit while the others come.
    assert!(storage.take(NOW, save(0, numbered(0, 8))).is_none());
    permits.0.send(()).unwrap();
    assert_eq!(results(&mut storage, 1).await, [(0, true)]);
    for number in 1..=100 {
        assert!(storage.take(NOW, save(number, numbered(number, 8))).is_none());
    }
    drop(permits);

    let all = results(&mut storage, 100).await;

    assert_eq!(all, (1..=100).map(|number| (number, true)).collect::<Vec<_>>());
    let flushes = flushes.load(Ordering::SeqCst);
    assert!((2..=3).contains(&flushes), "{flushes} flushes");
    assert_eq!(storage.usage().records, 101);
}

#[tokio::test]
async fn changes_of_a_batch_whose_flush_fails_are_reported_as_failed() {
    let (store, permits, _) = Slow::new(1);
    let mut storage = on_thread(store);
    let (reply, removed) = oneshot::channel();
    assert!(storage.take(NOW, save(1, record("x"))).is_none());
    drop(permits);
    let next = storage.results().await;
    assert!(
        matches!(next[..], [Input::Saved { result: Err(Refusal::StorageFailed), .. }]),
        "{next:?}"
    );

    // The store lives on.
    assert!(storage.take(NOW, save(2, record("y"))).is_none());
    assert_eq!(results(&mut storage, 1).await, [(2, true)]);
    storage.take(NOW, Job::Remove { slot: record("y").slot(), reply });
    assert_eq!(removed.await, Ok(Ok(true)));
}

#[tokio::test]
async fn what_only_reads_does_not_wait_for_the_changes_of_its_batch() {
    let (store, permits, _) = Slow::new(0);
    let mut storage = on_thread(store);
    storage.take(NOW, save(0, record("first")));
    permits.0.send(()).unwrap();
    assert_eq!(results(&mut storage, 1).await, [(0, true)]);

    // The load joins the batch of the second save, or comes in the one before it.
    storage.take(NOW, save(1, record("second")));
    storage.take(NOW, save(2, record("third")));
    storage.take(NOW, load(3, &record("first")));
    permits.0.send(()).unwrap();
    let mut all = Vec::new();
    while !all.contains(&(3, true)) {
        all.extend(results(&mut storage, 1).await);
    }
    assert!(!all.contains(&(2, true)), "nobody permitted it: {all:?}");
    drop(permits);
    all.extend(results(&mut storage, 3 - all.len()).await);

    all.sort_unstable();
    assert_eq!(all, [(1, true), (2, true), (3, true)]);
}

#[tokio::test]
async fn jobs_without_room_to_wait_are_turned_away() {
    let (store, permits, _) = Slow::new(0);
    let mut storage = on_thread(store);
    let mut busy = 0;
    for number in 0..20 {
        match storage.take(NOW, save(number, numbered(number, 5_000_000))) {
            None => {}
            Some(Input::Saved { result: Err(Refusal::Busy), .. }) => busy += 1,
            Some(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(busy, 20 - 13, "64 MiB hold thirteen values of 5 MB");

    let loaded = storage.take(NOW, load(100, &numbered(0, 5_000_000)));
    assert!(loaded.is_none(), "a load brings no value along");
    drop(permits);
    assert_eq!(results(&mut storage, 14).await.len(), 14);

    // And in number.
    let (store, permits, _) = Slow::new(0);
    let mut storage = on_thread(store);
    let turned_away = (0..20_000)
        .filter(|number| storage.take(NOW, save(*number, numbered(*number, 8))).is_some())
        .count();
    assert!((10_000..12_000).contains(&turned_away), "{turned_away}");
    drop(permits);
    results(&mut storage, 20_000 - turned_away).await;
}

#[tokio::test]
async fn closing_carries_out_what_waits_and_closes_the_store() {
    let (store, permits, flushes) = Slow::new(0);
    let mut storage = on_thread(store);
    for number in 0..100 {
        storage.take(NOW, save(number, numbered(number, 8)));
    }
    let (reply, listed) = oneshot::channel();
    drop(permits);
    storage.take(NOW, Job::List { from: Slot::FIRST, limit: 1_000, reply });

    storage.close().await;

    assert!(flushes.load(Ordering::SeqCst) > 0);
    assert!(listed.await.is_ok());
    // The last to count flushes is this test: the store is gone.
    assert_eq!(Arc::strong_count(&flushes), 1);
}

#[tokio::test]
async fn every_order_gets_its_result_though_the_store_panics() {
    let (store, permits, _) = Slow::new(0);
    let mut storage = on_thread(store);
    storage.take(NOW, save(1, record("x")));
    storage.take(NOW, load(2, &poison()));
    storage.take(NOW, save(3, record("y")));
    drop(permits);

    let mut all = results(&mut storage, 3).await;
    all.sort_unstable();
    assert!(!all[1].1 && !all[2].1, "{all:?}");

    let saved = storage.take(NOW, save(4, record("z")));
    assert!(matches!(saved, Some(Input::Saved { result: Err(Refusal::StorageFailed), .. })));
    assert_eq!(storage.sweep_due(), None);
    storage.close().await;
}
