//! Surveying a part of the space for the table's sake: a few nodes are asked whom they know there, and those
//! for whom the table has room are pinged. A small part of what a full lookup costs.
//!
//! Some of the guides are the nodes with the shortest round trips. Whom they keep in their full buckets is near
//! to them, so likely near to us: where one may be nearer than a node in our full bucket, by what its guide says
//! of it, it is pinged, and takes the place of the other if it is.

use dht_proto::{Contact, Key, NodeId, Referral, Reply, Request};

use super::{Happened, Scene};
use crate::Outcome;

/// Nodes close to the target that are asked whom they know.
const GUIDES: usize = 2;
/// Nodes closer to the target, named by these, that are asked as well. The closer a node is, the more of the target's
/// surroundings it knows, and the less it matters who is named everywhere.
const CLOSER_GUIDES: usize = 2;
/// Nodes that are asked on the word of each sponsor, and of whoever was asked on one's word, around ourselves.
const COMMENDED: usize = 2;
/// These and the sponsors, at most.
const COMMENDED_MAX: usize = 6;
/// Nodes with the shortest round trips that are asked as well.
const NEAR_GUIDES: usize = 2;
/// Nodes that close guides name and the table has room for, which are pinged, at most.
const PINGS_MAX: usize = 24;
/// Further nodes that are pinged, at most.
const NEARER_MAX: usize = 48;

/// A survey around a point.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    target: Key,
    /// Sponsors that are asked as well.
    sponsors: Vec<Contact>,
    /// Who was asked as a sponsor, or on the word of one.
    commended: Vec<NodeId>,
    /// Those of the guides that are close to the target, or sponsors.
    close: Vec<NodeId>,
    /// As many as these may become.
    close_max: usize,
    pending: usize,
    pinged: Vec<NodeId>,
    /// How many of `pinged` count towards [`NEARER_MAX`].
    nearer: usize,
}

impl Survey {
    /// Surveys the surroundings of `target`. Sponsors are believed as those who are close to it are.
    pub(crate) fn new(target: Key, sponsors: Vec<Contact>) -> Self {
        let (commended, close, pinged) = (Vec::new(), Vec::new(), Vec::new());
        Self { target, sponsors, commended, close, close_max: 0, pending: 0, pinged, nearer: 0 }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        match happened {
            Happened::Started => self.start(scene),
            Happened::Replied { from, reply, closer } => {
                self.pending = self.pending.saturating_sub(1);
                if matches!(reply, Reply::Nodes { .. }) {
                    self.go_closer(scene, from, closer);
                    self.go_on_the_word_of(scene, from, closer);
                    self.visit(scene, from, closer);
                }
            }
            Happened::Failed(_) => self.pending = self.pending.saturating_sub(1),
            _ => {}
        }
        if self.pending == 0 {
            scene.finish(Outcome::Nodes(Vec::new()));
        }
    }

    fn start(&mut self, scene: &mut Scene<'_>) {
        let mut guides = scene.table.closest(&self.target, GUIDES, |_| true);
        for sponsor in std::mem::take(&mut self.sponsors) {
            self.commended.push(sponsor.id());
            if !guides.iter().any(|guide| guide.node == sponsor.node) {
                guides.push(sponsor);
            }
        }
        self.close = guides.iter().map(Contact::id).collect();
        self.close_max = self.close.len() + CLOSER_GUIDES;
        let mut near = scene.table.nearest_in_time(NEAR_GUIDES);
        near.retain(|guide| !self.close.contains(&guide.id()));
        guides.append(&mut near);
        for guide in guides {
            self.pending += 1;
            scene.ask(guide, Request::FindNode { target: self.target }, 1);
        }
    }

    /// Asks the closest of those whom a close guide named, if that one is closer itself and there are many to meet.
    fn go_closer(&mut self, scene: &mut Scene<'_>, guide: &Contact, named: &[Referral]) {
        let distance = |contact: &Contact| self.target.distance(&contact.id());
        let named = named.iter().map(|referral| referral.contact);
        let Some(closest) = named.min_by_key(distance) else { return };
        if scene.table.is_crowded(&self.target)
            && self.close.contains(&guide.id())
            && self.close.len() < self.close_max
            && distance(&closest) < distance(guide)
            && !self.close.contains(&closest.id())
        {
            self.close.push(closest.id());
            self.pending += 1;
            scene.ask(closest, Request::FindNode { target: self.target }, 1);
        }
    }

    /// A way to our own neighbours that begins with a sponsor, not with those whom strangers made our neighbours:
    /// asks the closest of those whom somebody on it named.
    fn go_on_the_word_of(&mut self, scene: &mut Scene<'_>, guide: &Contact, named: &[Referral]) {
        if self.target != scene.local.id().to_key() || !self.commended.contains(&guide.id()) {
            return;
        }
        let distance = |contact: &Contact| self.target.distance(&contact.id());
        let is_new = |contact: &Contact| {
            let id = contact.id();
            !self.commended.contains(&id) && !self.close.contains(&id)
        };
        let named = named.iter().map(|referral| referral.contact);
        let mut closer: Vec<Contact> =
            named.filter(|one| distance(one) < distance(guide) && is_new(one)).collect();
        closer.sort_by_key(distance);
        closer.truncate(COMMENDED.min(COMMENDED_MAX.saturating_sub(self.commended.len())));
        for contact in closer {
            self.commended.push(contact.id());
            self.close.push(contact.id());
            self.close_max += 1;
            self.pending += 1;
            scene.ask(contact, Request::FindNode { target: self.target }, 1);
        }
    }

    /// Pings those who were not pinged yet, and whom the table has room for or who may be nearer in time than
    /// those it has.
    fn visit(&mut self, scene: &mut Scene<'_>, guide: &Contact, named: &[Referral]) {
        let is_close = self.close.contains(&guide.id());
        let way = scene.rtt_of(guide);
        for Referral { contact, rtt } in named {
            if self.pinged.contains(&contact.id()) {
                continue;
            }
            let has_room = scene.table.has_room_for(contact);
            let is_preferred = || {
                let rtt = way.zip(*rtt).map(|(way, rtt)| way + rtt.duration());
                scene.table.would_gladly_meet(contact, rtt)
            };
            let is_welcome = if has_room && is_close {
                self.pinged.len() - self.nearer < PINGS_MAX
            } else {
                self.nearer < NEARER_MAX && (has_room || is_preferred())
            };
            if is_welcome {
                self.nearer += usize::from(!(has_room && is_close));
                self.pinged.push(contact.id());
                self.pending += 1;
                scene.ask(*contact, Request::Ping, 1);
            }
        }
    }
}
