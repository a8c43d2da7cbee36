//! Nodes known from an earlier run, to be pinged one by one: after a restart a table is only a list of whom
//! to ask.

use std::collections::VecDeque;
use std::time::Duration;

use dht_proto::{Contact, Moment};

/// Nodes that wait to be pinged, at most.
pub(crate) const KNOWN_MAX: usize = 8_192;
/// Time between two pings: twenty a second find a full table within a minute, and hide in other traffic.
const SPACING: Duration = Duration::from_millis(50);

/// Who is still to be pinged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reunion {
    waiting: VecDeque<Contact>,
    due: Moment,
}

impl Reunion {
    /// Adds nodes, as many as there is room for.
    pub(crate) fn add(&mut self, now: Moment, known: Vec<Contact>) {
        if self.waiting.is_empty() {
            self.due = now + SPACING;
        }
        let room = KNOWN_MAX.saturating_sub(self.waiting.len());
        self.waiting.extend(known.into_iter().take(room));
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    /// The next node to ping at `now`.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Contact> {
        if self.due > now {
            return None;
        }
        let contact = self.waiting.pop_front()?;
        self.due = now + SPACING;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(contact)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    fn contacts(count: u32) -> Vec<Contact> {
        let node = |nonce| NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        (0..count).map(|nonce| Contact::new(node(nonce), addr)).collect()
    }

    #[test]
    fn nodes_are_pinged_one_by_one_in_the_order_they_came() {
        let (mut reunion, known) = (Reunion::default(), contacts(3));
        assert_eq!(reunion.next_due(), None);
        reunion.add(Moment::EPOCH, known.clone());
        let mut pinged = Vec::new();
        while let Some(due) = reunion.next_due() {
            pinged.push(reunion.pop_due(due).unwrap());
            assert_eq!(reunion.pop_due(due), None, "only one at a time");
        }
        assert_eq!(pinged, known);
    }

    #[test]
    fn only_so_many_wait() {
        let mut reunion = Reunion::default();
        reunion.add(Moment::EPOCH, contacts(10_000));
        assert_eq!(reunion.waiting.len(), KNOWN_MAX);
    }
}
