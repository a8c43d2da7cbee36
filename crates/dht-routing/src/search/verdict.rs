//! Whether the closest nodes that a lookup found can be the closest that there are.
//!
//! Where nodes are spread evenly, the distance of the k-th closest node tells how many there are in all, with a
//! deviation of 1 / sqrt(k): a quarter for k = 16. So does our own neighbourhood, and the lookups before.
//! Sizes are binary logarithms in 256ths, which makes them whole numbers that are the same on every machine.

use dht_proto::Distance;

use crate::RoutingTable;
use crate::lookup::Lookup;
use crate::operation::{Order, Scene};

/// One bit.
const BIT: i32 = 256;
/// Fewer than half of the nodes that are to be found: two deviations, and a liar in ten lookups at most gets by if
/// half of all nodes are liars.
const SPARSE: i32 = -BIT * 3 / 4;
/// More than twice the nodes.
const CROWDED: i32 = BIT;
/// Lookups that the mean size goes back, about.
const MEMORY: i32 = 8;
/// What a single lookup changes the mean by, at most, before it is divided by [`MEMORY`].
const STEP_MAX: i32 = BIT;

/// How a set of nodes looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the closest nodes look.
    Plausible,
    /// Closer ones must be there.
    Sparse,
    /// So many so close do not come about by chance.
    Crowded,
}

/// The size of the network by what lookups found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NetworkSize {
    mean: i16,
    lookups: u8,
}

impl NetworkSize {
    /// A lookup found nodes as dense as they are in a network of this size.
    pub(crate) fn learn(&mut self, size: i32, table: &RoutingTable, k: usize) {
        if let Some(own) = by_neighbours(table, k) {
            self.note(size, own);
        }
    }

    /// Takes a step towards `size`, from what is known or else from our `own` neighbourhood.
    fn note(&mut self, size: i32, own: i32) {
        let (known, memory) = match self.lookups {
            0 => (own, 2),
            _ => (i32::from(self.mean), MEMORY),
        };
        let step = (size - known).clamp(-STEP_MAX, STEP_MAX) / memory;
        self.mean = i16::try_from(known + step).unwrap_or(i16::MAX);
        self.lookups = self.lookups.saturating_add(1);
    }

    /// What they and our neighbourhood say together.
    fn estimate(self, own: i32) -> i32 {
        let weight = i32::from(self.lookups).min(MEMORY);
        (own + weight * i32::from(self.mean)) / (1 + weight)
    }
}

/// Judges what a lookup found.
pub(super) fn judge(scene: &Scene<'_>, lookup: &Lookup) -> Verdict {
    let k = scene.config.k;
    let Some(own) = by_neighbours(scene.table, k) else { return Verdict::Plausible };
    let expected = scene.size.estimate(own);
    // Whoever found too few knows everybody, or nobody.
    let Some(radius) = radius(lookup, k) else { return Verdict::Plausible };
    let found = size_by(&radius);
    if found - expected > CROWDED {
        Verdict::Crowded
    } else if found + credit(lookup.silent_within(&radius), k) - expected < SPARSE {
        Verdict::Sparse
    } else {
        Verdict::Plausible
    }
}

/// What nodes that do not answer add to a size. Where many have just died those that are left are sparse, and nobody
/// lied; but who names nodes that are not there must not gain much by it, so only so many count.
fn credit(silent: usize, k: usize) -> i32 {
    let counted = i32::try_from(silent.min(k / 2)).unwrap_or(0);
    // The logarithm of 1 + counted / k, which is nearly a line as far as a half.
    counted * (BIT * 7 / 6) / i32::try_from(k.max(1)).unwrap_or(1)
}

/// Bits that nodes share with a point in whose region about k nodes should be: 0.7 to 1.4 times as many, as bits are whole.
pub(super) fn bits_of_region(scene: &Scene<'_>) -> u16 {
    let size = by_neighbours(scene.table, scene.config.k).map(|own| scene.size.estimate(own));
    // Sizes are of twice the distance: one bit more is what holds k.
    size.map_or(0, |size| u16::try_from((size + BIT / 2).div_euclid(BIT) + 1).unwrap_or(0))
}

/// Has the peer learn from what a lookup found.
pub(super) fn learn(scene: &mut Scene<'_>, lookup: &Lookup) {
    if let Some(radius) = radius(lookup, scene.config.k) {
        scene.order(Order::Learn { size: size_by(&radius) });
    }
}

/// The size of the network by our neighbourhood; `None` in a network of few nodes, where everybody is known.
fn by_neighbours(table: &RoutingTable, k: usize) -> Option<i32> {
    let radius = table.radius(k);
    (radius != Distance::MAX && table.len() > 2 * k).then(|| size_by(&radius))
}

/// The distance of the k-th of the closest nodes that answered.
fn radius(lookup: &Lookup, k: usize) -> Option<Distance> {
    let last = lookup.closest().nth(k.checked_sub(1)?)?;
    Some(lookup.target().distance(&last.id()))
}

/// How many times twice the distance of a k-th closest node goes into the space, as a logarithm.
fn size_by(distance: &Distance) -> i32 {
    let zeros = distance.leading_zeros();
    let bytes = distance.as_bytes();
    let bit = |position: u32| {
        let byte = bytes.get(position as usize / 8).copied().unwrap_or(0);
        i32::from(byte >> (7 - position % 8) & 1)
    };
    let fraction = (1..=8).fold(0, |fraction, behind| fraction << 1 | bit(zeros + behind));
    i32::try_from(zeros).unwrap_or(i32::MAX / BIT) * BIT - fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_half_as_long_means_a_network_of_twice_the_size() {
        let mut bytes = [0; 32];
        bytes[1] = 0b0010_0000;
        let far = size_by(&Distance::between(&bytes, &[0; 32]));
        bytes[1] = 0b0001_0000;
        let near = size_by(&Distance::between(&bytes, &[0; 32]));
        assert_eq!(near - far, BIT);
        assert!(size_by(&Distance::MAX) <= 0);
        assert!(size_by(&Distance::ZERO) >= 255 * BIT);
    }

    #[test]
    fn silence_is_credited_as_far_as_half_of_those_who_are_to_be_found() {
        assert_eq!(credit(0, 16), 0);
        assert!(credit(1, 16) > 0);
        assert_eq!((credit(8, 16), credit(100, 16)), (credit(9, 16), credit(8, 16)));
        // A half more is 0.58 bits more.
        assert!((145..155).contains(&credit(8, 16)), "{}", credit(8, 16));
    }

    #[test]
    fn one_lookup_moves_what_was_learnt_a_little_and_many_move_it_all_the_way() {
        let mut size = NetworkSize::default();
        size.note(10 * BIT, 10 * BIT);
        size.note(200 * BIT, 10 * BIT);
        assert_eq!(size.estimate(10 * BIT), 10 * BIT + STEP_MAX / MEMORY * 2 / 3);
        (0..200).for_each(|_| size.note(14 * BIT, 10 * BIT));
        assert!((i32::from(size.mean) - 14 * BIT).abs() <= MEMORY);
        assert!(size.estimate(10 * BIT) > 13 * BIT);
    }
}
