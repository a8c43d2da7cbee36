//! What one node tells of another: where it is, and how far away.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::{Contact, NodeId, NodeIdentity, Nonce, PublicKey};

/// A contact as the answering node names it, with the round trip it measured to it.
///
/// Its id is not known yet, but what it follows from. To compute it takes 0.1 us, and whoever names sixteen nodes in
/// an answer has no use for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// The node's key.
    pub public: PublicKey,
    /// The nonce that makes its id with the key.
    pub nonce: Nonce,
    /// Where it is.
    pub addr: SocketAddr,
    /// Round trip between the answering node and the contact; `None` if it does not tell.
    pub rtt: Option<RoughRtt>,
}

impl Mention {
    /// Computes the id of the node that is meant.
    pub fn referral(&self) -> Referral {
        let node = NodeIdentity::new(self.public, self.nonce);
        Referral { contact: Contact::new(node, self.addr), rtt: self.rtt }
    }

    /// The id of the node that is meant, computed.
    pub fn id(&self) -> NodeId {
        self.referral().id()
    }

    /// Whether `other` is about the same node.
    pub fn is_about_same(&self, other: &Self) -> bool {
        self.public == other.public && self.nonce == other.nonce
    }
}

impl From<Referral> for Mention {
    fn from(Referral { contact: Contact { node, addr }, rtt }: Referral) -> Self {
        Self { public: node.public(), nonce: node.nonce(), addr, rtt }
    }
}

impl From<Contact> for Mention {
    /// Tells nothing of its distance.
    fn from(contact: Contact) -> Self {
        Referral::from(contact).into()
    }
}

impl fmt::Debug for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { public, nonce, addr, rtt } = self;
        write!(f, "Mention({public:?}, nonce {} at {addr}, {rtt:?})", nonce.0)
    }
}

/// A [`Mention`] with the id of the node.
///
/// Hearsay: the asker believes neither that the node is there nor that it is near, but asks first who seems
/// to be near to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referral {
    /// Who and where.
    pub contact: Contact,
    /// Round trip between the answering node and the contact; `None` if it does not tell.
    pub rtt: Option<RoughRtt>,
}

impl Referral {
    /// The node's id.
    #[inline]
    pub const fn id(&self) -> NodeId {
        self.contact.id()
    }
}

impl From<Contact> for Referral {
    /// Tells nothing of its distance.
    fn from(contact: Contact) -> Self {
        Self { contact, rtt: None }
    }
}

/// A round-trip time in one byte: `e` in its upper half and `m` in its lower one mean
/// `(16 + m) * 2^e * 8` microseconds, 128 µs to 8.1 s in steps of 3 to 7 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoughRtt(u8);

/// The unit, as a power of two of microseconds.
const UNIT_BITS: u32 = 3;

impl RoughRtt {
    /// The longest that is not longer than `rtt`, or the shortest there is.
    pub fn new(rtt: Duration) -> Self {
        let units = u32::try_from(rtt.as_micros() >> UNIT_BITS).unwrap_or(u32::MAX).max(16);
        let exponent = units.ilog2() - 4;
        let code = (exponent << 4) | ((units >> exponent) - 16);
        Self(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// Reads the byte on the wire: every value is one.
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// The byte on the wire.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The time meant.
    pub const fn duration(self) -> Duration {
        let units = (16 + (self.0 & 15) as u64) << (self.0 >> 4);
        Duration::from_micros(units << UNIT_BITS)
    }
}

impl fmt::Debug for RoughRtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {:?}", self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_the_code_of_the_time_it_means() {
        for code in 0..=u8::MAX {
            assert_eq!(RoughRtt::new(RoughRtt::from_code(code).duration()).code(), code);
        }
    }

    #[test]
    fn a_time_is_told_to_seven_percent() {
        for micros in (128..8_126_000).step_by(991) {
            let told = RoughRtt::new(Duration::from_micros(micros)).duration().as_micros();
            assert!(
                told <= u128::from(micros) && told * 107 >= u128::from(micros) * 100,
                "{micros}"
            );
        }
    }

    #[test]
    fn times_out_of_range_become_the_nearest_in_it() {
        assert_eq!(RoughRtt::new(Duration::ZERO).duration(), Duration::from_micros(128));
        assert_eq!(RoughRtt::new(Duration::MAX).duration(), Duration::from_micros(8_126_464));
    }
}
