//! What an execution showed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a target saw in one execution, as numbers that say nothing but whether they were seen before: which
/// message was read, which error came of it, in which place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features(BTreeSet<u64>);

impl Features {
    /// Notes that something was seen in a place of the target.
    pub fn note(&mut self, place: &'static str, what: impl Hash) {
        // Unlike `RandomState` it has the same keys in every process.
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        what.hash(&mut hasher);
        self.0.insert(hasher.finish());
    }

    /// Notes a number by its size: 0, 1, 2, 3 and 4, 5 to 8, and so on.
    pub fn note_size(&mut self, place: &'static str, size: usize) {
        self.note(
            place,
            size.saturating_sub(1).checked_ilog2().map_or(size.min(1), |log| 2 + log as usize),
        );
    }

    /// Takes over what another execution showed, and tells whether any of it is new.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.0.len();
        self.0.extend(&other.0);
        self.0.len() > before
    }

    /// How many different things were seen.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
