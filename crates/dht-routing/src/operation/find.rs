//! Finding nodes: the k closest to a point, or one by its id.

use dht_proto::{Key, NodeId, Request};

use super::{Happened, Scene, TRIES, tries_of};
use crate::Outcome;
use crate::lookup::Standing;
use crate::search::{Search, Wanted};

/// Requests in flight to locate one node: each reply is almost sure to name it or its neighbours, so that more in
/// parallel cost a third of the bytes of a busy network and save a seventh of the time. Who is slow is hedged.
pub(super) const LOCATE_ALPHA: usize = 1;

/// What a lookup of nodes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// All of the k closest.
    Closest,
    /// One node: over as soon as it answers.
    Node(NodeId),
}

/// A node lookup.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    search: Search,
    goal: Goal,
}

impl Find {
    /// Finds the k nodes closest to `target`.
    pub(crate) fn closest(scene: &Scene<'_>, target: Key) -> Self {
        let lookup = scene.lookup(target, false).with_region(scene.region());
        Self { search: Search::new(scene, lookup), goal: Goal::Closest }
    }

    /// Finds where the node `id` is.
    pub(crate) fn node(scene: &Scene<'_>, id: NodeId) -> Self {
        let lookup = scene.lookup(id.to_key(), false).with_alpha(LOCATE_ALPHA);
        Self { search: Search::straight(lookup), goal: Goal::Node(id) }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        self.search.follow(scene, happened);
        if let (Goal::Node(id), Happened::Replied { from, .. }) = (self.goal, happened)
            && from.id() == id
        {
            return scene.finish(Outcome::Located(Some(*from)));
        }
        loop {
            self.ask(scene);
            if !self.search.is_done() || self.may_still_answer() {
                return;
            }
            let wanted = match self.goal {
                Goal::Closest => Wanted::Closest,
                Goal::Node(_) => Wanted::Node,
            };
            if !self.search.review(scene, wanted) {
                break;
            }
        }
        scene.finish(match self.goal {
            Goal::Closest => Outcome::Nodes(self.search.closest().collect()),
            Goal::Node(_) => Outcome::Located(None),
        });
    }

    fn ask(&mut self, scene: &mut Scene<'_>) {
        while !self.is_at_the_door()
            && let Some((to, target)) = self.search.next_to_ask()
        {
            let is_goal = self.goal == Goal::Node(to.id());
            let tries = if is_goal { TRIES } else { tries_of(self.search.answers()) };
            scene.ask(to, Request::FindNode { target }, tries);
        }
    }

    /// Whether the one node looked for was asked, and is not given up.
    fn may_still_answer(&self) -> bool {
        let Goal::Node(id) = self.goal else { return false };
        let standing = self.search.standing(&id);
        matches!(standing, Some(Standing::Asked | Standing::Slow | Standing::Late))
    }

    /// Whether the one node looked for is being asked: then nobody else needs to be, unless it is slow.
    fn is_at_the_door(&self) -> bool {
        match self.goal {
            Goal::Closest => false,
            Goal::Node(id) => self.search.standing(&id) == Some(Standing::Asked),
        }
    }
}
