//! How many bytes a message takes on the wire, told without encoding it.
//!
//! Invariant: equal to what sealing makes, byte for byte; the codec's tests hold it to that. The formulas
//! follow `proto/dht/v1/dht.proto`; every field number there is below 16, so a tag takes one byte, but for
//! the bodies with a number of their own further down, whose tag takes two.

use std::net::{IpAddr, SocketAddr};

use super::{Body, Inspection, Load, Message, OfferDetails, Refusal, Reply, Request, text};
use crate::limits::{
    AGENT_MAX, CONTACTS_MAX, COOKIE_LEN, DATAGRAM_MAX, PADDED_REQUEST_LEN, PART_MAX, REASON_MAX,
};
use crate::protobuf::{delimited_len, varint_len};
use crate::record::Sequence;
use crate::{Kind, Mention, Outline, Record, ValueRange, part_count};

mod batch;
mod broadcast;

/// Bytes of a 32-byte identifier in a field.
const KEY_FIELD: usize = delimited_len(32);

/// What a field number of 16 and more adds to a tag.
const LONG_TAG: usize = 1;

/// Length of the authentication tag at the end of a ciphertext.
pub(crate) const TAG_LEN: usize = 16;

/// Length of the 4-byte length before each frame of a stream.
pub(crate) const FRAME_PREFIX_LEN: usize = 4;

/// What is around a plaintext of `plaintext` bytes, and itself.
pub(crate) const fn sealed_len(plaintext: usize, has_cookie: bool) -> usize {
    let version_and_network = 2 + 5;
    version_and_network + delimited_len(sealed_fields_len(plaintext, has_cookie))
}

/// Length of the fields of `Sealed`.
pub(crate) const fn sealed_fields_len(plaintext: usize, has_cookie: bool) -> usize {
    let cookie = if has_cookie { delimited_len(COOKIE_LEN) } else { 0 };
    delimited_len(36) + delimited_len(24) + cookie + delimited_len(plaintext + TAG_LEN)
}

/// How many zero bytes `message`, of `unpadded` bytes, gets as padding.
pub(crate) fn padding(message: &Message, unpadded: usize, has_cookie: bool) -> usize {
    match &message.body {
        Body::Request(request) if request.wants_long_answer() => {}
        Body::Request(_) | Body::Reply(_) => return 0,
    }
    // Lengths take two bytes each in a datagram of this size, so the part around the plaintext is fixed.
    let around = sealed_len(PADDED_REQUEST_LEN, has_cookie) - PADDED_REQUEST_LEN;
    match (PADDED_REQUEST_LEN - around).saturating_sub(unpadded) {
        0 => 0,
        // A field takes at least three bytes: a tag, a length and one zero.
        missing @ 1..=3 => missing.min(1),
        missing @ 4..=129 => missing - 2,
        // From 128 zeros on the length takes two bytes.
        missing => (missing - 3).max(128),
    }
}

impl Message {
    /// Length in bytes of the sealed datagram, without a cookie, that carries the message, padding
    /// included. More than [`DATAGRAM_MAX`] where it must travel by stream.
    pub fn datagram_len(&self) -> usize {
        let unpadded = self.plaintext_len();
        let padding = padding(self, unpadded, false);
        sealed_len(unpadded + bytes(padding), false)
    }

    /// Length in bytes of all frames that carry the message over a stream, with the length before each.
    pub fn stream_len(&self) -> usize {
        self.stream_len_of(ValueRange::WHOLE, false)
    }

    /// The same where only `range` of its value is sent, perhaps with the outline of the value.
    pub fn stream_len_of(&self, range: ValueRange, outlined: bool) -> usize {
        let Some(record) = self.record().filter(|record| !record.is_inline()) else {
            return FRAME_PREFIX_LEN + sealed_len(self.plaintext_len(), false);
        };
        let size = record.size();
        let range = range.within(size);
        let has_outline = outlined && Outline::suits(size);
        let outline = if has_outline { 32 * part_count(size) } else { 0 };
        let form = Form::Streamed { offset: range.start, length: range.len(), outline };
        let start = FRAME_PREFIX_LEN + sealed_len(self.plaintext_len_as(form), false);
        let envelope = self.head_len();
        let part = |offset: usize, length: usize| {
            let part = delimited_len(number(offset as u64) + bytes(length));
            FRAME_PREFIX_LEN + sealed_len(envelope + part, false)
        };
        let end = range.end;
        let parts = range.step_by(PART_MAX);
        start + parts.map(|offset| part(offset, PART_MAX.min(end - offset))).sum::<usize>()
    }

