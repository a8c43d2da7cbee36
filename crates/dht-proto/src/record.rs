//! Records: values with what proves them.
//!
//! Invariant: a [`Record`] is valid. A content record's key is the hash of its value, a signed record's
//! signature has been verified (or made) here. A named record proves nothing but its own bytes.

use crate::limits::{INLINE_VALUE_MAX, SALT_MAX};
use crate::{Digest, Key, Value};

mod author;
mod head;
mod kind;

pub use author::{AuthorKey, AuthorSecret, Signature};
pub(crate) use head::RecordHead;
#[cfg(feature = "codec")]
pub(crate) use head::RecordValue;
pub use kind::{Kind, KindSet, Slot};

/// Version number of a signed record: the highest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// 0 to 32 bytes that tell the records of one author apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Salt(bytes::Bytes);

impl Salt {
    /// Takes at most [`SALT_MAX`] bytes.
    pub fn new(bytes: impl Into<bytes::Bytes>) -> Result<Self, RecordError> {
        let bytes = bytes.into();
        if bytes.len() > SALT_MAX {
            return Err(RecordError::SaltTooLong { size: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, shared.
    pub fn to_bytes(&self) -> bytes::Bytes {
        self.0.clone()
    }
}

/// Why a record cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The salt is longer than the protocol carries.
    #[error("salt is {size} bytes, limit is {SALT_MAX}")]
    SaltTooLong {
        /// Length found, in bytes.
        size: usize,
    },
    /// The signature does not belong to the author, salt, sequence and value.
    #[error("signature does not verify")]
    BadSignature,
    /// The author key is no point of the curve, or one of small order.
    #[error("author key is not a valid Ed25519 public key")]
    BadAuthor,
    /// Only signed records can be deleted.
    #[error("only a signed record can be deleted")]
    NotDeletable,
}

/// What a signed record says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignedBody {
    /// The record has this value.
    Value(Value),
    /// The author deleted the record; the deletion itself has a sequence and a life.
    Deleted,
}

/// A record under an Ed25519 author key: verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signed {
    author: AuthorKey,
    salt: Salt,
    sequence: Sequence,
    body: SignedBody,
    signature: Signature,
}

impl Signed {
    /// Who signed.
    pub fn author(&self) -> &AuthorKey {
        &self.author
    }

    /// What tells it apart from the author's other records.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Its version number.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Its value, or that it was deleted.
    pub fn body(&self) -> &SignedBody {
        &self.body
    }

    /// The author's signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// A valid record of one of the three kinds, with the key it lives at. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    key: Key,
    digest: Digest,
    body: RecordBody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RecordBody {
    Content(Value),
    Named(Value),
    Signed(Box<Signed>),
}

impl Record {
    /// A content-addressed record: its key is the hash of `value`.
    pub fn content(value: Value) -> Self {
        let digest = value.digest();
        Self { key: Key::from_bytes(*digest.as_bytes()), digest, body: RecordBody::Content(value) }
    }

    /// A record under `name`.
    pub fn named(name: &[u8], value: Value) -> Self {
        Self::at(Key::named(name), value)
    }

    /// A named record at a key the caller chose. Choosing keys close together crowds a part of the network.
    pub fn at(key: Key, value: Value) -> Self {
        Self { key, digest: value.digest(), body: RecordBody::Named(value) }
    }

    /// Signs `body` as version `sequence` of `secret`'s record under `salt`.
    pub fn sign(secret: &AuthorSecret, salt: Salt, sequence: Sequence, body: SignedBody) -> Self {
        let author = secret.author();
        let digest = body.digest();
        let message = signing_bytes(&salt, sequence, body.form(), digest);
        let signature = secret.sign(&message);
        let key = Key::signed(&author, &salt);
        let signed = Signed { author, salt, sequence, body, signature };
        Self { key, digest, body: RecordBody::Signed(Box::new(signed)) }
    }

    /// Takes a signed record from elsewhere, if its signature verifies (RFC 8032, strict).
    pub fn signed(
        author: AuthorKey,
        salt: Salt,
        sequence: Sequence,
        body: SignedBody,
        signature: Signature,
    ) -> Result<Self, RecordError> {
        let digest = body.digest();
        let message = signing_bytes(&salt, sequence, body.form(), digest);
        author.verify(&message, &signature)?;
        let key = Key::signed(&author, &salt);
        let signed = Signed { author, salt, sequence, body, signature };
        Ok(Self { key, digest, body: RecordBody::Signed(Box::new(signed)) })
    }

