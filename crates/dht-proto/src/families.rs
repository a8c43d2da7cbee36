//! Which address families a node can send to.

use std::net::IpAddr;

/// A set of address families. A reply lists contacts only of families its asker can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Families {
    /// IPv4 addresses can be reached.
    pub v4: bool,
    /// IPv6 addresses can be reached.
    pub v6: bool,
}

impl Families {
    /// IPv4 alone.
    pub const V4: Self = Self { v4: true, v6: false };
    /// IPv6 alone.
    pub const V6: Self = Self { v4: false, v6: true };
    /// Both families.
    pub const BOTH: Self = Self { v4: true, v6: true };

    /// Whether an address of `ip`'s family can be used. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn include(self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
    }
}
