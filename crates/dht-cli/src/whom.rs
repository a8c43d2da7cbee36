//! Whose application is asked: an address, a node, or all nodes near a key.

use std::net::SocketAddr;
use std::str::FromStr;

use dht_node::{Key, Node, NodeId, Place, Recipient};

use crate::address::{ConnectAddr, reachable};
use crate::bootstrap;

/// Whom a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Whoever is at an address.
    At(ConnectAddr),
    /// The node with an id.
    Node(NodeId),
    /// The nodes closest to a key.
    Closest(Key),
}

/// `key:HEX` is a key, 64 digits alone are a node, everything else is an address.
impl FromStr for Whom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(Place::KEY_PREFIX) {
            let place: Place = text.parse().map_err(|error| format!("{error}"))?;
            return Ok(Self::Closest(place.key()));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Node(id));
        }
        text.parse().map(Self::At).map_err(|error| format!("{error}"))
    }
}

impl Whom {
    /// The same as `node` can ask it: not itself.
    pub(crate) async fn recipient(self, node: &Node) -> Result<Recipient, String> {
        match self {
            Self::At(target) => {
                let addr = resolve(node, target).await?;
                if addr == reachable(node.local_addr()) {
                    return Err(format!("{addr} is this node"));
                }
                Ok(Recipient::Addr(addr))
            }
            Self::Node(id) if id == node.id() => Err("that is this node".to_owned()),
            Self::Node(id) => Ok(Recipient::Node(id)),
            Self::Closest(key) => Ok(Recipient::Closest(key)),
        }
    }
}

/// The address that a person means.
pub(crate) async fn resolve(node: &Node, target: ConnectAddr) -> Result<SocketAddr, String> {
    match target {
        ConnectAddr::Socket(addr) => Ok(addr),
        ConnectAddr::Host(host, port) => {
            let text = |error: &dyn std::fmt::Display| error.to_string();
            let found = bootstrap::look_up(&host, port).await.map_err(|error| text(&error))?;
            let reached = bootstrap::within_reach(node.local_addr(), &found);
            let reached = reached.map_err(|error| text(&error))?;
            reached.first().copied().ok_or_else(|| format!("`{host}` has no address"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_an_id_and_an_address_are_told_apart() {
        let key = Key::content(b"x");
        assert_eq!(format!("key:{key}").parse(), Ok(Whom::Closest(key)));
        assert_eq!(key.to_string().parse(), Ok(Whom::Node(NodeId::from_bytes(*key.as_bytes()))));
        assert!(matches!("127.0.0.1:3000".parse(), Ok(Whom::At(_))));
        assert!("key:12".parse::<Whom>().is_err() && "3000".parse::<Whom>().is_err());
    }
}
