//! Who a node is: a public key and a nonce, and the id they make.
//!
//! Invariant: the id inside a [`NodeIdentity`] is always computed here, never taken from elsewhere.

use std::fmt;

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
        let mut hasher = blake3::Hasher::new_derive_key("dht v1 node id");
        hasher.update(public.as_bytes());
        hasher.update(&nonce.0.to_le_bytes());
        Self { id: NodeId::from_bytes(*hasher.finalize().as_bytes()), public, nonce }
    }

    /// The node id.
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
