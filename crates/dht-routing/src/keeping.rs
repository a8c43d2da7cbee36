//! Keeping records alive with others: when to take a turn towards whom.
//!
//! A pure schedule. In each *sweep* every partner gets one turn, spread over the interval, unless it has taken
//! its turn towards us meanwhile and found us in step: one acts, the other notices. A partner that turns out
//! to hold something else gets its turn soon, a newcomer sooner the closer we are to what it is to hold,
//! so that one holder hands over and the others find that nothing is missing.
//!
//! Nothing is done until a while after joining, so that tables have settled and a thousand nodes that restart at
//! once do not all call at once; nor while our own network is down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dht_proto::{Contact, Moment, NodeId, Prefix};

use crate::neighbourhood::Partner;
use crate::pacer::Priority;
use crate::random::Random;
use crate::{Config, OperationId};

mod leaving;

pub(crate) use leaving::Farewell;
use leaving::Leaving;

/// From joining until the first sweep, before jitter: tables have settled by then.
const SETTLING: Duration = Duration::from_mins(1);
/// Wait before a turn towards a node that holds something else than we.
const HASTE: Duration = Duration::from_secs(2);
/// Wait for each node that is closer to what a newcomer is to hold than we are.
const DEFERENCE: Duration = Duration::from_secs(5);
/// Turns under way at once.
const TURNS_MAX: usize = 2;
/// Turns under way at once while we leave.
const TURNS_LEAVING_MAX: usize = 8;
/// Turns that are planned, at most.
const PLANS_MAX: usize = 512;
/// How long a partner that refused records is left alone.
const RELUCTANCE: Duration = Duration::from_hours(1);

/// Why a turn is taken, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Errand {
    /// We leave.
    Leave,
    /// The partner has come.
    Newcomer,
    /// The partner holds something else than we.
    Difference,
    /// It is its turn.
    Sweep,
}

impl Errand {
    /// How urgent its requests are.
    pub(crate) fn priority(self) -> Priority {
        match self {
            Self::Leave => Priority::Leave,
            Self::Newcomer => Priority::Newcomer,
            Self::Difference | Self::Sweep => Priority::Sweep,
        }
    }
}

/// How a turn went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnReport {
    pub(crate) partner: NodeId,
    pub(crate) errand: Errand,
    /// Whether the partner answered.
    pub(crate) answered: bool,
    /// Whether nothing was left out.
    pub(crate) complete: bool,
    /// Records that it took.
    pub(crate) delivered: usize,
    /// Records that it does not want to keep.
    pub(crate) refused: usize,
}

impl TurnReport {
    /// Nothing has happened yet.
    pub(crate) fn towards(partner: NodeId, errand: Errand) -> Self {
        Self { partner, errand, answered: false, complete: false, delivered: 0, refused: 0 }
    }
}

/// A turn to come.
#[derive(Debug, Clone)]
struct Plan {
    contact: Contact,
    /// With when each is due.
    cells: BTreeMap<Prefix, Moment>,
    errand: Errand,
    due: Moment,
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// A sweep begins: partners are to be told.
    Sweep,
    /// A turn is to be taken.
    Turn { contact: Contact, cells: Vec<Prefix>, errand: Errand },
    /// We have handed over what we could.
    Farewell(Farewell),
}

/// The schedule.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    sweep_due: Moment,
    /// Nothing is done before.
    settled: Moment,
    plans: BTreeMap<NodeId, Plan>,
    dues: BTreeSet<(Moment, NodeId)>,
    busy: Vec<NodeId>,
    /// When the last turn towards a node ended.
    last: BTreeMap<NodeId, Moment>,
    reluctant: BTreeMap<NodeId, Moment>,
    /// When a node last took its turn towards us, and in how many cells it found nothing missing.
    visits: BTreeMap<NodeId, (Moment, usize)>,
    leaving: Option<Leaving>,
}

impl Keeping {
    pub(crate) fn new() -> Self {
        Self {
            sweep_due: Moment::NEVER,
            settled: Moment::NEVER,
            plans: BTreeMap::new(),
            dues: BTreeSet::new(),
            busy: Vec::new(),
            last: BTreeMap::new(),
            reluctant: BTreeMap::new(),
            visits: BTreeMap::new(),
            leaving: None,
        }
    }

