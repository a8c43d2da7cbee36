//! Keeping everything: which part of the space a mirror visits next, and what its rounds came to.
//!
//! A pure schedule. A *round* goes through the space in the order of keys, one visit at a time. Parts of
//! which nobody told anything are visited again at its end. While our own network is down nothing is begun,
//! and a visit that met nobody is repeated where it was.

use std::collections::VecDeque;
use std::time::Duration;

use dht_proto::{Key, Moment, Prefix};

use crate::Config;
use crate::random::Random;

/// From joining until the first round, before jitter.
const SETTLING: Duration = Duration::from_secs(10);
/// From the end of the first round to the next one, made four times longer each time, up to the interval that was
/// asked for: a network that is young, or a mirror that was away, has news sooner.
const INTERVAL_MIN: Duration = Duration::from_mins(1);
/// Wait before what failed is tried again, doubled up to [`RETRY_MAX`] as long as nobody is met.
const RETRY_MIN: Duration = Duration::from_mins(1);
const RETRY_MAX: Duration = Duration::from_hours(1);
/// Times a part of which nobody tells is visited again in one round.
const REPEATS: u8 = 2;
/// Parts that are remembered to be visited again, at most.
const MISSED_MAX: usize = 1_024;

/// How far a mirror is: a node that keeps every record it can learn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MirrorProgress {
    /// Rounds that ended: how often all of the space was gone through.
    pub rounds: u64,
    /// How much of the space the round under way has gone through, in thousandths; 0 between two rounds.
    pub swept: u16,
    /// The round under way, so far.
    pub current: MirrorRound,
    /// The last round that ended, with the time since then.
    pub last: Option<(MirrorRound, Duration)>,
}

/// What a mirror learnt in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MirrorRound {
    /// Records that other nodes told of.
    pub told: u64,
    /// Of these, records that the mirror holds.
    pub held: u64,
    /// Records that its own store did not take: no room, too long, or another value under the name.
    pub refused: u64,
    /// Versions of records that nobody delivered who told of them.
    pub undelivered: u64,
    /// Parts of the space whose holders do not want to tell what they hold.
    pub unwilling: u64,
    /// Parts of the space of which nobody told all, for other reasons.
    pub missed: u64,
    /// How long the round took, or has taken so far.
    pub took: Duration,
}

impl MirrorRound {
    /// The share of the records told of that the mirror holds: 0 to 1; `None` if nobody told of any.
    #[expect(clippy::cast_precision_loss, reason = "a share of two counts")]
    pub fn coverage(&self) -> Option<f64> {
        (self.told > 0).then(|| self.held as f64 / self.told as f64)
    }

    fn add(&mut self, report: &VisitReport) {
        let count = |number: usize| number as u64;
        self.told += count(report.told);
        self.held += count(report.held);
        self.refused += count(report.refused);
        self.undelivered += count(report.undelivered);
        self.unwilling += count(report.unwilling);
        self.missed += count(report.cut);
    }
}

/// What a visit is to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// As much as the nodes around this point hold from there on.
    From(Key),
    /// Just this part.
    Only(Prefix),
}

/// A visit to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Itinerary {
    pub(crate) part: Part,
    /// Number of the round, from 0: others are asked in each.
    pub(crate) round: u64,
    /// Values of so many bytes and more did not fit our own store in this round.
    pub(crate) full_from: usize,
}

/// What came of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisitReport {
    /// Where the next one goes on; `None` at the end of the space.
    pub(crate) next: Option<Key>,
    /// Whether anybody was met.
    pub(crate) met: bool,
    pub(crate) told: usize,
    pub(crate) held: usize,
    pub(crate) refused: usize,
    pub(crate) undelivered: usize,
    /// Parts whose holders do not tell.
    pub(crate) unwilling: usize,
    /// Parts that hold more than is looked at.
    pub(crate) cut: usize,
    /// Parts of which nobody told.
    pub(crate) missed: Vec<Prefix>,
    /// Values of so many bytes and more do not fit our own store.
    pub(crate) full_from: usize,
}

impl VisitReport {
    /// Nothing has happened yet, in a round in which values from this length on do not fit our own store.
    pub(crate) fn new(full_from: usize) -> Self {
        Self {
            next: None,
            met: false,
            told: 0,
            held: 0,
            refused: 0,
            undelivered: 0,
            unwilling: 0,
            cut: 0,
            missed: Vec::new(),
            full_from,
        }
    }
}

