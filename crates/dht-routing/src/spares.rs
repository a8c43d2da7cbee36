//! Nodes that answered at some time: where to begin again when the table is empty.

use std::collections::VecDeque;

use dht_proto::Contact;

/// Nodes remembered, at most.
const SPARES_MAX: usize = 16;

/// The nodes that answered most recently for the first time, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spares {
    contacts: VecDeque<Contact>,
}

impl Spares {
    /// Remembers a node that answered; known ones keep their place.
    pub(crate) fn add(&mut self, contact: Contact) {
        let same = |known: &&mut Contact| known.id() == contact.id();
        if let Some(known) = self.contacts.iter_mut().find(same) {
            *known = contact;
            return;
        }
        if self.contacts.len() >= SPARES_MAX {
            self.contacts.pop_front();
        }
        self.contacts.push_back(contact);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.iter()
    }
}
