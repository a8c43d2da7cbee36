//! A record under construction: its value comes in parts, from anybody, in any order.
//!
//! A [`Mosaic`] is shared by whoever brings parts and whoever waits for the whole. It takes only what is proven
//! to be of the record that it is for: by the [`Outline`](crate::Outline) that came with it, or by coming from a
//! whole [`Record`]. So what it holds never depends on who brought what first, and no part is ever taken twice.
//!
//! *Invariant:* no byte is in it that was not proven.
//! *Invariant:* memory is used as parts come in: a page of it when its first byte is written.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

#[cfg(feature = "codec")]
use crate::Kind;
use crate::limits::{PART_MAX, VALUE_MAX};
use crate::outline::{part_count, part_range};
use crate::record::RecordHead;
use crate::{Digest, Record, Sequence, Slot, Value, ValueRange};

/// A record whose value is gathered part by part.
///
/// ```
/// use dht_proto::{Mosaic, Record, Value, ValueRange, limits::PART_MAX};
///
/// let record = Record::content(Value::new(vec![7; 200_000])?);
/// let mosaic = Mosaic::of(record.slot(), record.sequence(), record.digest(), record.size());
/// let half = ValueRange { offset: 0, length: Some(2 * PART_MAX as u32) };
/// assert_eq!(mosaic.fill(&record, half), Some(0..2));
/// assert_eq!(mosaic.finish(), None);
/// assert_eq!(mosaic.fill(&record, ValueRange::starting_at(2 * PART_MAX as u32)), Some(2..4));
/// assert_eq!(mosaic.finish(), Some(record));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mosaic {
    slot: Slot,
    sequence: Sequence,
    digest: Digest,
    size: usize,
    state: Mutex<State>,
    companion: OnceLock<Arc<dyn Any + Send + Sync>>,
}

#[derive(Default)]
struct State {
    /// All of the value's bytes, zeros where none have come; empty before the first.
    bytes: Vec<u8>,
    /// Which parts are here.
    here: Vec<bool>,
    /// What belongs to the record beside its value.
    head: Option<RecordHead>,
}

impl Mosaic {
    /// For the record of `slot` with this sequence and digest, and a value of `size` bytes.
    pub fn of(slot: Slot, sequence: Sequence, digest: Digest, size: usize) -> Self {
        let (state, companion) = (Mutex::default(), OnceLock::new());
        Self { slot, sequence, digest, size: size.min(VALUE_MAX), state, companion }
    }

    /// Key and kind of the record.
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// Hash of the value.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Length of the value, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Parts that the value has.
    pub fn parts(&self) -> usize {
        part_count(self.size)
    }

    /// Takes the parts of `range` from the whole record. Returns which these are: those that the range covers all
    /// of. `None` if it is another record.
    pub fn fill(&self, record: &Record, range: ValueRange) -> Option<Range<u32>> {
        let value = record.value()?;
        let is_this = (record.slot(), record.sequence(), record.digest(), value.len())
            == (self.slot, self.sequence, self.digest, self.size);
        if !is_this {
            return None;
        }
        let range = range.within(self.size);
        let first = range.start.div_ceil(PART_MAX);
        let last = if range.end == self.size { self.parts() } else { range.end / PART_MAX };
        self.accept(record.head());
        for part in first..last {
            self.place(part, value.as_bytes().get(part_range(part, self.size))?);
        }
        Some(u32::try_from(first).ok()?..u32::try_from(last.max(first)).ok()?)
    }

    /// The record, once all of its parts are here. Its bytes are taken out: afterwards it has none.
    pub fn finish(&self) -> Option<Record> {
        let mut state = self.state();
        let is_whole = state.here.len() == self.parts() && state.here.iter().all(|here| *here);
        if !is_whole {
            return None;
        }
        let head = state.head.take()?;
        let bytes = std::mem::take(&mut state.bytes);
        *state = State::default();
        drop(state);
        Some(Record::proven(head, Value::new(bytes).ok()?, self.digest))
    }

