//! What is kept of a node besides its place in the table, in as few bytes as possible.

use std::net::SocketAddr;

use dht_proto::{Contact, Mention, Moment, NodeId, NodeIdentity, Nonce, PublicKey, RoughRtt};

use super::address::{Addresses, PackedAddr};
use crate::load::Burden;
use crate::rtt::RttEstimate;

/// What an id is computed from. The id itself, nearly half of an identity, is not kept: to compute it again
/// takes 0.1 us, and few of the many entries that are looked through are ever told to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preimage {
    public: PublicKey,
    nonce: Nonce,
}

impl Preimage {
    pub(super) fn of(node: &NodeIdentity) -> Self {
        Self { public: node.public(), nonce: node.nonce() }
    }

    /// Computes the id.
    pub(super) fn identity(&self) -> NodeIdentity {
        NodeIdentity::new(self.public, self.nonce)
    }

    /// What a reply says of the node at `addr`.
    pub(super) fn mention(&self, addr: SocketAddr, rtt: Option<RoughRtt>) -> Mention {
        Mention { public: self.public, nonce: self.nonce, addr, rtt }
    }

    /// Whether it makes the id of `node`, without computing it.
    #[inline]
    pub(super) fn makes(&self, node: &NodeIdentity) -> bool {
        self.public == node.public() && self.nonce == node.nonce()
    }
}

/// The first eight bytes of an id: enough to tell nearly all ids apart and to order them.
#[inline]
pub(super) fn head(id: &NodeId) -> u64 {
    head_of(id.as_bytes())
}

#[inline]
pub(super) fn head_of(point: &[u8; 32]) -> u64 {
    point.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

/// How an entry fares: its round-trip time, when it answered last, and failures since then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    pub(super) rtt: RttEstimate,
    /// Microseconds in the upper 56 bits (more than two thousand years), then the burden and failures since, 4 bits
    /// each.
    beat: u64,
}

const LOWER_BITS: u32 = 8;
const BURDEN_BITS: u32 = 4;
const FAILURES: u8 = (1 << BURDEN_BITS) - 1;

impl Pulse {
    pub(super) fn new(now: Moment, rtt: RttEstimate) -> Self {
        let micros = now.as_micros().min(u64::MAX >> LOWER_BITS);
        Self { rtt, beat: micros << LOWER_BITS }
    }

    #[inline]
    pub(super) fn answered(self) -> Moment {
        Moment::from_micros(self.beat >> LOWER_BITS)
    }

    pub(super) fn failures(self) -> u8 {
        self.lower() & FAILURES
    }

    /// By how much busier it is than most.
    #[inline]
    pub(super) fn burden(self) -> Burden {
        Burden::new(self.lower() >> BURDEN_BITS)
    }

    pub(super) fn set_burden(&mut self, burden: Burden) {
        let lower = burden.steps() << BURDEN_BITS | self.failures();
        self.beat = self.beat >> LOWER_BITS << LOWER_BITS | u64::from(lower);
    }

    fn lower(self) -> u8 {
        self.beat.to_le_bytes()[0]
    }

    /// One failure more.
    pub(super) fn failed(&mut self) {
        if self.failures() < FAILURES {
            self.beat += 1;
        }
    }
}

/// A node that waits for a place.
#[derive(Debug, Clone)]
pub(super) struct Waiter {
    preimage: Preimage,
    addr: PackedAddr,
}

impl Waiter {
    pub(super) fn new(addresses: &mut Addresses, node: Preimage, addr: SocketAddr) -> Self {
        Self { preimage: node, addr: addresses.pack(addr) }
    }

    pub(super) fn is(&self, node: &Preimage) -> bool {
        self.preimage == *node
    }

    /// The contact, and the end of its stored form.
    pub(super) fn leave(self, addresses: &mut Addresses) -> Contact {
        let contact = Contact::new(self.preimage.identity(), addresses.unpack(&self.addr));
        addresses.release(self.addr);
        contact
    }

    pub(super) fn drop(self, addresses: &mut Addresses) {
        addresses.release(self.addr);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pulse_tells_moment_burden_and_failures_apart() {
        let rtt = RttEstimate::first(Duration::from_millis(3));
        for micros in [0, 1, 255, 256, 1_700_000_000_000_000, u64::MAX >> 8] {
            let mut pulse = Pulse::new(Moment::from_micros(micros), rtt);
            for step in 0..=20 {
                let burden = Burden::new(step * 7 % 16);
                pulse.set_burden(burden);
                assert_eq!(
                    (pulse.answered().as_micros(), pulse.failures()),
                    (micros, step.min(15))
                );
                assert_eq!(pulse.burden(), burden);
                pulse.failed();
            }
        }
        assert_eq!(Pulse::new(Moment::NEVER, rtt).answered().as_micros(), u64::MAX >> 8);
    }

    #[test]
    fn a_preimage_makes_one_identity() {
        let node = |nonce| NodeIdentity::new(PublicKey::from_bytes([3; 32]), Nonce(nonce));
        let preimage = Preimage::of(&node(1));
        assert_eq!(preimage.identity(), node(1));
        assert!(preimage.makes(&node(1)) && !preimage.makes(&node(2)));
    }
}
