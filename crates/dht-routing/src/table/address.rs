//! Addresses in eight bytes: IPv4 ones as they are, IPv6 ones by their number in a list beside.
//!
//! *Invariant:* every [`PackedAddr`] made by [`Addresses::pack`] is given back to [`Addresses::release`] exactly
//! once, by whoever drops it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use crate::Subnet;

/// Marks the number of an IPv6 address.
const V6: u64 = 1 << 63;
const PORT_BITS: u32 = 16;

/// An address, readable through the [`Addresses`] that packed it. Bytes, so that it needs no alignment. The
/// default is none, which need not be released.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub(crate) struct PackedAddr([u8; 8]);

/// The IPv6 addresses of a table, each in use once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    sixes: Vec<SocketAddrV6>,
    free: Vec<u32>,
}

impl Addresses {
    pub(crate) fn pack(&mut self, addr: SocketAddr) -> PackedAddr {
        match addr {
            SocketAddr::V4(v4) => PackedAddr::new(pack_v4(*v4.ip(), v4.port())),
            SocketAddr::V6(v6) => PackedAddr::new(V6 | u64::from(self.insert(v6))),
        }
    }

    pub(crate) fn unpack(&self, packed: &PackedAddr) -> SocketAddr {
        let unspecified = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        match packed.number() {
            Some(number) => self.sixes.get(number).map_or(unspecified, |v6| SocketAddr::V6(*v6)),
            None => unpack_v4(packed.bits()),
        }
    }

    /// Forgets an address that is not used any more.
    #[expect(clippy::needless_pass_by_value, reason = "given back once, so taken")]
    pub(crate) fn release(&mut self, packed: PackedAddr) {
        let Some(number) = packed.number().and_then(|number| u32::try_from(number).ok()) else {
            return;
        };
        self.free.push(number);
        if self.free.len() == self.sixes.len() {
            *self = Self::default();
        }
    }

    /// How many of `packed` lie in `subnet`, counting no further than `limit`.
    pub(super) fn count_in(&self, packed: &[PackedAddr], subnet: Subnet, limit: usize) -> usize {
        if let (Subnet::V4([a, b, c]), true) = (subnet, self.sixes.is_empty()) {
            let wanted = u64::from(u32::from_be_bytes([0, a, b, c]));
            return packed
                .iter()
                .filter(|packed| packed.bits() >> (PORT_BITS + 8) == wanted)
                .count();
        }
        let within = |packed: &&PackedAddr| Subnet::of(self.unpack(packed).ip()) == Some(subnet);
        packed.iter().filter(within).take(limit).count()
    }

    /// IPv6 addresses in use.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sixes.len() - self.free.len()
    }

    fn insert(&mut self, addr: SocketAddrV6) -> u32 {
        if let Some(number) = self.free.pop()
            && let Some(place) = self.sixes.get_mut(number as usize)
        {
            *place = addr;
            return number;
        }
        self.sixes.push(addr);
        u32::try_from(self.sixes.len() - 1).unwrap_or(u32::MAX)
    }
}

impl PackedAddr {
    /// Place in the list of IPv6 addresses.
    fn number(&self) -> Option<usize> {
        let bits = self.bits();
        (bits & V6 != 0).then(|| usize::try_from(bits & !V6).unwrap_or(usize::MAX))
    }

    fn new(bits: u64) -> Self {
        Self(bits.to_ne_bytes())
    }

    fn bits(&self) -> u64 {
        u64::from_ne_bytes(self.0)
    }
}

fn pack_v4(ip: Ipv4Addr, port: u16) -> u64 {
    u64::from(u32::from(ip)) << PORT_BITS | u64::from(port)
}

fn unpack_v4(packed: u64) -> SocketAddr {
    let [_, _, a, b, c, d, high, low] = packed.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn any_addr() -> impl Strategy<Value = SocketAddr> {
        let v6 = |(ip, port, flow, scope): (u128, u16, u32, u32)| {
            SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope))
        };
        prop_oneof![
            any::<(u32, u16)>().prop_map(|(ip, port)| (Ipv4Addr::from(ip), port).into()),
            any::<(u128, u16, u32, u32)>().prop_map(v6),
            (0_u128..4, 1_u16..3).prop_map(move |(ip, port)| v6((ip, port, 0, 0))),
        ]
    }

    proptest! {
        #[test]
        fn every_address_reads_back_until_it_is_released(
            steps in proptest::collection::vec((any_addr(), any::<bool>(), any::<usize>()), 0..60),
        ) {
            let mut addresses = Addresses::default();
            let mut kept: Vec<(SocketAddr, PackedAddr)> = Vec::new();
            for (addr, add, index) in steps {
                if add || kept.is_empty() {
                    kept.push((addr, addresses.pack(addr)));
                } else {
                    let (_, packed) = kept.swap_remove(index % kept.len());
                    addresses.release(packed);
                }
                for (addr, packed) in &kept {
                    prop_assert_eq!(addresses.unpack(packed), *addr);
                }
                let sixes = kept.iter().filter(|(addr, _)| addr.is_ipv6()).count();
                prop_assert_eq!(addresses.len(), sixes);
            }
        }

        #[test]
        fn addresses_of_a_subnet_are_counted_however_they_are_packed(
            ips in proptest::collection::vec((0_u32..3, 0_u32..4, any::<bool>()), 0..30),
            with_sixes: bool,
        ) {
            let mut addresses = Addresses::default();
            let ips = ips.into_iter().map(|(net, host, mapped)| {
                let v4 = Ipv4Addr::from(0x0808_0800 + (net << 8) + host);
                if mapped && with_sixes { IpAddr::V6(v4.to_ipv6_mapped()) } else { IpAddr::V4(v4) }
            });
            let ips: Vec<IpAddr> = ips.collect();
            let packed: Vec<_> = ips.iter().map(|ip| addresses.pack((*ip, 7).into())).collect();
            for subnet in ips.iter().filter_map(|ip| Subnet::of(*ip)) {
                let expected = ips.iter().filter(|ip| Subnet::of(**ip) == Some(subnet)).count();
                prop_assert_eq!(addresses.count_in(&packed, subnet, usize::MAX), expected);
            }
        }
    }
}
