//! What is in demand: how often others asked for keys lately that we do not hold, or hold a cached copy of.
//!
//! A level for each key: every request of another source than the last one adds one, and it halves every five
//! minutes. So one asker makes no demand, and demand that ends is forgotten.
//!
//! *Invariant:* bounded; what many ask for does not give way to what few ask for. Nothing is allocated while nobody
//! asks, and nothing is left [`FORGOTTEN`] after the last request.

use std::time::Duration;

use dht_proto::{Key, Moment, Source};

use crate::decay::decayed;

/// Keys that are counted at once, at most.
const KEYS_MAX: usize = 128;
/// Time in which a level halves.
const HALF_LIFE: Duration = Duration::from_mins(5);
/// Time without a request after which a key is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(15);
/// What a request adds to a level.
const ONE: u32 = 256;
/// The highest level: more demand is not told apart, and is forgotten no later.
const LEVEL_MAX: u32 = 8 * ONE;
/// The level from which a key is in demand: two requests of different sources within a half-life.
const HIGH: u32 = ONE + ONE / 2;
/// The level above which a copy is still taken that was asked for when it was [`HIGH`].
const AWAITED: u32 = ONE;

/// Demand for one key.
#[derive(Debug, Clone, Copy)]
struct Interest {
    key: Key,
    level: u32,
    /// When the level was computed, which is at the last request.
    asked: Moment,
    /// Who asked last.
    source: Source,
}

impl Interest {
    fn level(&self, now: Moment) -> u32 {
        decayed(self.level, now.since(self.asked), HALF_LIFE)
    }
}

/// Demand for keys, the ones asked for most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Demand {
    interests: Vec<Interest>,
}

impl Demand {
    /// Somebody that stands for `source` asked for `key`.
    pub(crate) fn asked(&mut self, now: Moment, key: Key, source: Source) {
        if let Some(interest) = self.interests.iter_mut().find(|interest| interest.key == key) {
            let more = if interest.source == source { 0 } else { ONE };
            let level = (interest.level(now) + more).clamp(1, LEVEL_MAX);
            *interest = Interest { key, level, asked: now, source };
            return;
        }
        let newcomer = Interest { key, level: ONE, asked: now, source };
        if self.interests.len() < KEYS_MAX {
            self.interests.push(newcomer);
            return;
        }
        let least = self.interests.iter_mut().min_by_key(|one| (one.level(now), one.asked));
        if let Some(least) = least.filter(|least| least.level(now) <= ONE) {
            *least = newcomer;
        }
    }

    /// Whether so many ask for `key` that a copy is worth its room.
    pub(crate) fn is_high(&self, now: Moment, key: &Key) -> bool {
        self.level(now, key) >= HIGH
    }

    /// Whether a copy of `key` may have been asked for.
    pub(crate) fn is_awaited(&self, now: Moment, key: &Key) -> bool {
        self.level(now, key) > AWAITED
    }

    /// Drops what nobody asked for lately. Returns whether nothing is left.
    pub(crate) fn forget(&mut self, now: Moment) -> bool {
        self.interests.retain(|interest| now.since(interest.asked) < FORGOTTEN);
        self.interests.shrink_to_fit();
        self.interests.is_empty()
    }

    fn level(&self, now: Moment, key: &Key) -> u32 {
        let found = self.interests.iter().find(|interest| interest.key == *key);
        found.map_or(0, |interest| interest.level(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        Key::content(&number.to_le_bytes())
    }

    fn source(number: u8) -> Source {
        Source::from_bytes([number; 16])
    }

    fn after(minutes: u64) -> Moment {
        Moment::from_secs(100) + Duration::from_mins(minutes)
    }

    /// Demand for one key by so many different askers.
    fn crowd(askers: u8) -> Demand {
        let mut demand = Demand::default();
        (1..=askers).for_each(|asker| demand.asked(after(0), key(1), source(asker)));
        demand
    }

    #[test]
    fn two_askers_within_minutes_are_demand_and_one_is_not_however_often_it_asks() {
        let mut demand = crowd(1);
        (0..50).for_each(|_| demand.asked(after(0), key(1), source(1)));
        assert!(!demand.is_high(after(0), &key(1)));
        demand.asked(after(2), key(1), source(2));
        assert!(demand.is_high(after(2), &key(1)));
        assert!(!demand.is_high(after(2), &key(2)), "nobody asked for that");
    }

    #[test]
    fn demand_halves_every_five_minutes() {
        let demand = crowd(8);
        assert_eq!(demand.level(after(0), &key(1)), 8 * ONE);
        assert_eq!(demand.level(after(5), &key(1)), 4 * ONE);
        assert_eq!(demand.level(after(10), &key(1)), 2 * ONE);
        assert_eq!(demand.level(after(80), &key(1)), 0);
        assert_eq!(demand.level(Moment::NEVER, &key(1)), 0);
    }

    #[test]
    fn any_demand_is_over_a_quarter_of_an_hour_later() {
        assert!(!crowd(255).is_awaited(after(15), &key(1)));
    }

    #[test]
    fn a_copy_asked_for_is_awaited_for_a_few_minutes() {
        let demand = crowd(2);
        assert!(demand.is_awaited(after(4), &key(1)));
        assert!(!demand.is_awaited(after(6), &key(1)));
    }

    #[test]
    fn what_many_ask_for_is_not_forgotten_for_what_few_ask_for() {
        let mut demand = crowd(9);
        for number in 2..10_000 {
            demand.asked(after(0), key(number), source(1));
        }
        assert_eq!(demand.interests.len(), KEYS_MAX);
        assert!(demand.is_high(after(0), &key(1)));
    }

    #[test]
    fn where_everything_is_in_demand_what_is_new_waits() {
        let mut demand = Demand::default();
        for number in 0..1_000 {
            demand.asked(after(0), key(number), source(1));
            demand.asked(after(0), key(number), source(2));
        }
        assert_eq!(demand.interests.len(), KEYS_MAX);
        assert!(demand.is_high(after(0), &key(0)) && !demand.is_high(after(0), &key(999)));
        demand.asked(after(14), key(999), source(1));
        demand.asked(after(14), key(999), source(2));
        assert!(demand.is_high(after(14), &key(999)));
    }

    #[test]
    fn nothing_is_left_of_what_nobody_asks_for() {
        let mut demand = crowd(9);
        assert!(!demand.forget(after(5)));
        assert!(demand.forget(after(15)));
        assert_eq!(demand.interests.capacity(), 0);
    }
}
