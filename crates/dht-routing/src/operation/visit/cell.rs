//! Learning of all records in one part of the space whose holders are known, and getting those that we lack.
//!
//! A few of the holders, the *witnesses*, tell what they hold, page by page. Whoever does not want to is
//! replaced by the next one. Then our own store tells what it has of that, and the rest is fetched from those
//! who told of it. Where more is held than can be remembered at once, this is done in *windows*, each up to
//! where the second of the witnesses has got.
//!
//! *Invariant:* bounded by [`WITNESSES`] times [`PAGES_MAX`] pages of a window, whatever anybody tells, and by
//! [`WINDOWS_MAX`] windows.

use std::collections::{BTreeMap, VecDeque};

use dht_proto::limits::{INLINE_VALUE_MAX, VALUE_MAX};
use dht_proto::{
    Contact, Kind, NodeId, OfferDetails, Prefix, Record, Refusal, Reply, Request, Slot, Summary,
    Ttl, ValueRange,
};

use super::super::{Happened, Order, Scene, TRIES};
use super::tally::{Tally, Version, Want};
use super::witness::{Asked, Witness};
use crate::inventory::PAGE;
use crate::mirror::VisitReport;
use crate::pacer::Priority;

#[cfg(doc)]
use super::witness::PAGES_MAX;

/// Holders that are asked what they hold.
const WITNESSES: usize = 4;
/// Windows of one part, at most: more records than a node of the default capacity holds in all its parts.
const WINDOWS_MAX: u32 = 64;
/// Records in a row that are looked through for one whose holder is free.
const LOOK_AHEAD: usize = 64;

/// What is waited for.
#[derive(Debug, Clone)]
enum Phase {
    /// Witnesses that tell.
    Listing,
    /// Our own store, for what it has of the slots before the one given.
    Comparing(Option<Slot>),
    /// Records, and our own store, which keeps them in the order they came.
    Fetching { until: Option<Slot>, wants: VecDeque<Want>, saving: VecDeque<(Slot, usize)> },
}

/// A visit to one part.
#[derive(Debug, Clone)]
pub(super) struct CellVisit {
    cell: Prefix,
    /// Where the window begins.
    from: Slot,
    windows: u32,
    /// Holders that were not asked, the first to be asked first.
    candidates: VecDeque<Contact>,
    witnesses: BTreeMap<NodeId, Witness>,
    tally: Tally,
    phase: Phase,
    /// Holders that do not tell.
    unwilling: usize,
    /// Holders that do not answer.
    silent: usize,
}

/// Whether a visit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    GoesOn,
    Done,
}

impl CellVisit {
    /// Of `cell`, whose holders are these, in the order in which they are to be asked.
    pub(super) fn new(cell: Prefix, candidates: VecDeque<Contact>) -> Self {
        Self {
            cell,
            from: *cell.slots().start(),
            windows: 0,
            candidates,
            witnesses: BTreeMap::new(),
            tally: Tally::default(),
            phase: Phase::Listing,
            unwilling: 0,
            silent: 0,
        }
    }

    pub(super) fn handle(
        &mut self,
        scene: &mut Scene<'_>,
        happened: Happened,
        report: &mut VisitReport,
    ) -> Progress {
        match happened {
            Happened::Replied { from, reply, .. } => self.replied(scene, &from, reply, report),
            Happened::Failed(id) => self.failed(&id, report),
            Happened::Listed(page) => self.listed(scene, &page),
            Happened::Saved(result) => self.saved(&result, report),
            _ => {}
        }
        self.advance(scene, report)
    }

    fn replied(
        &mut self,
        scene: &mut Scene<'_>,
        from: &Contact,
        reply: Reply,
        report: &mut VisitReport,
    ) {
        let id = from.id();
        let Some(witness) = self.witnesses.get_mut(&id) else { return };
        match (std::mem::replace(&mut witness.asked, Asked::Nothing), reply) {
            (Asked::List, Reply::Listing { entries, next }) => {
                let last = *self.cell.slots().end();
                for entry in witness.told((entries.as_slice(), next), last) {
                    self.tally.add(scene.now, id, entry);
                }
            }
            (Asked::List, Reply::Error { .. }) => {
                self.unwilling += 1;
                self.lose(&id);
            }
            (Asked::Record { want, .. }, Reply::Found { record, ttl, .. }) => {
                self.delivered(scene, from, want, (record, ttl), report);
            }
            (Asked::Record { want, whole: false }, Reply::Held { details, .. })
                if is_wanted(&want, details.slot, Version::of_details(&details)) =>
            {
                self.ask_for(scene, from, want, true);
            }
            (
                Asked::Record { want, .. },
                Reply::Nodes { .. } | Reply::Held { .. } | Reply::Error { .. },
            ) => self.undelivered(&id, want, report),
            // A late answer to something else, which is of no interest any more.
            (asked, _) => witness.asked = asked,
        }
    }

