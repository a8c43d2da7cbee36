//! The clear part of datagrams and frames: which network, who sealed it, and the three clear bodies.
//!
//! Reading allocates nothing and copies only the fixed-length fields; whatever is not ours is turned
//! away before any cryptography. The sealed part is opened in place by [`Sealer`](crate::seal::Sealer).

use bytes::{BufMut, BytesMut};

use crate::limits::{DATAGRAM_MAX, FRAME_MAX, HELLO_LEN, VERSION};
use crate::{Cookie, DecodeError, NetworkId, NodeIdentity, Nonce, Problem, PublicKey};

mod parse;
mod sealed;

pub(crate) use sealed::ClearFields;
pub use sealed::{SealNonce, Sealed};

/// 8 random bytes of a hello, which its answer repeats: nobody who did not see the hello can answer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HelloToken(pub u64);

/// Which datagram a retry answers: the first 8 bytes of its [`SealNonce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryTag(pub [u8; 8]);

/// One datagram, opened as far as that costs no cryptography.
#[derive(Debug)]
pub enum Envelope<'a> {
    /// A sealed message.
    Sealed(Sealed<'a>),
    /// Somebody asks who is here. Long enough to be answered by [`write_hello_ack`].
    Hello {
        /// To be repeated.
        token: HelloToken,
    },
    /// The answer to our hello. Proves nothing about `node` yet.
    HelloAck {
        /// Who answers, by its own account. The id is computed here.
        node: NodeIdentity,
        /// The token of the hello.
        token: HelloToken,
    },
    /// The receiver of a sealed datagram wants it again, with a cookie.
    Retry {
        /// To be sent back.
        cookie: Cookie,
        /// Which datagram is meant.
        answers: RetryTag,
    },
}

impl<'a> Envelope<'a> {
    /// Reads a datagram of `network`.
    pub fn parse(datagram: &'a mut [u8], network: NetworkId) -> Result<Self, DecodeError> {
        let found = datagram.len();
        if found > DATAGRAM_MAX {
            let problem = Problem::TooLong { found, limit: DATAGRAM_MAX };
            return Err(DecodeError::new("datagram", problem));
        }
        match parse::datagram(datagram, network)? {
            parse::Body::Sealed { fields, ciphertext } => {
                Sealed::new(fields, ciphertext, datagram).map(Self::Sealed)
            }
            parse::Body::Hello { .. } if found < HELLO_LEN => {
                let problem = Problem::TooShort { found, limit: HELLO_LEN };
                Err(DecodeError::new("hello", problem))
            }
            parse::Body::Hello { token } => Ok(Self::Hello { token }),
            parse::Body::HelloAck { public, nonce, token } => {
                Ok(Self::HelloAck { node: NodeIdentity::new(public, nonce), token })
            }
            parse::Body::Retry { cookie, answers } => Ok(Self::Retry { cookie, answers }),
        }
    }
}

impl<'a> Sealed<'a> {
    /// Reads one frame of a stream, without the length before it. Frames are always sealed.
    pub fn parse_frame(frame: &'a mut [u8], network: NetworkId) -> Result<Self, DecodeError> {
        let found = frame.len();
        if found > FRAME_MAX {
            let problem = Problem::TooLong { found, limit: FRAME_MAX };
            return Err(DecodeError::new("frame", problem));
        }
        match parse::datagram(frame, network)? {
            parse::Body::Sealed { fields, .. } if fields.cookie.is_some() => {
                Err(DecodeError::new("sealed.cookie", Problem::Misplaced))
            }
            parse::Body::Sealed { fields, ciphertext } => Self::new(fields, ciphertext, frame),
            _ => Err(DecodeError::new("datagram.body", Problem::Misplaced)),
        }
    }
}

/// Writes a clear hello, of [`HELLO_LEN`] bytes, to the end of `out`.
pub fn write_hello(network: NetworkId, token: HelloToken, out: &mut BytesMut) {
    const PADDING: usize = HELLO_LEN - 20;
    let fields = 9 + 2 + PADDING;
    begin(network, 4, fields, out);
    out.put_u8(1 << 3 | 1);
    out.put_u64_le(token.0);
    begin_delimited(2, PADDING, out);
    out.put_bytes(0, PADDING);
}

/// Writes the answer to a hello, of [`HELLO_LEN`] bytes, to the end of `out`.
pub fn write_hello_ack(
    network: NetworkId,
    node: &NodeIdentity,
    token: HelloToken,
    out: &mut BytesMut,
) {
    begin(network, 5, 38 + 9, out);
    begin_delimited(1, 36, out);
    put_node(&node.public(), node.nonce(), out);
    out.put_u8(2 << 3 | 1);
    out.put_u64_le(token.0);
}

/// Writes a retry, shorter than any sealed datagram, to the end of `out`.
pub fn write_retry(network: NetworkId, cookie: &Cookie, answers: RetryTag, out: &mut BytesMut) {
    begin(network, 6, 10 + 10, out);
    begin_delimited(1, cookie.as_bytes().len(), out);
    out.put_slice(cookie.as_bytes());
    begin_delimited(2, answers.0.len(), out);
    out.put_slice(&answers.0);
}

/// Writes version, network and the start of the body with this field number.
fn begin(network: NetworkId, body: u8, fields: usize, out: &mut BytesMut) {
    out.put_u8(1 << 3);
    put_varint(u64::from(VERSION), out);
    out.put_u8(2 << 3 | 5);
    out.put_u32_le(network.0);
    begin_delimited(body, fields, out);
}

fn begin_delimited(number: u8, length: usize, out: &mut BytesMut) {
    out.put_u8(number << 3 | 2);
    put_varint(length as u64, out);
}

fn put_varint(value: u64, out: &mut BytesMut) {
    prost::encoding::encode_varint(value, out);
}

fn put_node(public: &PublicKey, nonce: Nonce, out: &mut BytesMut) {
    out.put_slice(public.as_bytes());
    out.put_u32_le(nonce.0);
}

#[cfg(test)]
mod tests;
