//! Renewing what we published: when to look for records whose life is half over.
//!
//! What is due is found in our own store, where our own copy tells until when a record lives; renewing it there
//! marks it as done. So nothing needs to be remembered, and a restart loses nothing. A round that renewed
//! something is soon followed by a look at whether our own store has kept it: what it has not is due still.
//!
//! While nobody confirms a record, as nobody can where the network is only ourselves, our own copy is kept from
//! ending, and stays due.

use std::time::Duration;

use dht_proto::{Custody, Moment, Summary, Ttl};

use crate::random::Random;

/// From joining until the first look, before jitter.
const SETTLING: Duration = Duration::from_mins(2);
/// Shortest time between two looks, doubled up to [`RETRY_MAX`] as long as each finds something due.
const RETRY_MIN: Duration = Duration::from_mins(1);
const RETRY_MAX: Duration = Duration::from_hours(1);

/// The life of a record that is ours, if it is.
pub(crate) fn life_of(summary: &Summary) -> Option<Ttl> {
    match summary.custody {
        Custody::Own { ttl } => Some(ttl),
        Custody::Holder | Custody::Mirror | Custody::Cache { .. } => None,
    }
}

/// From when on a record of ours is to be renewed: when half of its life is over.
pub(crate) fn due(summary: &Summary, ttl: Ttl) -> Moment {
    summary.expires - Duration::from_secs(u64::from(ttl.as_secs())) / 2
}

/// Whether a record of ours is renewed along with those that are due: soon it would be.
pub(crate) fn is_nearly_due(now: Moment, summary: &Summary, ttl: Ttl) -> bool {
    due(summary, ttl) <= now + Duration::from_secs(u64::from(ttl.as_secs())) / 16
}

/// Until when our own copy is kept that nobody else confirmed, if it would end sooner: it stays due.
pub(crate) fn held_on(now: Moment, summary: &Summary, ttl: Ttl) -> Option<Moment> {
    let until = now + Duration::from_secs(u64::from(ttl.as_secs())) * 3 / 8;
    (summary.expires < until).then_some(until)
}

/// When to try again at the latest where our own copy `ends` then.
pub(crate) fn last_call(ends: Moment, ttl: Ttl) -> Moment {
    ends - Duration::from_secs(u64::from(ttl.as_secs())) / 8
}

/// What a round of renewing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundReport {
    /// When the next record is due that is not yet, or one that was missed is to be tried again at the latest.
    pub(crate) next: Moment,
    /// Records that were renewed.
    pub(crate) renewed: usize,
    /// Records that are due and could not be renewed.
    pub(crate) missed: usize,
    /// Lookups that were made.
    pub(crate) lookups: usize,
}

/// When to look.
#[derive(Debug, Clone)]
pub(crate) struct Publications {
    /// `NEVER` until joined.
    due: Moment,
    retry: Duration,
    busy: bool,
}

impl Publications {
    pub(crate) fn new() -> Self {
        Self { due: Moment::NEVER, retry: RETRY_MIN, busy: false }
    }

    /// We have joined, or were found.
    pub(crate) fn awake(&mut self, now: Moment, random: &mut Random) {
        if self.due == Moment::NEVER && !self.busy {
            self.due = now + random.jitter(SETTLING);
        }
    }

    /// A record of ours was kept, to be renewed with this life.
    pub(crate) fn published(&mut self, now: Moment, ttl: Ttl) {
        let half = now + Duration::from_secs(u64::from(ttl.as_secs())) / 2;
        // What a round under way has passed already is found by the next one.
        self.due = self.due.min(half);
    }

    /// A round ended.
    pub(crate) fn ended(&mut self, now: Moment, report: &RoundReport) {
        self.busy = false;
        let is_open = report.missed > 0 || report.renewed > 0;
        let latest = now + if is_open { self.retry } else { Duration::MAX };
        self.retry = if is_open { RETRY_MAX.min(self.retry * 2) } else { RETRY_MIN };
        self.due = self.due.min(report.next).min(latest).max(now + RETRY_MIN);
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.busy && self.due != Moment::NEVER).then_some(self.due)
    }

    /// Whether a round is to begin at `now`. While our network is `down` it is put off.
    pub(crate) fn pop_due(&mut self, now: Moment, down: bool) -> bool {
        if self.busy || self.due > now {
            return false;
        }
        if down {
            self.due = now + RETRY_MIN;
            return false;
        }
        self.busy = true;
        self.due = Moment::NEVER;
        true
    }
}

#[cfg(test)]
mod tests;
