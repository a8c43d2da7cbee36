//! How much each author may send: messages and bytes a second, and messages that live at a time.
//!
//! An author is a key, and keys cost nothing. So there is also a rate for all authors together, and a bound on how
//! many broadcasts are remembered at all.

use std::collections::BTreeMap;

use dht_proto::{AuthorKey, Moment};

use crate::pacer::{Budget, Rate};

/// What one author may send.
pub(crate) const AUTHOR_RATE: Rate = Rate { requests: 10, bytes: 256_000 };

/// Living broadcasts of one author, at most.
pub(crate) const AUTHOR_LIVE_MAX: usize = 1_024;

/// What all authors may send together.
const TOTAL_RATE: Rate = Rate { requests: 200, bytes: 2_000_000 };

#[derive(Debug, Clone)]
struct Author {
    budget: Budget,
    /// Its broadcasts that are remembered. An author without any is forgotten.
    live: usize,
}

/// What authors may still send.
#[derive(Debug, Clone)]
pub(super) struct Allowances {
    authors: BTreeMap<AuthorKey, Author>,
    total: Budget,
}

impl Allowances {
    pub(super) fn new() -> Self {
        Self { authors: BTreeMap::new(), total: Budget::new(TOTAL_RATE) }
    }

    /// Whether `author` may send `size` bytes now. If so they count, until the author's broadcast is forgotten.
    pub(super) fn allow(&mut self, now: Moment, author: &AuthorKey, size: usize) -> bool {
        let known = self.authors.get_mut(author);
        let is_new = known.is_none();
        let mut fresh = Author { budget: Budget::new(AUTHOR_RATE), live: 0 };
        let one = known.unwrap_or(&mut fresh);
        if one.live >= AUTHOR_LIVE_MAX
            || !one.budget.spend(now, size)
            || !self.total.spend(now, size)
        {
            return false;
        }
        one.live += 1;
        if is_new {
            self.authors.insert(*author, fresh);
        }
        true
    }

    /// Whether `author` may have one more that lives, whose rate others have seen to. If so it counts, too.
    pub(super) fn allow_late(&mut self, author: &AuthorKey) -> bool {
        let fresh = || Author { budget: Budget::new(AUTHOR_RATE), live: 0 };
        let one = self.authors.entry(*author).or_insert_with(fresh);
        let is_allowed = one.live < AUTHOR_LIVE_MAX;
        one.live += usize::from(is_allowed);
        is_allowed
    }

    /// One broadcast of `author` is forgotten.
    pub(super) fn forget(&mut self, author: &AuthorKey) {
        if let Some(one) = self.authors.get_mut(author) {
            one.live = one.live.saturating_sub(1);
            if one.live == 0 {
                self.authors.remove(author);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: AuthorKey = AuthorKey::from_bytes([1; 32]);
    const OTHER: AuthorKey = AuthorKey::from_bytes([2; 32]);

    fn allowed(allowances: &mut Allowances, now: Moment, author: &AuthorKey, size: usize) -> usize {
        (0..1_000).filter(|_| allowances.allow(now, author, size)).count()
    }

    #[test]
    fn an_author_may_send_so_many_messages_a_second_and_the_others_too() {
        let mut allowances = Allowances::new();
        let now = Moment::from_secs(5);
        assert_eq!(allowed(&mut allowances, now, &ONE, 10), 10);
        assert_eq!(allowed(&mut allowances, now, &OTHER, 10), 10);
        assert_eq!(allowed(&mut allowances, Moment::from_secs(6), &ONE, 10), 10);
    }

    #[test]
    fn an_author_may_send_so_many_bytes_a_second() {
        let mut allowances = Allowances::new();
        assert_eq!(allowed(&mut allowances, Moment::from_secs(5), &ONE, 64_000), 4);
        assert_eq!(allowed(&mut allowances, Moment::from_secs(6), &ONE, 64_000), 4);
    }

    #[test]
    fn all_authors_together_may_send_so_much_a_second() {
        let mut allowances = Allowances::new();
        let authors = (0..100).map(|byte| AuthorKey::from_bytes([byte; 32]));
        let now = Moment::from_secs(5);
        let allowed = authors.map(|author| allowed(&mut allowances, now, &author, 10));
        assert_eq!(allowed.sum::<usize>(), 200);
    }

    #[test]
    fn an_author_has_so_many_living_broadcasts_and_is_forgotten_with_the_last() {
        let mut allowances = Allowances::new();
        let mut count = 0;
        for second in 0..1_000 {
            count += allowed(&mut allowances, Moment::from_secs(second), &ONE, 10);
        }
        assert_eq!(count, AUTHOR_LIVE_MAX);
        (0..count).for_each(|_| allowances.forget(&ONE));
        assert!(allowances.authors.is_empty());
    }
}
