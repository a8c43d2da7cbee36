//! Surveying a part of the space for the table's sake: a few nodes are asked whom they know there, and those
//! for whom the table has room are pinged. A small part of what a full lookup costs.
//!
//! One of the guides is the node with the shortest round trip. Whom it keeps in its full buckets is near to
//! it, so likely near to us: its contacts are pinged even where our bucket is full, and take the place of
//! nodes further away.

use dht_proto::{Contact, Key, NodeId, Reply, Request};

use super::{Happened, Scene};
use crate::Outcome;

/// Nodes close to the target that are asked whom they know.
const GUIDES: usize = 2;
/// Nodes that are pinged, at most.
const PINGS_MAX: usize = 24;

/// A survey around a point.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    target: Key,
    nearest: Option<NodeId>,
    pending: usize,
    pinged: Vec<Contact>,
}

impl Survey {
    /// Surveys the surroundings of `target`.
    pub(crate) fn new(target: Key) -> Self {
        Self { target, nearest: None, pending: 0, pinged: Vec::new() }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        match happened {
            Happened::Started => {
                let mut guides = scene.table.closest(&self.target, GUIDES, |_| true);
                if let Some(nearest) = scene.table.nearest_in_time() {
                    self.nearest = Some(nearest.id());
                    guides.retain(|guide| guide.id() != nearest.id());
                    guides.push(nearest);
                }
                for guide in guides {
                    self.pending += 1;
                    scene.ask(guide, Request::FindNode { target: self.target }, 1);
                }
            }
            Happened::Replied { from, reply, closer } => {
                self.pending = self.pending.saturating_sub(1);
                if matches!(reply, Reply::Nodes { .. }) {
                    self.visit(scene, closer, self.nearest == Some(from.id()));
                }
            }
            Happened::Failed(_) => self.pending = self.pending.saturating_sub(1),
            _ => {}
        }
        if self.pending == 0 {
            scene.finish(Outcome::Nodes(Vec::new()));
        }
    }

    /// Pings those who were not pinged yet, and whom the table has room for or who are likely near.
    fn visit(&mut self, scene: &mut Scene<'_>, named: &[Contact], near: bool) {
        for contact in named {
            let is_new = !self.pinged.iter().any(|pinged| pinged.id() == contact.id());
            let is_known = scene.table.entry_of(&contact.node).is_some();
            let is_welcome = scene.table.has_room_for(contact) || (near && !is_known);
            if is_new && is_welcome && self.pinged.len() < PINGS_MAX {
                self.pinged.push(*contact);
                self.pending += 1;
                scene.ask(*contact, Request::Ping, 1);
            }
        }
    }
}
