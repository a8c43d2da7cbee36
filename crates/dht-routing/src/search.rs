//! A search: a lookup that holds what it finds against what it knows of the network, and looks further where the
//! two do not go together.
//!
//! Ids are hashes that cost work, so nodes are spread evenly, and who is not there cannot answer. Of the closest
//! nodes that answered, the distances alone tell whether they can be the closest that there are:
//!
//! - *sparse*: they are too far away. Somebody on the way named only accomplices. The search goes other ways, on
//!   [paths](self::Paths) that share no node with each other or with the first (S/Kademlia, Baumgart and Mies, 2007),
//!   and then asks whoever of all the nodes that were named is closest;
//! - *crowded*: they are too close. Somebody ground ids next to the target to crowd out others. The search takes in all
//!   nodes of the [region](self::Region) that should hold the k closest, however many are closer.
//!
//! Only nodes that answered are judged, but for a few that have just died. To look dense, liars need real nodes with
//! real ids.
//!
//! Paths can be walked from the start, too, before anybody is suspected (`Config::paths`).

use dht_proto::{Contact, Key, NodeId, Reply};

use crate::lookup::{Lookup, Standing};
use crate::operation::{Happened, Scene, follow};

mod paths;
mod region;
mod verdict;

use paths::Paths;
use region::Region;
pub(crate) use verdict::NetworkSize;
use verdict::Verdict;

/// Paths that are walked where the first lookup ended among accomplices.
const PATHS_ON_SUSPICION: usize = 8;

/// Reviews that may send a search further: into the region, and on other paths.
const REVIEWS_MAX: u8 = 2;

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The k closest nodes.
    Closest,
    /// One node, which did not answer yet.
    Node,
    /// Nodes to hold a record.
    Holders,
    /// A value of which some versions were found.
    Versions,
    /// A value that nobody had yet.
    Value,
}

/// What is done besides the lookup itself.
#[derive(Debug, Clone)]
enum Stage {
    /// Nothing.
    Straight,
    /// Other ways are tried; the lookup waits.
    Paths(Box<Paths>),
    /// All nodes around the target are gathered; the lookup waits.
    Region(Box<Region>),
}

/// A search for the nodes closest to a point.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    lookup: Lookup,
    stage: Stage,
    /// Reviews that may still send the search further.
    reviews: u8,
    /// Whether the target was found to be crowded: then the search takes in more nodes than k.
    crowded: bool,
}

impl Search {
    /// A search that begins with the paths that the configuration asks for.
    pub(crate) fn new(scene: &Scene<'_>, lookup: Lookup) -> Self {
        let mut search = Self::straight(lookup);
        if scene.config.paths > 1 {
            let paths = Paths::new(scene, &mut search.lookup, scene.config.paths);
            search.stage = Stage::Paths(Box::new(paths));
            search.end_stage();
        }
        search
    }

    /// A search that goes straight ahead until it is [reviewed](Self::review).
    pub(crate) fn straight(lookup: Lookup) -> Self {
        Self { lookup, stage: Stage::Straight, reviews: REVIEWS_MAX, crowded: false }
    }

    /// Whom to ask next, and about which point.
    pub(crate) fn next_to_ask(&mut self) -> Option<(Contact, Key)> {
        let target = self.lookup.target();
        let next = match &mut self.stage {
            Stage::Straight => None,
            Stage::Paths(paths) => paths.next_to_ask(&self.lookup).map(|to| (to, target)),
            Stage::Region(region) => region.next_to_ask(),
        };
        // Paths may turn out to have nobody left whom no other has asked.
        self.end_stage();
        match &self.stage {
            Stage::Straight if next.is_none() => Some((self.lookup.next_to_ask()?, target)),
            _ => next,
        }
    }

