//! How busy we are, and how busy others are compared to most: so that those whom everybody would ask first are spared
//! while others will do.
//!
//! A node counts the requests for records that it answers and says so in its replies. What keeps tables alive is not
//! counted: there is far more of it, and it would hide who has the records that everybody wants. What others say is compared with what nodes say
//! on the whole; who is busier than that has a *burden*, which makes it seem further away in time than it is, to
//! lookups that can do without it and to those whom it is named to. So what many are drawn to, because it is known to
//! all or because much that is wanted lives near it, is shared by others around it. Load as a reason not to be chosen
//! is from the power of two choices (Mitzenmacher, TPDS 2001).
//!
//! *Invariant:* a burden is no reason to leave anybody out: a node that is made busy is asked later, and named as before.

use std::time::Duration;

use dht_proto::{Load, Moment};

use crate::decay::decayed;

/// Time in which what was answered counts half.
const HALF_LIFE: Duration = Duration::from_mins(5);
/// What a request adds to a level.
const ONE: u32 = 256;
/// Share of the difference, as its divisor, by which what is typical moves with every reply.
const INERTIA: i32 = 32;

/// What we answered lately, and what others say they did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    level: u32,
    /// What nodes say on the whole, in 256ths of a [`Load`].
    typical: i32,
    /// When the level was computed, which is at the last request.
    counted: Moment,
}

impl Traffic {
    /// A request for a record is answered.
    pub(crate) fn answered(&mut self, now: Moment) {
        self.level = self.level(now).saturating_add(ONE);
        self.counted = now;
    }

    /// How busy we were at the last request.
    pub(crate) fn load(&self) -> Load {
        Load::of(self.level / ONE)
    }

    /// Another node says how busy it is. Returns its burden.
    pub(crate) fn heard(&mut self, load: Load) -> Burden {
        let load = i32::from(load.code()) * 256;
        self.typical += (load - self.typical) / INERTIA;
        Burden::new(u8::try_from((load - self.typical).max(0) / 256).unwrap_or(u8::MAX))
    }

    fn level(&self, now: Moment) -> u32 {
        decayed(self.level, now.since(self.counted), HALF_LIFE)
    }
}

/// By how much busier a node is than most, in steps of a [`Load`], two for a doubling: 0..=15.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Burden(u8);

impl Burden {
    pub(crate) const MAX: u8 = 15;

    /// The most there is if it is more.
    pub(crate) const fn new(steps: u8) -> Self {
        Self(if steps < Self::MAX { steps } else { Self::MAX })
    }

    pub(crate) const fn steps(self) -> u8 {
        self.0
    }

    /// The round trip as far as it decides who is asked first: twice as long where the load is.
    pub(crate) fn weigh(self, rtt: Duration) -> Duration {
        rtt * ((2 + u32::from(self.0) % 2) << (self.0 / 2)) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_secs(100);

    #[test]
    fn what_was_answered_counts_half_five_minutes_later() {
        let mut traffic = Traffic::default();
        assert_eq!(traffic.load(), Load::NONE);
        (0..30).for_each(|_| traffic.answered(NOW));
        assert_eq!(traffic.load(), Load::of(30));
        traffic.answered(NOW + HALF_LIFE);
        assert_eq!(traffic.load(), Load::of(16));
        traffic.answered(Moment::NEVER);
        assert_eq!(traffic.load(), Load::of(1));
    }

    #[test]
    fn a_steady_stream_of_requests_comes_to_those_of_seven_minutes() {
        let mut traffic = Traffic::default();
        (0..7_200).for_each(|second| traffic.answered(Moment::from_secs(second)));
        let load = traffic.load();
        assert!(load >= Load::of(400) && load <= Load::of(450), "{load:?}");
    }

    #[test]
    fn who_is_as_busy_as_most_has_no_burden() {
        let mut traffic = Traffic::default();
        for _ in 0..500 {
            let _ = traffic.heard(Load::of(100));
        }
        assert_eq!(traffic.heard(Load::of(100)), Burden::default());
        assert_eq!(traffic.heard(Load::NONE), Burden::default());
        assert_eq!(traffic.heard(Load::of(800)).steps(), 6);
        assert_eq!(traffic.heard(Load::MAX).steps(), Burden::MAX);
    }

    #[test]
    fn twice_the_load_seems_twice_as_far() {
        let rtt = Duration::from_millis(10);
        assert_eq!(Burden::default().weigh(rtt), rtt);
        assert_eq!(
            [1, 2, 3, 4].map(|steps| Burden::new(steps).weigh(rtt)),
            [rtt * 3 / 2, rtt * 2, rtt * 3, rtt * 4]
        );
        assert!(Burden::new(u8::MAX).weigh(Duration::from_secs(10)) > rtt);
    }
}