    /// A node does not answer, or its stream broke.
    fn failed(&mut self, id: &NodeId, report: &mut VisitReport) {
        let Some(witness) = self.witnesses.get_mut(id) else { return };
        match std::mem::replace(&mut witness.asked, Asked::Nothing) {
            Asked::Nothing => {}
            Asked::Record { want, whole: true } => self.undelivered(id, want, report),
            Asked::Record { want, whole: false } => {
                self.lose(id);
                self.want_again(want, report);
            }
            Asked::List => {
                self.silent += 1;
                self.lose(id);
            }
        }
    }

    /// Nothing more is asked of a node, and what it told counts no more.
    fn lose(&mut self, id: &NodeId) {
        self.witnesses.remove(id);
        self.tally.forget(id);
    }

    fn delivered(
        &mut self,
        scene: &mut Scene<'_>,
        from: &Contact,
        want: Want,
        (record, ttl): (Record, Ttl),
        report: &mut VisitReport,
    ) {
        let version = Version::of(&record);
        if !is_wanted(&want, record.slot(), version) {
            return self.undelivered(&from.id(), want, report);
        }
        let Phase::Fetching { saving, .. } = &mut self.phase else { return };
        // Of a newer version only its holder tells how long it lives.
        let expires = if version == want.version { want.expires } else { ttl.ends(scene.now) };
        saving.push_back((want.slot, record.size()));
        scene.order(Order::Mirror { record, expires, from: *from });
    }

    /// A node did not deliver what it told of: others are asked, and at some time this one no more.
    fn undelivered(&mut self, id: &NodeId, want: Want, report: &mut VisitReport) {
        if self.witnesses.get_mut(id).is_some_and(|witness| !witness.failed()) {
            self.lose(id);
        }
        self.want_again(want, report);
    }

    /// Puts a record back among those wanted: of another teller, else another version of it.
    fn want_again(&mut self, want: Want, report: &mut VisitReport) {
        let Phase::Fetching { wants, .. } = &mut self.phase else { return };
        let is_told = want.tellers.iter().any(|teller| self.witnesses.contains_key(teller));
        let next = if is_told {
            Some(want)
        } else {
            report.undelivered += 1;
            self.tally.discard(&want)
        };
        if let Some(next) = next {
            wants.push_front(next);
        }
    }

    fn listed(&mut self, scene: &mut Scene<'_>, page: &[Summary]) {
        let Phase::Comparing(until) = self.phase else { return };
        let last = *self.cell.slots().end();
        let is_within = |slot: Slot| slot <= last && until.is_none_or(|until| slot < until);
        for own in page.iter().take_while(|own| is_within(own.slot)) {
            if let Some(extension) = self.tally.compare(own) {
                scene.order(Order::Extend {
                    slot: extension.slot,
                    digest: extension.digest,
                    expires: extension.expires,
                });
            }
        }
        let next = page.last().filter(|_| page.len() >= PAGE).and_then(|last| last.slot.next());
        if let Some(from) = next.filter(|next| is_within(*next)) {
            return scene.order(Order::List { from, limit: PAGE });
        }
        let wants = self.tally.wants(until);
        self.phase = Phase::Fetching { until, wants, saving: VecDeque::new() };
    }

    fn saved(&mut self, result: &Result<(), Refusal>, report: &mut VisitReport) {
        let Phase::Fetching { saving, .. } = &mut self.phase else { return };
        let Some((slot, size)) = saving.pop_front() else { return };
        match result {
            // A newer version came meanwhile.
            Ok(()) | Err(Refusal::Stale { .. }) => self.tally.keep(&slot),
            Err(refusal) => {
                report.refused += 1;
                if *refusal == Refusal::Full {
                    report.full_from = report.full_from.min(size);
                }
            }
        }
    }

    fn advance(&mut self, scene: &mut Scene<'_>, report: &mut VisitReport) -> Progress {
        loop {
            match &mut self.phase {
                Phase::Listing => {
                    self.list(scene);
                    if !self.is_listed() {
                        return Progress::GoesOn;
                    }
                    if self.witnesses.is_empty() {
                        return self.give_up(report);
                    }
                    let until = self.agreed_end();
                    self.phase = Phase::Comparing(until);
                    scene.order(Order::List { from: self.from, limit: PAGE });
                    return Progress::GoesOn;
                }
                Phase::Comparing(_) => return Progress::GoesOn,
                Phase::Fetching { until, .. } => {
                    let until = *until;
                    self.fetch(scene, report);
                    if !self.is_fetched() {
                        return Progress::GoesOn;
                    }
                    if self.end_window(until, report) == Progress::Done {
                        return Progress::Done;
                    }
                }
            }
        }
    }

    /// Has as many witnesses tell as there are to be.
    fn list(&mut self, scene: &mut Scene<'_>) {
        while self.witnesses.len() < WITNESSES
            && let Some(contact) = self.candidates.pop_front()
        {
            self.witnesses.insert(contact.id(), Witness::new(contact, self.from));
        }
        for witness in self.witnesses.values_mut() {
            if let Some(from) = witness.next_page() {
                witness.asked = Asked::List;
                ask(scene, witness.contact, Request::List { from });
            }
        }
    }

