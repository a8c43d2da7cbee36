//! Storing a record at the k nodes closest to its key, in one pass where that can be.
//!
//! Nodes that are likely to be among the k closest (within the radius that holds k nodes, judged by the
//! density of our own neighbourhood, or anyone left in the lookup's end game) get the store or offer at
//! once, and their answers name closer nodes. The others are asked with find-node.
//!
//! - a small content or signed record goes out at once;
//! - a large record is offered, and its bytes are sent to whoever wants them, few at a time;
//! - a named record is offered to all of the closest before any byte moves: if the name lives with another
//!   value, nothing changes.
//!
//! *Invariant:* a holder is counted only after it confirmed.

use std::collections::BTreeMap;

use dht_proto::{
    Contact, Custody, Distance, Held, Kind, KindSet, NodeId, OfferDetails, Purpose, Record,
    Refusal, Reply, Request, Sequence, Source, Summary, Terms, Ttl,
};

use super::{Happened, Order, Scene, TRIES};
use crate::peer::{Replaces, Ruling};
use crate::search::{Search, Wanted};
use crate::{Outcome, StoreReport};

/// How a record gets to its holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Approach {
    /// Sent at once.
    Direct,
    /// Offered, then sent to each that wants it.
    Offered,
    /// Offered to all, and sent only if nobody objects.
    Claimed,
}

/// How far one node has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Placement {
    /// Offer or store in flight.
    Asked,
    /// It wants the bytes.
    Wanted(Contact),
    /// The bytes are on their way.
    Sending,
    /// It holds the record.
    Confirmed,
    /// It does not take it.
    Refused(Refusal),
    /// It did not answer.
    Failed,
}

impl Placement {
    /// Whether the node has still to answer.
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Asked | Self::Sending)
    }

    fn is_final(&self) -> bool {
        matches!(self, Self::Confirmed | Self::Refused(_) | Self::Failed)
    }
}

/// Our own copy, which we renew.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnCopy {
    /// Not to be kept, or not known yet.
    None,
    /// The store is working on it.
    Saving,
    /// Kept.
    Kept,
    /// Not kept.
    Refused(Refusal),
}

/// Whether the closest holder was asked for more nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exploration {
    None,
    Asked(NodeId),
    Done,
}

/// A store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    record: Record,
    ttl: Ttl,
    expected: Option<Sequence>,
    approach: Approach,
    search: Search,
    radius: Distance,
    placements: BTreeMap<NodeId, Placement>,
    own: OwnCopy,
    /// Another value lives under the name in our own store, and may not be replaced.
    own_objection: bool,
    /// What the application decided about that, if it was asked.
    ruling: Option<Ruling>,
    cleared: bool,
    exploration: Exploration,
    sending: usize,
    requests: u32,
}

impl Store {
    pub(crate) fn new(
        scene: &Scene<'_>,
        record: Record,
        ttl: Ttl,
        expected: Option<Sequence>,
    ) -> Self {
        let approach = match record.kind() {
            Kind::Named => Approach::Claimed,
            Kind::Content | Kind::Signed if record.is_inline() => Approach::Direct,
            Kind::Content | Kind::Signed => Approach::Offered,
        };
        let among = scene.config.role == dht_proto::Role::Full;
        Self {
            search: Search::new(
                scene,
                scene.lookup(record.key(), among).with_region(scene.region()),
            ),
            radius: scene.table.radius(scene.config.k),
            record,
            ttl,
            expected,
            approach,
            placements: BTreeMap::new(),
            own: OwnCopy::None,
            own_objection: false,
            ruling: None,
            cleared: approach != Approach::Claimed,
            exploration: Exploration::None,
            sending: 0,
            requests: 0,
        }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        self.search.follow(scene, &happened);
        match happened {
            Happened::Started if self.approach == Approach::Claimed => {
                let (key, kinds) = (self.record.key(), KindSet::only(Kind::Named));
                scene.order(Order::Load { key, kinds, whole_up_to: 0 });
                return;
            }
            Happened::Replied { from, reply, .. } => self.replied(from, reply),
            Happened::Failed(id) => self.failed(&id),
            Happened::Loaded(found) if self.loaded(scene, found.as_ref()) => return,
            Happened::Ruled(ruling) => {
                self.own_objection = ruling != Ok(Replaces(true));
                self.ruling = Some(ruling);
            }
            Happened::Saved(Ok(())) => self.own = OwnCopy::Kept,
            Happened::Saved(Err(refusal)) => self.own = OwnCopy::Refused(refusal),
            _ => {}
        }
        self.advance(scene);
    }

