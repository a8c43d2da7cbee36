//! Levels that halve with time.

use std::time::Duration;

/// Halvings after which nothing is left of a level.
const HALVINGS_MAX: u128 = 16;

/// What is left of `level` when so much time has passed. Quarters of a halving are taken as straight lines: 7/8,
/// 6/8, 5/8.
pub(crate) fn decayed(level: u32, passed: Duration, half_life: Duration) -> u32 {
    let quarters = passed.as_micros() / (half_life.as_micros() / 4).max(1);
    let whole = u32::try_from((quarters / 4).min(HALVINGS_MAX)).unwrap_or(u32::MAX);
    let part = u32::try_from(quarters % 4).unwrap_or(0);
    let halved = level.checked_shr(whole).unwrap_or(0);
    halved - halved / 8 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_halves_and_is_gone_in_the_end() {
        let minute = Duration::from_mins(1);
        let after = |quarters: u32| decayed(800, minute * quarters / 4, minute);
        assert_eq!([0, 1, 2, 3, 4, 8].map(after), [800, 700, 600, 500, 400, 200]);
        assert_eq!(decayed(65_535, Duration::MAX, minute), 0);
        assert_eq!(decayed(65_535, Duration::MAX, Duration::ZERO), 0);
    }
}
