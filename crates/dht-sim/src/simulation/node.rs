//! One place of the network and who lives there.

use dht_proto::{Moment, NodeIdentity};
use dht_store::MemoryStore;

use super::adversary::Role;
use super::operation::Active;
use crate::traffic::Count;

/// What whoever lived at a place has sent and received so far. Counted for every message, so kept together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) sent: Count,
    pub(super) received: Count,
    /// `Fetch` requests received.
    pub(super) fetches: u64,
}

/// Kept small: a simulation has a hundred thousand of them.
#[derive(Debug, Clone)]
pub(super) struct Node<M> {
    /// `None` while nobody lives here.
    pub(super) machine: Option<M>,
    pub(super) identity: NodeIdentity,
    /// Counts arrivals and departures, so that a planned one is ignored once another came first.
    pub(super) epoch: u32,
    pub(super) role: Role,
    /// When the uplink is through with what streams have queued on it.
    pub(super) uplink_free: Moment,
    /// Made when the first record arrives.
    pub(super) store: Option<Box<MemoryStore>>,
    /// Operations under way.
    pub(super) active: Vec<Active>,
    /// Index in the roster of live places.
    pub(super) position: u32,
}
