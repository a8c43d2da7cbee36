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

#[cfg(test)]
mod tests {
    use super::Families;

    #[test]
    fn a_mapped_address_counts_as_ipv4() {
        for (text, v4) in [("10.0.0.1", true), ("2001:470::1", false), ("::ffff:10.0.0.1", true)] {
            let ip = text.parse().unwrap();
            assert_eq!(Families::V4.include(ip), v4, "{text}");
            assert_eq!(Families::V6.include(ip), !v4, "{text}");
            assert!(Families::BOTH.include(ip), "{text}");
        }
    }
}
