//! A record without its value: what travels ahead of a long one.

use super::{AuthorKey, Record, RecordBody, RecordError, Salt, Sequence, Signature};
use super::{Signed, SignedBody};
use crate::{Key, Value};

/// What of a record is not its value. Nothing is verified before [`complete`](Self::complete).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordHead {
    Content,
    Named { key: Key },
    Signed { author: AuthorKey, salt: Salt, sequence: Sequence, signature: Signature },
}

/// The value that belongs to a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecordValue {
    Value(Value),
    Deleted,
}

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