    /// Whether the message fits a datagram that may also have to carry a cookie. What does not, travels
    /// by stream.
    pub fn fits_datagram(&self) -> bool {
        self.datagram_len() + delimited_len(COOKIE_LEN) <= DATAGRAM_MAX
    }

    /// How many of `contacts`, from the first on, may be put into this reply's `closer`, which is empty,
    /// so that its datagram has at most `budget` bytes, and at most [`DATAGRAM_MAX`]. At most
    /// [`CONTACTS_MAX`]. 0 also where the reply without any contact exceeds the budget.
    pub fn contacts_that_fit(&self, contacts: &[Mention], budget: usize) -> usize {
        let reply = match &self.body {
            Body::Reply(reply) if reply.lists_contacts() => reply,
            Body::Request(_) | Body::Reply(_) => return 0,
        };
        let head = self.head_len();
        let rest = reply_len(reply, Form::Inline);
        let budget = budget.min(DATAGRAM_MAX);
        let mut closer = 0;
        contacts
            .iter()
            .take(CONTACTS_MAX)
            .take_while(|contact| {
                closer += contact_field_len(contact);
                sealed_len(head + delimited_len(rest + closer), false) <= budget
            })
            .count()
    }

    /// Length of the encoded message without padding.
    pub(crate) fn plaintext_len(&self) -> usize {
        self.plaintext_len_as(Form::Inline)
    }

    fn plaintext_len_as(&self, form: Form) -> usize {
        self.head_len()
            + delimited_len(match &self.body {
                Body::Request(request) => request_len(request, form),
                Body::Reply(reply) => reply_len(reply, form),
            })
    }

    /// Length of id, role, families and load.
    fn head_len(&self) -> usize {
        let id = if self.id.0 == 0 { 0 } else { 9 };
        let role = 2;
        let families = if self.families.v4 || self.families.v6 { 2 } else { 0 };
        let load = if self.load == Load::NONE { 0 } else { 2 };
        id + role + families + load
    }
}

/// How the value of a record travels.
#[derive(Clone, Copy)]
enum Form {
    Inline,
    Streamed { offset: usize, length: usize, outline: usize },
}

fn request_len(request: &Request, form: Form) -> usize {
    delimited_len(match request {
        Request::Ping | Request::Inspect => 0,
        Request::FindNode { .. } => KEY_FIELD,
        Request::Fetch { kinds, .. } => KEY_FIELD + number(u64::from(kinds.bits())),
        Request::Offer { details, ttl, expected, .. } => {
            delimited_len(details_len(details)) + terms_len(ttl.as_secs(), *expected)
        }
        Request::Store { record, ttl, expected, .. } => {
            delimited_len(record_len(record, form)) + terms_len(ttl.as_secs(), *expected)
        }
        Request::Download { range, outlined, .. } => {
            let length = range.length.map_or(0, |length| 1 + varint_len(u64::from(length)));
            let outlined = number(u64::from(*outlined));
            KEY_FIELD + 2 + number(u64::from(range.offset)) + length + outlined
        }
        Request::OfferMany { offers, .. } => batch::offer_many_len(offers),
        Request::Reconcile { cells } => batch::reconcile_len(cells),
        Request::List { .. } => batch::list_len(),
        Request::Custom { payload } => bytes(payload.len()),
        Request::Broadcast { broadcast, depth } => broadcast::broadcast_len(broadcast, *depth),
        Request::CompareBroadcasts { held, skip } => broadcast::compare_len(held, *skip),
        Request::PullBroadcast { .. } => broadcast::pull_len(),
    }) + match request {
        Request::Broadcast { .. }
        | Request::CompareBroadcasts { .. }
        | Request::PullBroadcast { .. } => LONG_TAG,
        _ => 0,
    }
}

/// Length of a life, a purpose and a condition.
fn terms_len(ttl: u32, expected: Option<Sequence>) -> usize {
    let purpose = 2;
    number(u64::from(ttl)) + purpose + expected.map_or(0, |sequence| 1 + varint_len(sequence.0))
}

