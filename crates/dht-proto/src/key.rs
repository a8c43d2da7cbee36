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

    /// XOR distance to a node (Maymounkov and Mazières, Kademlia, section 2.1).
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
    pub fn between(a: &[u8; 32], b: &[u8; 32]) -> Self {
        Self(std::array::from_fn(|i| a[i] ^ b[i]))
    }

    /// Number of leading zero bits: 0..=256. 256 means the points are equal.
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
