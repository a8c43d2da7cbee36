//! Who is alive, in the order of ids: global knowledge that no node has, used to judge and never to help.

use std::collections::BTreeMap;

use dht_proto::NodeId;

use crate::Place;

/// An ordered set of nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census {
    ids: BTreeMap<[u8; 32], Place>,
}

impl Census {
    pub(crate) fn insert(&mut self, id: NodeId, place: Place) {
        self.ids.insert(*id.as_bytes(), place);
    }

    pub(crate) fn remove(&mut self, id: NodeId) {
        self.ids.remove(id.as_bytes());
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn place(&self, id: NodeId) -> Option<Place> {
        self.ids.get(id.as_bytes()).copied()
    }

    pub(crate) fn ids(&self) -> Vec<[u8; 32]> {
        self.ids.keys().copied().collect()
    }

    /// The `count` nodes closest to `target` other than `except`, closest first.
    pub(crate) fn closest(
        &self,
        target: &[u8; 32],
        count: usize,
        except: Option<NodeId>,
    ) -> Vec<(NodeId, Place)> {
        // Nodes that share a prefix with the target are closer than all that do not, so the smallest
        // subtree that has enough of them has the closest.
        let wanted = count + 1;
        let mut prefix = (self.ids.len() / wanted.max(1)).checked_ilog2().unwrap_or(0);
        loop {
            let (low, high) = subtree(target, prefix);
            let mut found: Vec<_> = self
                .ids
                .range(low..=high)
                .map(|(id, place)| (NodeId::from_bytes(*id), *place))
                .filter(|(id, _)| Some(*id) != except)
                .collect();
            if found.len() >= count || prefix == 0 {
                found.sort_unstable_by_key(|(id, _)| xor(target, id.as_bytes()));
                found.truncate(count);
                return found;
            }
            prefix -= 1;
        }
    }
}

/// First and last point of the subtree that shares the first `prefix` bits of `point`.
pub(crate) fn subtree(point: &[u8; 32], prefix: u32) -> ([u8; 32], [u8; 32]) {
    let (mut low, mut high) = (*point, *point);
    for (index, (low, high)) in low.iter_mut().zip(&mut high).enumerate() {
        let kept = (prefix as usize).saturating_sub(index * 8).min(8);
        let mask = u8::MAX.checked_shr(u32::try_from(kept).unwrap_or(8)).unwrap_or(0);
        *low &= !mask;
        *high |= mask;
    }
    (low, high)
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn the_closest_are_those_a_full_scan_finds() {
        let mut random = Random::new(3);
        for size in [0_u32, 1, 5, 17, 400] {
            let mut census = Census::default();
            let ids: Vec<[u8; 32]> = (0..size).map(|_| random.bytes32()).collect();
            for (place, id) in (0..).zip(&ids) {
                census.insert(NodeId::from_bytes(*id), Place(place));
            }
            for _ in 0..50 {
                let target = random.bytes32();
                let except = ids.first().map(|id| NodeId::from_bytes(*id));
                let mut expected: Vec<_> =
                    ids.iter().filter(|id| Some(NodeId::from_bytes(**id)) != except).collect();
                expected.sort_by_key(|id| xor(&target, id));
                expected.truncate(16);
                let found = census.closest(&target, 16, except);
                let found: Vec<_> = found.iter().map(|(id, _)| id.as_bytes()).collect();
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_subtree_spans_all_that_share_the_prefix() {
        let point = [0b1010_1010; 32];
        assert_eq!(subtree(&point, 0), ([0; 32], [255; 32]));
        let (low, high) = subtree(&point, 11);
        assert_eq!((&low[..3], &high[..3]), (&[0xaa, 0xa0, 0][..], &[0xaa, 0xbf, 255][..]));
        assert_eq!(subtree(&point, 256), (point, point));
    }
}
