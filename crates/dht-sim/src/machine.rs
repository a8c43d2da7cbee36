//! What a simulation runs on every node.

use dht_proto::{Contact, Moment};
use dht_routing::{Busy, Command, Input, OperationId, Output, Peer, Usage};

/// A peer as the simulator sees it: the sans-IO interface of [`Peer`], which is what ships and what
/// [`Simulation`](crate::Simulation) runs unless told otherwise.
///
/// Implement it to try another protocol, or another version of this one, on the same network: a wrapper
/// around [`Peer`] that changes one decision is a dozen lines.
pub trait Machine {
    /// Takes what happened.
    fn handle_input(&mut self, now: Moment, input: Input);
    /// Starts an operation.
    fn handle_command(&mut self, now: Moment, command: Command) -> Result<OperationId, Busy>;
    /// Acts on every deadline that has passed.
    fn handle_timeout(&mut self, now: Moment);
    /// The next order, `None` when all are carried out. Drained after every call of the others.
    fn poll_output(&mut self) -> Option<Output>;
    /// When `handle_timeout` is due.
    fn poll_timeout(&self) -> Option<Moment>;
    /// Shows every contact of the routing table.
    fn visit_contacts(&self, visit: &mut dyn FnMut(Contact));
    /// Tells what the node's store holds.
    fn set_usage(&mut self, usage: Usage);
}

impl Machine for Peer {
    fn handle_input(&mut self, now: Moment, input: Input) {
        self.handle_input(now, input);
    }

    fn handle_command(&mut self, now: Moment, command: Command) -> Result<OperationId, Busy> {
        self.handle_command(now, command)
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.poll_output()
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.poll_timeout()
    }

    fn visit_contacts(&self, visit: &mut dyn FnMut(Contact)) {
        self.contacts().for_each(visit);
    }

    fn set_usage(&mut self, usage: Usage) {
        self.set_usage(usage);
    }
}
