//! Reads the fields of a `Datagram` and of its bodies, in any order, unknown ones skipped.
//!
//! Stricter than protobuf in one point: a field that occurs twice is refused, so that no two readers
//! take different bytes for the ones that count.

use std::ops::Range;

use super::sealed::SEAL_NONCE_LEN;
use super::{ClearFields, HelloToken, RetryTag, SealNonce};
use crate::limits::{COOKIE_LEN, VERSION};
use crate::protobuf::{Field, Malformed, Reader};
use crate::{Cookie, DecodeError, NetworkId, Nonce, Problem, PublicKey};

/// The body of a datagram, with nothing computed yet.
pub(super) enum Body {
    Sealed { fields: ClearFields, ciphertext: Range<usize> },
    Hello { token: HelloToken },
    HelloAck { public: PublicKey, nonce: Nonce, token: HelloToken },
    Retry { cookie: Cookie, answers: RetryTag },
}

pub(super) fn datagram(bytes: &[u8], network: NetworkId) -> Result<Body, DecodeError> {
    let mut version = None;
    let mut found_network = None;
    let mut body = None;
    let mut reader = read("datagram", bytes, 0..bytes.len())?;
    while let Some(field) = next("datagram", &mut reader)? {
        match field {
            (1, Field::Varint(number)) => once("datagram.version", &mut version, number)?,
            (2, Field::Fixed32(id)) => once("datagram.network", &mut found_network, id)?,
            (number @ 3..=6, Field::Delimited(place)) => {
                once("datagram.body", &mut body, (number, place))?;
            }
            (1..=6, _) => return Err(DecodeError::new("datagram", Problem::Encoding)),
            _ => {}
        }
    }
    match version {
        Some(found) if found == u64::from(VERSION) => {}
        Some(found) => {
            let problem = Problem::OtherVersion { found };
            return Err(DecodeError::new("datagram.version", problem));
        }
        None => return Err(DecodeError::new("datagram.version", Problem::Missing)),
    }
    let found = found_network.unwrap_or_default();
    if found != network.0 {
        return Err(DecodeError::new("datagram.network", Problem::OtherNetwork { found }));
    }
    match body {
        Some((3, place)) => sealed(bytes, place, network),
        Some((4, place)) => hello(bytes, place),
        Some((5, place)) => hello_ack(bytes, place),
        Some((_, place)) => retry(bytes, place),
        None => Err(DecodeError::new("datagram.body", Problem::Missing)),
    }
}

fn sealed(bytes: &[u8], place: Range<usize>, network: NetworkId) -> Result<Body, DecodeError> {
    let mut sender = None;
    let mut seal_nonce = None;
    let mut cookie = None;
    let mut ciphertext = None;
    let mut reader = read("sealed", bytes, place)?;
    while let Some(field) = next("sealed", &mut reader)? {
        match field {
            (1, Field::Delimited(place)) => once("sealed.sender", &mut sender, place)?,
            (2, Field::Delimited(place)) => once("sealed.seal_nonce", &mut seal_nonce, place)?,
            (3, Field::Delimited(place)) => once("sealed.cookie", &mut cookie, place)?,
            (4, Field::Delimited(place)) => once("sealed.ciphertext", &mut ciphertext, place)?,
            (1..=4, _) => return Err(DecodeError::new("sealed", Problem::Encoding)),
            _ => {}
        }
    }
    let (public, nonce) = node("sealed.sender", bytes, sender)?;
    let seal_nonce = array::<SEAL_NONCE_LEN>("sealed.seal_nonce", bytes, seal_nonce)?;
    let cookie = cookie
        // Present and empty means the same as absent.
        .filter(|place| !place.is_empty())
        .map(|place| array::<COOKIE_LEN>("sealed.cookie", bytes, Some(place)))
        .transpose()?
        .map(Cookie::from_bytes);
    let ciphertext = ciphertext.ok_or(DecodeError::new("sealed.ciphertext", Problem::Missing))?;
    let seal_nonce = SealNonce(seal_nonce);
    let fields = ClearFields { network, sender: public, nonce, seal_nonce, cookie };
    Ok(Body::Sealed { fields, ciphertext })
}

