//! A part of a value, by position.

use crate::limits::PART_MAX;

/// Length of every part of a value but the last, in bytes.
const PART_LEN: u32 = 65_536;
const _: () = assert!(PART_LEN as usize == PART_MAX);

/// A run of the bytes of a value, so that a transfer can start at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ValueRange {
    /// Its first byte, counted from 0.
    pub offset: u32,
    /// How many bytes; `None` for all that follow.
    pub length: Option<u32>,
}

impl ValueRange {
    /// All of a value.
    pub const WHOLE: Self = Self { offset: 0, length: None };

    /// All of a value from `offset` on.
    pub const fn starting_at(offset: u32) -> Self {
        Self { offset, length: None }
    }

    /// The parts of a value from `first` up to `end`, which is not among them.
    pub fn of_parts(parts: std::ops::Range<u32>) -> Self {
        let offset = parts.start.saturating_mul(PART_LEN);
        let length = parts.end.saturating_sub(parts.start).saturating_mul(PART_LEN);
        Self { offset, length: Some(length) }
    }

    /// Whether it begins and ends where parts do, or ends with the value.
    pub fn is_of_parts(self) -> bool {
        let is_whole = |bytes: u32| bytes.is_multiple_of(PART_LEN);
        is_whole(self.offset) && self.length.is_none_or(is_whole)
    }

    /// The bytes of a value of `size` bytes that the range covers. Empty past the end.
    pub fn within(self, size: usize) -> std::ops::Range<usize> {
        let as_position = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        let start = as_position(self.offset).min(size);
        let length = self.length.map_or(usize::MAX, as_position);
        start..start.saturating_add(length).min(size)
    }
}

#[cfg(test)]
mod tests {
    use super::ValueRange;

    #[test]
    fn a_range_of_parts_begins_and_ends_where_parts_do() {
        let range = ValueRange::of_parts(2..5);
        assert_eq!(range, ValueRange { offset: 131_072, length: Some(196_608) });
        assert!(range.is_of_parts() && ValueRange::WHOLE.is_of_parts());
        assert!(!ValueRange { offset: 1, ..range }.is_of_parts());
        assert!(!ValueRange { length: Some(1), ..range }.is_of_parts());
        let beyond = ValueRange::of_parts(u32::MAX - 1..u32::MAX);
        assert!(beyond.within(5_000_000).is_empty());
    }

    #[test]
    fn a_range_covers_what_is_there_and_no_more() {
        assert_eq!(ValueRange::WHOLE.within(10), 0..10);
        assert_eq!(ValueRange::starting_at(4).within(10), 4..10);
        assert_eq!(ValueRange { offset: 4, length: Some(3) }.within(10), 4..7);
        assert_eq!(ValueRange { offset: 4, length: Some(u32::MAX) }.within(10), 4..10);
        assert_eq!(ValueRange::starting_at(10).within(10), 10..10);
        assert_eq!(ValueRange::starting_at(u32::MAX).within(10), 10..10);
    }
}
