//! Records and their descriptions, kinds and purposes.

use bytes::Bytes;

use super::field::{array, known, number, present, size};
use super::{Carrier, wire};
use crate::limits::{INLINE_VALUE_MAX, SALT_MAX, VALUE_MAX};
use crate::record::{RecordHead, RecordValue};
use crate::stream::StreamedRecord;
use crate::{
    AuthorKey, DecodeError, Digest, Key, Kind, OfferDetails, Outline, Problem, Purpose, Record,
    RecordError, Salt, Sequence, Signature, Slot, Value, part_count,
};

/// A record as one message carries it.
pub(super) enum RecordForm {
    Whole(Record),
    Streamed(StreamedRecord),
}

pub(super) fn to_wire(record: &Record) -> wire::Record {
    let value = match record.value() {
        Some(value) => wire::record::Value::Inline(value.as_bytes().clone()),
        None => wire::record::Value::Deleted(wire::Deleted {}),
    };
    wire::Record { value: Some(value), kind: Some(head_to_wire(&record.head())) }
}

pub(super) fn streamed_to_wire(streamed: &StreamedRecord) -> wire::Record {
    let value = wire::record::Value::Streamed(wire::Streamed {
        size: number(streamed.size),
        offset: number(streamed.range.start),
        length: number(streamed.range.len()),
        outline: streamed.outline.as_ref().map(Outline::as_bytes).cloned().unwrap_or_default(),
    });
    wire::Record { value: Some(value), kind: Some(head_to_wire(&streamed.head)) }
}

fn head_to_wire(head: &RecordHead) -> wire::record::Kind {
    match head {
        RecordHead::Content => wire::record::Kind::Content(wire::Content {}),
        RecordHead::Named { key } => {
            wire::record::Kind::Named(wire::Named { key: Bytes::copy_from_slice(key.as_bytes()) })
        }
        RecordHead::Signed { author, salt, sequence, signature } => {
            wire::record::Kind::Signed(wire::Signed {
                author: Bytes::copy_from_slice(author.as_bytes()),
                salt: salt.to_bytes(),
                sequence: sequence.0,
                signature: Bytes::copy_from_slice(signature.as_bytes()),
            })
        }
    }
}

pub(super) fn from_wire(
    record: Option<wire::Record>,
    carrier: Carrier,
) -> Result<RecordForm, DecodeError> {
    let record = present("record", record)?;
    let head = head_from_wire(present("record.kind", record.kind)?)?;
    let value = match present("record.value", record.value)? {
        wire::record::Value::Inline(bytes) => inline(&bytes)?,
        wire::record::Value::Deleted(_) => RecordValue::Deleted,
        wire::record::Value::Streamed(_) if carrier == Carrier::Datagram => {
            return Err(DecodeError::new("record.streamed", Problem::Misplaced));
        }
        wire::record::Value::Streamed(streamed) => {
            return streamed_from_wire(head, &streamed).map(RecordForm::Streamed);
        }
    };
    complete(head, value).map(RecordForm::Whole)
}

/// A value of its own memory: it outlives the datagram that it came in.
fn inline(bytes: &Bytes) -> Result<RecordValue, DecodeError> {
    let found = bytes.len();
    let problem = Problem::TooLong { found, limit: INLINE_VALUE_MAX };
    if found > INLINE_VALUE_MAX {
        return Err(DecodeError::new("record.inline", problem));
    }
    Value::new(Bytes::copy_from_slice(bytes))
        .map(RecordValue::Value)
        .map_err(|_| DecodeError::new("record.inline", problem))
}

/// Makes the record, verifying its signature if it has one.
pub(crate) fn complete(head: RecordHead, value: RecordValue) -> Result<Record, DecodeError> {
    head.complete(value).map_err(|error| match error {
        RecordError::NotDeletable => DecodeError::new("record.deleted", Problem::Inconsistent),
        _ => DecodeError::new("signed.signature", Problem::BadSignature),
    })
}

/// The same with a value whose hash is known.
pub(crate) fn complete_hashed(
    head: RecordHead,
    value: Value,
    digest: Digest,
) -> Result<Record, DecodeError> {
    head.complete_hashed(value, digest)
        .map_err(|_| DecodeError::new("signed.signature", Problem::BadSignature))
}

fn head_from_wire(kind: wire::record::Kind) -> Result<RecordHead, DecodeError> {
    Ok(match kind {
        wire::record::Kind::Content(wire::Content {}) => RecordHead::Content,
        wire::record::Kind::Named(named) => {
            RecordHead::Named { key: Key::from_bytes(array("named.key", &named.key)?) }
        }
        wire::record::Kind::Signed(signed) => {
            let found = signed.salt.len();
            let problem = Problem::TooLong { found, limit: SALT_MAX };
            let salt = Salt::new(Bytes::copy_from_slice(&signed.salt))
                .map_err(|_| DecodeError::new("signed.salt", problem))?;
            RecordHead::Signed {
                author: AuthorKey::from_bytes(array("signed.author", &signed.author)?),
                salt,
                sequence: Sequence(signed.sequence),
                signature: Signature::from_bytes(array("signed.signature", &signed.signature)?),
            }
        }
    })
}

