//! One bucket: entries in least-recently-answered order, and the contacts waiting for a place.

use std::time::Duration;

use dht_proto::{Contact, Moment, NodeId};

use super::{FAILURES_MAX, Failed};
use crate::rtt::RttEstimate;

/// Contacts that wait for a place in a bucket, at most.
const WAITING_MAX: usize = 8;

/// A node in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who and where.
    pub contact: Contact,
    /// Its round-trip time.
    pub rtt: RttEstimate,
    /// When it answered last.
    pub answered: Moment,
    /// When it answered first.
    pub since: Moment,
    /// Requests not answered since [`answered`](Self::answered).
    pub failures: u8,
}

/// Entries in the order they answered, longest ago first; waiting contacts, newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    entries: Vec<Entry>,
    waiting: Vec<Contact>,
    /// When a lookup last passed through the bucket's range.
    pub(super) touched: Moment,
}

impl Bucket {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entry(&self, id: &NodeId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.contact.id() == *id)
    }

    /// Moves the entry to the recent end; false if it is not here. An answer from another address moves
    /// the contact there: the node itself answered from it.
    pub(super) fn renew(&mut self, now: Moment, contact: Contact, rtt: Duration) -> bool {
        let Some(at) = self.entries.iter().position(|entry| entry.contact.id() == contact.id())
        else {
            return false;
        };
        let mut entry = self.entries.remove(at);
        if entry.contact.addr == contact.addr {
            entry.rtt.update(rtt);
        } else {
            entry.rtt = RttEstimate::first(rtt);
        }
        entry.contact = contact;
        entry.answered = now;
        entry.failures = 0;
        self.entries.push(entry);
        true
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        self.waiting.retain(|waiting| waiting.id() != entry.contact.id());
        self.entries.push(entry);
    }

    /// Gives the newcomer the place of an entry that is clearly further away in time, if there is one that
    /// is not among the `protected` entries known for the longest. Returns who had to leave.
    pub(super) fn displace(&mut self, newcomer: Entry, protected: usize) -> Option<Contact> {
        let mut by_age: Vec<usize> = (0..self.entries.len()).collect();
        by_age.sort_unstable_by_key(|at| self.entries.get(*at).map(|entry| entry.since));
        let rtt = |at: &usize| self.entries.get(*at).and_then(|entry| entry.rtt.smoothed());
        let furthest = by_age.into_iter().skip(protected).max_by_key(rtt)?;
        if newcomer.rtt.smoothed()? * 4 / 3 > rtt(&furthest)? {
            return None;
        }
        let left = self.entries.remove(furthest).contact;
        self.insert(newcomer);
        self.wait(left);
        Some(left)
    }

    pub(super) fn wait(&mut self, contact: Contact) {
        self.waiting.retain(|waiting| waiting.id() != contact.id());
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push(contact);
    }

    pub(super) fn fail(&mut self, id: &NodeId) -> Failed {
        self.waiting.retain(|waiting| waiting.id() != *id);
        let Some(at) = self.entries.iter().position(|entry| entry.contact.id() == *id) else {
            return Failed::Unknown;
        };
        let Some(entry) = self.entries.get_mut(at) else { return Failed::Unknown };
        entry.failures = entry.failures.saturating_add(1);
        if entry.failures < FAILURES_MAX {
            return Failed::Kept;
        }
        self.entries.remove(at);
        Failed::Evicted { candidate: self.waiting.pop() }
    }
}