    /// We have joined, or were found: sweeps begin in a while.
    pub(crate) fn awake(&mut self, now: Moment, random: &mut Random) {
        if self.sweep_due == Moment::NEVER {
            self.settled = now + SETTLING / 2;
            self.sweep_due = now + random.jitter(SETTLING);
        }
    }

    /// A sweep begins, with these partners; with none if nothing is held.
    pub(crate) fn swept(
        &mut self,
        now: Moment,
        partners: Vec<Partner>,
        (config, random): (&Config, &mut Random),
    ) {
        self.sweep_due = now + random.jitter(config.sweep);
        self.last.retain(|_, at| *at + config.sweep > now);
        self.reluctant.retain(|_, until| *until > now);
        self.visits.retain(|_, (at, _)| *at + config.sweep * 3 / 4 > now);
        let span = u64::try_from(config.sweep.as_micros()).unwrap_or(u64::MAX) * 3 / 4;
        for Partner { contact, cells } in partners {
            let id = contact.id();
            let is_done = self.visits.get(&id).is_some_and(|(_, same)| *same >= cells.len());
            if is_done || self.reluctant.contains_key(&id) {
                continue;
            }
            let due = now + Duration::from_micros(random.below(span));
            let cells = cells.into_iter().map(|cell| (cell, due));
            self.plan(contact, cells, Errand::Sweep);
        }
    }

    /// A node has come that is to hold these cells with us; to each so many nodes are closer than we are.
    pub(crate) fn newcomer(
        &mut self,
        now: Moment,
        (contact, cells): (Contact, Vec<(Prefix, usize)>),
        random: &mut Random,
    ) {
        if now < self.settled || cells.is_empty() {
            return;
        }
        self.reluctant.remove(&contact.id());
        let jitter = random.jitter(HASTE / 2);
        let due =
            |closer: usize| now + jitter + DEFERENCE * u32::try_from(closer).unwrap_or(u32::MAX);
        let cells = cells.into_iter().map(|(cell, closer)| (cell, due(closer)));
        self.plan(contact, cells, Errand::Newcomer);
    }

    /// A partner took its turn towards us: of the cells it named, it holds something else in those that
    /// `differ`, and is to hold them.
    pub(crate) fn visited(
        &mut self,
        now: Moment,
        contact: Contact,
        (same, differ): (&[Prefix], &[Prefix]),
        (config, random): (&Config, &mut Random),
    ) {
        let id = contact.id();
        self.visits.retain(|_, (at, _)| *at + config.sweep > now);
        if differ.is_empty() && self.visits.len() < PLANS_MAX {
            self.visits.insert(id, (now, same.len()));
        } else {
            self.visits.remove(&id);
        }
        if let Some(plan) = self.plans.get_mut(&id).filter(|plan| plan.errand == Errand::Sweep) {
            let overlaps = |cell: &Prefix, part: &Prefix| {
                part.contains(&cell.first()) || cell.contains(&part.first())
            };
            plan.cells.retain(|cell, _| !same.iter().any(|part| overlaps(cell, part)));
            if plan.cells.is_empty() {
                self.forget(&id);
            }
        }
        // Two that hold something else for good, because one refuses, are not to chase each other.
        let is_recent = self.last.get(&id).is_some_and(|last| *last + config.sweep / 2 > now);
        let is_busy = self.busy.contains(&id) || self.reluctant.contains_key(&id);
        if differ.is_empty() || is_recent || is_busy || now < self.settled {
            return;
        }
        let due = now + random.jitter(HASTE);
        self.plan(contact, differ.iter().map(|cell| (*cell, due)), Errand::Difference);
    }

    /// A turn ended.
    pub(crate) fn ended(&mut self, now: Moment, report: &TurnReport) {
        self.busy.retain(|busy| *busy != report.partner);
        self.last.insert(report.partner, now);
        if report.refused > 0 {
            self.reluctant.insert(report.partner, now + RELUCTANCE);
        }
        if let Some(leaving) = &mut self.leaving {
            leaving.ended(report);
        }
    }