fn streamed_from_wire(
    head: RecordHead,
    streamed: &wire::Streamed,
) -> Result<StreamedRecord, DecodeError> {
    let size = size("streamed.size", streamed.size, VALUE_MAX)?;
    if size <= INLINE_VALUE_MAX {
        let found = u64::from(streamed.size);
        return Err(DecodeError::new("streamed.size", Problem::OutOfRange { found }));
    }
    let offset = self::size("streamed.offset", streamed.offset, size)?;
    let length = self::size("streamed.length", streamed.length, size - offset)?;
    let outline = outline_from_wire(size, &streamed.outline)?;
    Ok(StreamedRecord { head, size, range: offset..offset + length, outline })
}

/// An outline of its own memory: it outlives the frame that it came in.
fn outline_from_wire(size: usize, bytes: &Bytes) -> Result<Option<Outline>, DecodeError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let problem = Problem::Length { found: bytes.len(), expected: 32 * part_count(size) };
    match Outline::from_bytes(size, bytes.clone()) {
        Some(_) => Ok(Outline::from_bytes(size, Bytes::copy_from_slice(bytes))),
        None => Err(DecodeError::new("streamed.outline", problem)),
    }
}

pub(super) fn details_to_wire(details: &OfferDetails) -> wire::Details {
    let digest = match details.slot.kind {
        Kind::Content => Bytes::new(),
        Kind::Signed | Kind::Named => Bytes::copy_from_slice(details.digest.as_bytes()),
    };
    wire::Details {
        key: key_to_wire(details.slot.key),
        kind: kind_to_wire(details.slot.kind),
        size: details.size,
        digest,
        sequence: details.sequence.0,
    }
}

pub(super) fn details_from_wire(
    details: Option<wire::Details>,
) -> Result<OfferDetails, DecodeError> {
    let details = present("details", details)?;
    let slot = slot_from_wire("details.key", &details.key, "details.kind", details.kind)?;
    let digest = match slot.kind {
        Kind::Content if details.digest.is_empty() => *slot.key.as_bytes(),
        Kind::Content => return Err(DecodeError::new("details.digest", Problem::Inconsistent)),
        Kind::Signed | Kind::Named => array("details.digest", &details.digest)?,
    };
    if slot.kind != Kind::Signed && details.sequence != 0 {
        return Err(DecodeError::new("details.sequence", Problem::Inconsistent));
    }
    size("details.size", details.size, VALUE_MAX)?;
    Ok(OfferDetails {
        slot,
        size: details.size,
        digest: Digest::from_bytes(digest),
        sequence: Sequence(details.sequence),
    })
}

pub(super) fn key_to_wire(key: Key) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}

pub(super) fn key_from_wire(field: &'static str, bytes: &Bytes) -> Result<Key, DecodeError> {
    array(field, bytes).map(Key::from_bytes)
}

pub(super) fn slot_to_wire(slot: Slot) -> wire::Slot {
    wire::Slot { key: key_to_wire(slot.key), kind: kind_to_wire(slot.kind) }
}

pub(super) fn slot_from_wire(
    key_field: &'static str,
    key: &Bytes,
    kind_field: &'static str,
    kind: i32,
) -> Result<Slot, DecodeError> {
    let key = key_from_wire(key_field, key)?;
    let found = match wire::Kind::try_from(kind) {
        Ok(wire::Kind::Content) => Some(Kind::Content),
        Ok(wire::Kind::Signed) => Some(Kind::Signed),
        Ok(wire::Kind::Named) => Some(Kind::Named),
        Ok(wire::Kind::Unspecified) | Err(_) => None,
    };
    Ok(Slot { key, kind: known(kind_field, kind, found)? })
}

pub(super) fn kind_to_wire(kind: Kind) -> i32 {
    let kind = match kind {
        Kind::Content => wire::Kind::Content,
        Kind::Signed => wire::Kind::Signed,
        Kind::Named => wire::Kind::Named,
    };
    kind.into()
}

pub(super) fn purpose_to_wire(purpose: Purpose) -> i32 {
    let purpose = match purpose {
        Purpose::Publish => wire::Purpose::Publish,
        Purpose::Replicate => wire::Purpose::Replicate,
        Purpose::Cache => wire::Purpose::Cache,
    };
    purpose.into()
}

pub(super) fn purpose_from_wire(field: &'static str, number: i32) -> Result<Purpose, DecodeError> {
    let purpose = match wire::Purpose::try_from(number) {
        Ok(wire::Purpose::Publish) => Some(Purpose::Publish),
        Ok(wire::Purpose::Replicate) => Some(Purpose::Replicate),
        Ok(wire::Purpose::Cache) => Some(Purpose::Cache),
        Ok(wire::Purpose::Unspecified) | Err(_) => None,
    };
    known(field, number, purpose)
}
