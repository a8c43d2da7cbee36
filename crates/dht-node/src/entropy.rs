//! Where a node's random bytes come from: one seed of the system, then a generator of its own.
//!
//! A datagram takes 18 random bytes; asking the system for each would be a call into the kernel each.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A cryptographically secure generator. Never cloned: two copies would repeat each other's nonces.
pub(crate) struct Entropy(ChaCha20Rng);

impl Entropy {
    /// A generator seeded by the system.
    pub(crate) fn from_system() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(ChaCha20Rng::from_seed(seed)))
    }

    /// A generator for a task of its own, which repeats nothing of this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(ChaCha20Rng::from_seed(self.bytes()))
    }

    /// Random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_repeats_nothing_of_its_parent() {
        let mut parent = Entropy::from_system().unwrap();
        let mut child = parent.fork();

        assert_ne!(parent.bytes::<24>(), child.bytes::<24>());
        assert_ne!(parent.bytes::<24>(), parent.bytes::<24>());
    }
}
