//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), the one place that names a cipher.
//!
//! HChaCha20 makes a sub-key of the key and the first 16 bytes of the nonce; ChaCha20-Poly1305 (RFC 8439)
//! runs under it. The latter is ring's: its assembly takes about a fifth of the time of the pure-Rust
//! crates at the sizes of a datagram (`benches/seal.rs`).

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::message::length::TAG_LEN;

/// The ciphertext was not made with this key, nonce and associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forged;

/// The plaintext is longer than the cipher takes, which is hundreds of gigabytes. Nothing was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Encrypts `buffer` in place and returns the tag.
pub(super) fn seal(
    key: &[u8; 32],
    nonce: &[u8; 24],
    associated_data: &[u8],
    buffer: &mut [u8],
) -> Result<[u8; TAG_LEN], TooLong> {
    let (key, nonce) = sub_key(key, nonce).ok_or(TooLong)?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated_data), buffer);
    tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(TooLong)
}

/// Decrypts `buffer`, ciphertext and tag, in place; the plaintext is what is returned.
pub(super) fn open<'a>(
    key: &[u8; 32],
    nonce: &[u8; 24],
    associated_data: &[u8],
    buffer: &'a mut [u8],
) -> Result<&'a mut [u8], Forged> {
    let (key, nonce) = sub_key(key, nonce).ok_or(Forged)?;
    key.open_in_place(nonce, Aad::from(associated_data), buffer).map_err(|_| Forged)
}

fn sub_key(key: &[u8; 32], nonce: &[u8; 24]) -> Option<(LessSafeKey, Nonce)> {
    let (head, tail) = nonce.split_first_chunk::<16>()?;
    let sub_key = hchacha::<R20>(key.into(), head.into());
    let mut short_nonce = [0; 12];
    short_nonce[4..].copy_from_slice(tail);
    let sub_key = UnboundKey::new(&CHACHA20_POLY1305, &sub_key).ok()?;
    Some((LessSafeKey::new(sub_key), Nonce::assume_unique_for_key(short_nonce)))
}

#[cfg(test)]
mod tests;
