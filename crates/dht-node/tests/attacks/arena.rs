//! Honest work through a node, and how it fares.

use std::time::{Duration, Instant};

use dht_node::{Node, NodeBuilder};

use crate::common::{bytes, joined, within};

/// Bytes of most of the values; every tenth has [`LARGE`], and travels by stream.
const SMALL: usize = 600;
const LARGE: usize = 50_000;

/// A node under attack, a client that stores through it and nobody else, and one that fetches: each keeps what it
/// stored or fetched itself.
pub(crate) struct Arena {
    pub(crate) target: Node,
    writer: Node,
    reader: Node,
    /// Values stored so far.
    round: u64,
}

/// How a piece of honest work went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fared {
    /// Stores and fetches.
    pub(crate) attempts: usize,
    /// Those that did what they were to.
    pub(crate) successes: usize,
    /// What they took, in ascending order.
    pub(crate) times: Vec<Duration>,
    /// Most memory of the process in between, in bytes.
    pub(crate) memory: u64,
    /// Why others failed.
    pub(crate) failures: Vec<String>,
}

impl Arena {
    pub(crate) async fn new(target: NodeBuilder) -> Self {
        let target = target.start().await.unwrap();
        let client = || crate::common::builder().client(true);
        let (writer, reader) = (joined(client(), &target).await, joined(client(), &target).await);
        Self { target, writer, reader, round: 0 }
    }

    /// Stores `rounds` values and fetches each again.
    pub(crate) async fn work(&mut self, rounds: usize) -> Fared {
        let mut fared = Fared::default();
        for _ in 0..rounds {
            self.round += 1;
            let size = if self.round.is_multiple_of(10) { LARGE } else { SMALL };
            let value = bytes(self.round, size);
            let began = Instant::now();
            let stored = within(self.writer.store(value.clone())).await;
            let stored = stored.map_err(|error| format!("store: {error}"));
            let key = stored.as_ref().map(|report| report.key).ok();
            fared.note(began, stored.map(|_| ()));
            let Some(key) = key else { continue };
            let began = Instant::now();
            let fetched = within(self.reader.fetch(key)).await;
            let fetched = fetched.map_err(|error| format!("fetch: {error}"));
            let right = fetched.and_then(|found| {
                let is_right = found.into_bytes() == value;
                is_right.then_some(()).ok_or_else(|| "fetch: another value".to_owned())
            });
            fared.note(began, right);
            fared.memory = fared.memory.max(resident());
        }
        fared.times.sort_unstable();
        fared
    }
}

impl Fared {
    fn note(&mut self, began: Instant, result: Result<(), String>) {
        self.attempts += 1;
        match result {
            Ok(()) => {
                self.successes += 1;
                self.times.push(began.elapsed());
            }
            Err(error) => self.failures.push(error),
        }
    }
}

/// Bytes of memory the process has resident; 0 where the machine does not tell.
pub(crate) fn resident() -> u64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * 4_096)
}
