//! Fetching the record at a key: our own store first, then a lookup that ends at the first verified value.
//!
//! A content record is proven by its key, so one holder is enough. Of a signed one the quorum's highest
//! sequence is taken, of a named one the value that the most holders return. A long record comes part by part from
//! several of its holders ([`collection`]), one of a single part from one of them; whoever does not deliver is passed
//! over for the next.
//!
//! Holders of an older version of a signed record than the one returned are handed that one.

use dht_proto::{
    Contact, Held, Key, Kind, KindSet, NodeId, OfferDetails, Record, Reply, Request, Slot, Ttl,
    ValueRange,
};

use super::{Happened, Order, Scene, tries_of};
use crate::search::{Search, Wanted};
use crate::{FetchError, Fetched, Gathered, Outcome};

mod ballot;
mod collection;

use ballot::{Ballot, Version};
use collection::Collection;

/// Holders whose versions are remembered, at most.
const HOLDERS_MAX: usize = 32;

/// What is going on besides the lookup.
#[derive(Debug, Clone)]
enum Phase {
    /// Our own store is asked.
    Local,
    /// Nodes are asked.
    Asking,
    /// A large record is on its way from one node.
    Downloading { from: NodeId, version: Version },
    /// Its parts are on their way from several.
    Collecting(Box<Collection>),
}

/// A fetch.
#[derive(Debug, Clone)]
pub(crate) struct Fetch {
    key: Key,
    wanted: KindSet,
    search: Search,
    ballot: Ballot,
    phase: Phase,
    /// Whether everybody was asked who is to be.
    settled: bool,
    other_kind: Option<Kind>,
    /// Whether no holder can send the value in parts that can be verified alone.
    is_whole_only: bool,
    /// Who holds which version of a signed record.
    holders: Vec<(Contact, Version)>,
    /// The closest node to the key that has not got the record and wants a copy.
    wanting: Option<Contact>,
    requests: u32,
}

impl Fetch {
    pub(crate) fn new(scene: &Scene<'_>, key: Key, wanted: KindSet) -> Self {
        Self {
            key,
            wanted,
            search: Search::straight(scene.lookup_within(key, scene.table.radius(scene.config.k))),
            ballot: Ballot::default(),
            phase: Phase::Local,
            settled: false,
            other_kind: None,
            is_whole_only: false,
            holders: Vec::new(),
            wanting: None,
            requests: 0,
        }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        self.search.follow(scene, &happened);
        match happened {
            Happened::Started => {
                let (key, kinds) = (self.key, self.wanted);
                let whole_up_to = dht_proto::limits::VALUE_MAX;
                scene.order(Order::Load { key, kinds, whole_up_to });
                return;
            }
            Happened::Loaded(found) => self.loaded(scene, found),
            Happened::Replied { from, reply, .. } => self.replied(from, reply),
            Happened::Failed(id) => self.failed(scene, &id),
            Happened::Gathered(from, news) => self.gathered(scene, &from, news),
            _ => {}
        }
        if !matches!(self.phase, Phase::Local) {
            self.advance(scene);
        }
    }

    fn loaded(&mut self, scene: &Scene<'_>, found: Option<Held>) {
        self.phase = Phase::Asking;
        let Some(Held { summary, record: Some(record) }) = found else { return };
        if let Some(ttl) = summary.life_left(scene.now) {
            self.ballot.delivered(scene.local.id(), record, ttl);
        }
    }

    fn replied(&mut self, from: Contact, reply: Reply) {
        match reply {
            Reply::Found { record, ttl, .. } => {
                self.note_holder(from, Version::of(&record));
                self.found(from.id(), record, ttl);
            }
            Reply::Held { details, .. } => {
                self.note_holder(from, Version::described(&details));
                self.held(from, &details);
            }
            Reply::Wanting { .. } => {
                self.note_wanting(from);
                self.undelivered(&from.id());
            }
            _ => self.undelivered(&from.id()),
        }
    }

    fn note_wanting(&mut self, node: Contact) {
        let distance = |contact: &Contact| self.key.distance(&contact.id());
        if self.wanting.is_none_or(|known| distance(&node) < distance(&known)) {
            self.wanting = Some(node);
        }
    }

    fn note_holder(&mut self, holder: Contact, version: Version) {
        let is_new = !self.holders.iter().any(|(known, _)| *known == holder);
        if version.kind == Kind::Signed && is_new && self.holders.len() < HOLDERS_MAX {
            self.holders.push((holder, version));
        }
    }

