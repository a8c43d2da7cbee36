//! The outline of a long value: the hashes of its parts, from which the hash of the whole follows.
//!
//! BLAKE3 is a tree over chunks of 1,024 bytes. A part of [`PART_MAX`] bytes is 64 of them, a whole subtree,
//! and the chaining value of that subtree is 32 bytes. Those of all parts give the hash of the value, so that
//! whoever has the outline and knows the hash can tell of each part alone whether it is right, whoever sent it.
//!
//! Source: *BLAKE3, one function, fast everywhere*, section 2.1; [`blake3::hazmat`].

use std::fmt;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use bytes::{Bytes, BytesMut};

use crate::Digest;
use crate::limits::{PART_MAX, VALUE_MAX};

/// Length of a chaining value, in bytes.
const CHAINING_LEN: usize = 32;

/// The chaining values of the parts of a value of more than [`PART_MAX`] bytes, 32 bytes each.
///
/// Nothing is proven by an outline that came from elsewhere but that its parts belong to the value with the
/// hash that is its [`digest`](Self::digest).
///
/// ```
/// use dht_proto::{Outline, Value, limits::PART_MAX};
///
/// let value = Value::new(vec![7; 200_000])?;
/// let outline = Outline::of(value.as_bytes()).expect("the value has several parts");
/// assert_eq!(outline.digest(), value.digest());
/// assert!(outline.proves(1, &value.as_bytes()[PART_MAX..2 * PART_MAX]));
/// assert!(!outline.proves(1, &[8; PART_MAX]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Outline {
    /// Length of the value, in bytes.
    size: usize,
    /// At least two chaining values.
    values: Bytes,
}

impl Outline {
    /// Hashes a value, part by part. `None` if it is one part, which has no outline, or too long to be a value.
    pub fn of(value: &[u8]) -> Option<Self> {
        if !Self::suits(value.len()) {
            return None;
        }
        let mut values = BytesMut::with_capacity(part_count(value.len()) * CHAINING_LEN);
        for (index, part) in value.chunks(PART_MAX).enumerate() {
            values.extend_from_slice(&chaining_value(index, part));
        }
        Some(Self { size: value.len(), values: values.freeze() })
    }

    /// The outline of a value of `size` bytes, from its bytes. `None` unless there is one chaining value for each
    /// part, and more than one part.
    pub fn from_bytes(size: usize, values: Bytes) -> Option<Self> {
        (Self::suits(size) && values.len() == part_count(size) * CHAINING_LEN)
            .then_some(Self { size, values })
    }

    /// Whether a value of `size` bytes has an outline.
    pub const fn suits(size: usize) -> bool {
        size > PART_MAX && size <= VALUE_MAX
    }

    /// The chaining values, one after another.
    pub fn as_bytes(&self) -> &Bytes {
        &self.values
    }

    /// Length of the value, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Parts of the value.
    pub fn parts(&self) -> usize {
        part_count(self.size)
    }

    /// The hash of the value whose outline it is, if it is one.
    pub fn digest(&self) -> Digest {
        let mut layer: Vec<ChainingValue> = self.values.as_chunks().0.to_vec();
        // Neighbours are joined layer by layer, an odd one out moves up: that makes the left subtree of every
        // node the largest power of two of parts that leaves some for the right one.
        while layer.len() > 2 {
            layer = layer
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => merge_subtrees_non_root(left, right, Mode::Hash),
                    [odd, ..] => *odd,
                    [] => [0; CHAINING_LEN],
                })
                .collect();
        }
        match layer.as_slice() {
            [left, right] => {
                Digest::from_bytes(*merge_subtrees_root(left, right, Mode::Hash).as_bytes())
            }
            // There are at least two.
            _ => Digest::from_bytes([0; CHAINING_LEN]),
        }
    }

    /// Whether `part` is the part at `index`: hashes it, some 10 us.
    pub fn proves(&self, index: usize, part: &[u8]) -> bool {
        let expected = self.values.as_chunks::<CHAINING_LEN>().0.get(index);
        let length = part_range(index, self.size).len();
        length > 0
            && part.len() == length
            && expected.is_some_and(|expected| *expected == chaining_value(index, part))
    }
}

impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outline({} parts)", self.parts())
    }
}

/// How many parts a value of `size` bytes has. An empty one has none.
pub fn part_count(size: usize) -> usize {
    size.div_ceil(PART_MAX)
}

