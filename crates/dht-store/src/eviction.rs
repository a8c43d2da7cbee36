//! Which records give way to a new one: the rule, apart from how a store finds them.
//!
//! A store is a [`Shelf`] here: it tells what comes next in each of its orders. [`plan`] only looks, so that
//! a record that is refused in the end has displaced nothing.
//!
//! Room for a source within its own share is made of its ended records and of its cached copies. Room in
//! the store is made of, in this order: ended records; cached copies; held records of the greediest source.
//! Within each, what ends soonest goes first.

use std::collections::{BTreeMap, BTreeSet};

use dht_proto::{Custody, Moment, Refusal, Slot, Source, Summary, Terms};

use crate::quota::Quota;

/// How easily a record is given up while it lives. In ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// For anything that is to be held.
    Cached,
    /// For a source that uses less.
    Held,
    /// Never.
    Own,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Cached, Self::Held, Self::Own];
}

impl From<Custody> for Class {
    fn from(custody: Custody) -> Self {
        match custody {
            Custody::Own { .. } => Self::Own,
            Custody::Holder | Custody::Mirror => Self::Held,
            Custody::Cache { .. } => Self::Cached,
        }
    }
}

/// A record's place in the order of ends of life.
pub(crate) type Place = (Moment, Slot);

/// A record that may give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) place: Place,
    pub(crate) source: Source,
    pub(crate) cost: u64,
}

/// The orders in which a store can look at its records.
pub(crate) trait Shelf {
    type Error;

    /// The first record of `class`, soonest to end first, that comes after `after`.
    fn next_ending(
        &self,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Self::Error>;

    /// The same among the records of `source`.
    fn next_of_source(
        &self,
        source: Source,
        class: Class,
        after: Option<Place>,
    ) -> Result<Option<Candidate>, Self::Error>;

    /// The source other than [`Source::LOCAL`] that uses most, of those that use less than `below`; of
    /// equal uses the higher source comes first.
    fn next_greedy(
        &self,
        below: Option<(u64, Source)>,
    ) -> Result<Option<(u64, Source)>, Self::Error>;

    /// Bytes that count for `source`.
    fn used_by(&self, source: Source) -> Result<u64, Self::Error>;
}

/// A record that wants in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    slot: Option<Slot>,
    size: usize,
    expires: Moment,
    class: Class,
    source: Source,
}

impl Incoming {
    pub(crate) fn new(summary: &Summary, terms: &Terms) -> Self {
        Self {
            slot: Some(summary.slot),
            size: summary.size,
            expires: summary.expires,
            class: summary.custody.into(),
            source: terms.source,
        }
    }
}

/// Who is charged for a record that is renewed under `terms`: still whoever was, unless it becomes our own.
pub(crate) fn charged(before: Source, terms: &Terms) -> Source {
    if matches!(terms.custody, Custody::Own { .. }) { terms.source } else { before }
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum NoPlan<E> {
    Refused(Refusal),
    Failed(E),
}

impl<E> From<E> for NoPlan<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// The records that must go before `incoming` fits, in which it replaces `replaced`, the record in its
/// slot, if there is one, live or not.
pub(crate) fn plan<S: Shelf>(
    shelf: &S,
    quota: &Quota,
    now: Moment,
    incoming: &Incoming,
    replaced: Option<&Candidate>,
) -> Result<Vec<Slot>, NoPlan<S::Error>> {
    quota.check(incoming.size, incoming.source).map_err(NoPlan::Refused)?;
    let cost = Quota::cost(incoming.size);
    let leaving = replaced.map_or(0, |old| old.cost);
    let mut plan = Plan::new(shelf, now, incoming, quota.missing(cost, leaving));
    if let Some(old) = replaced {
        plan.freed.insert(old.source, old.cost);
    }
    plan.make_room_for_source(quota.budget(incoming.source), cost)?;
    plan.make_room_of_ended()?;
    plan.make_room_of_cached()?;
    if incoming.class != Class::Cached {
        plan.make_room_of_the_greediest(cost)?;
    }
    if plan.missing == 0 { Ok(plan.victims) } else { Err(NoPlan::Refused(Refusal::Full)) }
}

/// Records to give up, up to about `most` bytes, from a store that holds more than its capacity.
#[cfg(feature = "disk")]
pub(crate) fn surplus<S: Shelf>(
    shelf: &S,
    quota: &Quota,
    most: u64,
) -> Result<Vec<Slot>, S::Error> {
    let nothing = Incoming {
        slot: None,
        size: 0,
        expires: Moment::NEVER,
        class: Class::Own,
        source: Source::LOCAL,
    };
    let mut plan = Plan::new(shelf, Moment::EPOCH, &nothing, quota.missing(0, 0).min(most));
    plan.make_room_of_cached()?;
    plan.make_room_of_the_greediest(0)?;
    Ok(plan.victims)
}

struct Plan<'a, S> {
    shelf: &'a S,
    now: Moment,
    incoming: &'a Incoming,
    victims: Vec<Slot>,
    /// The victims again, to be asked whether a record is one.
    taken: BTreeSet<Slot>,
    /// Bytes that each source uses less once the victims and the replaced record are gone.
    freed: BTreeMap<Source, u64>,
    /// Bytes still to be freed.
    missing: u64,
}

