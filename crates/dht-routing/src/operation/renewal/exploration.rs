//! Finding all nodes of a region of the space, though each node names only its k closest to one point.
//!
//! Nodes near the target are asked about points spread over the region first, then each for its own neighbours.

use dht_proto::{Contact, Key, NodeId, Prefix, Request};

use crate::lookup::Lookup;
use crate::operation::{Order, Scene};
use crate::pacer::Priority;

/// Bits by which the region is cut into the parts that are asked about.
const CUT_BITS: u16 = 4;

/// Which points nodes are asked about.
#[derive(Debug, Clone)]
pub(in crate::operation) struct Exploration {
    target: Key,
    wanted: usize,
    /// Bits of a part that holds somewhat more nodes than are wanted.
    bits: u16,
    asked: u64,
}

impl Exploration {
    /// Around `target` in a network of so many nodes, of which the closest `wanted` are to be found.
    pub(in crate::operation) fn around(target: Key, network: u64, wanted: usize) -> Self {
        let regions = (network / (wanted as u64 + wanted as u64 / 3).max(1)).max(1);
        let bits = u16::try_from(regions.ilog2()).unwrap_or(0);
        Self { target, wanted, bits, asked: 0 }
    }

    /// Has the next nodes of the lookup asked. Once it is done, returns the nodes that were found, the closest
    /// first, and the part of the space around the target whose nodes are all among them.
    pub(in crate::operation) fn go_on(
        &mut self,
        scene: &mut Scene<'_>,
        lookup: &mut Lookup,
        priority: Priority,
    ) -> Option<(Vec<Contact>, Prefix)> {
        while let Some(to) = lookup.next_to_ask() {
            // A node names only k others: near the target each is asked about another part of the region.
            let is_near = lookup.is_end_game();
            let target = if is_near { self.next_point(&to.id()) } else { self.target };
            let request = Request::FindNode { target };
            scene.order(Order::AskInTurn { priority, to, request, tries: 1 });
        }
        if !lookup.is_done() {
            return None;
        }
        let nodes: Vec<Contact> = lookup.closest().collect();
        let part = self.known_part(&nodes);
        Some((nodes, part))
    }

    /// The point that the next node near the target, `to`, is asked about.
    fn next_point(&mut self, to: &NodeId) -> Key {
        let part = self.asked;
        self.asked += 1;
        if part >= 1 << CUT_BITS {
            return to.to_key();
        }
        let region = Prefix::of(&self.target, self.bits);
        let bit = |place: u16| part >> (CUT_BITS - 1 - place) & 1 == 1;
        let point = (0..CUT_BITS).try_fold(region, |part, place| part.child(bit(place)));
        point.and_then(|part| part.child(true)).map_or(self.target, |part| part.first())
    }

    /// The part of the space around the target whose nodes are all among `nodes`, the closest ones that
    /// answered.
    fn known_part(&self, nodes: &[Contact]) -> Prefix {
        match nodes.last() {
            // Whoever is closer than the last one has been found; all who share more bits are.
            Some(last) if nodes.len() >= self.wanted => {
                let alike = self.target.distance(&last.id()).leading_zeros();
                let bits = u16::try_from(alike + 1).unwrap_or(Prefix::BITS_MAX);
                Prefix::of(&self.target, bits)
            }
            _ if self.bits == 0 => Prefix::ALL,
            _ => Prefix::of(&self.target, self.bits + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_region_has_only_nodes_that_were_found_and_the_target() {
        let node = |nonce| {
            let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
            Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
        };
        let all: Vec<Contact> = (0..2_000).map(node).collect();
        for target in (0..50_u8).map(|byte| Key::named(&[byte])) {
            let mut nodes = all.clone();
            nodes.sort_unstable_by_key(|node| target.distance(&node.id()));
            nodes.truncate(48);
            let exploration = Exploration::around(target, 2_000, 48);
            let part = exploration.known_part(&nodes);
            assert!(part.contains(&target));
            let inside = |nodes: &[Contact]| {
                nodes.iter().filter(|n| part.contains(&n.id().to_key())).count()
            };
            assert_eq!(inside(&nodes), inside(&all));
            assert!((8..48).contains(&inside(&all)), "{}", inside(&all));
            let small = Exploration::around(target, 20, 48);
            assert_eq!(small.known_part(&nodes[..20]), Prefix::ALL, "there are no others");
        }
    }

    #[test]
    fn points_are_spread_over_the_region_before_each_node_is_asked_about_itself() {
        let target = Key::named(b"target");
        let mut exploration = Exploration::around(target, 64 * 1_024, 48);
        assert_eq!(exploration.bits, 10);
        let node = NodeId::from_bytes([7; 32]);
        let points: Vec<Key> = (0..16).map(|_| exploration.next_point(&node)).collect();
        let region = Prefix::of(&target, 10);
        assert!(points.iter().all(|point| region.contains(point)));
        let parts: BTreeSet<Prefix> = points.iter().map(|point| Prefix::of(point, 14)).collect();
        assert_eq!(parts.len(), 16);
        assert_eq!(exploration.next_point(&node), node.to_key());
    }
}
