//! Gathering all nodes of the part of the space around a target that should hold the k closest, where far more are.
//!
//! A node names no more than k nodes that are closest to the point it is asked about, so whoever asks about a crowded
//! target hears of those who crowd it and of nobody else. The region is therefore cut into the halves, quarters and so
//! on that lie beside the target, and nodes near each part are asked about that part. A part in which k nodes are found
//! may hold more, and is cut in the same way.

use std::collections::VecDeque;

use dht_proto::{Contact, Key, NodeId, Prefix, Referral, Reply};

use super::verdict;
use crate::lookup::Lookup;
use crate::operation::{Happened, Scene};

/// Nodes that are asked about a part.
const GUIDES: usize = 2;
/// Requests to gather a region, at most.
const REQUESTS_MAX: usize = 16;
/// Nodes of a region that are looked at, besides k.
const CROWD_MAX: usize = 128;
/// Requests in flight at once, when the search goes on with all nodes of the region.
const AT_ONCE: usize = 4;

/// A part of the region: the nodes that share so many bits with a point.
#[derive(Debug, Clone, Copy)]
struct Part {
    point: Key,
    bits: u16,
}

/// A region that is being gathered.
#[derive(Debug, Clone)]
pub(super) struct Region {
    whole: Prefix,
    /// Bits of a part that should hold about one node: it is not cut any more.
    bits_max: u16,
    k: usize,
    members: Vec<Contact>,
    parts: VecDeque<Part>,
    /// Requests still to be sent.
    planned: VecDeque<(Contact, Key)>,
    pending: Vec<NodeId>,
    /// The part that is asked about, if any.
    current: Option<Part>,
    requests: usize,
}

impl Region {
    /// The region around the target of `lookup`, which found it crowded.
    pub(super) fn new(scene: &Scene<'_>, lookup: &mut Lookup) -> Self {
        let (target, k) = (lookup.target(), scene.config.k);
        let bits = verdict::bits_of_region(scene);
        let halvings = u16::try_from(k.max(1).ilog2()).unwrap_or(0);
        let whole = Part { point: target, bits };
        let mut region = Self {
            whole: Prefix::of(&target, bits),
            bits_max: bits + halvings,
            k,
            members: Vec::new(),
            parts: VecDeque::new(),
            planned: VecDeque::new(),
            pending: Vec::new(),
            current: None,
            requests: 0,
        };
        let known = lookup.known().chain(scene.table.closest(&target, 2 * k, |_| true));
        for contact in known {
            region.add(contact);
        }
        region.cut(whole);
        region.go_on(scene, lookup);
        region
    }

    /// Whom to ask next, and about which point.
    pub(super) fn next_to_ask(&mut self) -> Option<(Contact, Key)> {
        let (to, point) = self.planned.pop_front()?;
        self.pending.push(to.id());
        Some((to, point))
    }

    /// Takes what a node answered. At the end `lookup` knows all members, and looks for all of them.
    pub(super) fn follow(&mut self, scene: &Scene<'_>, lookup: &mut Lookup, happened: &Happened) {
        match happened {
            Happened::Replied { from, reply: Reply::Nodes { .. }, closer }
                if self.forget(&from.id()) =>
            {
                for Referral { contact, .. } in closer {
                    self.add(*contact);
                }
            }
            Happened::Late(id) | Happened::Failed(id) if self.forget(id) => {}
            // As a busy node does. That it may be the answer to what was asked before costs one guide.
            Happened::Replied { from, reply: Reply::Error { .. }, .. }
                if self.forget(&from.id()) =>
            {
                crate::operation::follow(scene, lookup, happened);
            }
            // It was asked before the region was looked at.
            _ => return crate::operation::follow(scene, lookup, happened),
        }
        self.go_on(scene, lookup);
    }

    /// Whether everybody is gathered who is to be.
    pub(super) fn is_done(&self) -> bool {
        self.current.is_none()
    }

    /// Goes on to the next part once the current one is done with.
    fn go_on(&mut self, scene: &Scene<'_>, lookup: &mut Lookup) {
        while self.pending.is_empty() && self.planned.is_empty() {
            if let Some(part) = self.current.take()
                && self.in_part(&part) >= self.k
            {
                self.cut(part);
            }
            let next = self.parts.pop_front().filter(|_| self.requests < REQUESTS_MAX);
            let Some(part) = next else {
                lookup.widen(self.members.len(), AT_ONCE);
                self.members.iter().for_each(|member| lookup.add(*member));
                return;
            };
            self.current = Some(part);
            let mut guides = scene.table.closest(&part.point, GUIDES, |_| true);
            guides.extend(&self.members);
            guides.sort_unstable_by_key(|guide| part.point.distance(&guide.id()));
            guides.dedup();
            guides.truncate(GUIDES);
            self.requests += guides.len();
            self.planned.extend(guides.into_iter().map(|guide| (guide, part.point)));
        }
    }

    /// Plans for the parts of `part` beside its point: half of it, half of what is left, and so on.
    fn cut(&mut self, part: Part) {
        for bits in part.bits..self.bits_max {
            let point = beside(&part.point, bits);
            self.parts.push_back(Part { point, bits: bits + 1 });
        }
    }

    fn in_part(&self, part: &Part) -> usize {
        let prefix = Prefix::of(&part.point, part.bits);
        self.members.iter().filter(|member| prefix.contains(&member.id().to_key())).count()
    }

    fn add(&mut self, contact: Contact) {
        let is_new = !self.members.iter().any(|member| member.node == contact.node);
        let has_room = self.members.len() < self.k + CROWD_MAX;
        if is_new && has_room && self.whole.contains(&contact.id().to_key()) {
            self.members.push(contact);
        }
    }

    fn forget(&mut self, id: &NodeId) -> bool {
        let position = self.pending.iter().position(|pending| pending == id);
        position.map(|at| self.pending.swap_remove(at)).is_some()
    }
}

/// The point that differs from another in this bit only.
fn beside(point: &Key, bit: u16) -> Key {
    let mut bytes = *point.as_bytes();
    if let Some(byte) = bytes.get_mut(usize::from(bit / 8)) {
        *byte ^= 0x80 >> (bit % 8);
    }
    Key::from_bytes(bytes)
}
