//! Why a node does not do what it was asked.

use super::Reply;
use super::text::{cut, plain};
use crate::Sequence;
use crate::limits::REASON_MAX;

/// Why a record was not taken. Told to the sender, and reported to whoever stores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The store's quota is used up by live records.
    #[error("full")]
    Full,
    /// The value is longer than this node takes.
    #[error("too large, limit is {limit}")]
    TooLarge {
        /// Longest value taken, in bytes.
        limit: u32,
    },
    /// Another value lives under the name.
    #[error("name is taken")]
    NameTaken,
    /// A newer version of the signed record is in place.
    #[error("stale, sequence {current} is in place")]
    Stale {
        /// Sequence in place.
        current: Sequence,
    },
    /// Compare-and-swap found another version than expected.
    #[error("sequence {current} is in place, another was expected")]
    SequenceMismatch {
        /// Sequence in place, 0 for none.
        current: Sequence,
    },
    /// The application on the node does not want it.
    #[error("refused by policy: {}", plain(reason))]
    Policy {
        /// Its reason, at most 200 bytes.
        reason: String,
    },
    /// The node has too much to do; asking later may succeed.
    #[error("busy")]
    Busy,
    /// The node's store failed.
    #[error("storage failed")]
    StorageFailed,
    /// The node holds no records (a client).
    #[error("stores nothing")]
    NotStoring,
    /// A reason of a later version of the protocol.
    #[error("refused with code {code}")]
    Other {
        /// The code on the wire.
        code: u32,
    },
}

/// What was wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The message has no body this version knows.
    #[error("unknown message")]
    Unknown,
    /// The message is known but a field of it is wrong.
    #[error("malformed message")]
    Malformed,
    /// The node does not do this.
    #[error("not supported")]
    Unsupported,
    /// The node has too much to do.
    #[error("busy")]
    Busy,
    /// The node could, and does not want to.
    #[error("not willing to tell")]
    Unwilling,
    /// The application on the node failed at the request.
    #[error("the application failed")]
    Failed,
    /// The answer does not fit a datagram: to be asked again by stream, with the same id.
    #[error("the answer is too long for a datagram")]
    ByStream,
    /// A code of a later version of the protocol.
    #[error("error code {0}")]
    Other(u32),
}

impl Refusal {
    /// [`Policy`](Self::Policy) with a reason cut at [`REASON_MAX`] bytes.
    pub fn policy(reason: &str) -> Self {
        Self::Policy { reason: cut(reason, REASON_MAX).to_owned() }
    }

    /// The number that stands for the reason on the wire.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Full => 1,
            Self::TooLarge { .. } => 2,
            Self::NameTaken => 3,
            Self::Stale { .. } => 4,
            Self::SequenceMismatch { .. } => 5,
            Self::Policy { .. } => 6,
            Self::Busy => 7,
            Self::StorageFailed => 8,
            Self::NotStoring => 9,
            Self::Other { code } => *code,
        }
    }
}

impl Reply {
    /// An [`Error`](Self::Error) that says that the application failed, with a text cut at [`REASON_MAX`] bytes.
    pub fn failed(text: &str) -> Self {
        Self::Error { code: ErrorCode::Failed, text: cut(text, REASON_MAX).to_owned() }
    }
}

impl ErrorCode {
    /// The number that stands for the code on the wire.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Unknown => 1,
            Self::Malformed => 2,
            Self::Unsupported => 3,
            Self::Busy => 4,
            Self::Unwilling => 5,
            Self::Failed => 6,
            Self::ByStream => 7,
            Self::Other(code) => code,
        }
    }
}