    fn replied(&mut self, from: Contact, reply: Reply) {
        let placement = self.placements.get_mut(&from.id());
        let is_awaited = placement.as_ref().is_some_and(|placement| placement.is_awaited());
        // Of a node that is asked for more as well an error may be the answer to either: the first counts as that to
        // the offer or store, the last as that to the other.
        let is_to_offer = is_awaited && !matches!(reply, Reply::Nodes { .. });
        if self.exploration == Exploration::Asked(from.id()) && !is_to_offer {
            self.exploration = Exploration::Done;
        }
        let Some(placement) = placement else { return };
        let was_sending = *placement == Placement::Sending;
        match reply {
            Reply::Nodes { .. } => return,
            Reply::Error { .. } if !is_awaited => return,
            Reply::Stored { .. } | Reply::Have { .. } => *placement = Placement::Confirmed,
            Reply::Wanted { .. } => *placement = Placement::Wanted(from),
            Reply::Refused { refusal, .. } => *placement = Placement::Refused(refusal),
            _ => *placement = Placement::Failed,
        }
        if was_sending {
            self.sending = self.sending.saturating_sub(1);
        }
    }

    fn failed(&mut self, id: &NodeId) {
        if self.exploration == Exploration::Asked(*id) {
            self.exploration = Exploration::Done;
            return;
        }
        let placement = self.placements.get_mut(id);
        let Some(placement) = placement.filter(|placement| !placement.is_final()) else { return };
        if *placement == Placement::Sending {
            self.sending = self.sending.saturating_sub(1);
        }
        *placement = Placement::Failed;
        // It may have answered an earlier request: now another node has to stand in for it.
        self.search.give_up(id);
    }

    /// Our own store told what it has under the name. Returns whether the application is asked about it.
    fn loaded(&mut self, scene: &mut Scene<'_>, found: Option<&Held>) -> bool {
        let purpose = Purpose::Publish;
        let expires = self.ttl.ends(scene.now);
        let terms = Terms {
            expires,
            purpose,
            custody: purpose.custody(expires),
            source: Source::LOCAL,
            expected: self.expected,
            replaces: false,
        };
        let incoming = Summary::of(&self.record, &terms);
        let existing = found.map(|held| &held.summary);
        self.own_objection = dht_proto::admit(existing, &incoming, &terms).is_err();
        let may_hold = scene.config.role == dht_proto::Role::Full;
        match existing.filter(|_| self.own_objection && may_hold && scene.config.consults) {
            None => false,
            Some(existing) => {
                let (record, existing) = (self.record.clone(), *existing);
                scene.order(Order::Claim { record, terms, existing });
                true
            }
        }
    }

    fn advance(&mut self, scene: &mut Scene<'_>) {
        self.look(scene);
        if self.search.is_done() && !matches!(self.exploration, Exploration::Asked(_)) {
            let closest: Vec<Contact> = self.search.closest().collect();
            for to in &closest {
                if !self.placements.contains_key(&to.id()) {
                    self.place(scene, *to);
                }
            }
            self.clear(&closest);
            if self.cleared {
                self.keep_own(scene);
            }
        }
        self.send_wanted(scene);
        if self.is_over() {
            scene.finish(Outcome::Stored(self.report(scene)));
        }
    }

    /// Asks whoever is next, until those who are to hold the record are found.
    fn look(&mut self, scene: &mut Scene<'_>) {
        loop {
            while let Some((to, point)) = self.search.next_to_ask() {
                let key = self.record.key();
                let within = key.distance(&to.id()) <= self.radius;
                if point == key && (within || self.search.is_end_game()) {
                    self.place(scene, to);
                } else {
                    self.ask(scene, to, Request::FindNode { target: point }, 1);
                }
            }
            let is_found = self.search.is_done() && !self.explore(scene);
            if !is_found || !self.search.review(scene, Wanted::Holders) {
                return;
            }
        }
    }

    /// Holders name only nodes closer than themselves. Where some of those failed and nobody is left to
    /// stand in, the closest holder is asked, once, whom else it knows. Returns whether that is under way.
    fn explore(&mut self, scene: &mut Scene<'_>) -> bool {
        let short = self.search.closest().count() < scene.config.k.saturating_sub(1);
        match self.exploration {
            Exploration::Asked(_) => true,
            Exploration::None if short && self.search.gave_up_any() => {
                let Some(to) = self.search.closest().next() else { return false };
                self.exploration = Exploration::Asked(to.id());
                let target = self.record.key();
                self.ask(scene, to, Request::FindNode { target }, TRIES);
                true
            }
            Exploration::None | Exploration::Done => false,
        }
    }

    /// Sends the store or offer.
    fn place(&mut self, scene: &mut Scene<'_>, to: Contact) {
        self.placements.insert(to.id(), Placement::Asked);
        let request = match self.approach {
            Approach::Direct => self.store_request(),
            Approach::Offered | Approach::Claimed => Request::Offer {
                details: OfferDetails::of(&self.record),
                ttl: self.ttl,
                purpose: Purpose::Publish,
                expected: self.expected,
            },
        };
        self.ask(scene, to, request, TRIES);
    }

