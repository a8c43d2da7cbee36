//! Measured times and their percentiles.

use std::time::Duration;

/// A set of measured times. Percentiles are exact: every sample is kept, in 4 bytes.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    micros: Vec<u32>,
}

impl Samples {
    /// Adds one; times above 71 minutes count as 71 minutes.
    pub fn push(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.micros.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.micros.is_empty()
    }

    /// Sorts the samples, to be asked for percentiles.
    pub fn sorted(&self) -> Sorted {
        let mut micros = self.micros.clone();
        micros.sort_unstable();
        Sorted { micros }
    }

    /// Percentile in ms, 0..=100; 0 without samples. Ask [`sorted`](Self::sorted) when several are wanted.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.sorted().percentile_ms(percent)
    }

    /// Mean in ms; 0 without samples.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 52 bits")]
    pub fn mean_ms(&self) -> f64 {
        let sum: u64 = self.micros.iter().copied().map(u64::from).sum();
        if self.micros.is_empty() { 0.0 } else { sum as f64 / self.micros.len() as f64 / 1e3 }
    }
}

impl Extend<Duration> for Samples {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, times: I) {
        times.into_iter().for_each(|time| self.push(time));
    }
}

/// Samples in ascending order.
#[derive(Debug, Clone, Default)]
pub struct Sorted {
    micros: Vec<u32>,
}

impl Sorted {
    /// Percentile in ms, 0..=100, by nearest rank; 0 without samples.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank from a share of a length"
    )]
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.micros.len() as f64).ceil() as usize;
        let micros = self.micros.get(rank.saturating_sub(1)).or(self.micros.last());
        micros.map_or(0.0, |micros| f64::from(*micros) / 1e3)
    }

    /// The distribution as `points` + 1 pairs of share (0.0..=1.0) and ms, for a plot; empty without samples.
    #[expect(clippy::cast_precision_loss, reason = "a plot has few points")]
    pub fn distribution(&self, points: usize) -> Vec<(f64, f64)> {
        if self.micros.is_empty() {
            return Vec::new();
        }
        (0..=points)
            .map(|point| point as f64 / points as f64)
            .map(|share| (share, self.percentile_ms(share * 100.0)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples = Samples::default();
        samples.extend((1..=200).rev().map(Duration::from_millis));
        let sorted = samples.sorted();
        for (percent, expected) in [(50.0, 100.0), (90.0, 180.0), (99.0, 198.0), (100.0, 200.0)] {
            assert!((sorted.percentile_ms(percent) - expected).abs() < 1e-9, "{percent}");
        }
        assert!((samples.mean_ms() - 100.5).abs() < 1e-9);
        assert_eq!(sorted.distribution(4).len(), 5);
    }

    #[test]
    fn nothing_measured_is_zero_and_not_an_error() {
        let samples = Samples::default();
        assert!(samples.is_empty());
        assert!(samples.percentile_ms(50.0).abs() < f64::EPSILON);
        assert!(samples.mean_ms().abs() < f64::EPSILON);
    }
}
