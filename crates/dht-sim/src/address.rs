//! Where simulated nodes live: every life of every place has an address of its own.
//!
//! Addresses are public unicast IPv4, no two places in one /24 and few in one /16, so that limits on
//! addresses of one subnet behave as on the internet. The port counts the lives: a stranger that takes a
//! place does not answer at the address of whoever was there before. Where several places share one host they
//! share its ip, and each has a part of the ports.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// First octets in use: 11..=99 are all public (RFC 6890).
const FIRST: u32 = 11;
const FIRSTS: u32 = 89;
const PORT: u32 = 1_024;
const LIVES: u32 = 8_000;

/// Places that can share a host.
pub(crate) const LODGERS_MAX: usize = 8;

/// Most places an address can be made for.
pub(crate) const PLACES_MAX: usize = (FIRSTS as usize) << 16;

/// The address of the `life`-th life at a place that has a host of its own.
#[cfg(test)]
pub(crate) fn of(place: u32, life: u32) -> SocketAddr {
    shared(place, 0, life)
}

/// The address of the `life`-th life of a `lodger`, numbered from 0, at a host. A place that shares its host with
/// nobody is its first lodger.
#[expect(clippy::cast_possible_truncation, reason = "each part is reduced to its range first")]
pub(crate) fn shared(host: u32, lodger: u32, life: u32) -> SocketAddr {
    let (a, rest) = (FIRST + host % FIRSTS, host / FIRSTS);
    let ip = Ipv4Addr::new(a as u8, rest as u8, (rest >> 8) as u8, 1);
    let lodger = lodger % LODGERS_MAX as u32;
    SocketAddr::new(IpAddr::V4(ip), (PORT + lodger * LIVES + life % LIVES) as u16)
}

/// The host whose address this is, and which of its lodgers has it, whatever the life; `None` for an address that
/// was never given out.
pub(crate) fn host(addr: SocketAddr) -> Option<(u32, u32)> {
    let IpAddr::V4(ip) = addr.ip() else { return None };
    let [a, b, c, d] = ip.octets().map(u32::from);
    let within = (FIRST..FIRST + FIRSTS).contains(&a) && d == 1;
    let lodger = u32::from(addr.port()).checked_sub(PORT)? / LIVES;
    within.then(|| (((c << 8) + b) * FIRSTS + a - FIRST, lodger))
}

/// An address where nobody ever lives, for invented contacts.
#[expect(clippy::cast_possible_truncation, reason = "bytes are what is wanted")]
pub(crate) fn nowhere(bits: u64) -> SocketAddr {
    let ip = Ipv4Addr::new(101, bits as u8, (bits >> 8) as u8, (bits >> 16) as u8 | 2);
    SocketAddr::new(IpAddr::V4(ip), 4_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dht_proto::Scope;
    use std::collections::BTreeSet;

    #[test]
    fn every_place_reads_back_and_no_two_share_a_subnet() {
        let mut subnets = BTreeSet::new();
        let last = u32::try_from(PLACES_MAX).unwrap();
        for number in (0..200_000).chain(last - 10..last) {
            let addr = of(number, 0);
            assert_eq!(host(addr), Some((number, 0)));
            assert_eq!(Scope::of(addr.ip()), Some(Scope::Public));
            let IpAddr::V4(ip) = addr.ip() else { unreachable!() };
            assert!(subnets.insert(ip.octets()[..3].to_vec()));
        }
    }

    #[test]
    fn a_new_life_has_a_new_address_at_the_same_place() {
        assert_ne!(of(7, 0), of(7, 1));
        assert_eq!(host(of(7, 1)), Some((7, 0)));
        assert_eq!(host(nowhere(12_345)), None);
    }

    #[test]
    fn lodgers_of_one_host_share_its_ip_and_no_address() {
        let mut addrs = BTreeSet::new();
        for lodger in 0..u32::try_from(LODGERS_MAX).unwrap() {
            for life in [0, 1, LIVES - 1] {
                let addr = shared(7, lodger, life);
                assert_eq!((addr.ip(), host(addr)), (of(7, 0).ip(), Some((7, lodger))));
                assert!(addrs.insert(addr));
            }
        }
    }
}
