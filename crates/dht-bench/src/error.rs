//! Why a measurement has no figures.

use std::io;
use std::time::Duration;

use dht_node::{StartError, Stopped};

/// Why a measurement has no figures. Work that fails is a figure: this is what keeps the work from being done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The process may not open as many files as the nodes need.
    #[error(
        "{nodes} nodes need {needed} open files, the limit is {limit}: raise it with `ulimit -n {needed}` (as \
         root, or in /etc/security/limits.conf) or measure fewer"
    )]
    OpenFiles {
        /// Nodes that were to be started.
        nodes: usize,
        /// Open files they need.
        needed: u64,
        /// Open files the process may have.
        limit: u64,
    },
    /// A node did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A node stopped by itself.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The network does not come to rest.
    #[error("{found} of {all} neighbours are known after {after:?}, or a node knows nobody")]
    Unsettled {
        /// Neighbours that are known, taken over all nodes.
        found: usize,
        /// Neighbours there are.
        all: usize,
        /// Time that was given.
        after: Duration,
    },
    /// A socket of the measurement itself failed.
    #[error("socket of the measurement: {0}")]
    Socket(#[from] io::Error),
    /// Nobody answered the load, or a thread of the measurement ended early.
    #[error("{0}")]
    Broken(&'static str),
}