    fn store_request(&self) -> Request {
        Request::Store {
            record: self.record.clone(),
            ttl: self.ttl,
            purpose: Purpose::Publish,
            expected: self.expected,
        }
    }

    fn ask(&mut self, scene: &mut Scene<'_>, to: Contact, request: Request, tries: u8) {
        self.requests += 1;
        scene.ask(to, request, tries);
    }

    /// A claimed name is clear once all of the closest answered the offer and too few object.
    fn clear(&mut self, closest: &[Contact]) {
        let pending =
            |id: &NodeId| matches!(self.placements.get(id), None | Some(Placement::Asked));
        if self.cleared || closest.iter().any(|contact| pending(&contact.id())) {
            return;
        }
        if self.is_taken() {
            self.placements.retain(|_, placement| placement.is_final());
        }
        self.cleared = true;
    }

    /// Whether so many holders of another value answered that the name counts as taken: three, or a
    /// fifth of a smaller group. One liar cannot block a name in a network of full size.
    fn is_taken(&self) -> bool {
        if self.approach != Approach::Claimed {
            return false;
        }
        let own = usize::from(self.own_objection && self.search.includes_own());
        let taken = Placement::Refused(Refusal::NameTaken);
        let objections = self.placements.values().filter(|p| **p == taken).count() + own;
        objections > 0 && objections >= self.placements.len().div_ceil(5).min(3)
    }

    fn keep_own(&mut self, scene: &mut Scene<'_>) {
        let may_hold = scene.config.role == dht_proto::Role::Full;
        if self.own != OwnCopy::None || !may_hold || self.is_taken() {
            return;
        }
        let cleared = match &self.ruling {
            None => None,
            Some(Ok(replaces)) => Some(*replaces),
            Some(Err(refusal)) => {
                self.own = OwnCopy::Refused(refusal.clone());
                return;
            }
        };
        self.own = OwnCopy::Saving;
        let (custody, expires) = (Custody::Own { ttl: self.ttl }, self.ttl.ends(scene.now));
        let (record, expected) = (self.record.clone(), self.expected);
        scene.order(Order::Save { record, custody, expires, expected, cleared });
    }

    fn send_wanted(&mut self, scene: &mut Scene<'_>) {
        if !self.cleared {
            return;
        }
        let limit = if self.record.is_inline() { usize::MAX } else { scene.config.transfers };
        while self.sending < limit {
            let wanted = self.placements.values_mut().find_map(|placement| match placement {
                Placement::Wanted(contact) => {
                    let to = *contact;
                    *placement = Placement::Sending;
                    Some(to)
                }
                _ => None,
            });
            let Some(to) = wanted else { break };
            self.sending += 1;
            let request = self.store_request();
            self.ask(scene, to, request, TRIES);
        }
    }

    fn is_over(&self) -> bool {
        let settled =
            |contact: Contact| self.placements.get(&contact.id()).is_some_and(Placement::is_final);
        self.search.is_done()
            && self.cleared
            && !matches!(self.exploration, Exploration::Asked(_))
            && self.sending == 0
            && self.own != OwnCopy::Saving
            && (self.is_taken() || self.search.closest().all(settled))
    }

    fn report(&self, scene: &Scene<'_>) -> StoreReport {
        let key = self.record.key();
        let mut holders = Vec::new();
        let mut refused = Vec::new();
        let mut timed_out = 0;
        for (id, placement) in &self.placements {
            match placement {
                Placement::Confirmed => holders.push(*id),
                Placement::Refused(refusal) => refused.push((*id, refusal.clone())),
                Placement::Failed => timed_out += 1,
                Placement::Asked | Placement::Wanted(_) | Placement::Sending => {}
            }
        }
        // A publisher that is not one of the closest keeps a copy to renew, but is no holder.
        match &self.own {
            OwnCopy::Kept | OwnCopy::Refused(_) if !self.search.includes_own() => {}
            OwnCopy::Kept => holders.push(scene.local.id()),
            OwnCopy::Refused(refusal) => refused.push((scene.local.id(), refusal.clone())),
            OwnCopy::None | OwnCopy::Saving => {}
        }
        if self.is_taken() {
            holders.clear();
            if self.own_objection && self.search.includes_own() {
                let objection = self.ruling.clone().and_then(Result::err);
                refused.push((scene.local.id(), objection.unwrap_or(Refusal::NameTaken)));
            }
        }
        holders.sort_unstable_by_key(|id| key.distance(id));
        if !self.search.is_crowded() {
            holders.truncate(scene.config.k);
        }
        StoreReport { key, holders, refused, timed_out, requests: self.requests }
    }
}
