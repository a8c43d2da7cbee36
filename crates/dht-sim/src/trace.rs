//! The trace hash: two runs that delivered the same events in the same order have the same one.

use std::fmt;

/// Odd constants of `wyhash` (Wang Yi), whose folded product spreads every input bit.
const MULTIPLIERS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

/// A running 128-bit hash over every delivered event. Fast and not cryptographic: it finds accidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceHash([u64; 2]);

impl TraceHash {
    pub(crate) const fn new() -> Self {
        Self([0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3])
    }

    /// Takes one event, as numbers.
    pub(crate) fn update(&mut self, event: [u64; 4]) {
        let [a, b] = self.0;
        let left = fold(a ^ event[0], MULTIPLIERS[0] ^ event[1]);
        let right = fold(b ^ event[2], MULTIPLIERS[1] ^ event[3]);
        self.0 = [left.rotate_left(23) ^ right, right.rotate_left(41).wrapping_add(left)];
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(product >> 64).unwrap_or_default();
    // The inputs are folded in again, so that a factor of zero does not wipe out the other one.
    low ^ high ^ a.rotate_left(32) ^ b
}

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(events: &[[u64; 4]]) -> TraceHash {
        let mut trace = TraceHash::new();
        for event in events {
            trace.update(*event);
        }
        trace
    }

    #[test]
    fn order_and_every_field_count() {
        let base = [[1, 2, 3, 4], [5, 6, 7, 8]];
        assert_eq!(hash(&base), hash(&base));
        assert_ne!(hash(&base), hash(&[base[1], base[0]]));
        for field in 0..4 {
            let mut other = base;
            other[0][field] ^= 1;
            assert_ne!(hash(&base), hash(&other), "field {field}");
        }
        assert_eq!(hash(&base).to_string().len(), 32);
    }
}
