//! Who runs experiments and measurements: a terminal with a progress line, or a file with a line for each tenth of a
//! part; the clock, and the memory of the process.

use std::time::{Duration, Instant};

use dht_sim::experiment::Host;
use indicatif::{ProgressBar, ProgressStyle};

/// Size of a page of memory where `/proc` exists.
const PAGE_BYTES: u64 = 4_096;

/// Parts of a phase that are told where there is no terminal.
const STEPS: u64 = 10;

/// Shows progress on standard error: a bar, or lines where that is no terminal.
pub(crate) struct Terminal {
    started: Instant,
    name: String,
    bar: ProgressBar,
    baseline: u64,
    step: u64,
}

impl Terminal {
    /// Memory is told beyond `baseline`, what the process had resident before its first run.
    pub(crate) fn new(name: String, baseline: u64) -> Self {
        Self { started: Instant::now(), name, bar: ProgressBar::hidden(), baseline, step: 0 }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// One line, where a bar cannot be drawn.
    fn tell(&self, done: u64) {
        if self.bar.is_hidden() {
            let (name, message, length) =
                (&self.name, self.bar.message(), self.bar.length().unwrap_or(0));
            let (seconds, mega) = (self.started.elapsed().as_secs(), self.resident() / 1_000_000);
            eprintln!("{name}: {message} {done}/{length} after {seconds} s, {mega} MB");
        }
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
        self.step = 0;
        self.tell(0);
    }

    fn advance(&mut self, done: u64) {
        self.bar.set_position(done);
        let step = done.saturating_mul(STEPS) / self.bar.length().unwrap_or(0).max(1);
        if step > self.step {
            self.step = step;
            self.tell(done);
        }
    }

    fn found(&mut self, point: &str) {
        self.bar.finish_and_clear();
        let (name, seconds) = (&self.name, self.started.elapsed().as_secs());
        eprintln!("{name}: {point}, after {seconds} s");
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
