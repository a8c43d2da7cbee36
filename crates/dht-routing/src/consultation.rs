//! What the application is asked before this node keeps a record, and what it may answer.

use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::{AuthorKey, Key, Kind, NodeIdentity, Purpose, Record, Summary, Value};

/// Who wants this node to keep a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The application of this node, as the record's publisher.
    Ourselves,
    /// Another node: a publisher, a holder, or one that leaves a cached copy.
    Node {
        /// Who: it sealed the message that says so.
        node: NodeIdentity,
        /// Where the message came from.
        addr: SocketAddr,
    },
}

/// A record that this node could keep, before it does.
///
/// The application is asked about what the rules of the protocol would admit (`dht_proto::admit`) and that
/// would change something: a record for an empty slot, a longer life, a newer version. Of what the rules refuse
/// it is asked in one case: where another value lives under the name. It is not asked again when this node renews
/// what it published itself, nor when its own mirror lengthens the life of what it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consultation {
    /// Who sends it.
    pub sender: Sender,
    /// Why it is sent: as a publication, to keep up the number of copies, or as a cached copy.
    pub purpose: Purpose,
    /// What it would be in our store: key and kind, size in bytes, digest, sequence, end of life, custody.
    pub incoming: Summary,
    /// What is left of its life.
    pub remaining: Duration,
    /// What lives in its slot now.
    pub existing: Option<Summary>,
    /// The record with its value; `None` where it is only offered so far. Where the application agrees the
    /// value is sent for, and it is asked again.
    pub record: Option<Record>,
}

impl Consultation {
    /// Where the record would live.
    pub fn key(&self) -> Key {
        self.incoming.slot.key
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.incoming.slot.kind
    }

    /// Length of its value, in bytes.
    pub fn size(&self) -> usize {
        self.incoming.size
    }

    /// Its value; `None` where it is only offered so far, and for a deletion.
    pub fn value(&self) -> Option<&Value> {
        self.record.as_ref().and_then(Record::value)
    }

    /// The author of a signed record; `None` for other kinds, and where it is only offered so far.
    pub fn author(&self) -> Option<AuthorKey> {
        Some(*self.record.as_ref()?.as_signed()?.author())
    }

    /// Whether another value lives under the name. Then [`Verdict::Accept`] leaves that one in place.
    pub fn is_contested(&self) -> bool {
        let differs = |existing: &Summary| !existing.is_same_value(&self.incoming);
        self.kind() == Kind::Named && self.existing.as_ref().is_some_and(differs)
    }
}

/// What the application wants done with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it, as the rules say.
    Accept,
    /// Do not keep it. What is in place stays.
    Refuse {
        /// Told to the sender and reported to whoever stores: at most 200 bytes, the rest is cut off.
        reason: String,
    },
    /// Keep it, in place of another value that lives under its name. The same as
    /// [`Accept`](Self::Accept) for content and signed records, and for cached copies.
    Replace,
}

impl Verdict {
    /// [`Refuse`](Self::Refuse) for a reason.
    pub fn refuse(reason: impl Into<String>) -> Self {
        Self::Refuse { reason: reason.into() }
    }
}