impl<'a, S: Shelf> Plan<'a, S> {
    fn new(shelf: &'a S, now: Moment, incoming: &'a Incoming, missing: u64) -> Self {
        let (victims, taken, freed) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Self { shelf, now, incoming, victims, taken, freed, missing }
    }

    fn take(&mut self, victim: &Candidate) {
        let (_, slot) = victim.place;
        self.victims.push(slot);
        self.taken.insert(slot);
        let freed = self.freed.entry(victim.source).or_default();
        *freed = freed.saturating_add(victim.cost);
        self.missing = self.missing.saturating_sub(victim.cost);
    }

    fn may_take(&self, victim: &Candidate) -> bool {
        let (_, slot) = victim.place;
        Some(slot) != self.incoming.slot && !self.taken.contains(&slot)
    }

    /// What `source` uses once the victims so far are gone.
    fn used_by(&self, source: Source) -> Result<u64, S::Error> {
        let freed = self.freed.get(&source).copied().unwrap_or(0);
        Ok(self.shelf.used_by(source)?.saturating_sub(freed))
    }

    /// The last end of life that a cached copy may have to give way. A cached copy pushes out none that
    /// ends later than itself.
    fn last_cached_end(&self) -> Moment {
        if self.incoming.class == Class::Cached { self.incoming.expires } else { Moment::NEVER }
    }

    /// The last end of life that a record of `class` may have to give way to anybody.
    fn last_end(&self, class: Class) -> Moment {
        match class {
            Class::Cached => self.now.max(self.last_cached_end()),
            Class::Held | Class::Own => self.now,
        }
    }

    fn make_room_for_source(&mut self, budget: u64, cost: u64) -> Result<(), NoPlan<S::Error>> {
        let source = self.incoming.source;
        let mut used = self.used_by(source)?.saturating_add(cost);
        for class in [Class::Held, Class::Own, Class::Cached] {
            let (mut after, last_end) = (None, self.last_end(class));
            while used > budget {
                let next = self.shelf.next_of_source(source, class, after)?;
                let Some(victim) = next.filter(|victim| victim.place.0 <= last_end) else { break };
                after = Some(victim.place);
                if self.may_take(&victim) {
                    self.take(&victim);
                    used = used.saturating_sub(victim.cost);
                }
            }
        }
        if used > budget { Err(NoPlan::Refused(Refusal::Full)) } else { Ok(()) }
    }

    fn make_room_of_ended(&mut self) -> Result<(), S::Error> {
        for class in [Class::Held, Class::Own, Class::Cached] {
            self.make_room_of(class, self.now)?;
        }
        Ok(())
    }

    fn make_room_of_cached(&mut self) -> Result<(), S::Error> {
        self.make_room_of(Class::Cached, self.last_cached_end())
    }

    /// Takes records of `class` that end no later than `last_end`, as long as bytes are missing.
    fn make_room_of(&mut self, class: Class, last_end: Moment) -> Result<(), S::Error> {
        let mut after = None;
        while self.missing > 0 {
            let next = self.shelf.next_ending(class, after)?;
            let Some(victim) = next.filter(|victim| victim.place.0 <= last_end) else { break };
            after = Some(victim.place);
            if self.may_take(&victim) {
                self.take(&victim);
            }
        }
        Ok(())
    }

    /// Takes held records of whoever uses most at each step, soonest to end first.
    ///
    /// Only for a sender who, with the new record, uses less than the other one is left with: so two never
    /// push each other out in turns. What is our own is worth more than what anybody else left here.
    fn make_room_of_the_greediest(&mut self, cost: u64) -> Result<(), S::Error> {
        let mut greedy = Greedy { seen: BTreeSet::new(), next: self.shelf.next_greedy(None)? };
        let mut after = BTreeMap::new();
        while self.missing > 0 {
            let Some((used, source)) = greedy.most(self)? else { break };
            let next =
                self.shelf.next_of_source(source, Class::Held, after.get(&source).copied())?;
            let Some(victim) = next else {
                greedy.seen.remove(&(used, source));
                continue;
            };
            after.insert(source, victim.place);
            if !self.may_take(&victim) {
                continue;
            }
            let left = used.saturating_sub(victim.cost);
            let own = self.used_by(self.incoming.source)?.saturating_add(cost);
            if self.incoming.class != Class::Own && own >= left {
                break;
            }
            self.take(&victim);
            greedy.seen.remove(&(used, source));
            greedy.seen.insert((left, source));
        }
        Ok(())
    }
}

/// Sources by what they will use once the victims are gone, looked up only as far as needed.
struct Greedy {
    /// Those looked at.
    seen: BTreeSet<(u64, Source)>,
    /// The next one, with what it uses now: none of the others will use more.
    next: Option<(u64, Source)>,
}

impl Greedy {
    fn most<S: Shelf>(&mut self, plan: &Plan<'_, S>) -> Result<Option<(u64, Source)>, S::Error> {
        while let Some(next) = self.next
            && self.seen.last().is_none_or(|most| *most < next)
        {
            self.seen.insert((plan.used_by(next.1)?, next.1));
            self.next = plan.shelf.next_greedy(Some(next))?;
        }
        Ok(self.seen.last().copied())
    }
}

#[cfg(test)]
mod tests;
