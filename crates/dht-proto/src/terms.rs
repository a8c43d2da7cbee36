//! On which terms a record is sent and kept: why, on whose account, and until when.

use std::fmt;

use crate::{Digest, Moment, Record, Sequence, Slot, Ttl};

/// Why a copy of a record is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// From its publisher: may extend the record's life.
    Publish,
    /// From another holder, to keep the number of copies up: carries what is left of the life.
    Replicate,
    /// Left on the way of a fetch: short-lived, first to be evicted, never passed on.
    Cache,
}

impl Purpose {
    /// Why a node that is among the closest to the key keeps what is sent for this purpose, of a record whose life ends
    /// at `until`.
    pub const fn custody(self, until: Moment) -> Custody {
        match self {
            Self::Publish | Self::Replicate => Custody::Holder,
            Self::Cache => Custody::Cache { until },
        }
    }
}

/// Why a record is kept here. In ascending order of how easily it is given up; where two meet in one slot
/// the smaller stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Custody {
    /// This node published it and renews it. Never evicted.
    Own {
        /// The life it gets with each renewal.
        ttl: Ttl,
    },
    /// This node is among the closest to its key.
    Holder,
    /// This node keeps everything it can learn of.
    Mirror,
    /// Left on the way of a fetch: short-lived, first to be evicted, never passed on.
    Cache {
        /// When the life of the record itself ends. That of the copy ends no later.
        until: Moment,
    },
}

impl Custody {
    /// Whether the record is kept as a copy that was left on the way of a fetch.
    pub const fn is_cached(self) -> bool {
        matches!(self, Self::Cache { .. })
    }

    /// The custody of a record kept for `self` that comes once more to be kept for `incoming`: the smaller
    /// one, with the life that was named last.
    #[must_use]
    pub fn joined_by(self, incoming: Self) -> Self {
        match (self, incoming) {
            (Self::Own { .. }, Self::Own { .. }) => incoming,
            _ => self.min(incoming),
        }
    }
}

/// Who is charged for the bytes of a record. What stands behind it is up to whoever computes it; a store
/// only tells sources apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source([u8; 16]);

impl Source {
    /// This node itself: never charged against a budget, never evicted for fairness.
    pub const LOCAL: Self = Self([0; 16]);

    /// The source that these bytes stand for; all zeros are [`LOCAL`](Self::LOCAL).
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether this node itself is charged.
    pub fn is_local(&self) -> bool {
        *self == Self::LOCAL
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_local() {
            return f.write_str("Source(local)");
        }
        f.write_str("Source(")?;
        crate::hex::write(&self.0[..4], f)?;
        f.write_str("..)")
    }
}

/// Under which terms a record is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When its life ends.
    pub expires: Moment,
    /// Why it was sent: decides what may extend a life.
    pub purpose: Purpose,
    /// Why it is to be kept. [`Custody::Cache`] wherever the purpose is [`Purpose::Cache`].
    pub custody: Custody,
    /// Who is charged for its bytes.
    pub source: Source,
    /// Compare-and-swap: the sequence that must be in place, with 0 for nothing in place. Signed records only.
    pub expected: Option<Sequence>,
    /// Whether it takes the place of another value that lives under its name, because the application on this
    /// node says so. Named records only.
    pub replaces: bool,
}

/// What a node tells, and a store keeps, of a record without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Key and kind.
    pub slot: Slot,
    /// Length of the value, in bytes.
    pub size: usize,
    /// Hash of the value; a constant of its own for a deletion (see [`Record::digest`]).
    pub digest: Digest,
    /// Version of a signed record, 0 for other kinds.
    pub sequence: Sequence,
    /// When its life ends.
    pub expires: Moment,
    /// Why it is kept.
    pub custody: Custody,
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
            custody: terms.custody,
        }
    }

    /// What is left of the life of the record, be it longer than that of a cached copy; `None` once what is kept has
    /// expired.
    pub fn life_left(&self, now: Moment) -> Option<Ttl> {
        let kept = Ttl::left(now, self.expires)?;
        match self.custody {
            Custody::Cache { until } => Ttl::left(now, until),
            Custody::Own { .. } | Custody::Holder | Custody::Mirror => Some(kept),
        }
    }

    /// Whether both are of one value: the same bytes, and of a signed record the same version.
    pub fn is_same_value(&self, other: &Self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::{Custody, Purpose, Source, Summary, Terms};
    use crate::{Key, Moment, Record, Ttl, Value};

    const UNTIL: Moment = Moment::from_secs(90);
    const CACHE: Custody = Custody::Cache { until: UNTIL };

    fn own(seconds: u32) -> Custody {
        Custody::Own { ttl: Ttl::from_secs(seconds).unwrap() }
    }

    #[test]
    fn what_is_ours_comes_before_what_is_held_mirrored_and_cached() {
        let order = [own(1), own(9), Custody::Holder, Custody::Mirror, CACHE];
        assert!(order.is_sorted());
        assert!(Custody::Own { ttl: Ttl::MAX } < Custody::Holder, "whatever the life");
    }

    #[test]
    fn of_two_reasons_to_keep_a_record_the_better_one_stays() {
        assert_eq!(CACHE.joined_by(Custody::Holder), Custody::Holder);
        assert_eq!(Custody::Holder.joined_by(CACHE), Custody::Holder);
        assert_eq!(Custody::Mirror.joined_by(Custody::Holder), Custody::Holder);
        assert_eq!(own(9).joined_by(Custody::Holder), own(9));
        assert_eq!(Custody::Holder.joined_by(own(9)), own(9));
    }

    #[test]
    fn the_life_named_last_is_the_life_of_renewals() {
        assert_eq!(own(9).joined_by(own(5)), own(5));
        assert_eq!(own(5).joined_by(own(9)), own(9));
    }

    #[test]
    fn only_a_cached_copy_is_kept_as_one() {
        assert_eq!(Purpose::Publish.custody(UNTIL), Custody::Holder);
        assert_eq!(Purpose::Replicate.custody(UNTIL), Custody::Holder);
        assert_eq!(Purpose::Cache.custody(UNTIL), CACHE);
    }

    #[test]
    fn the_life_of_a_record_goes_on_where_that_of_a_cached_copy_ends() {
        let record = Record::at(Key::named(b"a name"), Value::new("a value").unwrap());
        let expires = Moment::from_secs(20);
        let left = |custody, seconds| {
            let source = Source::LOCAL;
            let purpose = Purpose::Publish;
            let terms =
                Terms { expires, purpose, custody, source, expected: None, replaces: false };
            let left = Summary::of(&record, &terms).life_left(Moment::from_secs(seconds));
            left.map(Ttl::as_secs)
        };
        assert_eq!((left(Custody::Holder, 5), left(CACHE, 5)), (Some(15), Some(85)));
        assert_eq!((left(Custody::Holder, 20), left(CACHE, 20)), (None, None));
    }

    #[test]
    fn a_source_is_printed_short() {
        assert_eq!(format!("{:?}", Source::LOCAL), "Source(local)");
        assert_eq!(format!("{:?}", Source::from_bytes([0xab; 16])), "Source(abababab..)");
        assert!(!Source::from_bytes([1; 16]).is_local());
    }
}