    /// Moves the search along with what happened to one of its nodes.
    pub(crate) fn follow(&mut self, scene: &Scene<'_>, happened: &Happened) {
        match &mut self.stage {
            Stage::Straight => follow(scene, &mut self.lookup, happened),
            Stage::Paths(paths) => paths.follow(scene, &mut self.lookup, happened),
            Stage::Region(region) => region.follow(scene, &mut self.lookup, happened),
        }
        self.end_stage();
    }

    fn end_stage(&mut self) {
        let is_over = match &self.stage {
            Stage::Straight => true,
            Stage::Paths(paths) => paths.is_done(),
            Stage::Region(region) => region.is_done(),
        };
        if is_over {
            self.stage = Stage::Straight;
        }
    }

    /// Once the search [is done](Self::is_done): whether what it found goes together with what is known of the
    /// network and is what was wanted. If not, it looks further, a few times at most, and this returns true.
    pub(crate) fn review(&mut self, scene: &mut Scene<'_>, wanted: Wanted) -> bool {
        if self.reviews == 0 {
            return false;
        }
        let verdict = verdict::judge(scene, &self.lookup);
        if self.reviews == REVIEWS_MAX {
            verdict::learn(scene, &self.lookup);
        }
        self.reviews -= 1;
        let is_about_holders = matches!(wanted, Wanted::Holders | Wanted::Value);
        if verdict == Verdict::Crowded && is_about_holders && !self.crowded {
            self.crowded = true;
            self.stage = Stage::Region(Box::new(Region::new(scene, &mut self.lookup)));
            self.end_stage();
            return true;
        }
        self.reviews = 0;
        let is_lost = matches!(wanted, Wanted::Value | Wanted::Node);
        if verdict == Verdict::Sparse || is_lost {
            let paths = Paths::new(scene, &mut self.lookup, PATHS_ON_SUSPICION);
            self.stage = Stage::Paths(Box::new(paths));
            self.end_stage();
            return true;
        }
        false
    }

    /// Whether the lookup waits while others ways are tried, or a region is gathered.
    pub(crate) fn is_straight(&self) -> bool {
        matches!(self.stage, Stage::Straight)
    }

    /// Whether all that the search is for have answered.
    pub(crate) fn is_done(&self) -> bool {
        self.is_straight() && self.lookup.is_done()
    }

    /// Whether nobody closer is left to ask.
    pub(crate) fn is_end_game(&self) -> bool {
        self.is_straight() && self.lookup.is_end_game()
    }

    /// Whether nodes too close to the target were found, so that the search takes in all of the region.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// The closest nodes that answered, closest first; more than k where the target is crowded.
    pub(crate) fn closest(&self) -> impl Iterator<Item = Contact> {
        self.lookup.closest()
    }

    /// Where a node stands.
    pub(crate) fn standing(&self, id: &NodeId) -> Option<Standing> {
        self.lookup.standing(id)
    }

    /// The node is not to be counted on, whatever it answered before.
    pub(crate) fn give_up(&mut self, id: &NodeId) {
        self.lookup.give_up(id);
    }

    /// How many nodes answered.
    pub(crate) fn answers(&self) -> usize {
        self.lookup.answers()
    }

    /// Whether our own id is one of the k closest.
    pub(crate) fn includes_own(&self) -> bool {
        self.lookup.includes_own()
    }

    /// Whether any node that was asked failed.
    pub(crate) fn gave_up_any(&self) -> bool {
        self.lookup.gave_up_any()
    }
}

/// Whether a lookup has asked a node, whatever came of it.
fn has_asked(lookup: &Lookup, id: &NodeId) -> bool {
    lookup.standing(id).is_some_and(|standing| standing != Standing::Fresh)
}

/// Tells a lookup how a request ended that was not sent on its behalf.
fn conclude(lookup: &mut Lookup, happened: &Happened) {
    match happened {
        Happened::Replied { reply: Reply::Error { .. }, from, .. } => lookup.give_up(&from.id()),
        Happened::Replied { from, .. } => {
            lookup.add(*from);
            lookup.answered(&from.id());
        }
        // Who is only late may be asked once more.
        Happened::Failed(id) => lookup.give_up(id),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
