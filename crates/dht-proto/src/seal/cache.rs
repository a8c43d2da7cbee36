//! The shared keys of the peers seen last.
//!
//! A key's set is chosen by a keyed hash, and holds the keys used last of those that belong to it, most
//! recent first. So it is bounded, costs memory only as it fills, and needs no links between entries.

use std::hash::{DefaultHasher, Hasher};

use super::PairKey;
use crate::PublicKey;

/// Keys in one set. Large enough that sets fill evenly, small enough to be searched one by one.
const WAYS: usize = 16;

pub(super) struct KeyCache {
    /// Empty before the first key comes.
    sets: Vec<Vec<(PublicKey, PairKey)>>,
    set_count: usize,
    ways: usize,
    /// Keeps others from choosing public keys that fall into one set.
    salt: [u8; 16],
}

impl KeyCache {
    pub(super) fn new(capacity: usize, secret: &[u8; 32]) -> Self {
        let capacity = capacity.max(1);
        let hash = blake3::derive_key("dht v1 key cache", secret);
        let mut salt = [0; 16];
        salt.copy_from_slice(&hash[..16]);
        Self {
            sets: Vec::new(),
            set_count: (capacity / WAYS).max(1),
            ways: WAYS.min(capacity),
            salt,
        }
    }

    pub(super) fn contains(&self, peer: &PublicKey) -> bool {
        let set = self.sets.get(self.set_of(peer));
        set.is_some_and(|set| set.iter().any(|(key, _)| key == peer))
    }

    /// The key shared with `peer`, which becomes the most recent of its set.
    pub(super) fn find(&mut self, peer: &PublicKey) -> Option<&PairKey> {
        let index = self.set_of(peer);
        let set = self.sets.get_mut(index)?;
        let position = set.iter().position(|(key, _)| key == peer)?;
        set.get_mut(..=position)?.rotate_right(1);
        set.first().map(|(_, shared)| shared)
    }

    /// Keeps a key that is not there yet; the set's least recent one gives way when it is full.
    pub(super) fn insert(&mut self, peer: PublicKey, shared: PairKey) {
        let index = self.set_of(&peer);
        if self.sets.is_empty() {
            self.sets.resize_with(self.set_count, Vec::new);
        }
        let Some(set) = self.sets.get_mut(index) else { return };
        set.truncate(self.ways - 1);
        set.insert(0, (peer, shared));
    }

    fn set_of(&self, peer: &PublicKey) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.salt);
        hasher.write(peer.as_bytes());
        usize::try_from(hasher.finish() % self.set_count as u64).unwrap_or_default()
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
    fn peers_spread_over_the_sets() {
        let cache = cache_of(256);
        let mut counts = [0; 16];
        for number in 0..1_600 {
            counts[cache.set_of(&peer(number))] += 1;
        }
        assert!(counts.iter().all(|count| (50..150).contains(count)), "{counts:?}");
    }
}
