//! Round-trip times and the timeouts made from them (RFC 6298).
//!
//! Every peer in the table has its own estimate; peers not measured yet get the timeout of the whole
//! network's distribution, which [`Prior`] learns.

use std::time::Duration;

/// Shortest timeout: below it lies the noise of a busy machine, not of a network.
pub const RTO_MIN: Duration = Duration::from_millis(25);
/// Shortest time before a request counts as slow.
pub const PATIENCE_MIN: Duration = Duration::from_millis(10);
/// Longest timeout before a request counts as late.
pub const RTO_MAX: Duration = Duration::from_secs(2);
/// Timeout while nothing at all has been measured (RFC 6298, section 2.1, says one second).
pub const RTO_INITIAL: Duration = Duration::from_secs(1);

/// Smoothed round-trip time of one peer, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RttEstimate {
    smoothed: u32,
    variation: u32,
}

impl RttEstimate {
    /// Estimate after a first sample (RFC 6298, rule 2.2).
    pub fn first(sample: Duration) -> Self {
        let sample = micros(sample).max(1);
        Self { smoothed: sample, variation: sample / 2 }
    }

    /// Takes a further sample (rule 2.3: gains 1/8 and 1/4).
    pub fn update(&mut self, sample: Duration) {
        if self.smoothed == 0 {
            *self = Self::first(sample);
            return;
        }
        let sample = micros(sample).max(1);
        let deviation = self.smoothed.abs_diff(sample);
        self.variation = self.variation - self.variation / 4 + deviation / 4;
        self.smoothed = self.smoothed - self.smoothed / 8 + sample / 8;
    }

    /// Smoothed round-trip time; `None` before the first sample.
    pub fn smoothed(&self) -> Option<Duration> {
        (self.smoothed > 0).then(|| Duration::from_micros(self.smoothed.into()))
    }

    /// Time by which four of five answers are in: smoothed + variation; `None` before the first sample.
    pub fn patience(&self) -> Option<Duration> {
        let spread = Duration::from_micros(self.variation.into());
        Some((self.smoothed()? + spread).max(PATIENCE_MIN))
    }

    /// Timeout of the next request: smoothed + 4 x variation, within [`RTO_MIN`] and [`RTO_MAX`];
    /// `None` before the first sample.
    pub fn timeout(&self) -> Option<Duration> {
        let smoothed = self.smoothed()?;
        let spread = Duration::from_micros(4 * u64::from(self.variation)).max(smoothed / 4);
        Some((smoothed + spread).clamp(RTO_MIN, RTO_MAX))
    }
}

/// Distribution of round-trip times over all peers: what to expect of a stranger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prior {
    mean: u32,
    deviation: u32,
    samples: u32,
}

impl Prior {
    /// Takes a sample of any peer.
    pub fn update(&mut self, sample: Duration) {
        let sample = micros(sample).max(1);
        self.samples = self.samples.saturating_add(1);
        // A plain average at first, an exponential one with gain 1/32 later on.
        let gain = self.samples.min(32);
        let deviation = self.mean.abs_diff(sample);
        if self.samples == 1 {
            (self.mean, self.deviation) = (sample, sample / 2);
            return;
        }
        self.deviation = self.deviation - self.deviation / gain + deviation / gain;
        self.mean = self.mean - self.mean / gain + sample / gain;
    }

    /// Round trip to expect of a peer that was never measured; zero before the first sample.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.mean.into())
    }

    /// Time by which a peer that was never measured has answered, four times of five: mean + mean
    /// deviation; half of [`RTO_INITIAL`] before the first sample.
    pub fn patience(&self) -> Duration {
        if self.samples == 0 {
            return RTO_INITIAL / 2;
        }
        let micros = u64::from(self.mean) + u64::from(self.deviation);
        Duration::from_micros(micros).clamp(PATIENCE_MIN, RTO_MAX)
    }

    /// Timeout for a peer that was never measured: mean + 4 x mean deviation, which covers about 99 % of
    /// the round trips of internet hosts; [`RTO_INITIAL`] before the first sample.
    pub fn timeout(&self) -> Duration {
        if self.samples == 0 {
            return RTO_INITIAL;
        }
        let micros = u64::from(self.mean) + 4 * u64::from(self.deviation);
        Duration::from_micros(micros).clamp(RTO_MIN, RTO_MAX)
    }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX / 8).min(u32::MAX / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_steady_peer_gets_a_timeout_just_above_its_round_trip() {
        let mut rtt = RttEstimate::first(ms(100));
        assert_eq!(rtt.timeout(), Some(ms(300)));
        for _ in 0..50 {
            rtt.update(ms(100));
        }
        let timeout = rtt.timeout().unwrap();
        assert!(timeout >= ms(120) && timeout <= ms(135), "{timeout:?}");
    }

    #[test]
    fn a_jump_in_delay_widens_the_timeout() {
        let mut rtt = RttEstimate::first(ms(50));
        for _ in 0..20 {
            rtt.update(ms(50));
        }
        let before = rtt.timeout().unwrap();
        rtt.update(ms(400));
        assert!(rtt.timeout().unwrap() > before * 3);
    }

    #[test]
    fn timeouts_stay_within_their_bounds_whatever_was_measured() {
        for sample in [Duration::ZERO, Duration::from_micros(1), ms(10), Duration::MAX] {
            let mut rtt = RttEstimate::default();
            let mut prior = Prior::default();
            for _ in 0..100 {
                rtt.update(sample);
                prior.update(sample);
                for timeout in [rtt.timeout().unwrap(), prior.timeout()] {
                    assert!((RTO_MIN..=RTO_MAX).contains(&timeout));
                }
            }
        }
    }

    #[test]
    fn a_stranger_gets_the_network_wide_timeout() {
        let mut prior = Prior::default();
        assert_eq!(prior.timeout(), RTO_INITIAL);
        for millis in [20, 60, 90, 130, 150, 180, 200, 290, 320, 80].repeat(10) {
            prior.update(ms(millis));
        }
        let timeout = prior.timeout();
        assert!(timeout > ms(320) && timeout < ms(800), "{timeout:?}");
    }
}
