//! How long nodes stay: session models and churn.

use std::time::Duration;

use crate::Random;

/// Distribution of the time a node stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sessions {
    /// Memoryless, as in Li et al., INFOCOM 2005.
    Exponential {
        /// Mean time.
        mean: Duration,
    },
    /// Heavy-tailed for a shape below 1, as measured in real networks (Stutzbach and Rejaie, IMC 2006).
    Weibull {
        /// Shape parameter, above 0. 0.5 in Heep, ATNAC 2010.
        shape: f64,
        /// Mean time, from which the scale follows.
        mean: Duration,
    },
}

impl Sessions {
    /// A session as it is at its start.
    pub fn draw(&self, random: &mut Random) -> Duration {
        seconds(match self {
            Self::Exponential { mean } => random.exponential(mean.as_secs_f64()),
            Self::Weibull { shape, mean } => {
                let scale = mean.as_secs_f64() / gamma(1.0 + 1.0 / shape);
                scale * (-(1.0 - random.unit()).ln()).powf(1.0 / shape)
            }
        })
    }

    /// What is left of a session found under way at a random instant: the stationary residual life.
    ///
    /// A network that starts with fresh sessions is far from steady under a heavy-tailed model: for hours
    /// far too many nodes leave. With residual lives it is steady from the first second.
    pub fn draw_residual(&self, random: &mut Random) -> Duration {
        match self {
            Self::Exponential { .. } => self.draw(random),
            // A session found under way is one chosen with a probability in proportion to its length, of
            // which a uniform part is left. Length-biased Weibull: if X^shape is exponential in units of
            // the scale, the biased X^shape has a gamma distribution of order 1 + 1/shape.
            Self::Weibull { shape, mean } => {
                let scale = mean.as_secs_f64() / gamma(1.0 + 1.0 / shape);
                let biased = scale * draw_gamma(1.0 + 1.0 / shape, random).powf(1.0 / shape);
                seconds(biased * random.unit())
            }
        }
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        match self {
            Self::Exponential { mean } | Self::Weibull { mean, .. } => *mean,
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    // A century is as good as for ever, and far from overflowing.
    Duration::from_secs_f64(seconds.clamp(0.0, 3.2e9))
}

/// Who comes back after a node has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejoin {
    /// A stranger: new identity, new address, empty table and store.
    Fresh,
    /// The same node: same identity and address, table lost, store kept.
    Same,
    /// Nobody.
    Never,
}

/// Nodes that come and go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// Time a node stays.
    pub sessions: Sessions,
    /// Time until its place is taken again; `None` for at once, which keeps the number of nodes constant.
    pub absences: Option<Sessions>,
    /// By whom.
    pub rejoin: Rejoin,
    /// Share of departures that close their streams properly (a stopped process) instead of going silent
    /// (a machine gone), 0.0..=1.0.
    pub orderly: f64,
}

/// Lanczos approximation of the gamma function for arguments above 0.5, good to 10 digits.
fn gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let base = x + 4.5;
    let mut sum = 1.000_000_000_190_015;
    let mut place = x;
    for coefficient in COEFFICIENTS {
        sum += coefficient / place;
        place += 1.0;
    }
    (std::f64::consts::TAU.sqrt() * sum) * ((x - 0.5) * base.ln() - base).exp()
}

/// Gamma distributed with the given order, above 1, and unit scale (Marsaglia and Tsang, 2000).
fn draw_gamma(order: f64, random: &mut Random) -> f64 {
    let shifted = order - 1.0 / 3.0;
    let slope = 1.0 / (9.0 * shifted).sqrt();
    loop {
        let normal = random.normal();
        let cube = (1.0 + slope * normal).powi(3);
        let uniform = 1.0 - random.unit();
        let bound = 0.5 * normal * normal + shifted * (1.0 - cube + cube.ln());
        if cube > 0.0 && uniform.ln() < bound {
            return shifted * cube;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Duration = Duration::from_secs(10_000);

    fn average(draw: impl FnMut() -> Duration) -> f64 {
        let count = 200_000;
        let sum: f64 = std::iter::repeat_with(draw).take(count).map(|d| d.as_secs_f64()).sum();
        sum / 200_000.0
    }

    #[test]
    fn sessions_have_the_mean_that_was_asked_for() {
        let mut random = Random::new(1);
        for sessions in [
            Sessions::Exponential { mean: MEAN },
            Sessions::Weibull { shape: 0.5, mean: MEAN },
            Sessions::Weibull { shape: 0.608, mean: MEAN },
        ] {
            let mean = average(|| sessions.draw(&mut random));
            assert!((mean / 10_000.0 - 1.0).abs() < 0.03, "{sessions:?}: {mean}");
            assert_eq!(sessions.mean(), MEAN);
        }
    }

    #[test]
    fn residual_lives_have_the_mean_renewal_theory_gives() {
        let mut random = Random::new(2);
        // Mean residual life is E[X^2] / 2 E[X]: the mean itself for the exponential, and for a Weibull of
        // shape 0.5 three times the mean (E[X^2] = 24 scale^2, E[X] = 2 scale).
        for (sessions, expected) in [
            (Sessions::Exponential { mean: MEAN }, 10_000.0),
            (Sessions::Weibull { shape: 0.5, mean: MEAN }, 30_000.0),
        ] {
            let mean = average(|| sessions.draw_residual(&mut random));
            assert!((mean / expected - 1.0).abs() < 0.05, "{sessions:?}: {mean}");
        }
    }

    #[test]
    fn the_gamma_function_meets_its_known_values() {
        for (x, expected) in [(1.0, 1.0), (2.0, 1.0), (3.0, 2.0), (5.0, 24.0), (1.5, 0.886_226_925)]
        {
            assert!((gamma(x) - expected).abs() < 1e-6, "{x}: {}", gamma(x));
        }
    }
}
