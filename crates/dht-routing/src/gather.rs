//! Who brings which parts of a long value: several holders at once, each a range of its own.
//!
//! The first holders get equal shares. A holder that is done takes over from the one that would need longest: as
//! much as makes both end at the same time, by the paces that were seen, or all where nothing comes any more. So a
//! slow holder is judged by the pace of the others, and replaced without a part being asked for anew that is here.
//! A holder whose connection broke is asked again for what it owes, as long as each time something new came.
//!
//! *Invariant:* a part that is here is never asked for again.
//! *Invariant:* at most [`SOURCES_MAX`] sources that are not slow are asked at once, each for one range.

use std::ops::Range;
use std::time::Duration;

use dht_proto::{Contact, Moment, NodeId};

mod source;

use source::{Source, Task};

/// Sources that are used at once, at most.
pub(crate) const SOURCES_MAX: usize = 4;

/// Parts that are worth asking one more source for: 256 KiB.
const SHARE_MIN: u32 = 4;

/// A source from which nothing has come for so long does not count as one, whatever the pace of others.
const STALL: Duration = Duration::from_secs(1);

/// Least time between two looks at how things stand.
const LOOK_MIN: Duration = Duration::from_millis(1);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask a source for these parts.
    Ask { to: Contact, parts: Range<u32> },
    /// What a source is still sending is not needed any more.
    Drop { from: NodeId },
}

/// A value that comes from several sources.
#[derive(Debug, Clone)]
pub(crate) struct Gather {
    here: Vec<bool>,
    missing: usize,
    sources: Vec<Source>,
}

impl Gather {
    /// A value of so many parts, of which none is here.
    pub(crate) fn new(parts: usize) -> Self {
        Self { here: vec![false; parts], missing: parts, sources: Vec::new() }
    }

    /// Whether all parts are here.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Whether there is nobody to bring anything.
    pub(crate) fn is_stranded(&self) -> bool {
        self.sources.is_empty()
    }

    /// Whether a node is one of the sources.
    pub(crate) fn has(&self, id: &NodeId) -> bool {
        self.sources.iter().any(|source| source.id() == *id)
    }

    /// The contact of a source.
    pub(crate) fn contact(&self, id: &NodeId) -> Option<Contact> {
        self.sources.iter().find(|source| source.id() == *id).map(Source::contact)
    }

    /// Whether one more source would be of use.
    pub(crate) fn wants_more(&self, now: Moment) -> bool {
        let good = self.sources.iter().filter(|source| !source.is_slow(now)).count();
        good < self.wanted()
    }

    /// Takes a node that has the value.
    pub(crate) fn add(&mut self, contact: Contact) {
        if !self.has(&contact.id()) {
            self.sources.push(Source::new(contact));
        }
    }

    /// A node has not got the value, or lies.
    pub(crate) fn remove(&mut self, id: &NodeId) {
        self.sources.retain(|source| source.id() != *id);
    }

    /// A part came.
    pub(crate) fn arrived(&mut self, now: Moment, from: &NodeId, part: u32) {
        if let Some(source) = self.source(from) {
            source.arrived(now, part);
        }
        let place = usize::try_from(part).ok().and_then(|part| self.here.get_mut(part));
        if let Some(here) = place.filter(|here| !**here) {
            *here = true;
            self.missing -= 1;
        }
        let here = &self.here;
        for source in &mut self.sources {
            source.skip(|part| is_here(here, part));
        }
    }

    /// A source has sent all that it was asked for.
    pub(crate) fn delivered(&mut self, now: Moment, from: &NodeId) {
        if let Some(source) = self.source(from) {
            source.deliver(now);
        }
    }

    /// A source will not send any more of what it was asked for. Returns whether it is one no longer: it brought
    /// nothing this time.
    pub(crate) fn lost(&mut self, now: Moment, from: &NodeId) -> bool {
        let is_useless = self.source(from).is_some_and(|source| !source.end(now));
        if is_useless {
            self.remove(from);
        }
        is_useless
    }

