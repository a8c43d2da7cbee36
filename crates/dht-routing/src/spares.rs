//! Where nodes answered at some time: where to begin again when the table is empty.

use std::net::SocketAddr;

use dht_proto::{Contact, NodeId};

use crate::table::address::{Addresses, PackedAddr};

/// Nodes remembered, at most.
const SPARES_MAX: usize = 16;

/// The addresses of the nodes that answered most recently for the first time.
///
/// Within the peer rather than behind a pointer: it is looked through at every answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spares {
    /// First bytes of their ids, to tell them apart. Who makes two nodes alike in them takes the place of its
    /// own spare.
    heads: [u64; SPARES_MAX],
    addrs: [PackedAddr; SPARES_MAX],
    len: usize,
    /// Place of the oldest once there are as many as may be.
    oldest: usize,
    addresses: Addresses,
}

impl Spares {
    /// Remembers a node that answered; known ones keep their place.
    pub(crate) fn add(&mut self, contact: Contact) {
        let head = head(&contact.id());
        let known = self.heads.iter().take(self.len).position(|known| *known == head);
        let place = known.unwrap_or(if self.len < SPARES_MAX { self.len } else { self.oldest });
        if known.is_none() && self.len < SPARES_MAX {
            self.len += 1;
        } else if known.is_none() {
            self.oldest = (self.oldest + 1) % SPARES_MAX;
        }
        if let (Some(known), Some(addr)) = (self.heads.get_mut(place), self.addrs.get_mut(place)) {
            *known = head;
            let old = std::mem::replace(addr, self.addresses.pack(contact.addr));
            self.addresses.release(old);
        }
    }

    /// Their addresses, oldest first.
    pub(crate) fn addrs(&self) -> impl Iterator<Item = SocketAddr> {
        let (newer, older) = self.addrs.split_at(self.oldest.min(self.len));
        let older = older.iter().take(self.len - newer.len());
        older.chain(newer).map(|addr| self.addresses.unpack(addr))
    }
}

fn head(id: &NodeId) -> u64 {
    id.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    fn contact(number: u16, port: u16) -> Contact {
        let node = NodeIdentity::new(PublicKey::from_bytes([4; 32]), Nonce(u32::from(number)));
        Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    fn ports(spares: &Spares) -> Vec<u16> {
        spares.addrs().map(|addr| addr.port()).collect()
    }

    #[test]
    fn the_latest_are_remembered_oldest_first_and_known_ones_keep_their_place() {
        let mut spares = Spares::default();
        assert_eq!(ports(&spares), []);
        for number in 0..10 {
            spares.add(contact(number, number));
        }
        spares.add(contact(3, 103));
        assert_eq!(ports(&spares), [0, 1, 2, 103, 4, 5, 6, 7, 8, 9]);
        for number in 10..40 {
            spares.add(contact(number, number));
        }
        assert_eq!(ports(&spares), (24..40).collect::<Vec<_>>());
        spares.add(contact(30, 130));
        spares.add(contact(40, 40));
        let expected: Vec<_> = (25..=40).map(|port| if port == 30 { 130 } else { port }).collect();
        assert_eq!(ports(&spares), expected);
    }
}
