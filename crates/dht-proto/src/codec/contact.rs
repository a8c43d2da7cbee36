//! Contacts and addresses in their packed form.
//!
//! A contact that cannot be one is left out, not an error: later versions may know more kinds of
//! addresses. The id follows from key and nonce; it is never on the wire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::CONTACTS_MAX;
use crate::message::length::contact_field_len;
use crate::{DecodeError, Mention, Nonce, Problem, PublicKey, RoughRtt, Scope};

/// Number of the field of contacts in a reply.
const CLOSER: u8 = 1;

/// What precedes a contact in its field: the tag and the length.
const FIELD_HEAD: usize = 2;

/// The field of a contact with an IPv6 address and a round trip.
const FIELD_MAX: usize = FIELD_HEAD + 36 + 18 + 1;

/// Packs at most [`CONTACTS_MAX`] contacts.
pub(super) fn to_wire(contacts: &[Mention]) -> Vec<Bytes> {
    let pack = |mention| {
        let mut room = [0; FIELD_MAX];
        let field = pack_field(mention, &mut room);
        Bytes::copy_from_slice(field.get(FIELD_HEAD..).unwrap_or_default())
    };
    contacts.iter().take(CONTACTS_MAX).map(pack).collect()
}

/// Length of the fields of `contacts` in a reply.
pub(super) fn fields_len(contacts: &[Mention]) -> usize {
    contacts.iter().map(contact_field_len).sum()
}

/// Writes the fields of `contacts` in a reply.
pub(super) fn write_fields(contacts: &[Mention], out: &mut BytesMut) {
    let mut room = [0; FIELD_MAX];
    for mention in contacts {
        out.put_slice(pack_field(mention, &mut room));
    }
}

/// The field of one contact, at the beginning of `room`.
fn pack_field<'a>(mention: &Mention, room: &'a mut [u8; FIELD_MAX]) -> &'a [u8] {
    let Mention { public, nonce, addr, rtt } = mention;
    let length = contact_field_len(mention);
    let mut rest = &mut room[..];
    rest.put_u8(CLOSER << 3 | 2);
    // Shorter than 128, so a varint of one byte.
    rest.put_u8(u8::try_from(length - FIELD_HEAD).unwrap_or(u8::MAX));
    rest.put_slice(public.as_bytes());
    rest.put_u32_le(nonce.0);
    put_address(*addr, &mut rest);
    if let Some(rtt) = rtt {
        rest.put_u8(rtt.code());
    }
    room.get(..length).unwrap_or_default()
}

/// Reads the first [`CONTACTS_MAX`] entries, and leaves out those that are no contacts or repeat one.
pub(super) fn from_wire(entries: &[Bytes]) -> Vec<Mention> {
    let mut contacts = Vec::<Mention>::with_capacity(entries.len().min(CONTACTS_MAX));
    for mention in entries.iter().take(CONTACTS_MAX).filter_map(|entry| unpack(entry)) {
        if !contacts.iter().any(|known| known.is_about_same(&mention)) {
            contacts.push(mention);
        }
    }
    contacts
}

fn unpack(entry: &[u8]) -> Option<Mention> {
    let (public, rest) = entry.split_first_chunk::<32>()?;
    let (nonce, address) = rest.split_first_chunk::<4>()?;
    let (address, rtt) = match address.split_last() {
        Some((code, address)) if matches!(address.len(), 6 | 18) => {
            (address, Some(RoughRtt::from_code(*code)))
        }
        _ => (address, None),
    };
    let addr = parse_address(address)?;
    let nonce = Nonce(u32::from_le_bytes(*nonce));
    let mention = Mention { public: PublicKey::from_bytes(*public), nonce, addr, rtt };
    Scope::at(addr).is_some().then_some(mention)
}

/// An address of its own, in a field.
pub(super) fn address_to_wire(addr: SocketAddr) -> Bytes {
    let mut packed = Vec::with_capacity(18);
    put_address(addr, &mut packed);
    packed.into()
}

/// Reads what [`address_to_wire`] wrote.
pub(super) fn address_from_wire(
    field: &'static str,
    bytes: &[u8],
) -> Result<SocketAddr, DecodeError> {
    let problem = match bytes.len() {
        0 => Problem::Missing,
        found => Problem::Length { found, expected: 6 },
    };
    parse_address(bytes).ok_or(DecodeError::new(field, problem))
}

fn put_address(addr: SocketAddr, out: &mut impl BufMut) {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => out.put_slice(&ip.octets()),
        IpAddr::V6(ip) => out.put_slice(&ip.octets()),
    }
    out.put_u16(addr.port());
}

/// An IP address of 4 or 16 bytes and a port of 2. IPv4-mapped addresses become IPv4.
fn parse_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_last_chunk::<2>()?;
    let ip = if let Ok(octets) = <[u8; 4]>::try_from(ip) {
        IpAddr::V4(Ipv4Addr::from(octets))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)).to_canonical()
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}
