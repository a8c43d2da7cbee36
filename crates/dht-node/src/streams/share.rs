//! What one node may have under way on the streams that it opened to us, of all that there may be.
//!
//! A node is told by its key, once a frame of its was opened. What is over its share waits, and counts as idle
//! meanwhile: when streams are short it gives way to others.
//!
//! Invariant: no more nodes are remembered than have streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dht_proto::PublicKey;
use tokio::sync::Semaphore;

/// The shares of the nodes that have streams open to us.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    of_node: Mutex<HashMap<PublicKey, Weak<Semaphore>>>,
}

impl Shares {
    /// At most `most` requests of a node at once.
    pub(super) fn new(most: usize) -> Self {
        Self { most, of_node: Mutex::default() }
    }

    /// The share of a node, one for all of its streams. Each stream keeps it as long as it is there.
    pub(super) fn of(&self, node: &PublicKey) -> Arc<Semaphore> {
        let mut of_node = self.of_node.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = of_node.get(node).and_then(Weak::upgrade) {
            return share;
        }
        of_node.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.most));
        of_node.insert(*node, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_a_node_share_and_who_has_none_is_forgotten() {
        let shares = Shares::new(2);
        let node = |number: u8| PublicKey::from_bytes([number; 32]);
        let (one, same, other) = (shares.of(&node(1)), shares.of(&node(1)), shares.of(&node(2)));
        let turns = [one.try_acquire(), same.try_acquire()];
        assert!(turns.iter().all(Result::is_ok));
        assert!(one.try_acquire().is_err() && other.try_acquire().is_ok());
        drop(turns);
        drop((one, same, other));
        for number in 0..100 {
            shares.of(&node(number));
        }
        assert_eq!(shares.of_node.lock().unwrap().len(), 1);
    }
}
