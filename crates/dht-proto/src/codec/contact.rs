//! Contacts and addresses in their packed form.
//!
//! A contact that cannot be one is left out, not an error: later versions may know more kinds of
//! addresses. The id is computed from key and nonce; it is never on the wire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes};

use crate::limits::CONTACTS_MAX;
use crate::{
    Contact, DecodeError, NodeIdentity, Nonce, Problem, PublicKey, Referral, RoughRtt, Scope,
};

/// A contact with an IPv6 address and a round trip.
const LONGEST: usize = 36 + 18 + 1;

/// Packs at most [`CONTACTS_MAX`] contacts, all in one allocation.
pub(super) fn to_wire(contacts: &[Referral]) -> Vec<Bytes> {
    let contacts = contacts.get(..CONTACTS_MAX).unwrap_or(contacts);
    let mut packed = Vec::with_capacity(contacts.len() * LONGEST);
    let mut ends = [0; CONTACTS_MAX];
    for (Referral { contact, rtt }, end) in contacts.iter().zip(&mut ends) {
        packed.put_slice(contact.node.public().as_bytes());
        packed.put_u32_le(contact.node.nonce().0);
        put_address(contact.addr, &mut packed);
        if let Some(rtt) = rtt {
            packed.put_u8(rtt.code());
        }
        *end = packed.len();
    }
    let mut packed = Bytes::from(packed);
    let mut start = 0;
    ends.iter()
        .take(contacts.len())
        .map(|end| {
            let contact = packed.split_to(end - start);
            start = *end;
            contact
        })
        .collect()
}

/// Reads the first [`CONTACTS_MAX`] entries, and leaves out those that are no contacts or repeat one.
pub(super) fn from_wire(entries: &[Bytes]) -> Vec<Referral> {
    let mut contacts = Vec::<Referral>::with_capacity(entries.len().min(CONTACTS_MAX));
    for entry in entries.iter().take(CONTACTS_MAX) {
        if let Some((public, nonce, addr, rtt)) = unpack(entry) {
            let is_node = |known: &Referral| {
                let node = &known.contact.node;
                (node.public(), node.nonce()) == (public, nonce)
            };
            if !contacts.iter().any(is_node) {
                let contact = Contact::new(NodeIdentity::new(public, nonce), addr);
                contacts.push(Referral { contact, rtt });
            }
        }
    }
    contacts
}

fn unpack(entry: &[u8]) -> Option<(PublicKey, Nonce, SocketAddr, Option<RoughRtt>)> {
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
    Scope::at(addr).is_some().then_some((PublicKey::from_bytes(*public), nonce, addr, rtt))
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

fn put_address(addr: SocketAddr, out: &mut Vec<u8>) {
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
