//! One source of a value: what it is asked for, and at what pace it sends.

use std::cmp::Reverse;
use std::ops::Range;
use std::time::Duration;

use dht_proto::{Contact, Moment, NodeId};

use super::STALL;

/// How fast a source was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pace {
    /// Time for each part, with what it took to begin.
    per_part: Duration,
    /// Time until the first part came, the last time.
    opening: Duration,
}

impl Pace {
    /// Time that so many parts will take.
    pub(super) fn time_for(self, parts: u32) -> Duration {
        self.opening.saturating_add(self.per_part.saturating_mul(parts))
    }

    /// How many of `left` parts it should take over from a source that needs `others` for each, so that both
    /// end together.
    pub(super) fn share_of(self, left: u32, others: Duration) -> u32 {
        let (own, others) = (self.per_part.as_nanos(), others.as_nanos());
        let both = (own + others).max(1);
        let share = (u128::from(left) * others + both / 2) / both;
        u32::try_from(share).unwrap_or(left).clamp(1, left.max(1))
    }

    /// How long a source that has `left` parts to bring may bring none before it is worth it to take over all.
    pub(super) fn patience_with(self, left: u32) -> Duration {
        2 * (self.per_part.saturating_add(self.opening / left.max(1)))
    }
}

/// A range that a source was asked for.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// What it has not sent yet of what it was asked for.
    coming: Range<u32>,
    /// What of this it still owes: others may have taken over the end of it.
    owed: Range<u32>,
    asked: Moment,
    /// When something came last, or it was asked.
    heard: Moment,
    /// From when on something should come: what it took to begin the last time is granted again.
    expected: Moment,
    brought: u32,
}

impl Task {
    /// Parts that it owes.
    pub(super) fn left(&self) -> u32 {
        self.owed.end.saturating_sub(self.owed.start)
    }

    /// When it has brought nothing for so long though it should have.
    pub(super) fn quiet_at(&self, patience: Duration) -> Moment {
        self.heard.max(self.expected) + patience
    }

    /// When nothing has come for very long.
    pub(super) fn stalls_at(&self) -> Moment {
        self.heard + STALL
    }

    /// Whether nothing has come for very long.
    pub(super) fn is_stalled(&self, now: Moment) -> bool {
        now >= self.stalls_at()
    }
}

/// A node that has the value.
#[derive(Debug, Clone)]
pub(super) struct Source {
    contact: Contact,
    task: Option<Task>,
    /// Parts that it brought in all, and the time that ended tasks took.
    brought: u32,
    spent: Duration,
    opening: Duration,
    /// Whether others took over all that it owed.
    was_replaced: bool,
}

impl Source {
    pub(super) fn new(contact: Contact) -> Self {
        let (spent, opening) = (Duration::ZERO, Duration::ZERO);
        Self { contact, task: None, brought: 0, spent, opening, was_replaced: false }
    }

    pub(super) fn contact(&self) -> Contact {
        self.contact
    }

    pub(super) fn id(&self) -> NodeId {
        self.contact.id()
    }

    pub(super) fn task(&self) -> Option<&Task> {
        self.task.as_ref()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.task.is_none()
    }

    /// Whether it is too slow to be counted on.
    pub(super) fn is_slow(&self, now: Moment) -> bool {
        self.was_replaced || self.task.as_ref().is_some_and(|task| task.is_stalled(now))
    }

    /// The fastest is the least, then those whose pace is unknown, then those that were too slow.
    pub(super) fn rank(&self) -> (bool, bool, Option<Pace>, Reverse<u32>) {
        let pace = self.pace();
        (self.was_replaced, pace.is_none(), pace, Reverse(self.brought))
    }

    /// Its pace in the tasks that have ended; `None` before the first.
    pub(super) fn pace(&self) -> Option<Pace> {
        let has_worked = self.brought > 0 || !self.spent.is_zero();
        let per_part = self.spent / self.brought.max(1);
        (self.task.is_none() && has_worked).then_some(Pace { per_part, opening: self.opening })
    }

    /// Time that each part of its task takes, so far.
    pub(super) fn time_per_part(&self, now: Moment) -> Duration {
        let Some(task) = &self.task else { return Duration::ZERO };
        let mean = (self.spent + now.since(task.asked)) / self.brought.max(1);
        mean.max(now.since(task.heard.max(task.expected)))
    }

    /// Time that what it owes will take.
    pub(super) fn time_left(&self, now: Moment) -> Duration {
        let left = self.task.as_ref().map_or(0, Task::left);
        self.time_per_part(now).saturating_mul(left)
    }

    /// Whether it owes a part.
    pub(super) fn owes(&self, part: u32) -> bool {
        self.task.as_ref().is_some_and(|task| task.owed.contains(&part))
    }

    /// Whether it is still sending, but nothing that is needed.
    pub(super) fn is_superfluous(&self) -> bool {
        self.task.as_ref().is_some_and(|task| task.owed.is_empty() && !task.coming.is_empty())
    }

    /// It is asked for some parts.
    pub(super) fn begin(&mut self, now: Moment, parts: Range<u32>) {
        let (coming, owed) = (parts.clone(), parts);
        let expected = now + self.opening;
        self.task = Some(Task { coming, owed, asked: now, heard: now, expected, brought: 0 });
    }

    /// It sent a part.
    pub(super) fn arrived(&mut self, now: Moment, part: u32) {
        let Some(task) = &mut self.task else { return };
        if task.brought == 0 {
            self.opening = now.since(task.asked);
        }
        task.heard = now;
        task.brought += 1;
        self.brought += 1;
        if task.coming.contains(&part) {
            task.coming.start = part + 1;
        }
    }

    /// Parts that are here need not be sent any more.
    pub(super) fn skip(&mut self, is_here: impl Fn(u32) -> bool) {
        let Some(task) = &mut self.task else { return };
        while !task.owed.is_empty() && is_here(task.owed.start) {
            task.owed.start += 1;
        }
        while !task.owed.is_empty() && is_here(task.owed.end - 1) {
            task.owed.end -= 1;
        }
    }

    /// It sent all that it was asked for, and can be counted on.
    pub(super) fn deliver(&mut self, now: Moment) {
        self.end(now);
        self.was_replaced = false;
    }

    /// Its task is over. Returns whether that brought anything, or there was none.
    pub(super) fn end(&mut self, now: Moment) -> bool {
        let Some(task) = self.task.take() else { return true };
        self.spent += now.since(task.asked);
        task.brought > 0
    }

    /// Gives up the last `count` parts that it owes. Returns which they are.
    pub(super) fn give_up(&mut self, count: u32) -> Option<Range<u32>> {
        let task = self.task.as_mut()?;
        let Range { start, end } = task.owed;
        let cut = end.saturating_sub(count).max(start);
        task.owed.end = cut;
        self.was_replaced |= cut == start;
        (cut < end).then_some(cut..end)
    }
}
