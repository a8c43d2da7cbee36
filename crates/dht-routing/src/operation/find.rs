//! Finding the k nodes closest to a point.

use dht_proto::{Key, Request};

use super::{Happened, Scene, follow};
use crate::Outcome;
use crate::lookup::Lookup;

/// A node lookup.
#[derive(Debug, Clone)]
pub(crate) struct Find {
    lookup: Lookup,
}

impl Find {
    pub(crate) fn new(scene: &Scene<'_>, target: Key) -> Self {
        Self { lookup: scene.lookup(target, false).with_region(scene.region()) }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        follow(&mut self.lookup, happened);
        let target = self.lookup.target();
        while let Some(to) = self.lookup.next_to_ask() {
            scene.ask(to, Request::FindNode { target }, 1);
        }
        if self.lookup.is_done() {
            scene.finish(Outcome::Nodes(self.lookup.closest().collect()));
        }
    }
}
