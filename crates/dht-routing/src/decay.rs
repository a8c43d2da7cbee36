//! Levels that halve with time.

use std::time::Duration;

/// Halvings after which nothing is left of a level.
const HALVINGS_MAX: u128 = 16;
/// A whole half-life.
const WHOLE: u128 = 1 << 16;
/// The logarithm of 2, as a share of [`WHOLE`].
const LN_2: u128 = 45_426;

/// What is left of `level` when so much time has passed: the same, but for rounding down, in one step or in many.
/// Within a half-life a parabola takes the place of the exponential function, which it never leaves by
/// more than 1 % and meets with the same slope at its beginning.
pub(crate) fn decayed(level: u32, passed: Duration, half_life: Duration) -> u32 {
    let half_life = half_life.as_micros().max(1);
    let whole = passed.as_micros() / half_life;
    let part = passed.as_micros() % half_life * WHOLE / half_life;
    let left = WHOLE - part * (LN_2 - (LN_2 - WHOLE / 2) * part / WHOLE) / WHOLE;
    let left = (u128::from(level) * left) >> (16 + whole.min(HALVINGS_MAX));
    u32::try_from(left).unwrap_or(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_halves_and_is_gone_in_the_end() {
        let minute = Duration::from_mins(1);
        let after = |quarters: u32| decayed(800, minute * quarters / 4, minute);
        assert_eq!([0, 1, 2, 3, 4, 8].map(after), [800, 671, 561, 471, 400, 200]);
        assert_eq!(decayed(65_535, Duration::MAX, minute), 0);
        assert_eq!(decayed(65_535, Duration::MAX, Duration::ZERO), 0);
        assert_eq!(decayed(u32::MAX, Duration::ZERO, minute), u32::MAX);
    }

    #[test]
    fn many_small_steps_take_as_much_as_one_large_one() {
        let minute = Duration::from_mins(1);
        let stepped = (0..600).fold(1 << 20, |level, _| decayed(level, minute / 600, minute));
        assert!(stepped.abs_diff(1 << 19) < 1 << 12, "{stepped}");
    }
}
