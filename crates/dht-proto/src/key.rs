//! Keys of values, and the XOR metric of the 256-bit space that keys and node ids share.

use crate::hex::hex32;
use crate::{AuthorKey, NodeId, Salt};

/// Where a value lives: a point of the 256-bit space. Printed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

hex32!(Key);

impl Key {
    /// Key of a content-addressed value: its BLAKE3 hash, what `b3sum` prints of the same bytes.
    pub fn content(value: &[u8]) -> Self {
        Self(*blake3::hash(value).as_bytes())
    }

    /// Key of a named value: `BLAKE3 derive_key("dht v1 name", name)`. `name` is any bytes, mostly UTF-8.
    pub fn named(name: &[u8]) -> Self {
        Self(blake3::derive_key("dht v1 name", name))
    }

    /// Key of the signed record of `author` under `salt`:
    /// `BLAKE3 derive_key("dht v1 signed", author || salt)`.
    pub fn signed(author: &AuthorKey, salt: &Salt) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("dht v1 signed");
        hasher.update(author.as_bytes());
        hasher.update(salt.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The key that follows as a number; `None` after the last.
    pub(crate) fn next(self) -> Option<Self> {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Some(Self(bytes));
            }
        }
        None
    }

    /// XOR distance to a node (Maymounkov and Mazières, Kademlia, section 2.1).
    #[inline]
    pub fn distance(&self, node: &NodeId) -> Distance {
        Distance::between(&self.0, node.as_bytes())
    }
}

/// XOR distance between two points of the space, ordered as a 256-bit unsigned number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance([u8; 32]);

hex32!(Distance);

impl Distance {
    /// Distance of a point to itself.
    pub const ZERO: Self = Self([0; 32]);

    /// Largest distance there is.
    pub const MAX: Self = Self([0xff; 32]);

    /// XOR of two points.
    #[inline]
    pub fn between(a: &[u8; 32], b: &[u8; 32]) -> Self {
        Self(std::array::from_fn(|i| a[i] ^ b[i]))
    }

    /// Number of leading zero bits: 0..=256. 256 means the points are equal.
    #[inline]
    pub fn leading_zeros(&self) -> u32 {
        let mut zeros = 0;
        for byte in self.0 {
            zeros += byte.leading_zeros();
            if byte != 0 {
                break;
            }
        }
        zeros
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Distance, Key};
    use crate::{AuthorSecret, NodeId, Salt};

    #[test]
    fn the_key_of_content_is_its_blake3_hash() {
        // What `b3sum` prints of an empty file.
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Key::content(b"").to_string(), empty);
        assert_ne!(Key::content(b"value"), Key::content(b"other value"));
    }

    #[test]
    fn keys_of_different_kinds_never_meet() {
        let author = AuthorSecret::from_seed(&[1; 32]).author();
        let salt = Salt::new("salt").unwrap();
        let signed_input = [&author.as_bytes()[..], b"salt"].concat();
        let keys =
            [Key::content(&signed_input), Key::named(&signed_input), Key::signed(&author, &salt)];
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[1], keys[2]);
        assert_ne!(keys[0], keys[2]);
        let derived = blake3::derive_key("dht v1 signed", &signed_input);
        assert_eq!(keys[2], Key::from_bytes(derived));
    }

    #[test]
    fn every_salt_of_an_author_has_its_key() {
        let author = AuthorSecret::from_seed(&[1; 32]).author();
        let none = Key::signed(&author, &Salt::default());
        let some = Key::signed(&author, &Salt::new("s").unwrap());
        assert_ne!(none, some);
    }

    #[test]
    fn a_distance_counts_its_leading_zeros() {
        assert_eq!(Distance::ZERO.leading_zeros(), 256);
        assert_eq!(Distance::MAX.leading_zeros(), 0);
        for bit in 0..256 {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 0x80 >> (bit % 8);
            assert_eq!(Distance::from_bytes(bytes).leading_zeros() as usize, bit);
        }
    }

    proptest! {
        #[test]
        fn distances_are_a_metric(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
            let distance = Distance::between;
            prop_assert_eq!(distance(&a, &a), Distance::ZERO);
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == Distance::ZERO, a == b);
            // For each distance from a point there is exactly one point: what makes XOR unidirectional.
            prop_assert_eq!(distance(&a, distance(&a, &b).as_bytes()), Distance::from_bytes(b));
            // d(a, c) <= d(a, b) + d(b, c), told by the most significant bytes.
            let head = |d: Distance| d.as_bytes()[..8].iter().fold(0_u128, |n, b| n << 8 | u128::from(*b));
            let sum = head(distance(&a, &b)) + head(distance(&b, &c)) + 1;
            prop_assert!(head(distance(&a, &c)) <= sum);
        }

        #[test]
        fn the_closer_node_has_the_longer_common_prefix(key: [u8; 32], bit in 0_usize..255) {
            let flipped = |bit: usize| {
                let mut bytes = key;
                bytes[bit / 8] ^= 0x80 >> (bit % 8);
                NodeId::from_bytes(bytes)
            };
            let key = Key::from_bytes(key);
            prop_assert!(key.distance(&flipped(bit + 1)) < key.distance(&flipped(bit)));
            prop_assert_eq!(key.distance(&flipped(bit)).leading_zeros() as usize, bit);
        }
    }
}
