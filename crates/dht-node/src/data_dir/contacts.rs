//! The text form of a routing table: a contact a line.

use std::fmt::Write as _;

use dht_proto::{Contact, NodeIdentity, Nonce};

/// Contacts read at most: more than any table holds that nobody tampered with.
const CONTACTS_MAX: usize = 16_384;

/// The lines of the file.
pub(super) fn to_text(known: &[Contact]) -> String {
    let mut text = String::new();
    for contact in known {
        let (public, nonce) = (contact.node.public(), contact.node.nonce().0);
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{public} {nonce} {}", contact.addr);
    }
    text
}

/// Reads what [`to_text`] wrote. Lines that are no contact are left out.
pub(super) fn parse(text: &str) -> Vec<Contact> {
    text.lines().filter_map(contact).take(CONTACTS_MAX).collect()
}

fn contact(line: &str) -> Option<Contact> {
    let mut words = line.split(' ');
    let public = words.next()?.parse().ok()?;
    let nonce = Nonce(words.next()?.parse().ok()?);
    let addr = words.next()?.parse().ok()?;
    Some(Contact::new(NodeIdentity::new(public, nonce), addr))
}
