//! The shared keys of the peers seen last.
//!
//! A peer is known by a keyed hash of its public key, of which nobody else can find two alike. The first bits of it choose
//! a set, which holds the keys used last of those that belong to it, most recent first. There are more sets as there are
//! more keys: a process may run thousands of nodes, and for most of them these keys are a good part of what they cost.
//!
//! Invariant: the number of sets is a power of two, and no set holds more than its share of the capacity.

use std::hash::{DefaultHasher, Hasher};

use super::PairKey;
use crate::PublicKey;

/// Keys in one set, at least, once there are as many sets as there can be. Large enough that sets fill evenly, small
/// enough to be searched one by one.
const WAYS: usize = 16;

/// Keys in one set on average before there are twice as many sets.
const CROWDED: usize = WAYS / 2;

/// Room made at once in a set that is full.
const GROWTH: usize = 2;

pub(super) struct KeyCache {
    /// Empty before the first key comes.
    sets: Vec<Vec<Known>>,
    len: usize,
    sets_max: usize,
    /// Keys in one set, at most.
    ways: usize,
    /// Keeps others from choosing public keys that fall into one set, or have one hash.
    salt: [u8; 16],
}

/// The key shared with one peer.
struct Known {
    mark: Mark,
    shared: PairKey,
}

/// The keyed hash of a peer's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    /// Which of so many sets it belongs to; their number is a power of two.
    fn set(self, sets: usize) -> usize {
        let bits = sets.trailing_zeros();
        usize::try_from(self.0.checked_shr(64 - bits).unwrap_or(0)).unwrap_or_default()
    }
}

impl KeyCache {
    pub(super) fn new(capacity: usize, secret: &[u8; 32]) -> Self {
        let capacity = capacity.max(1);
        let hash = blake3::derive_key("dht v1 key cache", secret);
        let mut salt = [0; 16];
        salt.copy_from_slice(&hash[..16]);
        let most = (capacity / WAYS).max(1);
        let sets_max = 1 << most.ilog2();
        Self { sets: Vec::new(), len: 0, sets_max, ways: capacity / sets_max, salt }
    }

    pub(super) fn contains(&self, peer: &PublicKey) -> bool {
        let mark = self.mark(peer);
        let set = self.sets.get(mark.set(self.sets.len()));
        set.is_some_and(|set| set.iter().any(|known| known.mark == mark))
    }

    /// The key shared with `peer`, which becomes the most recent of its set.
    pub(super) fn find(&mut self, peer: &PublicKey) -> Option<&PairKey> {
        let mark = self.mark(peer);
        let index = mark.set(self.sets.len());
        let set = self.sets.get_mut(index)?;
        let position = set.iter().position(|known| known.mark == mark)?;
        set.get_mut(..=position)?.rotate_right(1);
        set.first().map(|known| &known.shared)
    }

    /// Keeps a key that is not there yet; the set's least recent one gives way when it is full.
    pub(super) fn insert(&mut self, peer: PublicKey, shared: PairKey) {
        if self.sets.is_empty() {
            self.sets = vec![Vec::new()];
        } else if self.len >= self.sets.len() * CROWDED && self.sets.len() < self.sets_max {
            self.split();
        }
        let mark = self.mark(&peer);
        let index = mark.set(self.sets.len());
        let Some(set) = self.sets.get_mut(index) else { return };
        self.len -= set.len().saturating_sub(self.ways - 1);
        set.truncate(self.ways - 1);
        if set.len() == set.capacity() {
            set.reserve_exact(GROWTH);
        }
        set.insert(0, Known { mark, shared });
        self.len += 1;
    }