    /// What whoever drives the transfer wants to live as long as this does; made by `make` the first time. `None`
    /// if it was made as another type.
    pub fn companion<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let companion = self.companion.get_or_init(|| Arc::new(make()));
        Arc::clone(companion).downcast().ok()
    }

    /// Whether `head` is that of this record. A signature is verified, which takes some 30 us.
    #[cfg(feature = "codec")]
    pub(crate) fn is_headed_by(&self, head: &RecordHead) -> bool {
        match head {
            RecordHead::Content => {
                self.slot.kind == Kind::Content
                    && self.digest.as_bytes() == self.slot.key.as_bytes()
            }
            RecordHead::Named { key } => self.slot == Slot { key: *key, kind: Kind::Named },
            RecordHead::Signed { sequence, .. } => {
                *sequence == self.sequence && head.signs(self.slot, self.digest)
            }
        }
    }

    /// Takes the head of the record, which is known to be its own.
    pub(crate) fn accept(&self, head: RecordHead) {
        self.state().head.get_or_insert(head);
    }

    /// Takes the bytes of a part, which are known to be its own.
    pub(crate) fn place(&self, part: usize, bytes: &[u8]) {
        let mut state = self.state();
        let State { bytes: all, here, .. } = &mut *state;
        if all.is_empty() {
            // Zeroed memory comes from the system page by page, as it is touched.
            *all = vec![0; self.size];
            *here = vec![false; self.parts()];
        }
        let (Some(place), Some(is_here)) =
            (all.get_mut(part_range(part, self.size)), here.get_mut(part))
        else {
            return;
        };
        if !*is_here && place.len() == bytes.len() {
            place.copy_from_slice(bytes);
            *is_here = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between two changes can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mosaic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mosaic({:?}, {} bytes)", self.slot.key, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuthorSecret, Key, Salt, SignedBody};

    const PART: u32 = 65_536;

    fn value(size: usize) -> Value {
        Value::new((0..=250).cycle().take(size).collect::<Vec<u8>>()).unwrap()
    }

    fn records(size: usize) -> [Record; 3] {
        let secret = AuthorSecret::from_seed(&[1; 32]);
        let body = SignedBody::Value(value(size));
        [
            Record::content(value(size)),
            Record::named(b"name", value(size)),
            Record::sign(&secret, Salt::default(), Sequence(7), body),
        ]
    }

    fn mosaic(record: &Record) -> Mosaic {
        Mosaic::of(record.slot(), record.sequence(), record.digest(), record.size())
    }

    fn range(part: u32, count: u32) -> ValueRange {
        ValueRange { offset: part * PART, length: Some(count * PART) }
    }

    #[test]
    fn a_record_of_any_kind_is_whole_once_all_of_its_parts_are() {
        for record in records(3 * PART_MAX + 5) {
            let mosaic = mosaic(&record);
            for part in [2, 0, 3] {
                assert_eq!(mosaic.fill(&record, range(part, 1)), Some(part..part + 1));
                assert_eq!(mosaic.finish(), None);
            }
            assert_eq!(mosaic.fill(&record, range(0, 2)), Some(0..2), "one of them twice");
            assert_eq!(mosaic.finish(), Some(record));
            assert_eq!(mosaic.finish(), None, "it is taken out");
        }
    }

    #[test]
    fn nothing_is_taken_of_another_record() {
        let [record, ..] = records(2 * PART_MAX);
        let mosaic = mosaic(&record);
        for other in records(2 * PART_MAX - 1) {
            assert_eq!(mosaic.fill(&other, ValueRange::WHOLE), None);
        }
        let elsewhere = Record::at(Key::content(b"elsewhere"), value(2 * PART_MAX));
        assert_eq!(mosaic.fill(&elsewhere, ValueRange::WHOLE), None);
    }

    #[test]
    fn only_parts_that_are_all_there_are_taken() {
        let [record, ..] = records(2 * PART_MAX + 10);
        let mosaic = mosaic(&record);
        let cut = ValueRange { offset: 1, length: Some(2 * PART) };
        assert_eq!(mosaic.fill(&record, cut), Some(1..2));
        let tail = ValueRange::starting_at(2 * PART);
        assert_eq!(mosaic.fill(&record, tail), Some(2..3), "the last part is short");
        assert_eq!(mosaic.fill(&record, ValueRange::starting_at(u32::MAX)), Some(3..3));
        assert_eq!(mosaic.finish(), None);
    }

    #[test]
    fn a_companion_is_made_once_and_lives_as_long() {
        let [record, ..] = records(2 * PART_MAX);
        let mosaic = mosaic(&record);
        let one = mosaic.companion(|| 1_u8).unwrap();
        assert_eq!(mosaic.companion(|| 2_u8), Some(one.clone()));
        assert_eq!(mosaic.companion(|| "text"), None);
        let weak = Arc::downgrade(&one);
        drop(one);
        assert!(weak.upgrade().is_some());
        drop(mosaic);
        assert!(weak.upgrade().is_none());
    }
}