    /// The record of a head and a value that are known to belong together, and of which `digest` is known to be
    /// the hash.
    pub(crate) fn proven(head: RecordHead, value: Value, digest: Digest) -> Self {
        let (key, body) = match head {
            RecordHead::Content => {
                (Key::from_bytes(*digest.as_bytes()), RecordBody::Content(value))
            }
            RecordHead::Named { key } => (key, RecordBody::Named(value)),
            RecordHead::Signed { author, salt, sequence, signature } => {
                let (key, body) = (Key::signed(&author, &salt), SignedBody::Value(value));
                let signed = Signed { author, salt, sequence, body, signature };
                (key, RecordBody::Signed(Box::new(signed)))
            }
        };
        Self { key, digest, body }
    }

    /// The key it lives at.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self.body {
            RecordBody::Content(_) => Kind::Content,
            RecordBody::Named(_) => Kind::Named,
            RecordBody::Signed(_) => Kind::Signed,
        }
    }

    /// Its key and kind.
    pub fn slot(&self) -> Slot {
        Slot { key: self.key, kind: self.kind() }
    }

    /// Hash of its value. A deletion has one of its own, `BLAKE3 derive_key("dht v1 deleted", nothing)`, so
    /// that it and an empty value of the same sequence are two versions.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Version number of a signed record; 0 for the other kinds.
    pub fn sequence(&self) -> Sequence {
        self.as_signed().map_or(Sequence(0), Signed::sequence)
    }

    /// The value; `None` for a signed deletion.
    pub fn value(&self) -> Option<&Value> {
        match &self.body {
            RecordBody::Content(value) | RecordBody::Named(value) => Some(value),
            RecordBody::Signed(signed) => match &signed.body {
                SignedBody::Value(value) => Some(value),
                SignedBody::Deleted => None,
            },
        }
    }

    /// Length of the value in bytes; 0 for a deletion.
    pub fn size(&self) -> usize {
        self.value().map_or(0, Value::len)
    }

    /// The author's part of a signed record.
    pub fn as_signed(&self) -> Option<&Signed> {
        match &self.body {
            RecordBody::Signed(signed) => Some(signed),
            RecordBody::Content(_) | RecordBody::Named(_) => None,
        }
    }

    /// The same record, with its value and salt in buffers of their own.
    ///
    /// What was read from a message shares the buffer of the whole message, and keeps it in memory as long as the
    /// record lives.
    #[must_use]
    pub fn detached(&self) -> Self {
        let body = match &self.body {
            RecordBody::Content(value) => RecordBody::Content(value.detached()),
            RecordBody::Named(value) => RecordBody::Named(value.detached()),
            RecordBody::Signed(signed) => {
                let salt = Salt(bytes::Bytes::copy_from_slice(signed.salt.as_bytes()));
                let body = match &signed.body {
                    SignedBody::Value(value) => SignedBody::Value(value.detached()),
                    SignedBody::Deleted => SignedBody::Deleted,
                };
                RecordBody::Signed(Box::new(Signed { salt, body, ..signed.as_ref().clone() }))
            }
        };
        Self { body, ..self.clone() }
    }

    /// Whether it travels inside a datagram (at most [`INLINE_VALUE_MAX`] bytes of value) or by stream.
    pub fn is_inline(&self) -> bool {
        self.size() <= INLINE_VALUE_MAX
    }
}

/// Form of a signed value, as it is signed.
const FORM_VALUE: u8 = 0;

/// Form of a deletion, as it is signed.
const FORM_DELETED: u8 = 1;

impl SignedBody {
    fn form(&self) -> u8 {
        match self {
            Self::Value(_) => FORM_VALUE,
            Self::Deleted => FORM_DELETED,
        }
    }

    /// Hash of the value, or the one that deletions have.
    fn digest(&self) -> Digest {
        match self {
            Self::Value(value) => value.digest(),
            Self::Deleted => Digest::from_bytes(blake3::derive_key("dht v1 deleted", b"")),
        }
    }
}

/// What the author signs: `"dht v1 record" || salt length (1 byte) || salt || sequence (8 bytes,
/// little-endian) || form (1 byte: 0 value, 1 deleted) || digest`, see [`Record::digest`].
fn signing_bytes(salt: &Salt, sequence: Sequence, form: u8, digest: Digest) -> Vec<u8> {
    let salt = salt.as_bytes();
    let mut message = Vec::with_capacity(13 + 1 + salt.len() + 8 + 1 + 32);
    message.extend_from_slice(b"dht v1 record");
    message.push(u8::try_from(salt.len()).unwrap_or(u8::MAX));
    message.extend_from_slice(salt);
    message.extend_from_slice(&sequence.0.to_le_bytes());
    message.push(form);
    message.extend_from_slice(digest.as_bytes());
    message
}

#[cfg(test)]
mod tests;
