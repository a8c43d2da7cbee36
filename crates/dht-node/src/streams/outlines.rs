//! Outlines of values that others may ask for in parts: made once, kept for the values that moved last.
//!
//! *Invariant:* bounded, and empty while no long value moves.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dht_proto::{Digest, Outline, Record};

use super::conversation::StreamError;

/// Outlines that are kept. Each has 32 bytes for every 64 KiB of its value: 160 kB together at most.
const KEPT: usize = 64;

/// The outlines known to a node, those used last at the front.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    kept: Mutex<VecDeque<(Digest, Outline)>>,
}

impl Outlines {
    /// Keeps the outline of a value.
    pub(super) fn keep(&self, digest: Digest, outline: Outline) {
        let mut kept = self.kept();
        kept.retain(|(known, _)| *known != digest);
        kept.truncate(KEPT - 1);
        kept.push_front((digest, outline));
    }

    /// The outline of a record's value; `None` if it has none. It is made on a blocking thread if it is not known.
    pub(super) async fn of(&self, record: &Record) -> Result<Option<Outline>, StreamError> {
        let Some(value) = record.value().filter(|value| Outline::suits(value.len())) else {
            return Ok(None);
        };
        let digest = record.digest();
        if let Some(outline) = self.known(digest) {
            return Ok(Some(outline));
        }
        let bytes = value.as_bytes().clone();
        let made = tokio::task::spawn_blocking(move || Outline::of(&bytes)).await;
        let outline = made.map_err(|_| StreamError::Stopping)?;
        if let Some(outline) = &outline {
            self.keep(digest, outline.clone());
        }
        Ok(outline)
    }

    fn known(&self, digest: Digest) -> Option<Outline> {
        let mut kept = self.kept();
        let place = kept.iter().position(|(known, _)| *known == digest)?;
        let found = kept.remove(place)?;
        let outline = found.1.clone();
        kept.push_front(found);
        Some(outline)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Digest, Outline)>> {
        // Nothing between two changes can panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::Value;

    use super::*;

    fn record(seed: u8, size: usize) -> Record {
        Record::content(Value::new(vec![seed; size]).unwrap())
    }

    #[tokio::test]
    async fn the_outline_of_a_long_value_is_its_own_and_made_once() {
        let outlines = Outlines::default();
        let record = record(1, 200_000);
        let outline = outlines.of(&record).await.unwrap().unwrap();
        assert_eq!(outline.digest(), record.digest());
        let again = outlines.of(&record).await.unwrap().unwrap();
        assert_eq!(again.as_bytes().as_ptr(), outline.as_bytes().as_ptr());
        assert_eq!(outlines.kept().len(), 1);
    }

    #[tokio::test]
    async fn a_value_of_one_part_has_none_and_leaves_nothing_behind() {
        let outlines = Outlines::default();
        assert_eq!(outlines.of(&record(1, 65_536)).await.unwrap(), None);
        assert!(outlines.kept().is_empty());
    }

    #[tokio::test]
    async fn those_used_last_are_kept_and_no_more_than_there_is_room_for() {
        let outlines = Outlines::default();
        let first = record(0, 70_000);
        for seed in 0..100 {
            outlines.of(&record(seed, 70_000)).await.unwrap();
            outlines.of(&first).await.unwrap();
        }
        assert_eq!(outlines.kept().len(), KEPT);
        assert!(outlines.known(first.digest()).is_some());
        assert!(outlines.known(record(1, 70_000).digest()).is_none());
        assert!(outlines.known(record(99, 70_000).digest()).is_some());
    }
}
