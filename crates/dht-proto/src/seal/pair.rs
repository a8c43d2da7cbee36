//! The key that two nodes share.

use bytes::BytesMut;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{OpenError, SealError, aead};
use crate::codec::Plaintext;
use crate::envelope::{ClearFields, Sealed};
use crate::message::length::sealed_len;
use crate::{LocalIdentity, PublicKey, x25519};

/// The key is our own, or a point of small order that shares the same secret with everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no key can be shared with this node")]
pub struct WeakKey;

/// What two nodes, and nobody else, can compute:
/// `BLAKE3 derive_key("dht v1 seal", X25519 || the lesser public key || the greater public key)`.
///
/// The same in both directions. Wiped from memory when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PairKey([u8; 32]);

impl PairKey {
    /// Computes the key that `local` shares with `peer`: one X25519, tens of microseconds.
    pub fn derive(local: &LocalIdentity, peer: &PublicKey) -> Result<Self, WeakKey> {
        let own = local.node().public();
        if own == *peer {
            return Err(WeakKey);
        }
        let shared = x25519::exchange(local.secret_bytes(), peer.as_bytes()).ok_or(WeakKey)?;
        let mut hasher = blake3::Hasher::new_derive_key("dht v1 seal");
        hasher.update(&*shared);
        hasher.update(own.min(*peer).as_bytes());
        hasher.update(own.max(*peer).as_bytes());
        let key = Self(*hasher.finalize().as_bytes());
        hasher.zeroize();
        Ok(key)
    }

    /// The 32 bytes, to be kept secret.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes one sealed datagram of at most `limit` bytes to the end of `out`. On failure `out` is as it
    /// was: no plaintext is ever left in it.
    pub(crate) fn seal(
        &self,
        fields: &ClearFields,
        plaintext: &Plaintext<'_>,
        limit: usize,
        out: &mut BytesMut,
    ) -> Result<(), SealError> {
        let size = sealed_len(plaintext.len(), fields.cookie.is_some());
        if size > limit {
            return Err(SealError::TooLong { size, limit });
        }
        out.reserve(size);
        let before = out.len();
        fields.write(plaintext.len(), out);
        let start = out.len();
        plaintext.write(out);
        let associated_data = fields.associated_data();
        let buffer = out.get_mut(start..).unwrap_or_default();
        let sealed = aead::seal(&self.0, &fields.seal_nonce.0, associated_data.as_ref(), buffer);
        let Ok(tag) = sealed else {
            out.truncate(before);
            return Err(SealError::TooLong { size, limit });
        };
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens in place; what is returned is the plaintext.
    pub(crate) fn open<'a>(&self, sealed: Sealed<'a>) -> Result<&'a mut [u8], OpenError> {
        let Sealed { fields, ciphertext, .. } = sealed;
        let associated_data = fields.associated_data();
        aead::open(&self.0, &fields.seal_nonce.0, associated_data.as_ref(), ciphertext)
            .map_err(|aead::Forged| OpenError::Forged)
    }
}

impl std::fmt::Debug for PairKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PairKey(..)")
    }
}
