//! Keys and names that came up in this session, for completion.

use std::collections::VecDeque;

use dht_node::{Key, Place};

/// Entries remembered of each sort; the oldest are forgotten.
const REMEMBERED_MAX: usize = 1_000;

/// What was stored or fetched in this session.
#[derive(Debug, Default)]
pub(super) struct Known {
    keys: VecDeque<Key>,
    names: VecDeque<String>,
}

impl Known {
    /// Remembers a key that holds a value.
    pub(super) fn learn_key(&mut self, key: Key) {
        remember(&mut self.keys, key);
    }

    /// Remembers a name under which a value lives.
    pub(super) fn learn_place(&mut self, place: &Place) {
        remember(
            &mut self.names,
            match place {
                Place::Name(name) => name.clone(),
                Place::Key(key) => format!("{}{key}", Place::KEY_PREFIX),
            },
        );
    }

    /// Keys, the latest first.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().rev().copied()
    }

    /// Names, the latest first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().rev().map(String::as_str)
    }
}

fn remember<T: PartialEq>(entries: &mut VecDeque<T>, entry: T) {
    entries.retain(|known| *known != entry);
    if entries.len() == REMEMBERED_MAX {
        entries.pop_front();
    }
    entries.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_told_once_the_latest_first() {
        let mut known = Known::default();
        for number in 0..2 * REMEMBERED_MAX {
            known.learn_place(&number.to_string().into());
        }
        known.learn_place(&"1500".into());
        let names: Vec<&str> = known.names().collect();
        assert_eq!(names.len(), REMEMBERED_MAX);
        assert_eq!(names.first(), Some(&"1500"));
        assert_eq!(names.iter().filter(|name| **name == "1500").count(), 1);
    }
}
