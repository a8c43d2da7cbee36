//! Many executions of one target, each on a mutation of what showed something new before.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::{Chance, Features, Target, mutate};

/// Inputs that are kept to be mutated, at most. Seeds always are.
const KEPT_MAX: usize = 20_000;

/// Executions between two looks at the clock.
const ROUND: u64 = 64;

/// When a campaign ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// After so many executions: the same ones every time.
    Executions(u64),
    /// After so long.
    Time(Duration),
}

/// Executions of one target.
#[derive(Debug)]
pub struct Campaign {
    target: &'static Target,
    chance: Chance,
    kept: Vec<Vec<u8>>,
    seen: Features,
    report: Report,
}

/// What a campaign came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Executions, those of the seeds included.
    pub executions: u64,
    /// Time they took.
    pub elapsed: Duration,
    /// Inputs that showed something new, seeds included.
    pub inputs: usize,
    /// Different things that were seen.
    pub features: usize,
    /// The longest that one execution took, of those that were measured: one in 64.
    pub slowest: Duration,
}

/// An input on which a target panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// As short as leaving out parts of it makes it.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
    /// How many executions it took.
    pub executions: u64,
}

impl Campaign {
    /// A campaign whose mutations follow from `seed`.
    pub fn new(target: &'static Target, seed: u64) -> Self {
        Self {
            target,
            chance: Chance::new(seed),
            kept: Vec::new(),
            seen: Features::default(),
            report: Report::default(),
        }
    }

    /// What it has come to so far.
    pub fn report(&self) -> Report {
        Report { inputs: self.kept.len(), features: self.seen.len(), ..self.report }
    }

    /// Runs every seed, and then mutations until `limit`. Calls `progress` about once a second where the limit is
    /// a time. May be called again to go on.
    pub fn run(
        &mut self,
        limit: Limit,
        mut progress: impl FnMut(&Report),
    ) -> Result<Report, Box<Crash>> {
        let start = Instant::now();
        let mut told = start;
        let before = self.report;
        if self.kept.is_empty() {
            for seed in self.target.seeds() {
                self.execute(&seed)?;
                self.kept.push(seed);
            }
        }
        loop {
            let done = self.report.executions - before.executions;
            self.report.elapsed = before.elapsed + start.elapsed();
            let is_over = match limit {
                Limit::Executions(most) => done >= most,
                Limit::Time(most) => start.elapsed() >= most,
            };
            if is_over {
                return Ok(self.report());
            }
            if matches!(limit, Limit::Time(_)) && told.elapsed() >= Duration::from_secs(1) {
                told = Instant::now();
                progress(&self.report());
            }
            for _ in 0..ROUND {
                self.mutation()?;
            }
            let measured = Instant::now();
            self.mutation()?;
            self.report.slowest = self.report.slowest.max(measured.elapsed());
        }
    }

    /// Executes one mutation of something that was kept.
    fn mutation(&mut self) -> Result<(), Box<Crash>> {
        let Target { shape, longest, .. } = *self.target;
        // Half of the time what was found last, which nobody has looked around yet.
        let recent = self.kept.len().saturating_sub(64);
        let from = if self.chance.once_in(2) { recent } else { 0 };
        let mut input = self.chance.pick(&self.kept[from..]).cloned().unwrap_or_default();
        let other = self.chance.pick(&self.kept).cloned().unwrap_or_default();
        mutate(&mut input, &other, shape, longest, &mut self.chance);
        if self.execute(&input)? && self.kept.len() < KEPT_MAX {
            self.kept.push(input);
        }
        Ok(())
    }

    /// Whether the input showed something new.
    fn execute(&mut self, input: &[u8]) -> Result<bool, Box<Crash>> {
        self.report.executions += 1;
        match attempt(self.target, input) {
            Ok(features) => Ok(self.seen.merge(&features)),
            Err(message) => Err(Box::new(Crash {
                input: shorten(self.target, input),
                message,
                executions: self.report.executions,
            })),
        }
    }
}

fn attempt(target: &Target, input: &[u8]) -> Result<Features, String> {
    // A target keeps nothing from one execution to the next, so nothing is left half done.
    catch_unwind(AssertUnwindSafe(|| target.run(input))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}

/// Leaves out what can be left out of an input that panics.
fn shorten(target: &Target, input: &[u8]) -> Vec<u8> {
    let mut shortest = input.to_vec();
    let mut piece = shortest.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let end = (at + piece).min(shortest.len());
            let shorter = [&shortest[..at], &shortest[end..]].concat();
            if attempt(target, &shorter).is_err() {
                shortest = shorter;
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    shortest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    /// Panics on whatever holds the bytes 4 and 2 in this order.
    const FRAGILE: Target = Target {
        name: "fragile",
        about: "finds its own fault",
        shape: Shape::Bytes,
        longest: 100,
        body: |input, seen| {
            let four = input.iter().position(|byte| *byte == 4);
            let two = four.and_then(|at| input[at..].iter().position(|byte| *byte == 2));
            assert!(two.is_none(), "four before two");
            seen.note("four", four.is_some());
        },
        seeds: |_| vec![vec![9; 50]],
    };

    #[test]
    fn a_fault_is_found_and_its_input_is_cut_down_to_what_matters() {
        let mut campaign = Campaign::new(&FRAGILE, 1);
        let crash = campaign.run(Limit::Executions(1_000_000), |_| ()).unwrap_err();
        assert_eq!(crash.input, [4, 2]);
        assert_eq!(crash.message, "four before two");
    }

    #[test]
    fn a_campaign_of_so_many_executions_is_the_same_every_time() {
        let run = || {
            let target = &crate::TARGETS[0];
            let mut campaign = Campaign::new(target, 5);
            let report = campaign.run(Limit::Executions(2_000), |_| ()).unwrap();
            (report.executions, report.inputs, report.features, campaign.kept)
        };
        assert_eq!(run(), run());
    }
}
