//! Tests of lengths: what is computed is what is made.

use super::*;
use crate::limits::{COOKIE_LEN, DATAGRAM_MAX, PART_MAX, SALT_MAX, TTL_MAX_SECONDS};
use crate::protobuf::delimited_len;
use crate::{AuthorSecret, Digest, OfferDetails, Refusal, Salt, Sequence, SignedBody};

proptest! {
    #[test]
    fn a_computed_length_is_that_of_the_encoded_message(message in testing::message()) {
        prop_assert_eq!(message.plaintext_len(), encoded(&message).len());
    }

    #[test]
    fn the_length_over_a_stream_is_that_of_all_frames(message in testing::long_message(200_000)) {
        let mut frames = Outgoing::new(message.clone());
        let length = |plaintext: Plaintext| 4 + sealed_len(plaintext.len(), false);
        let sum = frames.by_ref().map(|frame| match frame.0 {
            Content::Message(message) => length(Plaintext::of_message(&message, 0)),
            Content::Start(start) => length(Plaintext::of_start(&start)),
            Content::Part(part) => length(Plaintext::of_part(&part)),
        });
        prop_assert_eq!(message.stream_len(), sum.sum::<usize>());
    }

    #[test]
    fn as_many_contacts_fit_as_the_budget_allows(
        reply in testing::reply(),
        contacts in proptest::collection::vec(testing::mention(), 0..30),
        budget in 0_usize..1_400,
    ) {
        let bare = message(Body::Reply(without_contacts(reply.clone())));
        let fitting = bare.contacts_that_fit(&contacts, budget);
        prop_assert!(fitting <= contacts.len().min(CONTACTS_MAX));
        let limit = budget.min(DATAGRAM_MAX);
        let length_with = |count: usize| {
            let closer = contacts[..count].to_vec();
            message(Body::Reply(with_contacts(reply.clone(), closer))).datagram_len()
        };
        if fitting > 0 {
            prop_assert!(length_with(fitting) <= limit);
        }
        if fitting < contacts.len().min(CONTACTS_MAX) && reply.lists_contacts() {
            prop_assert!(length_with(fitting + 1) > limit);
        }
    }
}

fn without_contacts(reply: Reply) -> Reply {
    with_contacts(reply, Vec::new())
}

fn with_contacts(mut reply: Reply, contacts: Vec<Mention>) -> Reply {
    if let Some(closer) = reply.closer_mut() {
        *closer = contacts;
    }
    reply
}

#[test]
fn a_reply_that_lists_no_contacts_has_room_for_none() {
    let contacts = [contact(1, "10.0.0.1:3000")];
    let pong = Reply::Pong { observed: "10.0.0.1:3000".parse().unwrap() };
    assert_eq!(message(Body::Reply(pong)).contacts_that_fit(&contacts, DATAGRAM_MAX), 0);
    assert_eq!(message(Body::Request(Request::Ping)).contacts_that_fit(&contacts, DATAGRAM_MAX), 0);
}

/// The longest signed record that travels in a datagram.
fn longest_record() -> Record {
    let value = Value::new(vec![0xff; INLINE_VALUE_MAX]).unwrap();
    let salt = Salt::new(vec![0xff; SALT_MAX]).unwrap();
    let body = SignedBody::Value(value);
    Record::sign(&AuthorSecret::from_seed(&[1; 32]), salt, Sequence(u64::MAX), body)
}

#[test]
fn the_largest_message_of_every_kind_fits_a_datagram_with_a_cookie() {
    let ttl = Ttl::from_secs(TTL_MAX_SECONDS).unwrap();
    let purpose = Purpose::Publish;
    let expected = Some(Sequence(u64::MAX));
    let record = longest_record();
    let mut details = OfferDetails::of(&record);
    details.digest = Digest::from_bytes([1; 32]);
    let closer = (0..16).map(|number| contact(number, "[2001:470::1]:3000")).collect::<Vec<_>>();
    let target = Key::from_bytes([1; 32]);
    let reason = "r".repeat(REASON_MAX);
    let bodies = [
        Body::Request(Request::FindNode { target }),
        Body::Request(Request::Offer { details, ttl, purpose, expected }),
        Body::Request(Request::Store { record: record.clone(), ttl, purpose, expected }),
        Body::Reply(Reply::Found { record, ttl, closer: Vec::new() }),
        Body::Reply(Reply::Nodes { closer: closer.clone() }),
        Body::Reply(Reply::Wanting { closer: closer.clone() }),
        Body::Reply(Reply::Held { details, ttl, closer: closer[..14].to_vec() }),
        Body::Reply(Reply::Refused {
            refusal: Refusal::Policy { reason: reason.clone() },
            closer: closer[..12].to_vec(),
        }),
        Body::Reply(Reply::Error { code: ErrorCode::Other(u32::MAX), text: reason }),
    ];
    for body in bodies {
        let message = message(body);
        let length = message.datagram_len() + delimited_len(COOKIE_LEN);
        assert!(length <= DATAGRAM_MAX, "{length}: {message:?}");
        assert!(message.fits_datagram());
    }
}

