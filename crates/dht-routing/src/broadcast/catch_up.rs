//! Catching up: what somebody who has just come has missed.
//!
//! A newcomer, and a node whose own network was down, asks a few others which broadcasts they have, page by page, and
//! pulls what it lacks from those who told of it: the oldest first, a few at a time. A while later it asks a few more,
//! for the first ones may have come as late as itself, or keep something to themselves.
//!
//! It owns whom to ask, what is lacked and who has it; it sends nothing.
//!
//! *Invariant:* of one node no more is believed than a node keeps for others, and it comes to an end, whatever others say.

use std::time::Duration;

use dht_proto::{BroadcastEntry, BroadcastId, Contact, Moment};

use super::Head;
use super::memory::{KEPT_BYTES_MAX, KEPT_MAX};
use crate::random::Random;

/// Nodes that are asked in each round: every third of them may be silent or keep everything to itself.
const PARTNERS: [usize; 2] = [4, 3];

/// Time to the second round.
const SECOND_AFTER: Duration = Duration::from_secs(10);

/// Time after the beginning of a round in which all of it has to come.
const PATIENCE: Duration = Duration::from_mins(2);

/// Broadcasts that are pulled at once, at most.
const PULLS_MAX: usize = 4;

/// Nodes remembered to have the same broadcast, at most.
const SOURCES_MAX: usize = 3;

/// Somebody whose next page is awaited.
#[derive(Debug, Clone, Copy)]
struct Asked {
    head: Head,
    /// Broadcasts that it has named.
    told: u32,
    /// Bytes of their payloads.
    bytes: usize,
}

/// A broadcast that is not here.
#[derive(Debug, Clone)]
struct Lacked {
    entry: BroadcastEntry,
    /// Nodes that have it, and were not asked for it yet.
    sources: Vec<Contact>,
}

/// A node that catches up.
#[derive(Debug, Clone)]
pub(crate) struct CatchUp {
    /// Rounds that have begun.
    rounds: usize,
    /// When the next round begins, or all of it ends.
    due: Moment,
    asked: Vec<Asked>,
    /// About the newest first.
    lacked: Vec<Lacked>,
    pulled: Vec<Lacked>,
}

impl CatchUp {
    /// Begins at `now`.
    pub(super) fn new(now: Moment) -> Self {
        let (asked, lacked, pulled) = (Vec::new(), Vec::new(), Vec::new());
        Self { rounds: 0, due: now, asked, lacked, pulled }
    }

    /// Whether another round is to come.
    pub(super) fn goes_on(&self) -> bool {
        self.rounds < PARTNERS.len()
    }

    /// When [`round`](Self::round) or [`is_over`](Self::is_over) has something new to say.
    pub(super) fn next_due(&self) -> Moment {
        if self.is_done() { Moment::EPOCH } else { self.due }
    }

    /// Begins a round if its time has come. Returns how many nodes to ask.
    pub(super) fn round(&mut self, now: Moment, random: &mut Random) -> Option<usize> {
        let partners = *PARTNERS.get(self.rounds).filter(|_| self.due <= now)?;
        self.rounds += 1;
        self.due = now + if self.goes_on() { random.jitter(SECOND_AFTER) } else { PATIENCE };
        Some(partners)
    }

    /// Whether all that was asked for has come, or is not waited for any more.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.is_done() || !self.goes_on() && self.due <= now
    }

    fn is_done(&self) -> bool {
        let is_idle = self.asked.is_empty() && self.lacked.is_empty() && self.pulled.is_empty();
        !self.goes_on() && is_idle
    }

    /// A node is asked what it has.
    pub(super) fn asks(&mut self, head: Head) {
        self.asked.push(Asked { head, told: 0, bytes: 0 });
    }

    /// A node told what it has. Returns how many to skip on its next page, if there is one to ask for.
    pub(super) fn told(
        &mut self,
        by: &Contact,
        entries: &[BroadcastEntry],
        knows: impl Fn(&BroadcastId) -> bool,
    ) -> Option<u32> {
        let head = Head::of(&by.id());
        let index = self.asked.iter().position(|asked| asked.head == head)?;
        let mut asked = self.asked.swap_remove(index);
        for entry in entries {
            asked.told = asked.told.saturating_add(1);
            asked.bytes =
                asked.bytes.saturating_add(usize::try_from(entry.size).unwrap_or(usize::MAX));
            if !asked.is_credible() {
                return None;
            }
            if !knows(&entry.id) {
                self.lacks(*entry, *by);
            }
        }
        if entries.is_empty() {
            return None;
        }
        self.asked.push(asked);
        Some(asked.told)
    }

    /// A node did not tell what it has.
    pub(super) fn silent(&mut self, head: Head) {
        self.asked.retain(|asked| asked.head != head);
    }

    fn lacks(&mut self, entry: BroadcastEntry, source: Contact) {
        let mut known = self.lacked.iter_mut().chain(&mut self.pulled);
        match known.find(|lacked| lacked.entry.id == entry.id) {
            Some(lacked) if lacked.sources.len() < SOURCES_MAX => lacked.sources.push(source),
            Some(_) => {}
            None => self.lacked.push(Lacked { entry, sources: vec![source] }),
        }
    }

    /// The next broadcast to pull, and from whom. Nothing is pulled before everybody has told what there is.
    pub(super) fn next_pull(
        &mut self,
        knows: impl Fn(&BroadcastId) -> bool,
    ) -> Option<(BroadcastEntry, Contact)> {
        while self.asked.is_empty() && self.pulled.len() < PULLS_MAX {
            let mut lacked = self.lacked.pop()?;
            // It may have come on another way meanwhile.
            if knows(&lacked.entry.id) {
                continue;
            }
            if let Some(source) = lacked.sources.pop() {
                let entry = lacked.entry;
                self.pulled.push(lacked);
                return Some((entry, source));
            }
        }
        None
    }

    /// A broadcast came.
    pub(super) fn came(&mut self, id: &BroadcastId) {
        self.pulled.retain(|lacked| lacked.entry.id != *id);
    }

    /// Whoever was asked for a broadcast does not send it: somebody else is asked.
    pub(super) fn did_not_come(&mut self, id: &BroadcastId) {
        if let Some(index) = self.pulled.iter().position(|lacked| lacked.entry.id == *id) {
            self.lacked.push(self.pulled.swap_remove(index));
        }
    }
}

impl Asked {
    /// Whether a node may keep as much.
    fn is_credible(&self) -> bool {
        self.told as usize <= KEPT_MAX && self.bytes <= KEPT_BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
