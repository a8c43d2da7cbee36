//! What a command line asks for, checked.

use std::path::PathBuf;

use dht_node::{Key, Place, Ttl};

use super::signed::SignTask;
use crate::address::{ConnectAddr, ListenAddr};
use crate::signed::SignedPlace;
use crate::whom::Whom;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What to do.
    pub(crate) task: Task,
    /// The network to take part in.
    pub(crate) network: String,
    /// Nodes to join through.
    pub(crate) connect: Vec<ConnectAddr>,
    /// Log level, 0 to 5.
    pub(crate) verbose: u8,
}

/// What to do in the network.
#[derive(Debug)]
pub(crate) enum Task {
    /// Be part of it until stopped.
    Run(Run),
    /// Join it as a client, do one thing and leave.
    OneShot(OneShot),
    /// Make a key file.
    Keygen(PathBuf),
}

/// Nodes to run.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug)]
pub(crate) struct Run {
    /// Address of the first node; the others take the ports after it.
    pub(crate) listen: ListenAddr,
    /// Number of nodes, at least 1.
    pub(crate) nodes: usize,
    /// Whether to open the console on the first.
    pub(crate) interactive: bool,
    /// Bytes of values each holds; `None` for the default.
    pub(crate) capacity: Option<u64>,
    /// Longest value each holds; `None` for the default.
    pub(crate) item_limit: Option<usize>,
    /// Where they keep what outlives them; `None` for nowhere.
    pub(crate) data_dir: Option<PathBuf>,
    /// Whether they hand over what they hold when they leave.
    pub(crate) hand_over: bool,
    /// Whether they keep copies of what is in demand.
    pub(crate) caches: bool,
    /// Whether the first keeps a copy of everything.
    pub(crate) mirror: bool,
}

/// One thing to do as a client.
#[derive(Debug)]
pub(crate) struct OneShot {
    /// Where to listen; `None` for any free port.
    pub(crate) listen: Option<ListenAddr>,
    /// The thing to do.
    pub(crate) action: Action,
}

/// Store or fetch.
#[derive(Debug)]
pub(crate) enum Action {
    /// Store stdin.
    Store {
        /// Where; `None` for its content key.
        place: Option<Place>,
        /// For how long.
        ttl: Ttl,
        /// Longest value accepted, in bytes.
        limit: usize,
        /// Whether to print JSON.
        json: bool,
    },
    /// Say stdin to every node.
    Broadcast {
        /// File with the author's key; `None` for a new one.
        key_file: Option<PathBuf>,
    },
    /// Ask an application stdin.
    Custom(Whom),
    /// Fetch by the hash of the content.
    Fetch(Key),
    /// Fetch by name, or from a chosen key.
    FetchAt(Place),
    /// Sign stdin and store it.
    Publish {
        /// Who signs which version.
        task: SignTask,
        /// Longest value accepted, in bytes.
        limit: usize,
    },
    /// Fetch the newest version of a signed record.
    Resolve(SignedPlace),
    /// Sign a deletion and store it.
    Retract(SignTask),
}
