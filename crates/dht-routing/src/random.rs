//! The one source of random choices of a peer: seeded, portable, cheap.

use std::time::Duration;

use dht_proto::{Key, NodeId, RequestId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What every random choice of a peer is drawn from. The same seed and inputs give the same outputs.
///
/// A node draws it from the system's entropy: request ids must not be guessable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// A number that nobody else can know: from a stream of its own, of which nothing is ever told.
    pub(crate) fn secret(self) -> u64 {
        let mut stream = ChaCha8Rng::from_seed(self.0);
        stream.set_stream(1);
        stream.next_u64()
    }
}

/// A number that looks as if it had nothing to do with `number`: the finalizer of `SplitMix64` (Steele et al., OOPSLA
/// 2014). Not for what others get to see: it is easily undone.
pub(crate) const fn scramble(number: u64) -> u64 {
    let mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// ChaCha8 generator with the draws that a peer makes.
#[derive(Debug, Clone)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: Seed) -> Self {
        Self(ChaCha8Rng::from_seed(seed.0))
    }

    pub(crate) fn request_id(&mut self) -> RequestId {
        RequestId(self.0.next_u64())
    }

    /// A number in `0..bound`, or 0 if `bound` is 0. The bias is below 2^-32 for the small bounds used here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    /// `span` changed by up to a quarter of itself, either way, so that peers fall out of step.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 2);
        Duration::from_micros(micros - micros / 4 + self.below(micros / 2 + 1))
    }

    /// A random point that shares exactly `zeros` leading bits with `local`: a target in that bucket's range.
    pub(crate) fn key_in_bucket(&mut self, local: &NodeId, zeros: usize) -> Key {
        let mut point = [0_u8; 32];
        self.0.fill_bytes(&mut point);
        for (index, byte) in point.iter_mut().enumerate() {
            let own = local.as_bytes()[index];
            for bit in 0..8 {
                let position = index * 8 + bit;
                let mask = 0x80_u8 >> bit;
                if position < zeros {
                    *byte = (*byte & !mask) | (own & mask);
                } else if position == zeros {
                    *byte = (*byte & !mask) | (!own & mask);
                }
            }
        }
        Key::from_bytes(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_bucket_shares_just_so_many_bits() {
        let mut random = Random::new(Seed([1; 32]));
        let local = NodeId::from_bytes([0b1010_0101; 32]);
        for zeros in 0..256 {
            let key = random.key_in_bucket(&local, zeros);
            assert_eq!(key.distance(&local).leading_zeros() as usize, zeros);
        }
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let mut random = Random::new(Seed([2; 32]));
        let span = Duration::from_secs(100);
        for _ in 0..1_000 {
            let jittered = random.jitter(span);
            assert!(jittered >= Duration::from_secs(75) && jittered <= Duration::from_secs(125));
        }
        assert_eq!(random.jitter(Duration::ZERO), Duration::ZERO);
    }
}
