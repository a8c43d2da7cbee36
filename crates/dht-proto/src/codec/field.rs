//! Checks of single fields.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::limits::PAYLOAD_MAX;
use crate::{DecodeError, Problem, Ttl};

/// The bytes of a field of fixed length.
pub(super) fn array<const N: usize>(
    field: &'static str,
    bytes: &Bytes,
) -> Result<[u8; N], DecodeError> {
    let found = bytes.len();
    bytes.as_ref().try_into().map_err(|_| {
        let problem =
            if found == 0 { Problem::Missing } else { Problem::Length { found, expected: N } };
        DecodeError::new(field, problem)
    })
}

/// A sub-message that must be there.
pub(super) fn present<T>(field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::new(field, Problem::Missing))
}

/// A time to live.
pub(super) fn ttl(field: &'static str, seconds: u32) -> Result<Ttl, DecodeError> {
    let problem = Problem::OutOfRange { found: u64::from(seconds) };
    Ttl::from_secs(seconds).ok_or(DecodeError::new(field, problem))
}

/// A length of at most `limit` bytes.
pub(super) fn size(field: &'static str, bytes: u32, limit: usize) -> Result<usize, DecodeError> {
    usize::try_from(bytes)
        .ok()
        .filter(|size| *size <= limit)
        .ok_or(DecodeError::new(field, Problem::OutOfRange { found: u64::from(bytes) }))
}

/// What applications say to each other.
pub(super) fn payload(field: &'static str, bytes: Bytes) -> Result<Bytes, DecodeError> {
    let (found, limit) = (bytes.len(), PAYLOAD_MAX);
    if found <= limit {
        Ok(bytes)
    } else {
        Err(DecodeError::new(field, Problem::TooLong { found, limit }))
    }
}

/// The domain value of an enum's number.
pub(super) fn known<T>(
    field: &'static str,
    number: i32,
    value: Option<T>,
) -> Result<T, DecodeError> {
    // An enum's number is an i32 to protobuf; a negative one is shown as the varint it came as.
    let found = i64::from(number).cast_unsigned();
    value.ok_or(DecodeError::new(field, Problem::OutOfRange { found }))
}

/// A number of repeated elements within `limits`.
pub(super) fn count(
    field: &'static str,
    found: usize,
    limits: RangeInclusive<usize>,
) -> Result<(), DecodeError> {
    if limits.contains(&found) {
        return Ok(());
    }
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    Err(DecodeError::new(field, Problem::OutOfRange { found }))
}

/// A length or position of a value, which never exceeds `VALUE_MAX`.
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
