//! When anybody last answered. Requests that fail while nobody does may have been lost in our own network, and are
//! no fault of those who were asked.
//!
//! One node that is silent may as well have died in a quiet hour. So we take ourselves for cut off only
//! after a while in which several nodes were asked and none answered. When one answers again, what was sent before
//! has been lost on the way: it tells nothing of those who were asked.

use std::time::Duration;

use dht_proto::{Moment, NodeId};

/// Shortest time without an answer in which we may be cut off.
const SILENCE: Duration = Duration::from_secs(30);
/// Nodes that have to be silent, unless we know fewer.
const SILENT_NODES: usize = 3;

/// Why a request is not answered, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Others answered meanwhile.
    Theirs,
    /// Nobody did, but hardly anybody was asked, or not for long.
    Unclear,
    /// Nobody answers: we are cut off.
    Ours,
}

/// Who answers at all.
#[derive(Debug, Clone)]
pub(crate) struct Hearing {
    last: Moment,
    /// When one answered after several had been silent.
    back: Moment,
    /// Nodes that were asked and silent since then, [`SILENT_NODES`] at most.
    silent: Vec<NodeId>,
}

impl Hearing {
    /// Begins at `now`, as if somebody had answered.
    pub(crate) fn new(now: Moment) -> Self {
        Self { last: now, back: now, silent: Vec::new() }
    }

    /// A node answered.
    pub(crate) fn answered(&mut self, now: Moment) {
        self.last = now;
        if self.silent.len() >= SILENT_NODES {
            self.back = now;
        }
        // Room that is hardly ever needed is given back.
        self.silent = Vec::new();
    }

    /// When one last did.
    pub(crate) fn last(&self) -> Moment {
        self.last
    }

    /// Whether our own network worked when something was sent at `moment`: any node answered after it.
    pub(crate) fn worked_at(&self, moment: Moment) -> bool {
        self.last > moment && self.back <= moment
    }

    /// A request that was `sent` to a node is not answered. We know so many nodes.
    pub(crate) fn unanswered(
        &mut self,
        now: Moment,
        (silent, sent): (NodeId, Moment),
        known: usize,
    ) -> Fault {
        if self.worked_at(sent) {
            return Fault::Theirs;
        }
        if self.last > sent {
            return Fault::Unclear;
        }
        if self.silent.len() < SILENT_NODES && !self.silent.contains(&silent) {
            self.silent.push(silent);
        }
        let is_telling = self.silent.len() >= SILENT_NODES.min(known.max(1));
        let is_long = now.since(self.last) >= SILENCE;
        if is_telling && is_long { Fault::Ours } else { Fault::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    /// A request that was sent three seconds ago is not answered.
    fn silent(hearing: &mut Hearing, second: u64, number: u8, known: usize) -> Fault {
        let sent = Moment::from_secs(second.saturating_sub(3));
        hearing.unanswered(Moment::from_secs(second), (node(number), sent), known)
    }

    #[test]
    fn one_silent_node_does_not_cut_us_off_however_often_it_is_asked() {
        let mut hearing = Hearing::new(Moment::EPOCH);
        for second in 3..600 {
            assert_eq!(silent(&mut hearing, second, 1, 50), Fault::Unclear);
        }
        assert_eq!(silent(&mut hearing, 600, 2, 50), Fault::Unclear);
        assert_eq!(silent(&mut hearing, 600, 3, 50), Fault::Ours);
    }

    #[test]
    fn who_knows_only_one_node_is_cut_off_when_that_one_is_silent() {
        let mut hearing = Hearing::new(Moment::EPOCH);
        assert_eq!(silent(&mut hearing, 29, 1, 1), Fault::Unclear);
        assert_eq!(silent(&mut hearing, 30, 1, 1), Fault::Ours);
        assert_eq!(silent(&mut hearing, 31, 1, 0), Fault::Ours);
    }

    #[test]
    fn an_answer_ends_the_silence_of_the_others() {
        let mut hearing = Hearing::new(Moment::EPOCH);
        for number in 1..=2 {
            assert_eq!(silent(&mut hearing, 90, number, 50), Fault::Unclear);
        }
        hearing.answered(Moment::from_secs(91));
        assert_eq!(hearing.last(), Moment::from_secs(91));
        assert_eq!(silent(&mut hearing, 92, 3, 50), Fault::Theirs);
        assert_eq!(silent(&mut hearing, 150, 3, 50), Fault::Unclear);
    }

    #[test]
    fn what_was_sent_before_our_network_came_back_tells_nothing_of_others() {
        let mut hearing = Hearing::new(Moment::EPOCH);
        for number in 1..=3 {
            silent(&mut hearing, 90, number, 50);
        }
        hearing.answered(Moment::from_secs(100));
        for number in 1..=5 {
            assert_eq!(silent(&mut hearing, 102, number, 50), Fault::Unclear);
        }
        hearing.answered(Moment::from_secs(104));
        assert_eq!(silent(&mut hearing, 105, 1, 50), Fault::Theirs);
    }
}