/// The bytes of a value of `size` bytes that are its part `index`; empty past the end.
pub fn part_range(index: usize, size: usize) -> std::ops::Range<usize> {
    let start = index.saturating_mul(PART_MAX).min(size);
    start..start.saturating_add(PART_MAX).min(size)
}

/// The chaining value of the subtree over the part at `index`, which must have a byte and [`PART_MAX`] at most.
fn chaining_value(index: usize, part: &[u8]) -> ChainingValue {
    let offset = index as u64 * PART_MAX as u64;
    blake3::Hasher::new().set_input_offset(offset).update(part).finalize_non_root()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Value;

    fn bytes(size: usize) -> Vec<u8> {
        (0..=250).cycle().take(size).collect()
    }

    #[test]
    fn the_outline_of_any_number_of_parts_gives_the_hash_of_the_value() {
        for parts in (2..=20).chain([33, 64, 65, 76]) {
            for size in [parts * PART_MAX, parts * PART_MAX - 1, (parts - 1) * PART_MAX + 1] {
                let value = Value::new(bytes(size)).unwrap();
                let outline = Outline::of(value.as_bytes()).unwrap();
                assert_eq!(outline.parts(), parts);
                assert_eq!(outline.digest(), value.digest(), "{size} bytes");
            }
        }
        let longest = Value::new(bytes(VALUE_MAX)).unwrap();
        assert_eq!(Outline::of(longest.as_bytes()).unwrap().digest(), longest.digest());
    }

    #[test]
    fn a_value_of_one_part_has_no_outline() {
        assert_eq!(Outline::of(&[]), None);
        assert_eq!(Outline::of(&bytes(PART_MAX)), None);
        assert!(Outline::of(&bytes(PART_MAX + 1)).is_some());
        assert_eq!(Outline::of(&bytes(VALUE_MAX + 1)), None);
    }

    #[test]
    fn an_outline_has_one_chaining_value_for_each_part() {
        let outline = Outline::of(&bytes(3 * PART_MAX)).unwrap();
        let values = outline.as_bytes();
        assert_eq!(values.len(), 96);
        assert_eq!(Outline::from_bytes(3 * PART_MAX, values.clone()), Some(outline.clone()));
        for size in [0, 1, PART_MAX, 2 * PART_MAX, 3 * PART_MAX + 1, usize::MAX] {
            assert_eq!(Outline::from_bytes(size, values.clone()), None, "{size} bytes");
        }
        assert_eq!(Outline::from_bytes(PART_MAX, values.slice(..32)), None);
        assert_eq!(Outline::from_bytes(3 * PART_MAX, values.slice(1..)), None);
    }

    #[test]
    fn parts_cover_a_value_without_overlap() {
        for size in [0, 1, PART_MAX, PART_MAX + 1, VALUE_MAX] {
            let parts: Vec<_> = (0..part_count(size)).map(|part| part_range(part, size)).collect();
            assert_eq!(parts.iter().map(ExactSizeIterator::len).sum::<usize>(), size);
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(part_range(part_count(size), size).is_empty());
        }
        assert!(part_range(usize::MAX, VALUE_MAX).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_part_is_proven_at_its_own_place_alone_and_with_no_bit_changed(
            size in PART_MAX + 1..5 * PART_MAX,
            index in 0_usize..5,
            other in 0_usize..6,
            bit in any::<prop::sample::Index>(),
        ) {
            let value = bytes(size);
            let outline = Outline::of(&value).unwrap();
            let index = index.min(outline.parts() - 1);
            let mut part = value[part_range(index, size)].to_vec();
            prop_assert!(outline.proves(index, &part));
            prop_assert!(other == index || !outline.proves(other, &part));
            prop_assert!(!outline.proves(index, &part[1..]));
            let bit = bit.index(8 * part.len());
            part[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!outline.proves(index, &part));
        }

        #[test]
        fn a_changed_outline_is_that_of_another_value(
            size in PART_MAX + 1..9 * PART_MAX,
            bit in any::<prop::sample::Index>(),
        ) {
            let outline = Outline::of(&bytes(size)).unwrap();
            let mut values = outline.as_bytes().to_vec();
            let bit = bit.index(8 * values.len());
            values[bit / 8] ^= 1 << (bit % 8);
            let changed = Outline::from_bytes(size, values.into()).unwrap();
            prop_assert_ne!(changed.digest(), outline.digest());
        }
    }
}
