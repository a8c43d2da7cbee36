//! The nodes by which we joined: whom the application told us of, and who answered.
//!
//! They are the only ones that a newcomer does not know by hearsay. Whoever lies names only accomplices, and these name
//! more of them, so that with every step away from the sponsors fewer honest nodes are heard of. While the table of
//! a new node is filled, each survey therefore asks some of the sponsors as well, so that no part of the table depends on
//! strangers alone. (Trust that is spread from known nodes and in few steps: Cao et al., NSDI 2012.)
//!
//! *Invariant:* sponsors are asked only while the table is first filled, so nobody who is in many configurations is asked
//! for ever. Nothing is kept after that.

use dht_proto::Contact;

/// Sponsors that are remembered, at most.
const SPONSORS_MAX: usize = 4;

/// Who answered at the addresses that the application gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sponsors {
    contacts: Vec<Contact>,
    /// Who is asked next.
    turn: usize,
}

impl Sponsors {
    /// A node answered at an address that the application gave.
    pub(crate) fn add(&mut self, contact: Contact) {
        let is_known = self.contacts.iter().any(|known| known.node == contact.node);
        if !is_known && self.contacts.len() < SPONSORS_MAX {
            self.contacts.reserve_exact(1);
            self.contacts.push(contact);
        }
    }

    /// So many of them, or all: everybody in turn.
    pub(crate) fn next(&mut self, wanted: usize) -> Vec<Contact> {
        let count = self.contacts.len();
        let asked = wanted.min(count);
        let turn = self.turn;
        self.turn = turn.wrapping_add(asked);
        (0..asked).filter_map(|at| self.contacts.get((turn + at) % count).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    fn contact(number: u32) -> Contact {
        let node = NodeIdentity::new(PublicKey::from_bytes([5; 32]), Nonce(number));
        Contact::new(node, SocketAddr::from(([127, 0, 0, 1], 1_000)))
    }

    #[test]
    fn everybody_is_asked_in_turn_and_nobody_twice_at_once() {
        let mut sponsors = Sponsors::default();
        assert_eq!(sponsors.next(2), []);
        sponsors.add(contact(1));
        assert_eq!(sponsors.next(2), [contact(1)]);
        assert_eq!(sponsors.next(2), [contact(1)]);
        (1..4).for_each(|number| sponsors.add(contact(number)));
        let asked: Vec<Contact> = (0..3).flat_map(|_| sponsors.next(2)).collect();
        assert!((1..4).all(|n| asked.iter().filter(|one| **one == contact(n)).count() == 2));
    }

    #[test]
    fn a_few_are_enough() {
        let mut sponsors = Sponsors::default();
        (0..100).for_each(|number| sponsors.add(contact(number)));
        assert_eq!(sponsors.contacts.len(), SPONSORS_MAX);
    }
}
