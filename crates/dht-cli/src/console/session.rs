//! One person at one node: carries commands out, one at a time, and lets Ctrl-C abandon them.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use dht_node::{Key, Node};
use tokio::runtime::Handle;

use super::command::{self, Command};
use super::execute;
use super::known::Known;
use super::signer::Signer;
use crate::signals::Signals;

/// What a command gives back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Text for people, without a newline at its end.
    Text(String),
    /// The bytes of a value.
    Value(Bytes),
    /// Nothing to show.
    Silence,
    /// The session ends.
    Quit,
}

/// The state of a console. Lives on the console's thread, outside the runtime.
pub(super) struct Session {
    node: Node,
    signer: Signer,
    runtime: Handle,
    signals: Signals,
}

impl Session {
    /// A console on `node`.
    pub(super) fn new(node: Node, runtime: Handle, signals: Signals) -> Self {
        Self { node, signer: Signer::default(), runtime, signals }
    }

    /// The node the console belongs to.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// What ends the program.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Carries out one line. An error is a text for the person, and ends nothing.
    pub(super) fn carry_out(&self, line: &str, known: &RefCell<Known>) -> Result<Reply, String> {
        let Some(command) = command::parse(line)? else { return Ok(Reply::Silence) };
        if command == Command::Quit {
            return Ok(Reply::Quit);
        }
        self.runtime.block_on(async {
            tokio::select! {
                reply = execute::execute(&self.node, &self.signer, command, known) => reply,
                () = self.signals.interrupted() => Err("given up".to_owned()),
            }
        })
    }

    /// What completion may ask the node.
    pub(super) fn source(&self) -> NodeSource {
        NodeSource { node: self.node.clone(), runtime: self.runtime.clone() }
    }
}

/// Keys and addresses that a node knows now.
pub(super) trait Source {
    /// At most `limit` keys of the node's own store from `from` on, in order.
    fn stored(&self, from: Key, limit: usize) -> Vec<Key>;
    /// Ids and addresses of the nodes in its routing table.
    fn peers(&self) -> Vec<(String, String)>;
}

/// A [`Source`] that asks a running node.
pub(super) struct NodeSource {
    node: Node,
    runtime: Handle,
}

impl Source for NodeSource {
    fn stored(&self, from: Key, limit: usize) -> Vec<Key> {
        let held = self.runtime.block_on(self.node.stored_keys_from(from, limit));
        held.unwrap_or_default().into_iter().map(|held| held.key).collect()
    }

    fn peers(&self) -> Vec<(String, String)> {
        let peers = self.runtime.block_on(self.node.peers()).unwrap_or_default();
        peers.into_iter().map(|peer| (peer.id().to_string(), peer.addr.to_string())).collect()
    }
}

/// What the session and the completion of its editor share.
pub(super) type SharedKnown = Rc<RefCell<Known>>;
