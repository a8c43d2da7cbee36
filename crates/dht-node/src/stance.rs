//! What every message of a node says of it.

use dht_proto::{Body, Families, Load, Message, RequestId, Role};

/// A node's part in the network and the addresses it can use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stance {
    pub(crate) role: Role,
    pub(crate) families: Families,
}

impl Stance {
    /// A message of such a node.
    pub(crate) fn message(self, id: RequestId, body: Body) -> Message {
        Message { role: self.role, families: self.families, load: Load::NONE, id, body }
    }
}
