//! A node and where to reach it.

use std::fmt;
use std::net::SocketAddr;

use crate::{NodeId, NodeIdentity};

/// A node's identity with the address it is said, or known, to answer at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact {
    /// Who the node is.
    pub node: NodeIdentity,
    /// Where it is reached, by datagram and by stream on the same port number.
    pub addr: SocketAddr,
}

impl Contact {
    /// Pairs a node with an address.
    pub const fn new(node: NodeIdentity, addr: SocketAddr) -> Self {
        Self { node, addr }
    }

    /// The node's id.
    #[inline]
    pub const fn id(&self) -> NodeId {
        self.node.id()
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({:?} at {})", self.node.id(), self.addr)
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.node.id(), self.addr)
    }
}
