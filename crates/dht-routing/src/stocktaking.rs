//! Taking stock: how much our own store holds in some parts of the space, with digests, asked for in rounds so
//! that no single call takes long.
//!
//! *Invariant:* bounded by [`ROUNDS_MAX`] times [`EFFORT`] records looked at, however much the store holds.

use dht_proto::{Prefix, Stock};

/// Records that our own store looks at in one call, at most.
pub(crate) const EFFORT: usize = 4_096;
/// Calls of one stocktaking, at most.
const ROUNDS_MAX: usize = 16;

/// A stocktaking under way.
#[derive(Debug, Clone)]
pub(crate) struct Stocktaking {
    stocks: Vec<(Prefix, Stock)>,
    rounds: usize,
    failed: bool,
}

impl Stocktaking {
    /// Of these parts.
    pub(crate) fn new(parts: impl IntoIterator<Item = Prefix>) -> Self {
        let unknown = |part| (part, Stock::AtLeast { records: 0 });
        Self { stocks: parts.into_iter().map(unknown).collect(), rounds: 0, failed: false }
    }

    /// The parts that are to be asked about; `None` at the end.
    pub(crate) fn next(&self) -> Option<Vec<Prefix>> {
        if self.failed || self.rounds >= ROUNDS_MAX {
            return None;
        }
        let open: Vec<Prefix> = self
            .stocks
            .iter()
            .filter(|(_, stock)| is_open(*stock))
            .map(|(part, _)| *part)
            .collect();
        (!open.is_empty()).then_some(open)
    }

    /// Takes what our own store told of them.
    pub(crate) fn take(&mut self, told: &[Stock]) {
        self.rounds += 1;
        self.failed |= told.is_empty();
        let open = self.stocks.iter_mut().filter(|(_, stock)| is_open(*stock));
        for ((_, stock), told) in open.zip(told) {
            *stock = *told;
        }
    }

    /// Whether our own store could not tell.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// What was found.
    pub(crate) fn into_stocks(self) -> Vec<(Prefix, Stock)> {
        self.stocks
    }
}

fn is_open(stock: Stock) -> bool {
    matches!(stock, Stock::AtLeast { .. })
}

#[cfg(test)]
mod tests {
    use dht_proto::{CellDigest, Key};

    use super::*;

    fn parts(count: u8) -> Vec<Prefix> {
        (0..count).map(|first| Prefix::of(&Key::from_bytes([first; 32]), 8)).collect()
    }

    fn whole(records: usize) -> Stock {
        Stock::Whole { digest: CellDigest::of([]), records }
    }

    #[test]
    fn only_parts_that_were_not_gone_through_are_asked_about_again() {
        let mut taking = Stocktaking::new(parts(3));
        assert_eq!(taking.next(), Some(parts(3)));
        taking.take(&[whole(1), Stock::AtLeast { records: 7 }, whole(0)]);
        assert_eq!(taking.next(), Some(vec![parts(3)[1]]));
        taking.take(&[whole(9)]);
        assert_eq!(taking.next(), None);
        let stocks: Vec<Stock> = taking.into_stocks().iter().map(|(_, stock)| *stock).collect();
        assert_eq!(stocks, [whole(1), whole(9), whole(0)]);
    }

    #[test]
    fn a_store_that_never_comes_to_an_end_is_asked_so_many_times_and_no_more() {
        let mut taking = Stocktaking::new(parts(1));
        let mut rounds = 0;
        while taking.next().is_some() {
            rounds += 1;
            taking.take(&[Stock::AtLeast { records: rounds }]);
        }
        assert_eq!(rounds, ROUNDS_MAX);
        assert!(!taking.has_failed());
        assert_eq!(taking.into_stocks()[0].1.records(), ROUNDS_MAX);
    }

    #[test]
    fn a_store_that_fails_is_not_asked_again() {
        let mut taking = Stocktaking::new(parts(2));
        taking.take(&[]);
        assert_eq!(taking.next(), None);
        assert!(taking.has_failed());
    }
}
