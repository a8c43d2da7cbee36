//! Arbitrary values of the domain, for property tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

mod batch;
mod broadcast;

pub(crate) use batch::{batch, cell_answers, cells};
pub(crate) use broadcast::entries;

use crate::limits::{
    AGENT_MAX, CONTACTS_MAX, INLINE_VALUE_MAX, PAYLOAD_MAX, REASON_MAX, SALT_MAX, TTL_MAX_SECONDS,
    VALUE_MAX,
};
use crate::{
    AuthorSecret, Body, Contact, Digest, ErrorCode, Families, Inspection, Key, Kind, KindSet, Load,
    Mention, Message, NetworkId, NodeIdentity, Nonce, OfferDetails, PublicKey, Purpose, Record,
    Refusal, Reply, Request, RequestId, Role, RoughRtt, Salt, Scope, Sequence, SignedBody, Slot,
    Ttl, Value, ValueRange,
};

/// The network that broadcasts are signed for.
pub(crate) const NETWORK: NetworkId = NetworkId(0x0102_0304);

pub(crate) fn key() -> impl Strategy<Value = Key> {
    any::<[u8; 32]>().prop_map(Key::from_bytes)
}

pub(crate) fn address() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = any::<[u8; 16]>().prop_map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    (prop_oneof![v4, v6], any::<u16>())
        .prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

pub(crate) fn contact() -> impl Strategy<Value = Contact> {
    let is_reachable = |addr: &SocketAddr| Scope::at(*addr).is_some();
    (any::<[u8; 32]>(), any::<u32>(), address().prop_filter("no node's address", is_reachable))
        .prop_map(|(public, nonce, addr)| {
            Contact::new(NodeIdentity::new(PublicKey::from_bytes(public), Nonce(nonce)), addr)
        })
}

pub(crate) fn mention() -> impl Strategy<Value = Mention> {
    let rtt = option::of(any::<u8>().prop_map(RoughRtt::from_code));
    (contact(), rtt).prop_map(|(contact, rtt)| Mention { rtt, ..contact.into() })
}

fn contacts() -> impl Strategy<Value = Vec<Mention>> {
    vec(mention(), 0..=CONTACTS_MAX)
}

pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(&Kind::ALL[..])
}

pub(crate) fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Publish), Just(Purpose::Replicate), Just(Purpose::Cache)]
}

pub(crate) fn ttl() -> impl Strategy<Value = Ttl> {
    (1..=TTL_MAX_SECONDS).prop_map(|seconds| Ttl::from_secs(seconds).unwrap_or_default())
}

/// Numbers of every length of a varint.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift)
}

fn sequence() -> impl Strategy<Value = Sequence> {
    number().prop_map(Sequence)
}

pub(crate) fn small_number() -> impl Strategy<Value = u32> {
    (any::<u32>(), 0_u32..32).prop_map(|(number, shift)| number >> shift)
}

/// Text of at most `limit` bytes.
fn text(limit: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=limit / 4).prop_map(String::from_iter)
}

fn value(sizes: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Value> {
    (sizes, any::<u64>()).prop_map(|(size, seed)| {
        let bytes = seed.to_le_bytes().into_iter().cycle().take(size);
        Value::new(bytes.collect::<Vec<_>>()).unwrap_or_default()
    })
}

/// Mostly short, as messages in datagrams are; now and then as long as may be.
fn payload() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        9 => vec(any::<u8>(), 0..1_000).prop_map(Bytes::from),
        1 => (0..=PAYLOAD_MAX).prop_map(|length| Bytes::from(vec![7; length])),
    ]
}

