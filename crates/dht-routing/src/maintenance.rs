//! Upkeep of the table: when to refresh which bucket and check which entry.
//!
//! A pure schedule. It keeps one lookup of its own under way at most and spaces its pings, so that a node
//! costs the network a bounded number of requests whatever the size of its table.
//!
//! What a node needs to be of use it gets at once: a few contacts in every bucket. The rest of filling its table
//! takes its time, for a network that restarts as a whole has everybody at it in the same seconds. A new node
//! fills its crowded buckets twice: what it is told at first comes from the few it knows, and the same few tell it to
//! everybody.

use std::time::Duration;

use dht_proto::Moment;

use crate::random::Random;
use crate::{Config, RoutingTable};

/// An entry that has not answered for so long is pinged.
pub(crate) const CHECK_AFTER: Duration = Duration::from_mins(20);
/// Shortest time between two rounds of such pings: a node that wakes up for one ping may as well send those
/// that are due soon.
const CHECK_SPACING: Duration = Duration::from_secs(20);
/// Entries pinged in one round at most.
pub(crate) const CHECKS_PER_ROUND: usize = 16;
/// Time between two surveys that fill buckets which have hardly anybody.
const FILL_SPACING: Duration = Duration::from_millis(50);
/// Time before a survey that fills a bucket which has somebody to ask, before jitter.
const FILL_PAUSE: Duration = Duration::from_secs(15);
/// The same in the second round.
const SECOND_PAUSE: Duration = Duration::from_secs(45);
/// Entries with which a bucket is good for lookups.
const FILLED: usize = 4;
/// Wait before our neighbourhood is surveyed again; made four times longer each time, up to the refresh interval, so that
/// nodes that join at the same time find each other soon.
const NEIGHBOURS_MIN: Duration = Duration::from_secs(1);
/// The same after the nodes of an earlier run have been met.
const NEIGHBOURS_MET: Duration = Duration::from_secs(30);
/// First wait before an empty table is filled again; doubled up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_mins(2);
/// Deepest bucket that is filled actively: deeper ones hold neighbours, whom the own lookup finds.
const FILL_DEPTH: usize = 32;

/// The deepest buckets, which hold the neighbours that joining has met already.
const DEEP: usize = 4;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Survey around a random point in the bucket of nodes that share so many bits with us.
    Refresh(usize),
    /// Survey around our own id, to know our neighbours and be known to them.
    Neighbours,
    /// Ping the entries that have not answered since the moment given, a few of them at once.
    Check(Moment),
    /// The table is empty, or nobody in it answers: bootstrap.
    Rejoin,
}

/// Which round of filling the buckets it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    Second,
    /// The only one, of a node that comes back and knows what it knew before.
    Only,
}

/// Where the filling of the buckets stands.
#[derive(Debug, Clone, Copy)]
struct Filling {
    /// The bucket that is next.
    next: usize,
    round: Round,
}

impl Filling {
    fn pause(self) -> Duration {
        if self.round == Round::Second { SECOND_PAUSE } else { FILL_PAUSE }
    }

    /// What is next where there are so many buckets to fill.
    fn advanced(self, buckets: usize) -> Option<Self> {
        let Self { next, round } = self;
        if next + 1 < buckets {
            Some(Self { next: next + 1, round })
        } else {
            (round == Round::First).then_some(Self { next: 0, round: Round::Second })
        }
    }
}

/// The schedule.
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    /// What is to be filled after a bootstrap.
    fill: Option<Filling>,
    fill_due: Moment,
    refresh_due: Moment,
    neighbours_due: Moment,
    neighbours_wait: Duration,
    check_due: Moment,
    rejoin: Option<Moment>,
    /// When nobody was last found to answer.
    cut_off: Option<Moment>,
    retry: Duration,
    busy: bool,
}

impl Maintenance {
    pub(crate) fn new() -> Self {
        Self {
            fill: None,
            fill_due: Moment::NEVER,
            refresh_due: Moment::NEVER,
            neighbours_due: Moment::NEVER,
            neighbours_wait: NEIGHBOURS_MIN,
            check_due: Moment::NEVER,
            rejoin: None,
            cut_off: None,
            retry: RETRY_MIN,
            busy: false,
        }
    }

    /// A bootstrap succeeded: the buckets are filled, the furthest first, and kept up from now on. Where nodes
    /// of an earlier run are being `met` until some moment, what they leave open is filled after that.
    pub(crate) fn joined(
        &mut self,
        (now, met): (Moment, Option<Moment>),
        config: &Config,
        random: &mut Random,
    ) {
        let round = if met.is_some() { Round::Only } else { Round::First };
        self.fill = Some(Filling { next: 0, round });
        self.fill_due = met.map_or(now, |met| met + random.jitter(FILL_PAUSE));
        self.rejoin = None;
        self.retry = RETRY_MIN;
        self.refresh_due = now + random.jitter(config.refresh);
        self.check_due = now + random.jitter(CHECK_AFTER);
        self.neighbours_wait = if met.is_some() { NEIGHBOURS_MET } else { NEIGHBOURS_MIN };
        self.neighbours_due = met.unwrap_or(now) + random.jitter(self.neighbours_wait);
    }