    fn found(&mut self, from: NodeId, record: Record, ttl: Ttl) {
        if let Some(version) = self.awaited_from(&from) {
            if record.key() != self.key || Version::of(&record) != version {
                self.undelivered(&from);
                return;
            }
            self.phase = Phase::Asking;
        }
        if record.key() != self.key {
            self.ballot.failed(&from);
            self.search.give_up(&from);
        } else if self.wanted.contains(record.kind()) {
            self.ballot.delivered(from, record, ttl);
        } else {
            self.other_kind = Some(record.kind());
        }
    }

    /// The version whose bytes a node was asked for. A record in one message is all that it answers, also to a request
    /// for parts, which come [otherwise](Gathered).
    fn awaited_from(&self, id: &NodeId) -> Option<Version> {
        match &self.phase {
            Phase::Downloading { from, version } if from == id => Some(*version),
            Phase::Collecting(collection) if collection.has(id) => Some(collection.version()),
            _ => None,
        }
    }

    fn held(&mut self, from: Contact, details: &OfferDetails) {
        let version = Version::described(details);
        let proves =
            details.kind() != Kind::Content || details.digest.as_bytes() == self.key.as_bytes();
        if details.slot.key != self.key || !proves {
            self.search.give_up(&from.id());
        } else if self.wanted.contains(details.kind()) {
            self.ballot.held(from, version);
        } else {
            self.other_kind = Some(details.kind());
        }
    }

    fn undelivered(&mut self, id: &NodeId) {
        match &mut self.phase {
            Phase::Downloading { from, .. } if from == id => {
                self.phase = Phase::Asking;
                self.ballot.failed(id);
            }
            Phase::Collecting(collection) if collection.has(id) => {
                collection.remove(id);
                self.ballot.failed(id);
            }
            _ => {}
        }
    }

    /// A node will not answer, or a stream with it broke.
    fn failed(&mut self, scene: &Scene<'_>, id: &NodeId) {
        match &mut self.phase {
            Phase::Collecting(collection) => {
                if collection.lost(scene, id) {
                    self.ballot.failed(id);
                }
            }
            _ => self.undelivered(id),
        }
    }

    fn gathered(&mut self, scene: &Scene<'_>, from: &NodeId, news: Gathered) {
        if let Phase::Collecting(collection) = &mut self.phase
            && collection.take(scene, from, news)
        {
            self.ballot.failed(from);
        }
    }

    fn advance(&mut self, scene: &mut Scene<'_>) {
        loop {
            if matches!(self.phase, Phase::Collecting(_)) && self.collects(scene) {
                return;
            }
            if matches!(self.phase, Phase::Downloading { .. }) {
                return;
            }
            if let Some(version) = self.choose(scene.config.quorum) {
                match self.take(scene, version) {
                    Taken::Yes => return,
                    Taken::GoOn => continue,
                }
            }
            if let Some((to, point)) = self.search.next_to_ask() {
                self.requests += 1;
                ask_for(scene, (self.key, self.wanted), (to, point), self.search.answers());
            } else if !self.looks_further(scene) {
                break;
            }
        }
        if self.search.is_done() {
            scene.finish(Outcome::Fetched(Err(self.failure())));
        }
    }

    /// Whether the search goes on though it seemed to be over, as those who answered may not be all there are.
    fn looks_further(&mut self, scene: &mut Scene<'_>) -> bool {
        let wanted = if self.ballot.is_empty() { Wanted::Value } else { Wanted::Versions };
        self.search.is_done() && !self.settled && {
            let goes_on = self.search.review(scene, wanted);
            self.settled = !goes_on;
            true
        }
    }

    /// The version to return, once it is clear which.
    fn choose(&self, quorum: usize) -> Option<Version> {
        if let Some(version) = self.ballot.content() {
            return Some(version);
        }
        let settled = self.settled && self.search.is_done();
        let enough = if settled { 1 } else { quorum };
        if let Some(version) = self.ballot.newest_signed(enough) {
            return Some(version);
        }
        self.ballot.agreed_name(enough)
    }

