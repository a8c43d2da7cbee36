//! Surveying a part of the space for the table's sake: a few nodes are asked whom they know there, and those
//! for whom the table has room are pinged. An eighth of what a full lookup costs.

use dht_proto::{Contact, Key, Reply, Request};

use super::{Happened, Scene};
use crate::Outcome;

/// Nodes that are asked whom they know.
const GUIDES: usize = 3;
/// Nodes that are pinged, at most.
const PINGS_MAX: usize = 24;

/// A survey around a point.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    target: Key,
    pending: usize,
    pinged: Vec<Contact>,
}

impl Survey {
    /// Surveys the surroundings of `target`.
    pub(crate) fn new(target: Key) -> Self {
        Self { target, pending: 0, pinged: Vec::new() }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        match happened {
            Happened::Started => {
                for guide in scene.table.closest(&self.target, GUIDES, |_| true) {
                    self.pending += 1;
                    scene.ask(guide, Request::FindNode { target: self.target }, 1);
                }
            }
            Happened::Replied { reply, closer, .. } => {
                self.pending = self.pending.saturating_sub(1);
                if matches!(reply, Reply::Nodes { .. }) {
                    self.visit(scene, closer);
                }
            }
            Happened::Failed(_) => self.pending = self.pending.saturating_sub(1),
            _ => {}
        }
        if self.pending == 0 {
            scene.finish(Outcome::Nodes(Vec::new()));
        }
    }

    /// Pings those whom the table has room for and who were not pinged yet.
    fn visit(&mut self, scene: &mut Scene<'_>, named: &[Contact]) {
        for contact in named {
            let is_new = !self.pinged.iter().any(|pinged| pinged.id() == contact.id());
            if is_new && self.pinged.len() < PINGS_MAX && scene.table.has_room_for(contact) {
                self.pinged.push(*contact);
                self.pending += 1;
                scene.ask(*contact, Request::Ping, 1);
            }
        }
    }
}
