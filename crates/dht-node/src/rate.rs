//! A bound on how often something may happen: a bucket of tokens that refills with time.

use dht_proto::Moment;

/// Lets through at most `per_second` events in a second, with a burst of as many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: u32,
    /// Microseconds' worth of events still allowed: each event takes a `per_second`th of a second.
    credit: u64,
    counted: Moment,
}

const SECOND: u64 = 1_000_000;

impl Rate {
    /// A full bucket. A rate of 0 lets nothing through.
    pub(crate) fn new(per_second: u32, now: Moment) -> Self {
        Self { per_second, credit: SECOND, counted: now }
    }

    /// Counts an event and tells whether it is within the rate.
    pub(crate) fn allow(&mut self, now: Moment) -> bool {
        let elapsed = u64::try_from(now.since(self.counted).as_micros()).unwrap_or(SECOND);
        self.credit = (self.credit + elapsed).min(SECOND);
        self.counted = now;
        let Some(cost) = SECOND.checked_div(u64::from(self.per_second)) else { return false };
        match self.credit.checked_sub(cost) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn allowed(rate: &mut Rate, now: Moment, events: usize) -> usize {
        (0..events).filter(|_| rate.allow(now)).count()
    }

    #[test]
    fn no_more_than_the_rate_passes_in_a_second_after_a_burst() {
        let start = Moment::from_secs(7);
        let mut rate = Rate::new(10, start);

        assert_eq!(allowed(&mut rate, start, 100), 10);
        assert_eq!(allowed(&mut rate, start + Duration::from_millis(99), 100), 0);
        assert_eq!(allowed(&mut rate, start + Duration::from_millis(500), 100), 5);
        assert_eq!(allowed(&mut rate, start + Duration::from_mins(1), 100), 10);
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through() {
        let mut rate = Rate::new(0, Moment::EPOCH);

        assert_eq!(allowed(&mut rate, Moment::from_secs(5), 10), 0);
    }
}