    fn is_listed(&self) -> bool {
        self.witnesses.values().all(|witness| witness.is_idle() && witness.is_resting())
    }

    /// Up to where two witnesses have told, or the only one: one that makes up records without end does not
    /// hold up the others.
    fn agreed_end(&self) -> Option<Slot> {
        let mut ends: Vec<Option<Slot>> = self.witnesses.values().map(Witness::reached).collect();
        // The end of all comes after every slot.
        ends.sort_unstable_by_key(|end| (end.is_some(), std::cmp::Reverse(*end)));
        ends.get(1).or(ends.first()).copied().flatten()
    }

    /// Asks everybody who is free for a record that it told of.
    fn fetch(&mut self, scene: &mut Scene<'_>, report: &mut VisitReport) {
        while let Some((to, want)) = self.next_want(scene.config.item_limit, report) {
            let whole = want.size > SIZE_INLINE;
            self.ask_for(scene, &to, want, whole);
        }
    }

    /// A record whose holder is free, of those that come first.
    fn next_want(&mut self, limit: usize, report: &mut VisitReport) -> Option<(Contact, Want)> {
        let Phase::Fetching { wants, .. } = &mut self.phase else { return None };
        let mut at = 0;
        while at < LOOK_AHEAD {
            let want = wants.get_mut(at)?;
            let size = usize::try_from(want.size).unwrap_or(usize::MAX);
            want.tellers.retain(|teller| self.witnesses.contains_key(teller));
            let free = want
                .tellers
                .iter()
                .position(|teller| self.witnesses.get(teller).is_some_and(Witness::is_idle));
            if size > limit.min(VALUE_MAX) || size >= report.full_from {
                report.refused += 1;
                wants.remove(at);
            } else if want.tellers.is_empty() {
                report.undelivered += 1;
                let next = wants.remove(at).and_then(|want| self.tally.discard(&want));
                if let Some(next) = next {
                    wants.insert(at, next);
                }
            } else if let Some(free) = free {
                let teller = want.tellers.remove(free)?;
                let contact = self.witnesses.get(&teller)?.contact;
                return Some((contact, wants.remove(at)?));
            } else {
                at += 1;
            }
        }
        None
    }

    fn ask_for(&mut self, scene: &mut Scene<'_>, to: &Contact, want: Want, whole: bool) {
        let Slot { key, kind } = want.slot;
        let request = if whole {
            let range = ValueRange { offset: 0, length: Some(want.size) };
            Request::Download { slot: want.slot, range, outlined: false }
        } else {
            Request::Fetch { key, kinds: kind.into() }
        };
        if let Some(witness) = self.witnesses.get_mut(&to.id()) {
            witness.asked = Asked::Record { want, whole };
            ask(scene, *to, request);
        }
    }

    fn is_fetched(&self) -> bool {
        let Phase::Fetching { wants, saving, .. } = &self.phase else { return false };
        let is_idle = self.witnesses.values().all(Witness::is_idle);
        wants.is_empty() && saving.is_empty() && is_idle
    }

    /// Counts what came of the window that ends at `until`, and goes on from there.
    fn end_window(&mut self, until: Option<Slot>, report: &mut VisitReport) -> Progress {
        report.refused += self.tally.unwanted(until);
        let (told, held) = self.tally.settle(until);
        report.told += told;
        report.held += held;
        let Some(until) = until else { return Progress::Done };
        self.windows += 1;
        if self.windows >= WINDOWS_MAX {
            report.cut += 1;
            return Progress::Done;
        }
        self.from = until;
        self.phase = Phase::Listing;
        for witness in self.witnesses.values_mut() {
            witness.go_on(until);
        }
        Progress::GoesOn
    }

    /// Nobody tells anything.
    fn give_up(&self, report: &mut VisitReport) -> Progress {
        if self.unwilling > 0 && self.silent == 0 {
            report.unwilling += 1;
        } else {
            report.missed.push(self.cell);
        }
        Progress::Done
    }
}

/// Longest value that is asked for in a datagram.
#[expect(clippy::cast_possible_truncation, reason = "900 bytes")]
const SIZE_INLINE: u32 = INLINE_VALUE_MAX as u32;

impl Version {
    fn of(record: &Record) -> Self {
        Self { sequence: record.sequence(), digest: record.digest() }
    }

    fn of_details(details: &OfferDetails) -> Self {
        Self { sequence: details.sequence, digest: details.digest }
    }
}

/// Whether this is what was wanted, or a newer version of it.
fn is_wanted(want: &Want, slot: Slot, version: Version) -> bool {
    let is_newer = slot.kind == Kind::Signed && version > want.version;
    slot == want.slot && (version == want.version || is_newer)
}

fn ask(scene: &mut Scene<'_>, to: Contact, request: Request) {
    scene.order(Order::AskInTurn { priority: Priority::Mirror, to, request, tries: TRIES });
}

#[cfg(test)]
mod tests;