    /// The next thing to do. `expects_more` says whether other sources may turn up.
    pub(crate) fn poll(&mut self, now: Moment, expects_more: bool) -> Option<Step> {
        if self.is_complete() {
            return None;
        }
        if let Some(source) = self.sources.iter_mut().find(|source| source.is_superfluous()) {
            source.end(now);
            return Some(Step::Drop { from: source.id() });
        }
        let idle = self.sources.iter().enumerate().filter(|(_, source)| source.is_idle());
        // The fastest first; slow ones are left for when nobody else takes what is free.
        let (thief, _) = idle.min_by_key(|(_, source)| source.rank())?;
        let parts = match self.free_parts(expects_more) {
            Some(parts) => parts,
            None => self.take_over(now, thief)?,
        };
        let source = self.sources.get_mut(thief)?;
        source.begin(now, parts.clone());
        Some(Step::Ask { to: source.contact(), parts })
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn next_due(&self, now: Moment) -> Option<Moment> {
        let fastest =
            self.sources.iter().filter(|source| source.is_idle()).filter_map(Source::pace).min();
        let looks = self.sources.iter().filter_map(Source::task).flat_map(|task| {
            let quiet = fastest.map(|pace| task.quiet_at(pace.patience_with(task.left())));
            quiet.into_iter().chain([task.stalls_at()])
        });
        looks.filter(|at| *at > now).min().map(|at| at.max(now + LOOK_MIN))
    }

    fn source(&mut self, id: &NodeId) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.id() == *id)
    }

    /// How many sources are wanted.
    fn wanted(&self) -> usize {
        (self.here.len() / SHARE_MIN as usize).clamp(1, SOURCES_MAX)
    }

    /// The share of one idle source of what nobody is asked for.
    fn free_parts(&self, expects_more: bool) -> Option<Range<u32>> {
        let is_free = |part: u32| {
            !is_here(&self.here, part) && !self.sources.iter().any(|source| source.owes(part))
        };
        let end = u32::try_from(self.here.len()).unwrap_or(u32::MAX);
        let first = (0..end).find(|part| is_free(*part))?;
        let free = (first..end).filter(|part| is_free(*part)).count();
        let idle = self.sources.iter().filter(|source| source.is_idle()).count();
        let busy = self.sources.len() - idle;
        let to_come = if expects_more { self.wanted().saturating_sub(busy) } else { 0 };
        let share = free.div_ceil(idle.max(to_come).max(1));
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(SHARE_MIN);
        let last = (first..end).take_while(|part| is_free(*part)).take(share as usize).last()?;
        Some(first..last + 1)
    }

    /// What an idle source takes over from the one that would need longest.
    fn take_over(&mut self, now: Moment, thief: usize) -> Option<Range<u32>> {
        let pace = self.sources.get(thief)?.pace();
        let victims = self.sources.iter_mut().filter(|source| source.task().is_some());
        let victim = victims.max_by_key(|source| source.time_left(now))?;
        let stalled = victim.task().is_some_and(|task| task.is_stalled(now));
        let left = victim.task().map_or(0, Task::left);
        let count = match pace {
            Some(pace) => {
                let share = pace.share_of(left, victim.time_per_part(now));
                let is_worth_it = victim.time_left(now) >= 2 * pace.time_for(share);
                if is_worth_it { share } else { 0 }
            }
            // Its pace is unknown: it gets half of much, or all that nobody else brings.
            None if stalled => left,
            None if left >= 2 * SHARE_MIN => left / 2,
            None => 0,
        };
        let taken = if count == 0 { None } else { victim.give_up(count) }?;
        // What came out of turn in between is here: the rest behind it is free from now on.
        let first = taken.clone().find(|part| !is_here(&self.here, *part))?;
        let last = (first..taken.end).take_while(|part| !is_here(&self.here, *part)).last()?;
        Some(first..last + 1)
    }
}

fn is_here(here: &[bool], part: u32) -> bool {
    usize::try_from(part).ok().and_then(|part| here.get(part)).copied().unwrap_or(true)
}

#[cfg(test)]
mod tests;