fn reply_len(reply: &Reply, form: Form) -> usize {
    let closer = reply.closer().iter().take(CONTACTS_MAX).map(contact_field_len).sum::<usize>();
    closer
        + delimited_len(match reply {
            Reply::Nodes { .. }
            | Reply::Wanted { .. }
            | Reply::Have { .. }
            | Reply::Stored { .. }
            | Reply::Pending => 0,
            Reply::Wanting { .. } => number(1),
            Reply::Pong { observed } => delimited_len(address_len(observed)),
            Reply::Found { record, ttl, .. } => {
                delimited_len(record_len(record, form)) + number(u64::from(ttl.as_secs()))
            }
            Reply::Held { details, ttl, .. } => {
                delimited_len(details_len(details)) + number(u64::from(ttl.as_secs()))
            }
            Reply::Refused { refusal, .. } => refusal_len(refusal),
            Reply::Inspection(inspection) => inspection_len(inspection),
            Reply::Offered { answers } => batch::offered_len(answers),
            Reply::Reconciled { cells } => batch::reconciled_len(cells),
            Reply::Listing { entries, next } => batch::listing_len(entries, *next),
            Reply::Custom { payload } => bytes(payload.len()),
            Reply::BroadcastsCompared { verdicts, more } => broadcast::compared_len(verdicts, more),
            Reply::BroadcastPulled { broadcast } => broadcast::pulled_len(broadcast.as_deref()),
            Reply::Error { code, text } => {
                enum_number(code.code()) + bytes(text::cut(text, REASON_MAX).len())
            }
        })
        + match reply {
            Reply::Pending | Reply::BroadcastsCompared { .. } | Reply::BroadcastPulled { .. } => {
                LONG_TAG
            }
            _ => 0,
        }
}

fn refusal_len(refusal: &Refusal) -> usize {
    let code = enum_number(refusal.code());
    code + match refusal {
        Refusal::TooLarge { limit } => number(u64::from(*limit)),
        Refusal::Stale { current } | Refusal::SequenceMismatch { current } => number(current.0),
        Refusal::Policy { reason } => bytes(text::cut(reason, REASON_MAX).len()),
        _ => 0,
    }
}

fn inspection_len(inspection: &Inspection) -> usize {
    bytes(text::cut(&inspection.agent, AGENT_MAX).len())
        + number(inspection.uptime_seconds)
        + number(u64::from(inspection.contacts))
        + number(inspection.records)
        + number(inspection.bytes)
        + number(inspection.capacity)
        + number(inspection.network_size)
}

fn details_len(details: &OfferDetails) -> usize {
    let kind = 2;
    let digest = if details.slot.kind == Kind::Content { 0 } else { KEY_FIELD };
    KEY_FIELD + kind + number(u64::from(details.size)) + digest + number(details.sequence.0)
}

fn record_len(record: &Record, form: Form) -> usize {
    let value = match (record.value(), form) {
        (None, _) => delimited_len(0),
        (Some(value), Form::Inline) => delimited_len(value.len()),
        (Some(value), Form::Streamed { offset, length, outline }) => {
            let numbers = [value.len(), offset, length].map(|length| number(length as u64));
            delimited_len(numbers.iter().sum::<usize>() + bytes(outline))
        }
    };
    let kind = match record.as_signed() {
        Some(signed) => {
            let salt = bytes(signed.salt().as_bytes().len());
            KEY_FIELD + salt + number(signed.sequence().0) + delimited_len(64)
        }
        None if record.kind() == Kind::Named => KEY_FIELD,
        None => 0,
    };
    value + delimited_len(kind)
}

/// Length of the field of a contact in a reply.
pub(crate) fn contact_field_len(mention: &Mention) -> usize {
    delimited_len(36 + address_len(&mention.addr) + bytes_of_rtt(mention))
}

/// One byte, where the round trip is told.
fn bytes_of_rtt(mention: &Mention) -> usize {
    usize::from(mention.rtt.is_some())
}

fn address_len(addr: &SocketAddr) -> usize {
    match addr.ip().to_canonical() {
        IpAddr::V4(_) => 4 + 2,
        IpAddr::V6(_) => 16 + 2,
    }
}

/// Length of a number in a field that is left out when 0.
fn number(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + varint_len(value) }
}

/// Length of an enum's number, which protobuf extends with its sign to 64 bits.
fn enum_number(code: u32) -> usize {
    number(i64::from(code.cast_signed()).cast_unsigned())
}

/// Length of bytes in a field that is left out when empty.
fn bytes(length: usize) -> usize {
    if length == 0 { 0 } else { delimited_len(length) }
}