    /// A contact is in the table: upkeep goes on, also where we were found rather than joined.
    pub(crate) fn awake(&mut self, now: Moment, config: &Config, random: &mut Random) {
        self.rejoin = None;
        if self.refresh_due == Moment::NEVER {
            self.refresh_due = now + random.jitter(config.refresh);
            self.check_due = now + random.jitter(CHECK_AFTER);
            self.neighbours_due = now + random.jitter(NEIGHBOURS_MIN);
        }
    }

    /// Nobody is there, or nobody answers: a bootstrap is tried, ever less often.
    /// Returns whether that is new.
    pub(crate) fn isolated(&mut self, now: Moment, random: &mut Random) -> bool {
        self.cut_off = Some(now);
        if self.rejoin.is_some() {
            return false;
        }
        self.rejoin = Some(now + random.jitter(self.retry));
        self.retry = (self.retry * 2).min(RETRY_MAX);
        true
    }

    /// Whether nobody answers, where somebody was `heard` last at that moment.
    pub(crate) fn is_cut_off(&self, heard: Moment) -> bool {
        self.cut_off.is_some_and(|at| heard <= at)
    }

    /// The lookup of upkeep ended.
    pub(crate) fn finished(&mut self, now: Moment, table: &RoutingTable, random: &mut Random) {
        self.busy = false;
        let is_filled =
            |zeros| zeros + DEEP >= table.depth() || table.bucket(zeros).len() >= FILLED;
        let wait = match self.fill {
            Some(filling) if is_filled(filling.next) => random.jitter(filling.pause()),
            _ => FILL_SPACING,
        };
        self.fill_due = now + wait;
    }

    /// Whether buckets are still to be filled by a node that knew nobody before its bootstrap.
    pub(crate) fn is_new(&self) -> bool {
        self.fill.is_some_and(|filling| filling.round != Round::Only)
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        let mut due = self.check_due.min(self.rejoin.unwrap_or(Moment::NEVER));
        if !self.busy {
            due = due.min(self.refresh_due).min(self.neighbours_due);
            if self.fill.is_some() {
                due = due.min(self.fill_due);
            }
        }
        (due != Moment::NEVER).then_some(due)
    }

    /// The next task due at `now`.
    pub(crate) fn pop_due(
        &mut self,
        now: Moment,
        config: &Config,
        table: &RoutingTable,
        random: &mut Random,
    ) -> Option<Task> {
        if self.rejoin.is_some_and(|due| due <= now) {
            self.rejoin = None;
            return Some(Task::Rejoin);
        }
        if !self.busy
            && self.fill_due <= now
            && let Some(zeros) = self.next_fill(table)
        {
            self.busy = true;
            return Some(Task::Refresh(zeros));
        }
        if !self.busy && self.neighbours_due <= now {
            self.busy = true;
            self.neighbours_due = now + random.jitter(self.neighbours_wait);
            self.neighbours_wait = (self.neighbours_wait * 4).min(config.refresh);
            return Some(Task::Neighbours);
        }
        if !self.busy
            && self.refresh_due <= now
            && let Some(task) = self.refresh(now, config, table, random)
        {
            return Some(task);
        }
        if self.check_due <= now { self.check(now, table, random) } else { None }
    }

    /// The next bucket to fill. Full ones too: the survey looks for nodes that have a better claim to a place.
    fn next_fill(&mut self, table: &RoutingTable) -> Option<usize> {
        let buckets = match self.fill?.round {
            Round::Second => table.crowded(),
            Round::First | Round::Only => table.depth(),
        };
        let buckets = buckets.min(FILL_DEPTH);
        let filling = self.fill.filter(|filling| filling.next < buckets);
        self.fill = filling.and_then(|filling| filling.advanced(buckets));
        filling.map(|filling| filling.next)
    }

    fn refresh(
        &mut self,
        now: Moment,
        config: &Config,
        table: &RoutingTable,
        random: &mut Random,
    ) -> Option<Task> {
        self.refresh_due = now + random.jitter(config.refresh);
        let (zeros, touched) = table.stalest_bucket()?;
        let due = touched + config.refresh;
        if due > now {
            self.refresh_due = now + random.jitter(due.since(now));
            return None;
        }
        self.busy = true;
        self.refresh_due = now + FILL_SPACING;
        Some(Task::Refresh(zeros))
    }

    fn check(&mut self, now: Moment, table: &RoutingTable, random: &mut Random) -> Option<Task> {
        let Some(answered) = table.stalest_answer() else {
            self.check_due = now + random.jitter(CHECK_AFTER);
            return None;
        };
        let due = answered + CHECK_AFTER;
        if due > now {
            self.check_due = due.max(now + CHECK_SPACING);
            return None;
        }
        self.check_due = now + CHECK_SPACING;
        Some(Task::Check(now + CHECK_SPACING - CHECK_AFTER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(round: Round, buckets: usize) -> Vec<(usize, Duration)> {
        let first = Filling { next: 0, round };
        let steps = std::iter::successors(Some(first), |filling| filling.advanced(buckets));
        steps.map(|filling| (filling.next, filling.pause())).collect()
    }

    #[test]
    fn a_new_node_goes_through_its_buckets_twice_and_one_that_comes_back_once() {
        let round = |pause| (0..3).map(move |bucket| (bucket, pause));
        let twice: Vec<_> = round(FILL_PAUSE).chain(round(SECOND_PAUSE)).collect();
        assert_eq!(filled(Round::First, 3), twice);
        assert_eq!(filled(Round::Only, 3), round(FILL_PAUSE).collect::<Vec<_>>());
    }
}
