//! How long datagrams are, to keep within what may be sent.
//!
//! Upper bounds, so that what is judged to fit always does; `dht-proto` tests them against its codec.

use dht_proto::{Contact, Reply};

/// Bytes of a datagram around the body of a reply: envelope, seal, message head.
const OVERHEAD: usize = 132;

/// Bytes of one contact in a reply, at most.
pub(crate) fn of_contact(contact: &Contact) -> usize {
    if contact.addr.is_ipv4() { 54 } else { 66 }
}

/// Bytes of a datagram with `reply` but without its contacts, at most.
pub(crate) fn of_reply(reply: &Reply) -> usize {
    OVERHEAD
        + match reply {
            Reply::Found { record, .. } => {
                record.size()
                    + match record.as_signed() {
                        Some(signed) => 118 + signed.salt().as_bytes().len(),
                        None => 42,
                    }
            }
            Reply::Held { .. } => 92,
            Reply::Refused { .. } | Reply::Error { .. } => dht_proto::limits::REASON_MAX + 12,
            Reply::Inspection(_) => 128,
            _ => 24,
        }
}
