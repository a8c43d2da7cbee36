//! Round-trip times between sites: read from a matrix, generated, or constant.

use std::time::Duration;

mod generate;
mod parse;
#[cfg(test)]
mod tests;

pub use parse::MatrixError;

use crate::Random;
use crate::random::Use;

/// Number of sites the generator makes.
pub const SITES: usize = 490;

/// Round trip between two nodes of one site.
const LOCAL_MICROS: u32 = 1_000;

/// Round-trip times between sites. Nodes sit on sites; two nodes of one site are 1 ms apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    sites: usize,
    local: u32,
    /// Row by row, in microseconds.
    round_trips: Vec<u32>,
}

impl Latencies {
    /// 490 sites whose round trips have the quantiles of the measured `PlanetLab` matrix of Zhu et al.
    /// (`ToN` 2017): p1 6, p5 19, p10 32, p25 59, p50 135, p75 202, p90 291, p95 325, p99 413, p99.9 771 ms.
    ///
    /// Sites gather in cities and cities on continents, so that distances behave nearly like a metric: the
    /// friend of a near friend is near.
    pub fn generated(seed: u64) -> Self {
        generate::generate(SITES, &mut Random::of(seed, Use::Topology))
    }

    /// Reads a square matrix of round trips in milliseconds: one row a line, separated by blanks, tabs or
    /// commas; lines that are empty or start with `#` are skipped. The diagonal is not used.
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        parse::parse(text)
    }

    /// One site where everything is `round_trip` apart, at most an hour: for tests of logic.
    pub fn constant(round_trip: Duration) -> Self {
        let micros = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX).min(3_600_000_000);
        Self { sites: 1, local: micros, round_trips: vec![micros] }
    }

    fn from_micros(sites: usize, round_trips: Vec<u32>) -> Self {
        Self { sites, local: LOCAL_MICROS, round_trips }
    }

    /// The same sites with every round trip between different sites multiplied by `factor`, above 0.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        for micros in &mut self.round_trips {
            *micros = to_micros(f64::from(*micros) * factor);
        }
        self
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.sites
    }

    /// Round trip between two sites; sites are numbered from 0, larger numbers wrap.
    pub fn round_trip(&self, from: usize, to: usize) -> Duration {
        Duration::from_micros(u64::from(self.micros(from % self.sites, to % self.sites)))
    }

    /// The round trip that a share of all pairs of different sites does not exceed; zero for one site.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index from a share of a length"
    )]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut pairs: Vec<u32> = (0..self.sites)
            .flat_map(|row| (0..self.sites).map(move |column| (row, column)))
            .filter(|(row, column)| row != column)
            .map(|(row, column)| self.micros(row, column))
            .collect();
        pairs.sort_unstable();
        let index = (share.clamp(0.0, 1.0) * pairs.len() as f64) as usize;
        let micros = pairs.get(index.min(pairs.len().saturating_sub(1))).copied().unwrap_or(0);
        Duration::from_micros(u64::from(micros))
    }

    /// Round trip in microseconds between two sites below the number of sites.
    pub(crate) fn micros(&self, from: usize, to: usize) -> u32 {
        if from == to { self.local } else { self.round_trips[from * self.sites + to] }
    }
}

/// Rounded to whole microseconds, at least one and at most an hour.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
fn to_micros(micros: f64) -> u32 {
    micros.round().clamp(1.0, 3.6e9) as u32
}
