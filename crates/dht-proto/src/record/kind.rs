//! The three kinds of records, sets of them, and the slot that each has at a key.

use std::fmt;

use crate::Key;

/// How a record's key relates to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The key is the hash of the value.
    Content,
    /// The key is made of an author key and a salt; the author may replace the value.
    Signed,
    /// The key is made of a name, or chosen; nothing proves the value.
    Named,
}

impl Kind {
    /// Every kind, those that prove their value first.
    pub const ALL: [Self; 3] = [Self::Content, Self::Signed, Self::Named];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "content",
            Self::Signed => "signed",
            Self::Named => "named",
        })
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KindSet(u8);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// Content and signed records: those whose key proves the value.
    pub const PROVEN: Self = Self(0b011);
    /// Every kind.
    pub const ALL: Self = Self(0b111);

    /// The set of `kind` alone.
    pub const fn only(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// Whether `kind` is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// The set with `kind` added.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | (1 << kind as u8))
    }

    /// The set as a sum of 1 (content), 2 (signed) and 4 (named), as on the wire.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of those bits that stand for a kind; others are ignored.
    pub const fn from_bits(bits: u32) -> Self {
        Self((bits & 0b111) as u8)
    }

    /// Whether no kind is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in the set, those that prove their value first.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl From<Kind> for KindSet {
    fn from(kind: Kind) -> Self {
        Self::only(kind)
    }
}

/// One place for a record: each kind has its own at every key, so that no kind can squat or shadow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The key.
    pub key: Key,
    /// The kind.
    pub kind: Kind,
}

impl Slot {
    /// The first slot there is, in ascending order of key and kind: where listing all begins.
    pub const FIRST: Self = Self { key: Key::from_bytes([0; 32]), kind: Kind::Content };

    /// The slot that follows: the next kind at the key, or the first kind at the next key. `None` at the
    /// end. To page through a store, ask on from the one that follows the last slot told.
    pub fn next(self) -> Option<Self> {
        let kind = match self.kind {
            Kind::Content => Kind::Signed,
            Kind::Signed => Kind::Named,
            Kind::Named => return Some(Self { key: self.key.next()?, kind: Kind::Content }),
        };
        Some(Self { kind, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, KindSet, Slot};
    use crate::Key;

    #[test]
    fn a_set_holds_the_kinds_put_into_it() {
        assert!(KindSet::EMPTY.is_empty());
        for kind in Kind::ALL {
            let only = KindSet::from(kind);
            assert_eq!(only.iter().collect::<Vec<_>>(), [kind]);
            assert!(KindSet::ALL.contains(kind));
            assert_eq!(KindSet::EMPTY.with(kind), only);
        }
        let all = Kind::ALL.into_iter().fold(KindSet::EMPTY, KindSet::with);
        assert_eq!(all, KindSet::ALL);
    }

    #[test]
    fn kinds_that_prove_their_value_come_first() {
        let order = KindSet::ALL.iter().collect::<Vec<_>>();
        assert_eq!(order, [Kind::Content, Kind::Signed, Kind::Named]);
        assert!(!KindSet::PROVEN.contains(Kind::Named));
        assert_eq!(KindSet::PROVEN, KindSet::only(Kind::Content).with(Kind::Signed));
    }

    #[test]
    fn bits_of_unknown_kinds_are_ignored() {
        assert_eq!(KindSet::from_bits(0xffff_ff00), KindSet::EMPTY);
        for bits in 0..8 {
            assert_eq!(u32::from(KindSet::from_bits(bits | 0x1000).bits()), bits);
        }
        assert_eq!(KindSet::only(Kind::Content).bits(), 1);
        assert_eq!(KindSet::only(Kind::Signed).bits(), 2);
        assert_eq!(KindSet::only(Kind::Named).bits(), 4);
    }

    #[test]
    fn slots_follow_each_other_by_kind_then_key() {
        let slots = std::iter::successors(Some(Slot::FIRST), |slot| slot.next());
        let taken: Vec<_> = slots.take(1_000).collect();
        assert!(taken.is_sorted_by(|one, other| one < other));
        assert_eq!(taken[3], Slot { key: Slot::FIRST.key.next().unwrap(), kind: Kind::Content });
        assert_eq!(taken[999].key.as_bytes()[30..], [1, 77]);
    }

    #[test]
    fn nothing_follows_the_last_slot() {
        let last = Slot { key: Key::from_bytes([0xff; 32]), kind: Kind::Named };
        assert_eq!(last.next(), None);
        assert!(Slot { kind: Kind::Signed, ..last }.next() == Some(last));
    }
}
