//! How far an address reaches: this machine, a private network, or the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reach of an address, narrowest first.
///
/// A contact of a narrower scope than its asker's or teller's address is of no use to them: it would be
/// a different machine there, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// 127.0.0.0/8 and `::1`.
    Loopback,
    /// Private, link-local, shared and unique-local ranges (RFC 1918, 3927, 6598, 4193).
    Private,
    /// Everything else that is unicast.
    Public,
}

impl Scope {
    /// Scope of `ip`, or `None` where it can be no node's address: unspecified, broadcast, multicast,
    /// documentation (RFC 5737, 3849) or 0.0.0.0/8.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    /// Scope of `addr`, or `None` where no node can be: without a port, or [at such an address](Self::of).
    pub fn at(addr: SocketAddr) -> Option<Self> {
        if addr.port() == 0 { None } else { Self::of(addr.ip()) }
    }

    /// Whether a contact at an address of scope `contact` may be told to an asker of this scope, or
    /// believed from a teller of this scope.
    pub fn may_exchange(self, contact: Self) -> bool {
        contact >= self
    }

    fn of_v4(ip: Ipv4Addr) -> Option<Self> {
        let [a, b, ..] = ip.octets();
        if a == 0 || a >= 224 || ip.is_documentation() {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_private() || ip.is_link_local() || (a == 100 && (64..128).contains(&b)) {
            Some(Self::Private)
        } else {
            Some(Self::Public)
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Option<Self> {
        let head = ip.segments();
        if ip.is_unspecified() || ip.is_multicast() || (head[0] == 0x2001 && head[1] == 0xdb8) {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_unique_local() || ip.is_unicast_link_local() {
            Some(Self::Private)
        } else {
            Some(Self::Public)
        }
    }
}

#[cfg(test)]
mod tests;