#[test]
fn twenty_ipv4_contacts_fit_a_datagram_and_nineteen_ipv6_ones() {
    let v4 = (0..30).map(|number| contact(number, "10.0.0.1:3000")).collect::<Vec<_>>();
    let v6 = (0..30).map(|number| contact(number, "[2001:470::1]:3000")).collect::<Vec<_>>();
    let reply = nodes(Vec::new());
    assert_eq!(reply.contacts_that_fit(&v4, DATAGRAM_MAX), 20);
    assert_eq!(reply.contacts_that_fit(&v6, DATAGRAM_MAX), 19);
    assert_eq!(reply.contacts_that_fit(&v6, usize::MAX), 19);
}

#[test]
fn requests_that_want_long_answers_are_padded_to_a_third_of_a_datagram() {
    let target = Key::from_bytes([1; 32]);
    let details = OfferDetails::of(&longest_record());
    let (ttl, purpose, expected) = (Ttl::MAX, Purpose::Publish, Some(Sequence(u64::MAX)));
    let requests = [
        Request::FindNode { target },
        Request::Fetch { key: target, kinds: crate::KindSet::ALL },
        Request::Offer { details, ttl, purpose, expected },
        Request::Inspect,
    ];
    for request in requests {
        assert!(request.wants_long_answer());
        let message = message(Body::Request(request));
        assert_eq!(message.datagram_len(), PADDED_REQUEST_LEN, "{message:?}");
        assert_eq!(padded_len(&message, true), PADDED_REQUEST_LEN, "{message:?}");
    }
}

fn padded_len(message: &Message, has_cookie: bool) -> usize {
    let zeros = padding(message, message.plaintext_len(), has_cookie);
    sealed_len(Plaintext::of_message(message, zeros).len(), has_cookie)
}

#[test]
fn padding_reaches_its_length_from_every_length_there_may_be() {
    let request = message(Body::Request(Request::Inspect));
    for has_cookie in [false, true] {
        for unpadded in 1..=PADDED_REQUEST_LEN {
            let field = match padding(&request, unpadded, has_cookie) {
                0 => 0,
                zeros => delimited_len(zeros),
            };
            let length = sealed_len(unpadded + field, has_cookie);
            assert!(length >= PADDED_REQUEST_LEN, "{unpadded}: {length}");
            let excess = length - PADDED_REQUEST_LEN;
            assert!(field == 0 || excess <= 2, "{unpadded}: {length}");
        }
    }
}

#[test]
fn replies_and_short_exchanges_are_not_padded() {
    for body in [Body::Request(Request::Ping), Body::Reply(Reply::Nodes { closer: Vec::new() })] {
        let message = message(body);
        assert_eq!(padding(&message, message.plaintext_len(), false), 0);
    }
}

#[test]
fn a_part_of_full_length_fits_a_frame() {
    let record = Record::content(Value::new(vec![1; crate::limits::VALUE_MAX]).unwrap());
    let (ttl, purpose) = (Ttl::MAX, Purpose::Publish);
    let store = Request::Store { record, ttl, purpose, expected: None };
    let message = Message { id: RequestId(u64::MAX), ..message(Body::Request(store)) };
    let mut parts = 0;
    for frame in Outgoing::new(message) {
        if let Content::Part(part) = frame.0 {
            assert!(part.bytes.len() <= PART_MAX);
            let length = sealed_len(Plaintext::of_part(&part).len(), false);
            assert!(length <= crate::limits::FRAME_MAX, "{length}");
            parts += 1;
        }
    }
    assert_eq!(parts, crate::limits::VALUE_MAX.div_ceil(PART_MAX));
}
