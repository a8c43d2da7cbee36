//! How much comes in datagrams from each subnet, and from everybody: no subnet may send so much that others do not get
//! their turn, and all together no more than the node has time for.
//!
//! Flow tells nodes apart by their keys, which cost little; addresses cost more. What is counted are requests, greetings
//! and what is no message; answers to our own requests are not. Anybody can send under the address of another, so what
//! brings a cookie is counted apart: who is shut out because of others is asked for one, and gets its turn by it.
//!
//! Invariant: bounded: past [`SUBNETS`] in one second further ones count for the whole only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use dht_proto::{Moment, Scope};
use dht_routing::Subnet;

use crate::Limits;
use crate::flow::Passage;

/// Subnets counted in one second, at most.
const SUBNETS: usize = 4_096;

/// Time after which counting starts anew.
const WINDOW: Duration = Duration::from_secs(1);

/// Of the datagrams over a limit, every so many-th is answered with a demand for a cookie.
const DEMAND_EACH: u32 = 64;

/// Datagrams in the present second.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Without a cookie, and with one.
    counts: [u32; 2],
}

impl Tally {
    fn is_full(self, proven: bool, limit: u32) -> bool {
        let [claimed, shown] = self.counts;
        (if proven { shown } else { claimed }) >= limit
    }

    fn add(&mut self, proven: bool) {
        let [claimed, shown] = &mut self.counts;
        let count = if proven { shown } else { claimed };
        *count = count.saturating_add(1);
    }
}

/// Datagrams of each subnet, and of all, in the present second.
#[derive(Debug)]
pub(crate) struct Crowd {
    of_subnet: u32,
    of_all: u32,
    /// Whether loopback and private addresses are not counted.
    spares_local: bool,
    since: Moment,
    subnets: HashMap<Subnet, Tally>,
    all: Tally,
    dropped: u32,
}

impl Crowd {
    pub(crate) fn new(limits: &Limits, now: Moment) -> Self {
        Self {
            of_subnet: limits.subnet_datagrams,
            of_all: limits.datagrams,
            spares_local: limits.spares_local,
            since: now,
            subnets: HashMap::new(),
            all: Tally::default(),
            dropped: 0,
        }
    }

    /// What to do with a datagram from `ip`; `proven` if a cookie came with it.
    pub(crate) fn check(&mut self, now: Moment, ip: IpAddr, proven: bool) -> Passage {
        let Some(subnet) = self.subnet_of(ip) else { return Passage::Free };
        self.turn(now);
        let own = self.subnets.get(&subnet).copied().unwrap_or_default();
        if !own.is_full(proven, self.of_subnet) && !self.all.is_full(proven, self.of_all) {
            return Passage::Free;
        }
        self.dropped = self.dropped.wrapping_add(1);
        let is_asked = !proven && self.dropped % DEMAND_EACH == 1;
        if is_asked { Passage::Demand } else { Passage::Closed }
    }

    /// Counts a datagram that is no answer to a request of ours.
    pub(crate) fn count(&mut self, now: Moment, ip: IpAddr, proven: bool) {
        let Some(subnet) = self.subnet_of(ip) else { return };
        self.turn(now);
        self.all.add(proven);
        if self.subnets.len() < SUBNETS || self.subnets.contains_key(&subnet) {
            self.subnets.entry(subnet).or_default().add(proven);
        }
    }

    fn subnet_of(&self, ip: IpAddr) -> Option<Subnet> {
        subnet_of(ip, self.spares_local)
    }

    fn turn(&mut self, now: Moment) {
        if now.since(self.since) >= WINDOW {
            self.since = now;
            self.all = Tally::default();
            // Nothing is kept for a node that is left alone.
            self.subnets = HashMap::new();
        }
    }
}

/// Whether limits per address hold for `ip`.
pub(crate) fn is_limited(ip: IpAddr, spares_local: bool) -> bool {
    !spares_local || Scope::of(ip) == Some(Scope::Public)
}

/// What an address counts for; `None` if it does for nothing.
fn subnet_of(ip: IpAddr, spares_local: bool) -> Option<Subnet> {
    if !is_limited(ip, spares_local) {
        return None;
    }
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().first_chunk().copied().map(Subnet::V4),
        IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Subnet::V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_secs(7);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn crowd() -> Crowd {
        Crowd::new(&Limits::default().subnet_datagrams(10).datagrams(25), NOW)
    }

    /// How many of a thousand datagrams pass.
    fn passed(crowd: &mut Crowd, now: Moment, from: &str, proven: bool) -> usize {
        let mut passes = || {
            let is_free = crowd.check(now, ip(from), proven) == Passage::Free;
            if is_free {
                crowd.count(now, ip(from), proven);
            }
            is_free
        };
        (0..1_000).filter(|_| passes()).count()
    }

    #[test]
    fn a_subnet_over_its_limit_takes_nothing_from_another_one() {
        let mut crowd = crowd();
        assert_eq!(passed(&mut crowd, NOW, "9.9.9.1", false), 10);
        assert_eq!(passed(&mut crowd, NOW, "9.9.9.200", false), 0);
        assert_eq!(passed(&mut crowd, NOW, "9.9.8.1", false), 10);
        assert_eq!(passed(&mut crowd, NOW + WINDOW, "9.9.9.1", false), 10);
    }

    #[test]
    fn all_subnets_together_have_a_limit() {
        let mut crowd = crowd();
        let subnets = ["9.9.1.1", "9.9.2.1", "9.9.3.1", "2600::1"];
        let passed: Vec<usize> =
            subnets.iter().map(|from| passed(&mut crowd, NOW, from, false)).collect();
        assert_eq!(passed, [10, 10, 5, 0]);
    }

    #[test]
    fn who_is_shut_out_by_what_others_send_in_its_name_is_heard_with_a_cookie() {
        let mut crowd = crowd();
        assert_eq!(passed(&mut crowd, NOW, "9.9.9.1", false), 10);
        let checks = (0..640).map(|_| crowd.check(NOW, ip("9.9.9.2"), false));
        assert_eq!(checks.filter(|passage| *passage == Passage::Demand).count(), 10);
        assert_eq!(passed(&mut crowd, NOW, "9.9.9.2", true), 10);
        assert_eq!(crowd.check(NOW, ip("9.9.9.2"), true), Passage::Closed);
    }

    #[test]
    fn loopback_and_private_addresses_are_not_counted_unless_it_is_asked_for() {
        for from in ["127.0.0.1", "192.168.1.7", "::1", "fe80::1"] {
            assert_eq!(passed(&mut crowd(), NOW, from, false), 1_000);
            let limits = Limits::default().subnet_datagrams(10).spares_local(false);
            assert_eq!(passed(&mut Crowd::new(&limits, NOW), NOW, from, false), 10);
        }
    }

    #[test]
    fn very_many_subnets_take_no_more_room() {
        let mut crowd = Crowd::new(&Limits::default(), NOW);
        for number in 0..u16::MAX {
            let [high, low] = number.to_be_bytes();
            crowd.count(NOW, IpAddr::from([9, high, low, 1]), false);
        }
        assert_eq!(crowd.subnets.len(), SUBNETS);
        crowd.count(NOW + WINDOW, ip("9.9.9.9"), false);
        assert_eq!(crowd.subnets.len(), 1);
    }
}
