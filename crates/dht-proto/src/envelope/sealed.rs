//! The sealed body: its clear fields, how they are authenticated, and where the ciphertext is.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use super::{RetryTag, begin, begin_delimited, put_node};
use crate::limits::{COOKIE_LEN, VERSION};
use crate::message::length::{TAG_LEN, sealed_fields_len};
use crate::{Cookie, DecodeError, Moment, NetworkId, NodeIdentity, Nonce, Problem, PublicKey};

pub(super) const SEAL_NONCE_LEN: usize = 24;

/// Random bytes of a seal nonce.
pub(super) const SEAL_RANDOM_LEN: usize = 18;

/// The nonce one datagram or frame is sealed with, never used twice: 18 random bytes, then the milliseconds since the
/// Unix epoch in 6 bytes, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealNonce(pub [u8; SEAL_NONCE_LEN]);

impl SealNonce {
    /// A nonce of random bytes, made at `now`.
    pub fn new(random: [u8; SEAL_RANDOM_LEN], now: Moment) -> Self {
        let mut bytes = [0; SEAL_NONCE_LEN];
        let [millis @ .., _, _] = (now.as_micros() / 1_000).to_le_bytes();
        bytes.iter_mut().zip(random.into_iter().chain(millis)).for_each(|(to, from)| *to = from);
        Self(bytes)
    }

    /// When it was made, by the clock of whoever made it, to the millisecond below.
    pub fn sealed_at(&self) -> Moment {
        let mut millis = [0; 8];
        let stamp = self.0.iter().skip(SEAL_RANDOM_LEN);
        millis.iter_mut().zip(stamp).for_each(|(to, from)| *to = *from);
        Moment::from_millis(u64::from_le_bytes(millis))
    }

    /// What a retry names the datagram by.
    pub fn tag(&self) -> RetryTag {
        let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = self.0;
        RetryTag(tag)
    }
}

/// A sealed datagram or frame, not opened yet.
#[derive(Debug)]
pub struct Sealed<'a> {
    pub(crate) fields: ClearFields,
    pub(crate) ciphertext: &'a mut [u8],
    /// Where the ciphertext lies in the datagram or frame.
    pub(crate) place: Range<usize>,
}

impl<'a> Sealed<'a> {
    pub(super) fn new(
        fields: ClearFields,
        place: Range<usize>,
        bytes: &'a mut [u8],
    ) -> Result<Self, DecodeError> {
        let found = place.len();
        match bytes.get_mut(place.clone()) {
            Some(ciphertext) if found >= TAG_LEN => Ok(Self { fields, ciphertext, place }),
            _ => {
                let problem = Problem::TooShort { found, limit: TAG_LEN };
                Err(DecodeError::new("sealed.ciphertext", problem))
            }
        }
    }

    /// The key it claims to be sealed under; proven once it opens.
    pub fn sender(&self) -> PublicKey {
        self.fields.sender
    }

    /// The identity it claims to come from, with the id computed.
    pub fn claimed_node(&self) -> NodeIdentity {
        NodeIdentity::new(self.fields.sender, self.fields.nonce)
    }

    /// The cookie that came along.
    pub fn cookie(&self) -> Option<&Cookie> {
        self.fields.cookie.as_ref()
    }

    /// What it was sealed with.
    pub fn seal_nonce(&self) -> SealNonce {
        self.fields.seal_nonce
    }

    /// What a retry would name it by.
    pub fn tag(&self) -> RetryTag {
        self.fields.seal_nonce.tag()
    }
}

/// What of a sealed datagram can be read by everybody, and changed by nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClearFields {
    pub(crate) network: NetworkId,
    pub(crate) sender: PublicKey,
    pub(crate) nonce: Nonce,
    pub(crate) seal_nonce: SealNonce,
    pub(crate) cookie: Option<Cookie>,
}

/// Version, network, sender, nonce and seal nonce.
const FIXED_LEN: usize = 4 + 4 + 32 + 4 + SEAL_NONCE_LEN;

impl ClearFields {
    /// The associated data: all clear fields in a row, with the cookie, if any, at the end.
    pub(crate) fn associated_data(&self) -> AssociatedData {
        let mut bytes = [0; FIXED_LEN + COOKIE_LEN];
        let mut rest = &mut bytes[..];
        rest.put_u32_le(VERSION);
        rest.put_u32_le(self.network.0);
        rest.put_slice(self.sender.as_bytes());
        rest.put_u32_le(self.nonce.0);
        rest.put_slice(&self.seal_nonce.0);
        if let Some(cookie) = &self.cookie {
            rest.put_slice(cookie.as_bytes());
        }
        let left = rest.len();
        AssociatedData { length: bytes.len() - left, bytes }
    }

    /// Writes the datagram up to where the ciphertext of a plaintext of this length starts.
    pub(crate) fn write(&self, plaintext: usize, out: &mut BytesMut) {
        begin(self.network, 3, sealed_fields_len(plaintext, self.cookie.is_some()), out);
        begin_delimited(1, 36, out);
        put_node(&self.sender, self.nonce, out);
        begin_delimited(2, SEAL_NONCE_LEN, out);
        out.put_slice(&self.seal_nonce.0);
        if let Some(cookie) = &self.cookie {
            begin_delimited(3, COOKIE_LEN, out);
            out.put_slice(cookie.as_bytes());
        }
        begin_delimited(4, plaintext + TAG_LEN, out);
    }
}

/// The clear fields as the cipher takes them.
pub(crate) struct AssociatedData {
    bytes: [u8; FIXED_LEN + COOKIE_LEN],
    length: usize,
}

impl AsRef<[u8]> for AssociatedData {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_nonce_tells_when_it_was_made_and_begins_with_what_nobody_can_guess() {
        let now = Moment::from_millis(1_795_000_000_123);
        let nonce = SealNonce::new([7; SEAL_RANDOM_LEN], now);
        assert_eq!(nonce.sealed_at(), now);
        assert_eq!(nonce.tag(), RetryTag([7; 8]));
        let last = SealNonce([0xff; SEAL_NONCE_LEN]).sealed_at();
        assert_eq!(last, Moment::from_millis((1 << 48) - 1));
    }
}
