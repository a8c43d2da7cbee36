//! One bucket: which part of the entries is its own; and the contacts waiting for a place in it.

use std::net::SocketAddr;

use dht_proto::{Contact, Moment};

use super::address::Addresses;
use super::known::{Preimage, Waiter};

/// Contacts that wait for a place in a bucket, at most.
const WAITING_MAX: usize = 4;

/// Kept small, for upkeep looks at all buckets of a table again and again.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// Where its entries end; they begin where those of the bucket before end.
    pub(super) end: usize,
    /// When a lookup last passed through the bucket's range.
    pub(super) touched: Moment,
    /// When its least recently answered entry did; never while there is none.
    pub(super) oldest: Moment,
}

impl Bucket {
    /// An empty bucket behind entries that end at `end`.
    pub(super) fn new(end: usize) -> Self {
        Self { end, touched: Moment::EPOCH, oldest: Moment::NEVER }
    }
}

/// Contacts that wait for a place in one bucket, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiter>,
}

impl Queue {
    /// Has a node wait, as the newest.
    pub(super) fn wait(&mut self, addresses: &mut Addresses, node: Preimage, addr: SocketAddr) {
        self.forget(addresses, &node);
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0).drop(addresses);
        }
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.reserve_exact(2);
        }
        self.waiting.push(Waiter::new(addresses, node, addr));
    }

    /// A node does not wait any more.
    pub(super) fn forget(&mut self, addresses: &mut Addresses, node: &Preimage) {
        if let Some(at) = self.waiting.iter().position(|waiter| waiter.is(node)) {
            self.waiting.remove(at).drop(addresses);
        }
    }

    /// Takes the node that waits the shortest.
    pub(super) fn pop(&mut self, addresses: &mut Addresses) -> Option<Contact> {
        self.waiting.pop().map(|waiter| waiter.leave(addresses))
    }
}
