//! Ed25519 keys (RFC 8032) of those who sign records.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use super::RecordError;
use crate::hex::hex32;

/// Ed25519 public key of an author.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorKey([u8; 32]);

hex32!(AuthorKey);

impl AuthorKey {
    /// Checks `signature` over `message` strictly: no malleability, no key of small order.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), RecordError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| RecordError::BadAuthor)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature).map_err(|_| RecordError::BadSignature)
    }
}

/// Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Wraps 64 bytes; nothing is checked before [`AuthorKey::verify`].
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        crate::hex::write(&self.0[..4], f)?;
        f.write_str("..)")
    }
}

/// Ed25519 secret key of an author. Wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct AuthorSecret(SigningKey);

impl AuthorSecret {
    /// The secret key that a 32-byte seed makes. The seed must come from a secure source of entropy.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be kept secret.
    pub fn to_seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key that belongs to it.
    pub fn author(&self) -> AuthorKey {
        AuthorKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for AuthorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorSecret(of {:?})", self.author())
    }
}
