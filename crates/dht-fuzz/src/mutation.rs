//! New inputs from old ones: of bytes as they come, and of protobuf fields with the lengths around them set
//! right, without which hardly any change gets past the first check.

use crate::Chance;

mod fields;

/// What the bytes of an input are, which decides how they are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any bytes.
    Bytes,
    /// A protobuf message after so many other bytes.
    Fields {
        /// Bytes before it.
        after: usize,
    },
    /// Any bytes, among them protobuf messages with their length, two bytes in little-endian order, before each.
    Blocks,
}

/// Numbers that lengths and counts are compared with.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    19,
    20,
    21,
    32,
    33,
    127,
    128,
    255,
    256,
    65_536,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Changes `input` a few times over, with pieces of `other`; at most `longest` bytes are left.
pub fn mutate(
    input: &mut Vec<u8>,
    other: &[u8],
    shape: Shape,
    longest: usize,
    chance: &mut Chance,
) {
    for _ in 0..=chance.below(4) {
        match shape {
            Shape::Fields { after } if !chance.once_in(3) => {
                let start = after.min(input.len());
                let message = input.split_off(start);
                let other = other.get(after..).unwrap_or_default();
                input.extend(fields::mutate(&message, other, chance));
            }
            Shape::Blocks if !chance.once_in(3) => mutate_block(input, other, chance),
            Shape::Bytes | Shape::Fields { .. } | Shape::Blocks => {
                mutate_bytes(input, other, chance);
            }
        }
    }
    input.truncate(longest);
}

/// Changes the message in some place where a length fits what follows.
fn mutate_block(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let length_at = |at: usize| {
        let length = usize::from(u16::from_le_bytes([*input.get(at)?, *input.get(at + 1)?]));
        let fits = length >= 8 && at + 2 + length <= input.len();
        fits.then_some((at, length))
    };
    let places: Vec<_> = (0..input.len()).filter_map(length_at).collect();
    // A place that is none by chance is changed as if it were one: that does no harm.
    let Some(&(at, length)) = chance.pick(&places) else {
        return mutate_bytes(input, other, chance);
    };
    let after = input.split_off(at + 2 + length);
    let message = input.split_off(at + 2);
    let changed = fields::mutate(&message, other, chance);
    let length = u16::try_from(changed.len()).unwrap_or(u16::MAX);
    input.truncate(at);
    input.extend(length.to_le_bytes());
    input.extend(&changed[..length.into()]);
    input.extend(after);
}

/// One change of bytes.
fn mutate_bytes(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(input.len());
    let room = input.len() - at;
    let length = 1 + chance.below(room.min(16));
    match chance.below(9) {
        0 => input.truncate(at),
        1 => input.insert(at, chance.byte()),
        2 => drop(input.drain(at..at + length.min(room))),
        3 => {
            let piece = input[at..at + length.min(room)].to_vec();
            input.splice(at..at, piece);
        }
        4 => {
            let from = chance.below(other.len());
            let length = chance.below(64).min(other.len() - from);
            input.splice(at..at, other[from..from + length].iter().copied());
        }
        5 => {
            let edge = chance.pick(&EDGES).copied().unwrap_or_default().to_le_bytes();
            input
                .iter_mut()
                .skip(at)
                .zip(&edge[..1 << chance.below(4)])
                .for_each(|(to, from)| *to = *from);
        }
        6 => input.extend((0..length).map(|_| chance.byte())),
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= if chance.once_in(2) { 1 << chance.below(8) } else { chance.byte() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mutation_grows_past_the_longest_or_fails_on_few_bytes() {
        let mut chance = Chance::new(1);
        for shape in [Shape::Bytes, Shape::Fields { after: 2 }, Shape::Blocks] {
            let mut input = Vec::new();
            for _ in 0..20_000 {
                mutate(&mut input, &[7; 100], shape, 64, &mut chance);
                assert!(input.len() <= 64);
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let run = || {
            let mut chance = Chance::new(7);
            let mut input = b"some bytes to begin with".to_vec();
            for _ in 0..1_000 {
                mutate(&mut input, b"others", Shape::Bytes, 200, &mut chance);
            }
            input
        };
        assert_eq!(run(), run());
    }
}
