//! Every random choice of a simulation: one seed, one generator for each purpose.
//!
//! Invariant: a choice of one purpose never shifts the choices of another, so that a simulation with more
//! loss still has the same nodes at the same sites.

use dht_proto::Key;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What a generator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Topology = 1,
    Sites = 2,
    Identities = 3,
    Peers = 4,
    Network = 5,
    Sessions = 6,
    Workload = 7,
    Adversaries = 8,
    Joins = 9,
}

/// A seeded generator (`ChaCha8`): the same seed gives the same numbers on every machine.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// A generator of your own, independent of those a simulation with the same seed uses.
    pub fn new(seed: u64) -> Self {
        Self::with_stream(seed, 0)
    }

    pub(crate) fn of(seed: u64, purpose: Use) -> Self {
        Self::with_stream(seed, purpose as u64)
    }

    fn with_stream(seed: u64, stream: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(bytes);
        generator.set_stream(stream);
        Self(generator)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in 0..`limit`; 0 when `limit` is 0. The bias is below `limit` / 2^64.
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.bits()) * limit as u128;
        usize::try_from(wide >> 64).unwrap_or_default()
    }

    /// Uniform in 0.0..1.0.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability, 0.0..=1.0. Draws nothing when the answer is certain.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.unit() < probability)
    }

    /// Exponentially distributed with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Normally distributed, mean 0 and deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// 32 random bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A random point of the key space.
    pub fn key(&mut self) -> Key {
        Key::from_bytes(self.bytes32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_purposes_are_independent() {
        let draw = |seed, purpose| Random::of(seed, purpose).bits();
        assert_eq!(draw(1, Use::Network), draw(1, Use::Network));
        assert_ne!(draw(1, Use::Network), draw(2, Use::Network));
        assert_ne!(draw(1, Use::Network), draw(1, Use::Sites));
    }

    #[test]
    fn draws_have_the_moments_they_claim() {
        let mut random = Random::new(5);
        let count = 100_000;
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / f64::from(count);
        let exponential = mean((0..count).map(|_| random.exponential(40.0)).collect());
        assert!((exponential - 40.0).abs() < 0.8, "{exponential}");
        let normals: Vec<f64> = (0..count).map(|_| random.normal()).collect();
        let variance = mean(normals.iter().map(|value| value * value).collect());
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        assert!((0..1_000).all(|_| random.below(7) < 7));
        assert_eq!(random.below(0), 0);
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
}
