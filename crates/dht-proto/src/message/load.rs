//! How busy a node says it is.

use std::fmt;

/// How many requests for records the sender of a message answered lately, in two steps for every doubling: 0 for none,
/// 2 for one, 4 for three, 6 for seven, 20 for a thousand. A hint: who believes it only chooses whom to ask first.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Load(u8);

impl Load {
    /// Nothing to do, or nothing said.
    pub const NONE: Self = Self(0);
    /// More is not told apart.
    pub const MAX: Self = Self(63);

    /// Of so many requests.
    pub fn of(requests: u32) -> Self {
        let number = requests.saturating_add(1);
        let doublings = number.ilog2();
        let is_past_half = doublings > 0 && number >> (doublings - 1) & 1 == 1;
        Self::from_code(2 * doublings + u32::from(is_past_half))
    }

    /// Reads the number on the wire: larger ones than [`MAX`](Self::MAX) count as that.
    pub fn from_code(code: u32) -> Self {
        u8::try_from(code).map_or(Self::MAX, |code| Self(code.min(Self::MAX.0)))
    }

    /// The number on the wire: 0..=63.
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Load({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_are_a_doubling() {
        let codes = [0, 1, 2, 3, 4, 5, 7, 11, 15, 1_023].map(|requests| Load::of(requests).code());
        assert_eq!(codes, [0, 2, 3, 4, 4, 5, 6, 7, 8, 20]);
        assert_eq!(Load::of(u32::MAX), Load::MAX);
    }

    #[test]
    fn every_number_is_a_load() {
        assert!((0..=63).all(|code| u32::from(Load::from_code(code).code()) == code));
        assert_eq!(Load::from_code(64), Load::MAX);
        assert_eq!(Load::from_code(u32::MAX), Load::MAX);
    }
}
