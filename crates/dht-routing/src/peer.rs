//! The peer: ties the parts together and dispatches.

use dht_proto::{Contact, Moment, NodeIdentity};

use crate::{Busy, Command, Config, Input, OperationId, Output};

/// What every random choice of a peer is drawn from. The same seed and inputs give the same outputs.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

/// A peer of the network, as a value.
pub struct Peer {}

/// What a peer tells about itself, for people and for [`dht_proto::Inspection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Nodes in the routing table.
    pub contacts: usize,
    /// Operations under way.
    pub operations: usize,
    /// Requests in flight.
    pub requests: usize,
    /// Estimated number of full nodes in the network, this one included.
    pub network_size: u64,
}

impl Peer {
    /// A peer that knows nobody yet.
    pub fn new(_config: Config, _local: NodeIdentity, _seed: &Seed, _now: Moment) -> Self {
        Self {}
    }
    /// Who we are.
    pub fn local(&self) -> NodeIdentity {
        unimplemented!()
    }
    /// Takes what happened. Never fails, whatever a peer sent.
    pub fn handle_input(&mut self, _now: Moment, _input: Input) {}
    /// Starts an operation.
    pub fn handle_command(&mut self, _now: Moment, _command: Command) -> Result<OperationId, Busy> {
        unimplemented!()
    }
    /// Ends an operation without an outcome and withdraws its requests.
    pub fn cancel(&mut self, _now: Moment, _operation: OperationId) {}
    /// Acts on every deadline that has passed.
    pub fn handle_timeout(&mut self, _now: Moment) {}
    /// The next order; `None` when all are carried out.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
    /// When `handle_timeout` is due; `None` while nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Moment> {
        None
    }
    /// Contacts in the routing table, bucket by bucket, furthest bucket first.
    pub fn contacts(&self) -> impl Iterator<Item = Contact> {
        std::iter::empty()
    }
    /// Figures.
    pub fn status(&self) -> Status {
        Status::default()
    }
    /// Tells the store's usage, to be told on to nodes that inspect us.
    pub fn set_usage(&mut self, _records: u64, _bytes: u64, _capacity: u64) {}
}