/// The schedule.
#[derive(Debug, Clone)]
pub(crate) struct Mirroring {
    /// `NEVER` until joined.
    due: Moment,
    busy: bool,
    retry: Duration,
    /// Where the round goes on; `None` once it has come to the end of the space.
    cursor: Option<Key>,
    /// What is to be visited again, and how often it was visited.
    missed: VecDeque<(Prefix, u8)>,
    rounds: u64,
    /// When the round under way began.
    began: Option<Moment>,
    current: MirrorRound,
    last: Option<(MirrorRound, Moment)>,
    full_from: usize,
}

impl Mirroring {
    pub(crate) fn new() -> Self {
        Self {
            due: Moment::NEVER,
            busy: false,
            retry: RETRY_MIN,
            cursor: Some(START),
            missed: VecDeque::new(),
            rounds: 0,
            began: None,
            current: MirrorRound::default(),
            last: None,
            full_from: usize::MAX,
        }
    }

    /// We have joined, or were found: rounds begin in a while.
    pub(crate) fn awake(&mut self, now: Moment, random: &mut Random) {
        if self.due == Moment::NEVER && !self.busy {
            self.due = now + random.jitter(SETTLING);
        }
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.busy && self.due != Moment::NEVER).then_some(self.due)
    }

    /// The visit due at `now`. While our network is `down` it is put off.
    pub(crate) fn pop_due(&mut self, now: Moment, down: bool) -> Option<Itinerary> {
        if self.busy || self.due > now {
            return None;
        }
        if down {
            self.due = now + RETRY_MIN;
            return None;
        }
        let missed = self.missed.front().map(|(part, _)| Part::Only(*part));
        let part = self.cursor.map(Part::From).or(missed)?;
        self.busy = true;
        self.began.get_or_insert(now);
        Some(Itinerary { part, round: self.rounds, full_from: self.full_from })
    }

    /// The visit under way ended. Returns what came of the round if that ended with it.
    pub(crate) fn ended(
        &mut self,
        now: Moment,
        report: VisitReport,
        (config, random): (&Config, &mut Random),
    ) -> Option<MirrorRound> {
        self.busy = false;
        if !report.met {
            self.due = now + random.jitter(self.retry);
            self.retry = RETRY_MAX.min(self.retry * 2);
            return None;
        }
        self.retry = RETRY_MIN;
        self.current.add(&report);
        self.full_from = report.full_from;
        let visits = if self.cursor.is_some() {
            self.cursor = report.next;
            0
        } else {
            self.missed.pop_front().map_or(0, |(_, visits)| visits + 1)
        };
        for part in report.missed {
            if visits < REPEATS && self.missed.len() < MISSED_MAX {
                self.missed.push_back((part, visits));
            } else {
                self.current.missed += 1;
            }
        }
        if self.cursor.is_some() {
            self.due = now;
            None
        } else if self.missed.is_empty() {
            let early =
                INTERVAL_MIN * 4_u32.saturating_pow(u32::try_from(self.rounds).unwrap_or(8).min(8));
            self.due = now + random.jitter(config.mirror_interval.min(early));
            Some(self.round_ended(now))
        } else {
            self.due = now + random.jitter(RETRY_MIN);
            None
        }
    }

    fn round_ended(&mut self, now: Moment) -> MirrorRound {
        let took = self.began.take().map_or(Duration::ZERO, |began| now.since(began));
        let round = MirrorRound { took, ..std::mem::take(&mut self.current) };
        self.last = Some((round, now));
        self.rounds += 1;
        self.full_from = usize::MAX;
        self.cursor = Some(START);
        round
    }

    pub(crate) fn progress(&self, now: Moment) -> MirrorProgress {
        let took = self.began.map_or(Duration::ZERO, |began| now.since(began));
        MirrorProgress {
            rounds: self.rounds,
            swept: self.cursor.map_or(1_000, |cursor| thousandths(&cursor)),
            current: MirrorRound { took, ..self.current },
            last: self.last.map(|(round, ended)| (round, now.since(ended))),
        }
    }
}

/// The first key there is.
const START: Key = Key::from_bytes([0; 32]);

/// How much of the space lies before a key.
fn thousandths(key: &Key) -> u16 {
    let head = key.as_bytes().first_chunk().copied().map_or(0, u32::from_be_bytes);
    u16::try_from((u64::from(head) * 1_000) >> 32).unwrap_or(1_000)
}

#[cfg(test)]
mod tests;
