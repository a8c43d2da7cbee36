//! Requests of applications to applications: whom they are for, what they come to, and what is to be answered.

use std::net::SocketAddr;

use bytes::Bytes;
use dht_proto::{Contact, ErrorCode, Key, NodeId, NodeIdentity};

/// Whom a custom request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Whoever is at an address.
    Addr(SocketAddr),
    /// A node at an address.
    Contact(Contact),
    /// A node, wherever it is: looked up if the table does not know it.
    Node(NodeId),
    /// Each of the k nodes closest to a key, ourselves left out.
    Closest(Key),
}

impl From<SocketAddr> for Recipient {
    fn from(addr: SocketAddr) -> Self {
        Self::Addr(addr)
    }
}

impl From<Contact> for Recipient {
    fn from(contact: Contact) -> Self {
        Self::Contact(contact)
    }
}

impl From<NodeId> for Recipient {
    fn from(id: NodeId) -> Self {
        Self::Node(id)
    }
}

/// What one node answered to a custom request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who was asked, and where.
    pub from: Contact,
    /// What its application answered, or why there is no answer.
    pub result: Result<Bytes, AnswerError>,
}

/// Why a node that was asked gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Nothing came from it in time. Its application may have run all the same.
    #[error("no answer")]
    NoAnswer,
    /// It has no application that answers custom requests.
    #[error("does not answer custom requests")]
    Unsupported,
    /// It has too much to do; asking later may succeed.
    #[error("busy")]
    Busy,
    /// Its application failed, or took too long.
    #[error("failed: {text}")]
    Failed {
        /// What it says of it, for people, without control characters.
        text: String,
    },
    /// It answered with another error.
    #[error("{code}")]
    Other {
        /// Which.
        code: ErrorCode,
    },
}

impl AnswerError {
    pub(crate) fn of(code: ErrorCode, text: &str) -> Self {
        match code {
            ErrorCode::Unsupported | ErrorCode::Unknown => Self::Unsupported,
            ErrorCode::Busy => Self::Busy,
            ErrorCode::Failed => {
                let text = text.chars().filter(|character| !character.is_control()).collect();
                Self::Failed { text }
            }
            code => Self::Other { code },
        }
    }
}

/// What a custom request came to, over all nodes that were asked. None at all were if nobody was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CustomReport {
    /// Nodes asked.
    pub asked: usize,
    /// Nodes whose application answered.
    pub answered: usize,
}

/// A custom request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Who asks: it sealed the request.
    pub from: NodeIdentity,
    /// Where the request came from; by stream its port is no port to reach the node at.
    pub addr: SocketAddr,
    /// What is asked: at most 65,536 bytes.
    pub payload: Bytes,
}

/// What our application answers: at most 65,536 bytes, or why it does not, in at most 200 bytes of text.
pub type Served = Result<Bytes, String>;
