//! What is wrong with bytes that a peer sent.

/// Bytes that are no valid datagram, frame or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DecodeError {
    /// The field, as `message.field` of `proto/dht/v1/dht.proto`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It must be present and is not.
    #[error("missing")]
    Missing,
    /// The bytes are no protobuf encoding of it.
    #[error("not decodable")]
    Encoding,
    /// It is there twice, and the two could be read in different ways.
    #[error("repeated")]
    Repeated,
    /// It has another length than it must have.
    #[error("{found} bytes, expected {expected}")]
    Length {
        /// Length found, in bytes.
        found: usize,
        /// Length it must have, in bytes.
        expected: usize,
    },
    /// It is shorter than it must be.
    #[error("{found} bytes, at least {limit} expected")]
    TooShort {
        /// Length found, in bytes.
        found: usize,
        /// Least length, in bytes.
        limit: usize,
    },
    /// It is longer than it may be.
    #[error("{found} bytes, limit is {limit}")]
    TooLong {
        /// Length found, in bytes.
        found: usize,
        /// Longest length, in bytes.
        limit: usize,
    },
    /// A number or code is out of its range.
    #[error("{found} is out of range")]
    OutOfRange {
        /// The number found.
        found: u64,
    },
    /// The datagram is of another version of the protocol.
    #[error("version {found} is not spoken here")]
    OtherVersion {
        /// The version found.
        found: u64,
    },
    /// The datagram is of another network.
    #[error("network {found:08x} is not ours")]
    OtherNetwork {
        /// The id found.
        found: u32,
    },
    /// It has a body that this version does not know.
    #[error("unknown")]
    Unknown,
    /// It may travel in a stream only, or in a datagram only.
    #[error("not allowed here")]
    Misplaced,
    /// It contradicts another field.
    #[error("contradicts another field")]
    Inconsistent,
    /// The author's key is not valid, or the signature does not verify.
    #[error("signature does not verify")]
    BadSignature,
}

impl DecodeError {
    /// Says that `field` has `problem`.
    pub(crate) const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }
}
