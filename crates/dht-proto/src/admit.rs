//! The rule for what may take the place of what in a slot. Every store applies it, atomically.

use crate::message::Refusal;
use crate::{Custody, Kind, Moment, Purpose, Sequence, Summary, Terms};

/// What a store is to do with a record that it may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Put it into the slot, in place of what is there.
    Insert,
    /// The same value is there: keep the bytes, change end of life and custody.
    Renew {
        /// The new end of life.
        expires: Moment,
        /// The new custody.
        custody: Custody,
    },
    /// The same value is there and nothing changes.
    Keep,
}

/// Decides whether `incoming`, which comes under `terms`, may take the place of `existing`, a live record
/// of the same slot. End of life and custody are those of `incoming`; of `terms` only the purpose, the
/// expected sequence and whether a name is replaced are looked at.
///
/// - the same value again: its publisher extends the life, a holder's or cached copy never does (but a
///   holder's copy turns a cached one into a held one, with the life it carries, and what this node keeps as
///   a mirror takes the life that it learns of as a mirror); the better reason to keep it stays;
/// - another value under a name: refused while the old one lives, unless `terms` say that it is replaced;
/// - another version of a signed record: the higher (sequence, digest) wins, so that holders agree even
///   where an author used one sequence twice;
/// - a cached named value gives way to a holder's copy.
pub fn admit(
    existing: Option<&Summary>,
    incoming: &Summary,
    terms: &Terms,
) -> Result<Admission, Refusal> {
    let same = existing.is_some_and(|old| old.is_same_value(incoming));
    if let Some(expected) = terms.expected.filter(|_| incoming.slot.kind == Kind::Signed && !same) {
        let current = existing.map_or(Sequence(0), |old| old.sequence);
        if current != expected {
            return Err(Refusal::SequenceMismatch { current });
        }
    }
    let Some(old) = existing else {
        return Ok(Admission::Insert);
    };
    if same {
        return Ok(renew(old, incoming, terms.purpose));
    }
    match incoming.slot.kind {
        // Two values of one content key would be a collision of the hash: the first stays.
        Kind::Content => Ok(Admission::Keep),
        Kind::Named if old.custody.is_cached() && terms.purpose == Purpose::Replicate => {
            Ok(Admission::Insert)
        }
        Kind::Named if terms.replaces && terms.purpose != Purpose::Cache => Ok(Admission::Insert),
        Kind::Named => Err(Refusal::NameTaken),
        Kind::Signed if (incoming.sequence, incoming.digest) > (old.sequence, old.digest) => {
            Ok(Admission::Insert)
        }
        Kind::Signed => Err(Refusal::Stale { current: old.sequence }),
    }
}

fn renew(old: &Summary, incoming: &Summary, purpose: Purpose) -> Admission {
    let extends = match purpose {
        Purpose::Publish => true,
        Purpose::Replicate => match old.custody {
            Custody::Cache { .. } => true,
            // Nobody renews what is kept beyond one's share: what its holders tell is all there is to learn.
            Custody::Mirror => incoming.custody == Custody::Mirror,
            Custody::Own { .. } | Custody::Holder => false,
        },
        Purpose::Cache => return Admission::Keep,
    };
    let expires = if extends { old.expires.max(incoming.expires) } else { old.expires };
    let custody = old.custody.joined_by(incoming.custody);
    if (expires, custody) == (old.expires, old.custody) {
        Admission::Keep
    } else {
        Admission::Renew { expires, custody }
    }
}

#[cfg(test)]
mod tests;
