//! The record store of a node, as the peer's orders reach it.
//!
//! Orders come as values and results go back as inputs, so the peer does not know when they are carried
//! out: a store in memory does it at once, in the node's task.
//!
//! Invariant: what the store refuses or fails at is told to the peer; nothing is retried here.

use std::time::Duration;

use dht_proto::{Digest, Key, KindSet, Moment, NodeId, Record, Refusal, Slot, Summary, Terms};
use dht_routing::{Input, Ticket};
use dht_store::{RecordStore, Usage};

/// Least time between two sweeps for records whose life has ended. They are absent on time without; a
/// sweep only frees their memory.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A record store with the time of its last sweep.
pub(crate) struct Storage {
    node: NodeId,
    store: Box<dyn RecordStore>,
    swept: Moment,
}

impl Storage {
    /// The store of `node`, which log events name.
    pub(crate) fn new(node: NodeId, store: Box<dyn RecordStore>, now: Moment) -> Self {
        Self { node, store, swept: now }
    }

    /// Carries out a load. A store that fails has found nothing.
    pub(crate) fn load(
        &self,
        now: Moment,
        ticket: Ticket,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Input {
        let found = self.store.load(now, key, kinds, whole_up_to).unwrap_or_else(|error| {
            tracing::error!(node = ?self.node, %key, %error, "cannot load a record");
            None
        });
        Input::Loaded { ticket, found }
    }

    /// Carries out a save.
    pub(crate) fn save(
        &mut self,
        now: Moment,
        ticket: Ticket,
        record: Record,
        terms: Terms,
    ) -> Input {
        let key = record.key();
        let result = match self.store.save(now, record, terms) {
            Ok(_) => Ok(()),
            Err(error) => {
                if let dht_store::SaveError::Failed(error) = &error {
                    tracing::error!(node = ?self.node, %key, %error, "cannot save a record");
                }
                Err(Refusal::from(error))
            }
        };
        Input::Saved { ticket, result }
    }

    /// Carries out a renewal.
    pub(crate) fn renew(&mut self, now: Moment, slot: Slot, digest: Digest, terms: Terms) {
        if let Err(error) = self.store.renew(now, slot, digest, terms) {
            tracing::error!(node = ?self.node, key = %slot.key, %error, "cannot renew a record");
        }
    }

    /// When [`sweep`](Self::sweep) is due.
    pub(crate) fn sweep_due(&self) -> Option<Moment> {
        self.store.next_expiry().map(|expiry| expiry.max(self.swept + SWEEP_INTERVAL))
    }

    /// Frees records whose life has ended, if it is time to.
    pub(crate) fn sweep(&mut self, now: Moment) {
        if self.sweep_due().is_none_or(|due| due > now) {
            return;
        }
        self.swept = now;
        if let Err(error) = self.store.expire(now) {
            tracing::error!(node = ?self.node, %error, "cannot free expired records");
        }
    }

    /// What is used of the store.
    pub(crate) fn usage(&self) -> Usage {
        self.store.usage()
    }

    /// Records from a slot on; none if the store fails.
    pub(crate) fn list(&self, now: Moment, from: Slot, limit: usize) -> Vec<Summary> {
        self.store.list(now, from, limit).unwrap_or_else(|error| {
            tracing::error!(node = ?self.node, %error, "cannot list records");
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{Custody, Purpose, Source, Ttl, Value};
    use dht_store::MemoryStore;

    use super::*;

    const NOW: Moment = Moment::from_secs(1_000);

    fn record(text: &'static str) -> Record {
        Record::content(Value::new(text).unwrap())
    }

    fn terms(seconds: u32) -> Terms {
        Terms {
            expires: Ttl::from_secs(seconds).unwrap().ends(NOW),
            purpose: Purpose::Publish,
            custody: Custody::Holder,
            source: Source::LOCAL,
            expected: None,
        }
    }

    fn storage(capacity: u64) -> Storage {
        Storage::new(NodeId::from_bytes([0; 32]), Box::new(MemoryStore::new(capacity)), NOW)
    }

    #[test]
    fn what_is_saved_is_loaded_under_its_ticket() {
        let mut storage = storage(1_000_000);
        let saved = storage.save(NOW, Ticket(4), record("x"), terms(60));
        assert!(matches!(saved, Input::Saved { ticket: Ticket(4), result: Ok(()) }));

        let loaded = storage.load(NOW, Ticket(5), record("x").key(), KindSet::ALL, 100);
        let Input::Loaded { ticket: Ticket(5), found: Some(held) } = loaded else {
            panic!("not found: {loaded:?}")
        };
        assert_eq!(held.record, Some(record("x")));
    }

    #[test]
    fn a_refusal_reaches_the_peer() {
        let mut storage = storage(1);

        let saved = storage.save(NOW, Ticket(4), record("x"), terms(60));

        assert!(matches!(saved, Input::Saved { result: Err(_), .. }), "{saved:?}");
    }

    #[test]
    fn memory_of_ended_records_is_freed_at_most_once_a_second() {
        let mut storage = storage(1_000_000);
        assert_eq!(storage.sweep_due(), None);
        storage.save(NOW, Ticket(1), record("x"), terms(5));
        let end = NOW + Duration::from_secs(5);
        assert_eq!(storage.sweep_due(), Some(end));

        storage.sweep(end - Duration::from_micros(1));
        assert_eq!(storage.usage().records, 1);
        storage.sweep(end);
        assert_eq!(storage.usage().records, 0);

        storage.save(
            end,
            Ticket(1),
            record("y"),
            Terms { expires: end + Duration::from_millis(1), ..terms(5) },
        );
        assert_eq!(storage.sweep_due(), Some(end + SWEEP_INTERVAL));
    }
}
