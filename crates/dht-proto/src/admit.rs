//! The rule for what may take the place of what in a slot. Every store applies it, atomically.

use crate::message::Refusal;
use crate::{Digest, Kind, Moment, Record, Sequence, Slot};

/// Why a copy of a record is sent and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// From its publisher: may extend the record's life.
    Publish,
    /// From another holder, to keep the number of copies up: carries what is left of the life.
    Replicate,
    /// Left on the way of a fetch: short-lived, first to be evicted, never passed on.
    Cache,
}

/// What a node tells, and a store keeps, of a record without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Key and kind.
    pub slot: Slot,
    /// Length of the value, in bytes.
    pub size: usize,
    /// Hash of the value.
    pub digest: Digest,
    /// Version of a signed record, 0 for other kinds.
    pub sequence: Sequence,
    /// When its life ends.
    pub expires: Moment,
    /// Why it is kept.
    pub purpose: Purpose,
}

/// Under which terms a record is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When its life ends.
    pub expires: Moment,
    /// Why it is kept.
    pub purpose: Purpose,
    /// Compare-and-swap: the sequence that must be in place, with 0 for nothing in place. Signed records only.
    pub expected: Option<Sequence>,
}

impl Summary {
    /// Describes `record` kept under `terms`.
    pub fn of(record: &Record, terms: &Terms) -> Self {
        Self {
            slot: record.slot(),
            size: record.size(),
            digest: record.digest(),
            sequence: record.sequence(),
            expires: terms.expires,
            purpose: terms.purpose,
        }
    }

    fn is_same_value(&self, other: &Self) -> bool {
        self.digest == other.digest && self.sequence == other.sequence && self.size == other.size
    }
}

/// A record in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub summary: Summary,
    /// The record itself; left out where only small ones were asked for and it is not.
    pub record: Option<Record>,
}

/// What a store is to do with a record that it may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Put it into the slot, in place of what is there.
    Insert,
    /// The same value is there: keep the bytes, change end of life and purpose.
    Renew {
        /// The new end of life.
        expires: Moment,
        /// The new purpose.
        purpose: Purpose,
    },
    /// The same value is there and nothing changes.
    Keep,
}

/// Decides whether `incoming` may take the place of `existing`, a live record of the same slot.
///
/// - the same value again: its publisher extends the life, a holder's or cached copy never does (but
///   turns a cached copy into a held one, with the life it carries);
/// - another value under a name: refused while the old one lives;
/// - another version of a signed record: the higher (sequence, digest) wins, so that holders agree even
///   where an author used one sequence twice;
/// - a cached named value gives way to a holder's copy.
pub fn admit(
    existing: Option<&Summary>,
    incoming: &Summary,
    expected: Option<Sequence>,
) -> Result<Admission, Refusal> {
    let same = existing.is_some_and(|old| old.is_same_value(incoming));
    if let Some(expected) = expected.filter(|_| incoming.slot.kind == Kind::Signed && !same) {
        let current = existing.map_or(Sequence(0), |old| old.sequence);
        if current != expected {
            return Err(Refusal::SequenceMismatch { current });
        }
    }
    let Some(old) = existing else {
        return Ok(Admission::Insert);
    };
    if same {
        return Ok(renew(old, incoming));
    }
    match incoming.slot.kind {
        // Two values of one content key would be a collision of the hash: the first stays.
        Kind::Content => Ok(Admission::Keep),
        Kind::Named if old.purpose == Purpose::Cache && incoming.purpose == Purpose::Replicate => {
            Ok(Admission::Insert)
        }
        Kind::Named => Err(Refusal::NameTaken),
        Kind::Signed if (incoming.sequence, incoming.digest) > (old.sequence, old.digest) => {
            Ok(Admission::Insert)
        }
        Kind::Signed => Err(Refusal::Stale { current: old.sequence }),
    }
}

fn renew(old: &Summary, incoming: &Summary) -> Admission {
    let extends = match incoming.purpose {
        Purpose::Publish => true,
        Purpose::Replicate => old.purpose == Purpose::Cache,
        Purpose::Cache => false,
    };
    let expires = old.expires.max(incoming.expires);
    let purpose = old.purpose.min(incoming.purpose);
    if extends && (expires, purpose) != (old.expires, old.purpose) {
        Admission::Renew { expires, purpose }
    } else {
        Admission::Keep
    }
}

#[cfg(test)]
mod tests;
