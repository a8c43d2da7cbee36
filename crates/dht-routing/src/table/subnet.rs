//! Which addresses one operator is likely to own: what a bound on Sybils counts by.

use std::net::IpAddr;

use dht_proto::Scope;

/// A public subnet: /24 of IPv4, /48 of IPv6 (what one site gets, RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subnet {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Subnet {
    /// Subnet of a public address; `None` for loopback and private ones, which are not bounded.
    pub(super) fn of(ip: IpAddr) -> Option<Self> {
        if Scope::of(ip) != Some(Scope::Public) {
            return None;
        }
        match ip.to_canonical() {
            IpAddr::V4(ip) => ip.octets().first_chunk().copied().map(Self::V4),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Self::V6),
        }
    }
}