fn signed(sizes: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Record> {
    let body = prop_oneof![
        4 => value(sizes).prop_map(SignedBody::Value),
        1 => Just(SignedBody::Deleted),
    ];
    (any::<[u8; 32]>(), vec(any::<u8>(), 0..=SALT_MAX), sequence(), body).prop_map(
        |(seed, salt, sequence, body)| {
            let salt = Salt::new(salt).unwrap_or_default();
            Record::sign(&AuthorSecret::from_seed(&seed), salt, sequence, body)
        },
    )
}

/// Records with values of such sizes, and deletions.
pub(crate) fn record(sizes: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Record> {
    prop_oneof![
        value(sizes.clone()).prop_map(Record::content),
        (key(), value(sizes.clone())).prop_map(|(key, value)| Record::at(key, value)),
        signed(sizes),
    ]
}

fn inline_record() -> impl Strategy<Value = Record> {
    record(0..=INLINE_VALUE_MAX)
}

pub(crate) fn details() -> impl Strategy<Value = OfferDetails> {
    let size = 0..=u32::try_from(VALUE_MAX).unwrap_or(u32::MAX);
    (key(), kind(), size, any::<[u8; 32]>(), sequence()).prop_map(
        |(key, kind, size, digest, sequence)| {
            let digest = if kind == Kind::Content { *key.as_bytes() } else { digest };
            let sequence = if kind == Kind::Signed { sequence } else { Sequence(0) };
            OfferDetails {
                slot: Slot { key, kind },
                size,
                digest: Digest::from_bytes(digest),
                sequence,
            }
        },
    )
}

fn range() -> impl Strategy<Value = ValueRange> {
    prop_oneof![
        (small_number(), option::of(small_number()))
            .prop_map(|(offset, length)| ValueRange { offset, length }),
        (0_u32..100, 0_u32..100)
            .prop_map(|(first, count)| ValueRange::of_parts(first..first + count)),
    ]
}

/// Requests that a datagram may carry, and `Download`, which a stream may.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    let kinds = (0_u32..8).prop_map(KindSet::from_bits);
    prop_oneof![
        Just(Request::Ping),
        Just(Request::Inspect),
        key().prop_map(|target| Request::FindNode { target }),
        (key(), kinds).prop_map(|(key, kinds)| Request::Fetch { key, kinds }),
        (details(), ttl(), purpose(), option::of(sequence())).prop_map(
            |(details, ttl, purpose, expected)| Request::Offer { details, ttl, purpose, expected }
        ),
        (inline_record(), ttl(), purpose(), option::of(sequence())).prop_map(
            |(record, ttl, purpose, expected)| Request::Store { record, ttl, purpose, expected }
        ),
        (key(), kind(), range(), any::<bool>()).prop_map(|(key, kind, range, outlined)| {
            let outlined = outlined && range.is_of_parts();
            Request::Download { slot: Slot { key, kind }, range, outlined }
        }),
        payload().prop_map(|payload| Request::Custom { payload }),
        batch::request(),
        broadcast::request(),
    ]
}

pub(crate) fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Full),
        small_number().prop_map(|limit| Refusal::TooLarge { limit }),
        Just(Refusal::NameTaken),
        sequence().prop_map(|current| Refusal::Stale { current }),
        sequence().prop_map(|current| Refusal::SequenceMismatch { current }),
        text(REASON_MAX).prop_map(|reason| Refusal::Policy { reason }),
        Just(Refusal::Busy),
        Just(Refusal::StorageFailed),
        Just(Refusal::NotStoring),
        (10..=u32::MAX).prop_map(|code| Refusal::Other { code }),
    ]
}

fn error_code() -> impl Strategy<Value = ErrorCode> {
    prop_oneof![
        Just(ErrorCode::Unknown),
        Just(ErrorCode::Malformed),
        Just(ErrorCode::Unsupported),
        Just(ErrorCode::Busy),
        Just(ErrorCode::Unwilling),
        Just(ErrorCode::Failed),
        Just(ErrorCode::ByStream),
        (8..=u32::MAX).prop_map(ErrorCode::Other),
    ]
}

fn inspection() -> impl Strategy<Value = Inspection> {
    (text(AGENT_MAX), number(), small_number(), [number(), number(), number(), number()]).prop_map(
        |(agent, uptime_seconds, contacts, [records, bytes, capacity, network_size])| Inspection {
            agent,
            uptime_seconds,
            contacts,
            records,
            bytes,
            capacity,
            network_size,
        },
    )
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        address().prop_map(|observed| Reply::Pong { observed }),
        contacts().prop_map(|closer| Reply::Nodes { closer }),
        contacts().prop_map(|closer| Reply::Wanting { closer }),
        (inline_record(), ttl(), contacts()).prop_map(|(record, ttl, closer)| Reply::Found {
            record,
            ttl,
            closer
        }),
        (details(), ttl(), contacts()).prop_map(|(details, ttl, closer)| Reply::Held {
            details,
            ttl,
            closer
        }),
        contacts().prop_map(|closer| Reply::Wanted { closer }),
        contacts().prop_map(|closer| Reply::Have { closer }),
        contacts().prop_map(|closer| Reply::Stored { closer }),
        (refusal(), contacts()).prop_map(|(refusal, closer)| Reply::Refused { refusal, closer }),
        inspection().prop_map(Reply::Inspection),
        (error_code(), text(REASON_MAX)).prop_map(|(code, text)| Reply::Error { code, text }),
        payload().prop_map(|payload| Reply::Custom { payload }),
        Just(Reply::Pending),
        batch::reply(),
        broadcast::reply(),
    ]
}

/// Messages with any body. Those with many contacts and a long value exceed a datagram.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let body = prop_oneof![request().prop_map(Body::Request), reply().prop_map(Body::Reply)];
    with_head(body)
}

/// Stores and found records whose value does not fit a datagram.
pub(crate) fn long_message(longest: usize) -> impl Strategy<Value = Message> {
    let record = move || {
        record(INLINE_VALUE_MAX + 1..=longest).prop_filter("a deletion", |record| record.size() > 0)
    };
    let body = prop_oneof![
        (record(), ttl(), purpose(), option::of(sequence())).prop_map(
            |(record, ttl, purpose, expected)| {
                Body::Request(Request::Store { record, ttl, purpose, expected })
            }
        ),
        (record(), ttl(), contacts()).prop_map(|(record, ttl, closer)| {
            Body::Reply(Reply::Found { record, ttl, closer })
        }),
    ];
    with_head(body)
}

fn with_head(body: impl Strategy<Value = Body>) -> impl Strategy<Value = Message> {
    let role = prop_oneof![Just(Role::Full), Just(Role::Client)];
    let id = prop_oneof![9 => any::<u64>(), 1 => Just(0)];
    let head = (role, any::<bool>(), any::<bool>(), 0..=63_u32, id);
    (head, body).prop_map(|((role, v4, v6, load, id), body)| Message {
        role,
        families: Families { v4, v6 },
        load: Load::from_code(load),
        id: RequestId(id),
        body,
    })
}