    /// Makes two sets of each.
    fn split(&mut self) {
        let sets = self.sets.len() * 2;
        let halves = std::mem::take(&mut self.sets).into_iter().flat_map(|set| {
            let is_odd = |known: &Known| known.mark.set(sets) % 2 == 1;
            let odd = set.iter().filter(|known| is_odd(known)).count();
            let (mut low, mut high) = (Vec::new(), Vec::new());
            low.reserve_exact(set.len() - odd);
            high.reserve_exact(odd);
            for known in set {
                if is_odd(&known) { high.push(known) } else { low.push(known) }
            }
            [low, high]
        });
        self.sets = halves.collect();
    }

    fn mark(&self, peer: &PublicKey) -> Mark {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.salt);
        hasher.write(peer.as_bytes());
        Mark(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyCache, WAYS};
    use crate::seal::PairKey;
    use crate::{LocalIdentity, Nonce, PublicKey};

    fn peer(number: u16) -> PublicKey {
        let mut bytes = [9; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        PublicKey::from_bytes(bytes)
    }

    fn shared() -> PairKey {
        let local = LocalIdentity::from_parts([1; 32], Nonce(0));
        let other = LocalIdentity::from_parts([2; 32], Nonce(0));
        PairKey::derive(&local, &other.node().public()).unwrap()
    }

    fn cache_of(capacity: usize) -> KeyCache {
        KeyCache::new(capacity, &[1; 32])
    }

    #[test]
    fn a_cache_never_holds_more_keys_than_its_capacity() {
        let shared = shared();
        for capacity in [0, 1, 2, 15, 16, 17, 100, 256] {
            let mut cache = cache_of(capacity);
            for number in 0..2_000 {
                cache.insert(peer(number), shared.clone());
                assert!(cache.contains(&peer(number)), "{number} of {capacity}");
            }
            let held = (0..2_000).filter(|number| cache.contains(&peer(*number))).count();
            assert!(held <= capacity.max(1), "{held} of {capacity}");
            assert!(held >= capacity / WAYS * WAYS, "{held} of {capacity}");
            assert_eq!(held, cache.len);
        }
    }

    #[test]
    fn the_key_used_last_outlives_the_others() {
        let shared = shared();
        let mut cache = cache_of(WAYS);
        cache.insert(peer(0), shared.clone());
        for number in 1..1_000 {
            assert!(cache.find(&peer(0)).is_some());
            cache.insert(peer(number), shared.clone());
        }
        assert!(cache.find(&peer(0)).is_some());
        assert!(!cache.contains(&peer(900)), "sixteen newer ones followed it");
    }

    #[test]
    fn an_empty_cache_takes_no_memory_for_keys() {
        let cache = cache_of(1 << 20);
        assert_eq!(cache.sets.capacity(), 0);
        assert!(!cache.contains(&peer(0)));
    }

    #[test]
    fn no_key_is_lost_while_the_sets_become_more() {
        let shared = shared();
        let mut cache = cache_of(4_096);
        for number in 0..500 {
            cache.insert(peer(number), shared.clone());
            let missing = (0..=number).find(|number| !cache.contains(&peer(*number)));
            assert_eq!(missing, None, "after {number}");
        }
        assert_eq!((cache.len, cache.sets.len()), (500, 64));
    }

    #[test]
    fn few_keys_take_little_more_than_their_own_room() {
        let shared = shared();
        let mut cache = cache_of(4_096);
        (0..150).for_each(|number| cache.insert(peer(number), shared.clone()));
        let room = |set: &Vec<super::Known>| set.capacity() * size_of::<super::Known>();
        let bytes = cache.sets.capacity() * size_of::<Vec<super::Known>>()
            + cache.sets.iter().map(room).sum::<usize>();
        assert!(bytes < 150 * 56, "{bytes}");
    }

    #[test]
    fn peers_spread_over_the_sets() {
        let cache = cache_of(256);
        let mut counts = [0; 16];
        for number in 0..1_600 {
            counts[cache.mark(&peer(number)).set(16)] += 1;
        }
        assert!(counts.iter().all(|count| (50..150).contains(count)), "{counts:?}");
    }
}