fn hello(bytes: &[u8], place: Range<usize>) -> Result<Body, DecodeError> {
    let mut token = None;
    let mut padding = None;
    let mut reader = read("hello", bytes, place)?;
    while let Some(field) = next("hello", &mut reader)? {
        match field {
            (1, Field::Fixed64(number)) => once("hello.token", &mut token, number)?,
            (2, Field::Delimited(place)) => once("hello.padding", &mut padding, place)?,
            (1..=2, _) => return Err(DecodeError::new("hello", Problem::Encoding)),
            _ => {}
        }
    }
    Ok(Body::Hello { token: HelloToken(token.unwrap_or_default()) })
}

fn hello_ack(bytes: &[u8], place: Range<usize>) -> Result<Body, DecodeError> {
    let mut answering = None;
    let mut token = None;
    let mut reader = read("hello_ack", bytes, place)?;
    while let Some(field) = next("hello_ack", &mut reader)? {
        match field {
            (1, Field::Delimited(place)) => once("hello_ack.node", &mut answering, place)?,
            (2, Field::Fixed64(number)) => once("hello_ack.token", &mut token, number)?,
            (1..=2, _) => return Err(DecodeError::new("hello_ack", Problem::Encoding)),
            _ => {}
        }
    }
    let (public, nonce) = node("hello_ack.node", bytes, answering)?;
    Ok(Body::HelloAck { public, nonce, token: HelloToken(token.unwrap_or_default()) })
}

fn retry(bytes: &[u8], place: Range<usize>) -> Result<Body, DecodeError> {
    let mut cookie = None;
    let mut answers = None;
    let mut reader = read("retry", bytes, place)?;
    while let Some(field) = next("retry", &mut reader)? {
        match field {
            (1, Field::Delimited(place)) => once("retry.cookie", &mut cookie, place)?,
            (2, Field::Delimited(place)) => once("retry.answers", &mut answers, place)?,
            (1..=2, _) => return Err(DecodeError::new("retry", Problem::Encoding)),
            _ => {}
        }
    }
    let cookie = Cookie::from_bytes(array("retry.cookie", bytes, cookie)?);
    let answers = RetryTag(array("retry.answers", bytes, answers)?);
    Ok(Body::Retry { cookie, answers })
}

fn read<'a>(
    message: &'static str,
    bytes: &'a [u8],
    place: Range<usize>,
) -> Result<Reader<'a>, DecodeError> {
    Reader::new(bytes, place).map_err(|Malformed| DecodeError::new(message, Problem::Encoding))
}

fn next(
    message: &'static str,
    reader: &mut Reader<'_>,
) -> Result<Option<(u32, Field)>, DecodeError> {
    reader.next().map_err(|Malformed| DecodeError::new(message, Problem::Encoding))
}

/// Keeps the value of a field that must not occur twice.
fn once<T>(field: &'static str, slot: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::new(field, Problem::Repeated)),
    }
}

/// The bytes of a field of fixed length.
fn array<const N: usize>(
    field: &'static str,
    bytes: &[u8],
    place: Option<Range<usize>>,
) -> Result<[u8; N], DecodeError> {
    let place = place.ok_or(DecodeError::new(field, Problem::Missing))?;
    let found = place.len();
    bytes
        .get(place)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(DecodeError::new(field, Problem::Length { found, expected: N }))
}

/// A public key and a nonce.
fn node(
    field: &'static str,
    bytes: &[u8],
    place: Option<Range<usize>>,
) -> Result<(PublicKey, Nonce), DecodeError> {
    let [public @ .., a, b, c, d] = array::<36>(field, bytes, place)?;
    Ok((PublicKey::from_bytes(public), Nonce(u32::from_le_bytes([a, b, c, d]))))
}
