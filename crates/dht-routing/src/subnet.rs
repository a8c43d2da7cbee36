//! Which addresses one operator is likely to own: what bounds on Sybils count by, and what is banned as one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use dht_proto::Scope;

/// A public subnet: /24 of IPv4, /48 of IPv6 (what one site gets, RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subnet {
    /// The first three octets.
    V4([u8; 3]),
    /// The first six.
    V6([u8; 6]),
}

impl Subnet {
    /// Subnet of a public address; `None` for loopback and private ones, behind which any number of nodes
    /// may be.
    pub fn of(ip: IpAddr) -> Option<Self> {
        if Scope::of(ip) != Some(Scope::Public) {
            return None;
        }
        match ip.to_canonical() {
            IpAddr::V4(ip) => ip.octets().first_chunk().copied().map(Self::V4),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Self::V6),
        }
    }
}

/// In the form of RFC 4632: `192.0.2.0/24`, `2001:db8::/48`.
impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6(octets) => {
                let mut whole = [0; 16];
                whole.iter_mut().zip(octets).for_each(|(place, octet)| *place = octet);
                write!(f, "{}/48", Ipv6Addr::from(whole))
            }
        }
    }
}

/// A text that is no public address, nor its subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public address, nor a /24 or /48 of them")]
pub struct NoSubnet;

impl FromStr for Subnet {
    type Err = NoSubnet;

    /// Reads an address, or an address in the form that a subnet is shown in.
    fn from_str(text: &str) -> Result<Self, NoSubnet> {
        let (ip, length) = match text.split_once('/') {
            Some((ip, length)) => (ip, Some(length)),
            None => (text, None),
        };
        let subnet = ip.parse().ok().and_then(Self::of).ok_or(NoSubnet)?;
        match (subnet, length) {
            (_, None) | (Self::V4(_), Some("24")) | (Self::V6(_), Some("48")) => Ok(subnet),
            _ => Err(NoSubnet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_read_as_it_is_shown_or_by_an_address_in_it() {
        for (text, shown) in [
            ("8.8.8.8", "8.8.8.0/24"),
            ("8.8.8.0/24", "8.8.8.0/24"),
            ("2606:4700:10::1", "2606:4700:10::/48"),
            ("2606:4700:10::/48", "2606:4700:10::/48"),
        ] {
            let subnet: Subnet = text.parse().unwrap();
            assert_eq!(subnet.to_string(), shown);
        }
    }

    #[test]
    fn loopback_and_private_addresses_have_no_subnet_to_be_banned() {
        for text in ["127.0.0.1", "10.0.0.1", "::1", "8.8.8.8/16", "8.8.8.8/48", "here", ""] {
            assert_eq!(text.parse::<Subnet>(), Err(NoSubnet), "{text}");
        }
    }
}