    /// We leave: every one of `partners` gets its turn at once. Returns the end of an earlier leave, if it had not
    /// come to one.
    pub(crate) fn leave(
        &mut self,
        now: Moment,
        operation: OperationId,
        partners: Vec<Partner>,
    ) -> Option<Farewell> {
        let open = partners.iter().map(|partner| partner.contact.id()).collect();
        let before = self.leaving.replace(Leaving::new(now, operation, open));
        (self.plans, self.dues) = (BTreeMap::new(), BTreeSet::new());
        self.sweep_due = Moment::NEVER;
        for Partner { contact, cells } in partners {
            self.plan(contact, cells.into_iter().map(|cell| (cell, now)), Errand::Leave);
        }
        before.map(Leaving::farewell)
    }

    /// The application does not want to hear of our leaving any more.
    pub(crate) fn cancel(&mut self, operation: OperationId) {
        self.leaving.take_if(|leaving| leaving.operation() == operation);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        let turn = self.dues.first().filter(|_| self.has_room()).map(|(due, _)| *due);
        let leaving = self.leaving.as_ref().map(Leaving::due);
        let due = [Some(self.sweep_due), turn, leaving].into_iter().flatten().min();
        due.filter(|due| *due != Moment::NEVER)
    }

    /// The next task due at `now`. While our network is `down` turns are put off.
    pub(crate) fn pop_due(
        &mut self,
        now: Moment,
        down: bool,
        (config, random): (&Config, &mut Random),
    ) -> Option<Task> {
        if let Some(leaving) = self.leaving.take_if(|leaving| leaving.due() <= now) {
            return Some(Task::Farewell(leaving.farewell()));
        }
        if self.sweep_due <= now {
            self.sweep_due = now + random.jitter(config.sweep);
            if !down {
                return Some(Task::Sweep);
            }
        }
        let (due, id) = *self.dues.first().filter(|(due, _)| *due <= now && self.has_room())?;
        self.dues.remove(&(due, id));
        let mut plan = self.plans.remove(&id)?;
        if down {
            return self.pop_due(now, down, (config, random));
        }
        // What is due within a moment goes along; the rest stays planned.
        let rest = take_later(&mut plan.cells, due + HASTE);
        let (contact, errand) = (plan.contact, plan.errand);
        self.plan(contact, rest, errand);
        self.busy.push(id);
        let cells = plan.cells.into_keys().collect();
        Some(Task::Turn { contact, cells, errand })
    }

    fn has_room(&self) -> bool {
        let limit = if self.is_leaving() { TURNS_LEAVING_MAX } else { TURNS_MAX };
        self.busy.len() < limit
    }

    /// Adds cells to the next turn towards a node.
    fn plan(
        &mut self,
        contact: Contact,
        cells: impl IntoIterator<Item = (Prefix, Moment)>,
        errand: Errand,
    ) {
        let id = contact.id();
        let mut plan = self.plans.remove(&id);
        if plan.is_none() && self.plans.len() >= PLANS_MAX {
            return;
        }
        for (cell, due) in cells {
            let plan = plan.get_or_insert_with(|| {
                let cells = BTreeMap::new();
                Plan { contact, cells, errand, due: Moment::NEVER }
            });
            let planned = plan.cells.entry(cell).or_insert(due);
            *planned = due.min(*planned);
        }
        let Some(mut plan) = plan else { return };
        self.dues.remove(&(plan.due, id));
        plan.errand = plan.errand.min(errand);
        plan.contact = contact;
        plan.due = plan.cells.values().min().copied().unwrap_or(Moment::NEVER);
        self.dues.insert((plan.due, id));
        self.plans.insert(id, plan);
    }

    fn forget(&mut self, id: &NodeId) {
        if let Some(plan) = self.plans.remove(id) {
            self.dues.remove(&(plan.due, *id));
        }
    }
}

/// Takes out what is due after `until`.
fn take_later(cells: &mut BTreeMap<Prefix, Moment>, until: Moment) -> BTreeMap<Prefix, Moment> {
    let later = cells.iter().filter(|(_, due)| **due > until);
    let later: BTreeMap<Prefix, Moment> = later.map(|(cell, due)| (*cell, *due)).collect();
    cells.retain(|_, due| *due <= until);
    later
}

#[cfg(test)]
mod tests;