    /// Returns the version's record, or starts its download.
    fn take(&mut self, scene: &mut Scene<'_>, version: Version) -> Taken {
        if let Some((record, ttl, holders)) = self.ballot.record(version) {
            self.correct(scene, version, &record, ttl);
            self.spread(scene, &record, ttl);
            let result = match record.value() {
                Some(_) => Ok(Fetched { record, ttl, holders, requests: self.requests }),
                None => Err(FetchError::Deleted { sequence: record.sequence() }),
            };
            scene.finish(Outcome::Fetched(result));
            return Taken::Yes;
        }
        if !self.ballot.has_holder(version) {
            self.ballot.discard(version);
            return Taken::GoOn;
        }
        // What is still on its way of another version must not count towards this one.
        scene.order(Order::DropAll);
        if Collection::suits(&version) && !self.is_whole_only {
            self.phase = Phase::Collecting(Box::new(Collection::new(self.key, version)));
            return Taken::GoOn;
        }
        if let Some(to) = self.ballot.next_holder(version) {
            self.download(scene, to, version);
        }
        Taken::Yes
    }

    /// Asks one node for all of a record.
    fn download(&mut self, scene: &mut Scene<'_>, from: Contact, version: Version) {
        self.phase = Phase::Downloading { from: from.id(), version };
        self.requests += 1;
        let slot = Slot { key: self.key, kind: version.kind };
        let request = Request::Download { slot, range: ValueRange::WHOLE, outlined: false };
        scene.ask(from, request, 1);
    }

    /// Moves the collection of parts along, and looks for as many holders as it wants. Returns whether it goes on.
    fn collects(&mut self, scene: &mut Scene<'_>) -> bool {
        let Phase::Collecting(collection) = &mut self.phase else { return false };
        let version = collection.version();
        if collection.is_complete() {
            match collection.finish() {
                Some((record, ttl)) => self.ballot.collected(version, record, ttl),
                None => self.ballot.discard(version),
            }
            self.phase = Phase::Asking;
            return false;
        }
        while collection.wants_more(scene) {
            if let Some(holder) = self.ballot.next_holder(version) {
                collection.add(holder);
            } else if let Some((to, point)) = self.search.next_to_ask() {
                self.requests += 1;
                ask_for(scene, (self.key, self.wanted), (to, point), self.search.answers());
            } else {
                break;
            }
        }
        let expects_more = self.ballot.has_holder(version) || !self.search.is_done();
        self.requests += collection.proceed(scene, expects_more);
        if expects_more || !collection.is_stranded() {
            return true;
        }
        // Those that are left, if any, send the value as a whole only.
        self.ballot.ask_again(version, collection.take_unoutlined());
        self.is_whole_only = true;
        self.phase = Phase::Asking;
        false
    }

    /// Hands the version that is returned to those who hold an older one.
    fn correct(&self, scene: &mut Scene<'_>, version: Version, record: &Record, ttl: Ttl) {
        if record.key() != self.key {
            return;
        }
        // Who claims to hold an old version must not make us send any number of large ones.
        let limit = if record.is_inline() { HOLDERS_MAX } else { scene.config.transfers };
        let older = self.holders.iter().filter(|(_, held)| *held < version);
        for (to, _) in older.take(limit) {
            scene.order(Order::Hand { to: *to, record: record.clone(), ttl });
        }
    }

    /// Keeps a copy of content that others had, and leaves one with whoever wants it. Of other kinds there may be a
    /// newer version, or another value that more holders have.
    fn spread(&self, scene: &mut Scene<'_>, record: &Record, ttl: Ttl) {
        if record.kind() == Kind::Content && self.requests > 0 {
            let (record, to) = (record.clone(), self.wanting);
            scene.order(Order::Spread { record, ttl, to });
        }
    }

    fn failure(&self) -> FetchError {
        if self.ballot.liars() > 0 {
            FetchError::Undelivered { holders: self.ballot.liars() }
        } else if let Some(kind) = self.other_kind {
            FetchError::OtherKind { kind }
        } else if self.search.answers() == 0 {
            FetchError::NoAnswer
        } else {
            FetchError::NotFound
        }
    }
}

/// Asks a node for the record, or about another point for the nodes close to it.
fn ask_for(
    scene: &mut Scene<'_>,
    (key, wanted): (Key, KindSet),
    (to, point): (Contact, Key),
    answers: usize,
) {
    let request = if point == key {
        // Other kinds are of interest only to tell that they live here; they must not hide a named value.
        let kinds = if wanted.contains(Kind::Named) { wanted } else { KindSet::ALL };
        Request::Fetch { key, kinds }
    } else {
        Request::FindNode { target: point }
    };
    scene.ask(to, request, tries_of(answers));
}

enum Taken {
    /// The record is returned, or on its way.
    Yes,
    /// There is more to do before.
    GoOn,
}
