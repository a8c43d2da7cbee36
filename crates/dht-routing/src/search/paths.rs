//! Several ways to a target that share no node.
//!
//! Each path is a small lookup of its own that begins with other contacts of our table, asks nobody whom another path or
//! the first lookup asked, and ends when the few closest nodes that it knows have answered. A liar can lead astray only
//! the path that asks it. Everybody whom anybody names is told to the first lookup as well, which decides in the end
//! who is closest.

use dht_proto::{Contact, NodeId, Referral};

use super::{conclude, has_asked};
use crate::lookup::{Lookup, Standing};
use crate::operation::{Happened, Scene, follow};

/// Closest nodes of a path that must answer.
const WIDTH: usize = 3;
/// Requests that a path keeps in flight.
const ALPHA: usize = 1;
/// Contacts of our table that each path begins with, at least.
const SEEDS: usize = 4;

/// Paths under way.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    paths: Vec<Lookup>,
}

impl Paths {
    /// Begins `count` paths to the target of `lookup`, which has asked whom it has asked.
    pub(super) fn new(scene: &Scene<'_>, lookup: &mut Lookup, count: usize) -> Self {
        let target = lookup.target();
        let begun = || Lookup::new(target, WIDTH, ALPHA, None, []).with_typical(lookup.typical());
        let mut paths: Vec<Lookup> = (0..count).map(|_| begun()).collect();
        let wanted = (SEEDS * count).max(2 * scene.config.k);
        let entries = scene
            .table
            .closest_entries(&target, wanted, |entry| !has_asked(lookup, &entry.node().id()));
        for (entry, number) in entries.iter().zip(0..) {
            let rtt = entry.rtt().smoothed().unwrap_or(lookup.typical());
            if let Some(path) = paths.get_mut(number % count.max(1)) {
                path.add_at(entry.contact(), rtt);
            }
        }
        Self { paths }
    }

    /// Whom to ask next.
    pub(super) fn next_to_ask(&mut self, lookup: &Lookup) -> Option<Contact> {
        for index in 0..self.paths.len() {
            while let Some(to) = self.paths.get_mut(index).and_then(Lookup::next_to_ask) {
                let others = self.paths.iter().enumerate().filter(|(other, _)| *other != index);
                let is_used = has_asked(lookup, &to.id())
                    || others.map(|(_, path)| path).any(|path| has_asked(path, &to.id()));
                if !is_used {
                    return Some(to);
                }
                if let Some(path) = self.paths.get_mut(index) {
                    path.give_up(&to.id());
                }
            }
        }
        None
    }

    /// Moves the path along that asked the node something happened to.
    pub(super) fn follow(&mut self, scene: &Scene<'_>, lookup: &mut Lookup, happened: &Happened) {
        let id = match happened {
            Happened::Replied { from, .. } => from.id(),
            Happened::Slow(id) | Happened::Late(id) | Happened::Failed(id) => *id,
            _ => return,
        };
        match self.paths.iter_mut().find(|path| is_awaited(path, &id)) {
            Some(path) => follow(scene, path, happened),
            // It was asked before the paths began.
            None => return follow(scene, lookup, happened),
        }
        if let Happened::Replied { closer, .. } = happened {
            for Referral { contact, .. } in closer {
                lookup.add(*contact);
            }
        }
        conclude(lookup, happened);
    }

    /// Whether every path has come to its end.
    pub(super) fn is_done(&self) -> bool {
        self.paths.iter().all(Lookup::is_done)
    }
}

fn is_awaited(path: &Lookup, id: &NodeId) -> bool {
    matches!(path.standing(id), Some(Standing::Asked | Standing::Slow | Standing::Late))
}
