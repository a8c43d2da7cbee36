//! A look at one entry.

use std::fmt;
use std::net::SocketAddr;

use dht_proto::{Contact, Mention, Moment, NodeIdentity, RoughRtt};

use super::entries::Entries;
use crate::broadcast::Head;
use crate::load::Burden;
use crate::rtt::RttEstimate;

/// A node in the table.
///
/// Its id is not kept but computed when asked for, which takes 0.1 us: ask for an address or a round-trip
/// time alone, or whether it [`is`](Self::is) some node, where that will do.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub(super) entries: &'a Entries,
    /// *Invariant:* a place in `entries`.
    pub(super) at: usize,
}

impl Entry<'_> {
    /// Who and where.
    pub fn contact(&self) -> Contact {
        Contact::new(self.node(), self.addr())
    }

    /// Who.
    pub fn node(&self) -> NodeIdentity {
        self.preimage().identity()
    }

    /// What a reply says of it, with the round trip that is told.
    pub(crate) fn mention(&self, rtt: Option<RoughRtt>) -> Mention {
        self.preimage().mention(self.addr(), rtt)
    }

    /// Whether it is `node`.
    #[inline]
    pub fn is(&self, node: &NodeIdentity) -> bool {
        self.preimage().makes(node)
    }

    /// Where.
    pub fn addr(&self) -> SocketAddr {
        self.entries.addr(self.at)
    }

    /// Its round-trip time.
    #[inline]
    pub fn rtt(&self) -> RttEstimate {
        self.entries.pulse(self.at).rtt
    }

    /// When it answered last.
    #[inline]
    pub fn answered(&self) -> Moment {
        self.entries.pulse(self.at).answered()
    }

    /// Requests not answered since it [answered](Self::answered).
    pub fn failures(&self) -> u8 {
        self.entries.pulse(self.at).failures()
    }

    /// By how much busier it is than most.
    pub(crate) fn burden(&self) -> Burden {
        self.entries.pulse(self.at).burden()
    }

    /// First bytes of its id, without computing it.
    pub(crate) fn head(&self) -> Head {
        Head(self.entries.head(self.at))
    }

    fn preimage(&self) -> super::known::Preimage {
        self.entries.preimage(self.at)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("contact", &self.contact())
            .field("rtt", &self.rtt())
            .field("answered", &self.answered())
            .field("failures", &self.failures())
            .finish()
    }
}
