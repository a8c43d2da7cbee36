//! Instants and lives as plain values; whoever owns the clock passes them in.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use crate::limits::{TTL_DEFAULT_SECONDS, TTL_MAX_SECONDS};

/// An instant: microseconds since an epoch the caller chose, and keeps.
///
/// A node on disk counts from the Unix epoch so that expiry survives a restart; a simulator counts
/// from zero. Arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);
    /// The last instant there is: never.
    pub const NEVER: Self = Self(u64::MAX);

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The instant `secs` seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this instant; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// How long a record has to live: 1 second to 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

impl Ttl {
    /// Longest life: 30 days.
    pub const MAX: Self = Self(TTL_MAX_SECONDS);

    /// `seconds` in 1..=2,592,000 (30 days), else `None`.
    pub const fn from_secs(seconds: u32) -> Option<Self> {
        if seconds == 0 || seconds > TTL_MAX_SECONDS { None } else { Some(Self(seconds)) }
    }

    /// Seconds of life.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// What is left at `now` of a life that ends at `expires`, rounded down to whole seconds so that
    /// passing a record on never lengthens its life. `None` once less than a second is left.
    pub fn left(now: Moment, expires: Moment) -> Option<Self> {
        let seconds = expires.since(now).as_secs().min(u64::from(TTL_MAX_SECONDS));
        u32::try_from(seconds).ok().and_then(Self::from_secs)
    }

    /// When a life that starts at `now` ends.
    pub fn ends(self, now: Moment) -> Moment {
        now + Duration::from_secs(u64::from(self.0))
    }
}

impl Default for Ttl {
    /// 7 days.
    fn default() -> Self {
        Self(TTL_DEFAULT_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Moment, Ttl};
    use crate::limits::{TTL_DEFAULT_SECONDS, TTL_MAX_SECONDS};

    #[test]
    fn moments_saturate() {
        let second = Duration::from_secs(1);
        assert_eq!(Moment::NEVER + second, Moment::NEVER);
        assert_eq!(Moment::EPOCH - second, Moment::EPOCH);
        assert_eq!(Moment::EPOCH + Duration::MAX, Moment::NEVER);
        assert_eq!(Moment::from_secs(u64::MAX), Moment::NEVER);
        assert_eq!(Moment::from_secs(1).since(Moment::from_secs(2)), Duration::ZERO);
        assert_eq!(Moment::from_secs(2).since(Moment::from_secs(1)), second);
        assert_eq!(Moment::from_millis(1_500), Moment::from_micros(1_500_000));
        assert_eq!(format!("{:?}", Moment::from_millis(1_500)), "1.500000s");
    }

    #[test]
    fn a_life_has_one_second_to_thirty_days() {
        assert_eq!(Ttl::from_secs(0), None);
        assert_eq!(Ttl::from_secs(1).map(Ttl::as_secs), Some(1));
        assert_eq!(Ttl::from_secs(TTL_MAX_SECONDS), Some(Ttl::MAX));
        assert_eq!(Ttl::from_secs(TTL_MAX_SECONDS + 1), None);
        assert_eq!(Ttl::default().as_secs(), TTL_DEFAULT_SECONDS);
        assert_eq!(TTL_DEFAULT_SECONDS, 7 * 86_400);
    }

    #[test]
    fn less_than_a_second_is_no_life() {
        let now = Moment::from_secs(10);
        assert_eq!(Ttl::left(now, now), None);
        assert_eq!(Ttl::left(now, now - Duration::from_secs(5)), None);
        assert_eq!(Ttl::left(now, now + Duration::from_millis(999)), None);
        assert_eq!(Ttl::left(now, now + Duration::from_millis(1_999)), Ttl::from_secs(1));
    }

    #[test]
    fn a_life_longer_than_thirty_days_is_told_as_thirty_days() {
        assert_eq!(Ttl::left(Moment::EPOCH, Moment::NEVER), Some(Ttl::MAX));
    }

    proptest! {
        #[test]
        fn a_life_passed_on_never_gets_longer(
            start in 0_u64..1_000_000_000_000_000,
            seconds in 1..=TTL_MAX_SECONDS,
            delays in proptest::collection::vec(0_u64..10_000_000, 1..20),
        ) {
            let mut now = Moment::from_micros(start);
            let end = Ttl::from_secs(seconds).unwrap_or_default().ends(now);
            let mut expires = end;
            for delay in delays {
                let Some(left) = Ttl::left(now, expires) else { break };
                now += Duration::from_micros(delay);
                // The copy arrives later than it was sent: its clock starts at the arrival.
                let ends = left.ends(now);
                prop_assert!(ends <= expires + Duration::from_micros(delay));
                expires = ends.min(expires);
                prop_assert!(expires <= end);
            }
        }

        #[test]
        fn what_is_left_never_exceeds_what_there_is(now in any::<u32>(), span in any::<u32>()) {
            let now = Moment::from_micros(u64::from(now));
            let expires = now + Duration::from_micros(u64::from(span));
            if let Some(left) = Ttl::left(now, expires) {
                prop_assert!(left.ends(now) <= expires);
            }
        }
    }
}
