//! Who the neighbours of each node are, known from outside: what a settled table has to hold.

use dht_node::{Distance, NodeId};

/// For each of `ids`, the indices of those of the `count` closest others that its table has room for: of a part of the
/// space at one number of leading bits apart it holds `room` nodes, and where there are more it may hold any of them.
///
/// In the order of ids everybody under a common prefix stands together, and whoever shares a longer prefix is closer:
/// so only the smallest part with enough others in it is looked at.
pub(crate) fn of(ids: &[NodeId], count: usize, room: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|index| ids.get(*index));
    let mut neighbours = vec![Vec::new(); ids.len()];
    for (place, index) in order.iter().enumerate() {
        let Some(own) = ids.get(*index) else { continue };
        let (mut low, mut high) = (place, place + 1);
        let shares = |place: usize, bits: u32| {
            let other = order.get(place).and_then(|index| ids.get(*index));
            other.is_some_and(|id| own.distance(id).leading_zeros() >= bits)
        };
        let mut bits = 256;
        while high - low <= count && bits > 0 {
            bits -= 1;
            while low > 0 && shares(low - 1, bits) {
                low -= 1;
            }
            while shares(high, bits) {
                high += 1;
            }
        }
        let mut part: Vec<(Distance, usize)> = (order.get(low..high).unwrap_or_default().iter())
            .filter(|other| *other != index)
            .filter_map(|other| Some((own.distance(ids.get(*other)?), *other)))
            .collect();
        part.sort_unstable();
        let crowded: Vec<u32> = part
            .chunk_by(|(a, _), (b, _)| a.leading_zeros() == b.leading_zeros())
            .filter(|bucket| bucket.len() > room)
            .filter_map(|bucket| Some(bucket.first()?.0.leading_zeros()))
            .collect();
        part.truncate(count);
        part.retain(|(distance, _)| !crowded.contains(&distance.leading_zeros()));
        let part = part.into_iter().map(|(_, other)| other).collect();
        if let Some(found) = neighbours.get_mut(*index) {
            *found = part;
        }
    }
    neighbours
}

#[cfg(test)]
mod tests {
    use dht_node::Key;

    use super::*;

    #[test]
    fn neighbours_are_those_that_a_look_at_everybody_finds() {
        let ids: Vec<NodeId> = (0..80_u32)
            .map(|n| NodeId::from_bytes(*Key::content(&n.to_le_bytes()).as_bytes()))
            .collect();
        for (count, room) in [(0, 16), (1, 16), (16, 16), (16, 4), (79, 80), (100, 20)] {
            for (index, found) in of(&ids, count, room).iter().enumerate() {
                let distance = |other: usize| ids[index].distance(&ids[other]);
                let mut all: Vec<usize> = (0..ids.len()).filter(|other| *other != index).collect();
                all.sort_by_key(|other| distance(*other));
                let bucket = |other: usize| distance(other).leading_zeros();
                let population = |at| all.iter().filter(|other| bucket(**other) == at).count();
                let fits: Vec<usize> = all
                    .iter()
                    .copied()
                    .take(count)
                    .filter(|other| population(bucket(*other)) <= room)
                    .collect();
                assert_eq!(*found, fits, "{count} of {index}");
            }
        }
        assert_eq!(of(&[], 3, 3), Vec::<Vec<usize>>::new());
    }
}
