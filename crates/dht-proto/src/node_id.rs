//! Node ids: where a node sits in the 256-bit space.

use crate::hex::hex32;
use crate::{Distance, Key};

/// Id of a node, derived from its public key and nonce (see [`NodeIdentity`](crate::NodeIdentity)),
/// printed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 32]);

hex32!(NodeId);

impl NodeId {
    /// XOR distance to another node.
    #[inline]
    pub fn distance(&self, other: &Self) -> Distance {
        Distance::between(&self.0, &other.0)
    }

    /// The same point of the space seen as a key, to look up the neighbourhood of a node.
    pub fn to_key(self) -> Key {
        Key::from_bytes(self.0)
    }
}
