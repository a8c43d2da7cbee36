//! Measures nodes on real sockets: the same work as other implementations are measured by, and beside it, in the
//! same run, what the machine itself can do.
//!
//! Nodes run in this process, each on its own sockets on loopback, and are used through the public API of
//! `dht-node` alone. Only the load of [`rpc`] is made by hand of `dht-proto`, so that the asking side costs as little
//! as it can. `cargo xtask bench` prints the figures beside what others reach and what is to be reached here.
//!
//! What it is not: a test. Nothing here says how fast is fast enough, and no figure is the same twice.

mod error;
mod files;
mod flood;
mod floor;
mod machine;
mod neighbours;
mod network;
mod work;

pub mod bulk;
pub mod rpc;
pub mod scale;
pub mod times;
pub mod workload;

use std::time::Duration;

pub use error::BenchError;

/// What every measurement can be told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Number of nodes, at least 2.
    pub nodes: usize,
    /// Threads that the nodes run on, at least 1. On one a message needs no other thread to wake.
    pub threads: usize,
    /// Values stored and fetched.
    pub values: usize,
    /// How long a network is left alone before and while its idle load is measured.
    pub idle: Duration,
    /// How long each rate is measured.
    pub span: Duration,
    /// Nodes that ask in [`rpc`], one row for each.
    pub peers: Vec<usize>,
    /// Transfers of a long value in [`bulk`].
    pub transfers: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 50,
            threads: 1,
            values: 1_000,
            idle: Duration::from_secs(10),
            span: Duration::from_secs(3),
            peers: vec![1, 1_000],
            transfers: 11,
        }
    }
}

/// Who wants to know how far a measurement is.
pub trait Host {
    /// A part of the measurement starts, which `advance` will count up to `total`.
    fn phase(&mut self, name: &str, total: u64);

    /// How far the part is.
    fn advance(&mut self, done: u64);
}

/// Wants to hear nothing.
impl Host for () {
    fn phase(&mut self, _name: &str, _total: u64) {}
    fn advance(&mut self, _done: u64) {}
}

/// A runtime as a program of so many threads would have it.
fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, BenchError> {
    let mut builder = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.max(1)).enable_all().build().map_err(BenchError::Socket)
}
