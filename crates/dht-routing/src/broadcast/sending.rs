//! What the sender of a broadcast learns of its way.

use super::{Head, tree};
use crate::OperationId;

/// A broadcast that was made here, until all of its delegates have answered.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    operation: OperationId,
    awaited: Vec<Awaited>,
    acknowledged: usize,
    /// Depths of parts of the space whose delegate acknowledged.
    covered: Vec<u16>,
    reach: u64,
}

/// A delegate whose answer is awaited.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    head: Head,
    depth: u16,
    /// Nodes it answers for.
    share: u64,
}

impl Sending {
    pub(crate) fn new(operation: OperationId) -> Self {
        let (awaited, covered) = (Vec::new(), Vec::new());
        Self { operation, awaited, acknowledged: 0, covered, reach: 1 }
    }

    pub(crate) fn operation(&self) -> OperationId {
        self.operation
    }

    /// A delegate gets the broadcast with `depth`, for `share` nodes.
    pub(crate) fn sent(&mut self, head: Head, depth: u16, share: u64) {
        self.awaited.push(Awaited { head, depth, share });
    }

    /// A delegate acknowledged. Of several for the same part of the space one counts.
    pub(crate) fn acknowledged(&mut self, by: Head) {
        let Some(Awaited { depth, share, .. }) = self.take(by) else { return };
        self.acknowledged += 1;
        if depth == tree::LEAF || !self.covered.contains(&depth) {
            self.covered.push(depth);
            self.reach = self.reach.saturating_add(share);
        }
    }

    /// A delegate did not.
    pub(crate) fn failed(&mut self, who: Head) {
        self.take(who);
    }

    /// Number of delegates that acknowledged, and of nodes that they answer for, ourselves included; once nobody is
    /// waited for any more.
    pub(crate) fn ended(&self) -> Option<(usize, u64)> {
        self.awaited.is_empty().then_some(self.so_far())
    }

    /// The same, as it stands.
    pub(crate) fn so_far(&self) -> (usize, u64) {
        (self.acknowledged, self.reach)
    }

    fn take(&mut self, who: Head) -> Option<Awaited> {
        let index = self.awaited.iter().position(|awaited| awaited.head == who)?;
        Some(self.awaited.swap_remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reach_is_what_delegates_answer_for_that_acknowledged() {
        let mut sending = Sending::new(OperationId(1));
        sending.sent(Head(1), 1, 500);
        sending.sent(Head(2), 1, 500);
        sending.sent(Head(3), 2, 250);
        sending.sent(Head(4), tree::LEAF, 1);
        sending.acknowledged(Head(1));
        sending.acknowledged(Head(2));
        sending.failed(Head(3));
        assert_eq!(sending.ended(), None);
        sending.acknowledged(Head(4));
        sending.acknowledged(Head(9));
        assert_eq!(sending.ended(), Some((3, 502)));
    }
}
