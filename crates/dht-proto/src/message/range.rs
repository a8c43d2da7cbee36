//! A part of a value, by position.

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
    fn a_range_covers_what_is_there_and_no_more() {
        assert_eq!(ValueRange::WHOLE.within(10), 0..10);
        assert_eq!(ValueRange::starting_at(4).within(10), 4..10);
        assert_eq!(ValueRange { offset: 4, length: Some(3) }.within(10), 4..7);
        assert_eq!(ValueRange { offset: 4, length: Some(u32::MAX) }.within(10), 4..10);
        assert_eq!(ValueRange::starting_at(10).within(10), 10..10);
        assert_eq!(ValueRange::starting_at(u32::MAX).within(10), 10..10);
    }
}
