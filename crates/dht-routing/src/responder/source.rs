//! Who is charged for the bytes of what others send.
//!
//! A public address stands for its subnet, which costs something to have many of. Behind loopback and private
//! addresses every node is charged for itself: there may be many of them, and they are known.

use std::net::{IpAddr, SocketAddr};

use dht_proto::{NodeIdentity, Scope, Source};

/// First bytes of the sources that stand for a subnet.
const V4: u8 = 4;
const V6: u8 = 6;

/// The source that a node at an address stands for; never [`Source::LOCAL`].
pub(crate) fn of(addr: SocketAddr, node: &NodeIdentity) -> Source {
    let ip = addr.ip().to_canonical();
    let mut bytes = [0; 16];
    match (Scope::of(ip), ip) {
        (Some(Scope::Public), IpAddr::V4(ip)) => {
            bytes[0] = V4;
            bytes[1..4].copy_from_slice(&ip.octets()[..3]);
        }
        (Some(Scope::Public), IpAddr::V6(ip)) => {
            bytes[0] = V6;
            bytes[1..7].copy_from_slice(&ip.octets()[..6]);
        }
        _ => {
            bytes.copy_from_slice(&node.id().as_bytes()[..16]);
            // An id could be made to begin with zeros only with more work than there is, but need not be
            // trusted to.
            bytes[15] |= u8::from(bytes == [0; 16]);
        }
    }
    Source::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use dht_proto::{Nonce, PublicKey};

    use super::*;

    fn source(nonce: u32, ip: &str) -> Source {
        let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
        of(SocketAddr::new(ip.parse().unwrap(), 3_000), &node)
    }

    #[test]
    fn nodes_of_one_public_subnet_are_charged_together() {
        assert_eq!(source(1, "8.8.8.8"), source(2, "8.8.8.9"));
        assert_eq!(source(1, "8.8.8.8"), source(1, "::ffff:8.8.8.8"));
        assert_ne!(source(1, "8.8.8.8"), source(1, "8.8.9.8"));
        assert_eq!(source(1, "2600:1:2:3::1"), source(2, "2600:1:2:4::1"));
        assert_ne!(source(1, "2600:1:2:3::1"), source(1, "2600:1:3:3::1"));
    }

    #[test]
    fn nodes_behind_loopback_and_private_addresses_are_charged_one_by_one() {
        for ip in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1"] {
            assert_eq!(source(1, ip), source(1, ip));
            assert_ne!(source(1, ip), source(2, ip));
            assert!(!source(1, ip).is_local());
        }
        assert!(!source(1, "8.8.8.8").is_local());
    }
}
