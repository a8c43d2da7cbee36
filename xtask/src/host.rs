//! Who runs experiments and measurements: a terminal with a progress line, the clock, and the memory of the process.

use std::time::{Duration, Instant};

use dht_sim::experiment::Host;
use indicatif::{ProgressBar, ProgressStyle};

/// Size of a page of memory where `/proc` exists.
const PAGE_BYTES: u64 = 4_096;

/// Shows progress on standard error, if that is a terminal.
pub(crate) struct Terminal {
    started: Instant,
    name: String,
    bar: ProgressBar,
    baseline: u64,
}

impl Terminal {
    /// Memory is told beyond `baseline`, what the process had resident before its first run.
    pub(crate) fn new(name: String, baseline: u64) -> Self {
        Self { started: Instant::now(), name, bar: ProgressBar::hidden(), baseline }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Host for Terminal {
    fn phase(&mut self, name: &str, total: u64) {
        self.bar.finish_and_clear();
        let template = "{prefix} {bar:30} {pos}/{len} {msg} {elapsed} (eta {eta})";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(total)
            .with_style(style)
            .with_prefix(self.name.clone())
            .with_message(name.to_owned());
    }

    fn advance(&mut self, done: u64) {
        self.bar.set_position(done);
    }

    fn wall(&self) -> Duration {
        self.started.elapsed()
    }

    fn resident(&self) -> u64 {
        resident().saturating_sub(self.baseline)
    }
}

impl dht_bench::Host for Terminal {
    fn phase(&mut self, name: &str, total: u64) {
        Host::phase(self, name, total);
    }

    fn advance(&mut self, done: u64) {
        Host::advance(self, done);
    }
}

/// Bytes of memory the process has resident; 0 where the machine does not tell.
pub(crate) fn resident() -> u64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * PAGE_BYTES)
}

/// Bytes of memory that can still be had; without limit where the machine does not tell.
pub(crate) fn available_memory() -> u64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(u64::MAX, |kilobytes| kilobytes * 1_024)
}
