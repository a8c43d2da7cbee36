//! Who a node is: a public key and a nonce, and the id they make.
//!
//! Invariant: the id inside a [`NodeIdentity`] is always computed here, never taken from elsewhere.

use std::fmt;

use blake3::hazmat::{ContextKey, HasherExt};

use crate::NodeId;
use crate::hex::hex32;

/// X25519 public key (RFC 7748) of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

hex32!(PublicKey);

/// The number a node searched for until its id met the network's [`Difficulty`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u32);

/// Zero bits that `BLAKE3(node id)` must start with: what an id costs, as a power of two of hashes. 0..=32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(u8);

impl Difficulty {
    /// No work at all: every id is valid.
    pub const NONE: Self = Self(0);

    /// Difficulty of the default network: 12 bits, about 4,096 hashes for an id.
    pub const DEFAULT: Self = Self(crate::limits::ID_DIFFICULTY_DEFAULT);

    /// `bits` in 0..=32, else `None`: a 4-byte nonce can hardly pay for more.
    pub const fn new(bits: u8) -> Option<Self> {
        if bits <= 32 { Some(Self(bits)) } else { None }
    }

    /// The number of bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `BLAKE3(id)` starts with this many zero bits.
    pub fn is_met_by(self, id: &NodeId) -> bool {
        self.0 == 0 || {
            let hash = blake3::hash(id.as_bytes());
            crate::Distance::from_bytes(*hash.as_bytes()).leading_zeros() >= u32::from(self.0)
        }
    }
}

/// What BLAKE3 makes of the context "dht v1 node id". Fixed here, it halves the cost of an id; a search
/// computes thousands of them, every reply that lists contacts up to twenty.
const NODE_ID_CONTEXT: ContextKey = [
    0xd5, 0x2b, 0xf4, 0x61, 0xec, 0x81, 0x80, 0x43, 0xf6, 0xbf, 0x12, 0x46, 0x78, 0x65, 0x24, 0x9d,
    0x86, 0x1a, 0xc6, 0x28, 0xa2, 0x21, 0x3d, 0x33, 0xe8, 0x06, 0xdf, 0xda, 0x1d, 0xf4, 0x39, 0x83,
];

/// A node's public key and nonce with the id that they make:
/// `BLAKE3 derive_key("dht v1 node id", public key || nonce as 4 bytes little-endian)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIdentity {
    id: NodeId,
    public: PublicKey,
    nonce: Nonce,
}

impl NodeIdentity {
    /// Computes the id of `public` and `nonce`. Any pair makes an id; whether the network accepts it is
    /// told by [`meets`](Self::meets).
    pub fn new(public: PublicKey, nonce: Nonce) -> Self {
        let mut input = [0; 36];
        let (key, rest) = input.split_at_mut(32);
        key.copy_from_slice(public.as_bytes());
        rest.copy_from_slice(&nonce.0.to_le_bytes());
        let mut hasher = blake3::Hasher::new_from_context_key(&NODE_ID_CONTEXT);
        hasher.update(&input);
        Self { id: NodeId::from_bytes(*hasher.finalize().as_bytes()), public, nonce }
    }

    /// The node id.
    #[inline]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The X25519 public key.
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The nonce.
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Whether the id pays for `difficulty`.
    pub fn meets(&self, difficulty: Difficulty) -> bool {
        difficulty.is_met_by(&self.id)
    }
}

impl fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeIdentity({:?}, nonce {})", self.id, self.nonce.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Difficulty, NODE_ID_CONTEXT, NodeIdentity, Nonce, PublicKey};
    use crate::NodeId;

    fn node(nonce: u32) -> NodeIdentity {
        NodeIdentity::new(PublicKey::from_bytes([3; 32]), Nonce(nonce))
    }

    #[test]
    fn an_id_is_derived_from_the_public_key_and_the_nonce() {
        let mut input = [3; 36];
        input[32..].copy_from_slice(&[4, 3, 2, 1]);
        let derived = blake3::derive_key("dht v1 node id", &input);
        assert_eq!(node(0x0102_0304).id(), NodeId::from_bytes(derived));
        let context = blake3::hazmat::hash_derive_key_context("dht v1 node id");
        assert_eq!(NODE_ID_CONTEXT, context);
    }

    #[test]
    fn an_id_meets_a_difficulty_when_its_hash_starts_with_that_many_zero_bits() {
        for nonce in 0..2_000 {
            let node = node(nonce);
            let hash = blake3::hash(node.id().as_bytes());
            let head = u64::from_be_bytes(std::array::from_fn(|i| hash.as_bytes()[i]));
            for bits in 0..=32 {
                let difficulty = Difficulty::new(bits).unwrap();
                assert_eq!(node.meets(difficulty), head.leading_zeros() >= u32::from(bits));
            }
        }
    }

    #[test]
    fn a_difficulty_is_at_most_32_bits() {
        assert_eq!(Difficulty::new(0), Some(Difficulty::NONE));
        assert_eq!(Difficulty::new(32).map(Difficulty::bits), Some(32));
        assert_eq!(Difficulty::new(33), None);
        assert_eq!(Difficulty::DEFAULT.bits(), 12);
    }
}
