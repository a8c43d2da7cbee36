//! A record without its value: what travels ahead of a long one.

#[cfg(feature = "codec")]
use super::RecordError;
use super::{AuthorKey, Record, RecordBody, Salt, Sequence, Signature, Signed};
#[cfg(feature = "codec")]
use super::{FORM_VALUE, SignedBody, Slot, signing_bytes};
use crate::Key;
#[cfg(feature = "codec")]
use crate::{Digest, Kind, Value};

/// What of a record is not its value. Nothing is verified before it is put together with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordHead {
    Content,
    Named { key: Key },
    Signed { author: AuthorKey, salt: Salt, sequence: Sequence, signature: Signature },
}

/// The value that belongs to a head.
#[cfg(feature = "codec")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordValue {
    Value(Value),
    Deleted,
}

#[cfg(feature = "codec")]
impl RecordHead {
    /// Makes the record: hashes the value and verifies the signature, if there is one.
    pub(crate) fn complete(self, value: RecordValue) -> Result<Record, RecordError> {
        match (self, value) {
            (Self::Content, RecordValue::Value(value)) => Ok(Record::content(value)),
            (Self::Named { key }, RecordValue::Value(value)) => Ok(Record::at(key, value)),
            (Self::Content | Self::Named { .. }, RecordValue::Deleted) => {
                Err(RecordError::NotDeletable)
            }
            (Self::Signed { author, salt, sequence, signature }, value) => {
                let body = match value {
                    RecordValue::Value(value) => SignedBody::Value(value),
                    RecordValue::Deleted => SignedBody::Deleted,
                };
                Record::signed(author, salt, sequence, body, signature)
            }
        }
    }

    /// The same with a value of which `digest` is known to be the hash.
    pub(crate) fn complete_hashed(
        self,
        value: Value,
        digest: Digest,
    ) -> Result<Record, RecordError> {
        if let Self::Signed { author, salt, sequence, signature } = &self {
            author.verify(&signing_bytes(salt, *sequence, FORM_VALUE, digest), signature)?;
        }
        Ok(Record::proven(self, value, digest))
    }

    /// Whether it is a signature for the value with this hash, by the author whose slot it is.
    pub(crate) fn signs(&self, slot: Slot, digest: Digest) -> bool {
        let Self::Signed { author, salt, sequence, signature } = self else { return false };
        let message = signing_bytes(salt, *sequence, FORM_VALUE, digest);
        slot == Slot { key: Key::signed(author, salt), kind: Kind::Signed }
            && author.verify(&message, signature).is_ok()
    }
}

impl Record {
    /// The record without its value.
    pub(crate) fn head(&self) -> RecordHead {
        match &self.body {
            RecordBody::Content(_) => RecordHead::Content,
            RecordBody::Named(_) => RecordHead::Named { key: self.key },
            RecordBody::Signed(signed) => {
                let Signed { author, salt, sequence, signature, .. } = signed.as_ref();
                RecordHead::Signed {
                    author: *author,
                    salt: salt.clone(),
                    sequence: *sequence,
                    signature: *signature,
                }
            }
        }
    }
}
