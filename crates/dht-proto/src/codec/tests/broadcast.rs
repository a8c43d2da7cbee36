//! Tests of messages about broadcasts: how much of them fits, and what is turned away.

use super::reject::{assert_ignored, assert_malformed, reply, request};
use super::*;
use crate::limits::{BROADCAST_MAX, BROADCASTS_MAX, DATAGRAM_MAX, FRAME_MAX};
use crate::{
    AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, SentAt, Signature,
};
use std::sync::Arc;

fn broadcast(size: usize) -> Broadcast {
    let secret = AuthorSecret::from_seed(&[1; 32]);
    Broadcast::sign(&secret, NETWORK, SentAt(u64::MAX), vec![7; size].into()).unwrap()
}

fn hand_on(size: usize) -> Message {
    let broadcast = Arc::new(broadcast(size));
    message(Body::Request(Request::Broadcast { broadcast, depth: 256 }))
}

fn compared(verdicts: usize, more: Vec<BroadcastEntry>) -> Message {
    let verdicts = vec![BroadcastVerdict::Have; verdicts];
    message(Body::Reply(Reply::BroadcastsCompared { verdicts, more }))
}

fn signed(broadcast: &Broadcast) -> wire::SignedBroadcast {
    wire::SignedBroadcast {
        author: Bytes::copy_from_slice(broadcast.author().as_bytes()),
        sent: broadcast.sent().0,
        signature: Bytes::copy_from_slice(broadcast.signature().as_bytes()),
        payload: broadcast.payload().clone(),
    }
}

fn request_of(broadcast: Option<wire::SignedBroadcast>, depth: u32) -> Bytes {
    request(wire::request::Body::Broadcast(wire::Broadcast { broadcast, depth }))
}

proptest! {
    #[test]
    fn a_broadcast_that_was_signed_in_another_network_is_malformed(
        message in testing::message(),
        network in any::<u32>().prop_filter("another one", |network| *network != NETWORK.0),
    ) {
        let brings_one = matches!(
            message.body,
            Body::Request(Request::Broadcast { .. })
                | Body::Reply(Reply::BroadcastPulled { broadcast: Some(_) })
        );
        let read = super::super::decode_frame(NetworkId(network), encoded(&message));
        match read {
            Err(undecodable) => {
                prop_assert!(brings_one);
                prop_assert_eq!(undecodable.error.problem, Problem::BadSignature);
            }
            Ok(read) => {
                prop_assert!(!brings_one);
                prop_assert_eq!(read, decode_frame(encoded(&message)).unwrap());
            }
        }
    }

    #[test]
    fn as_many_entries_fit_an_answer_as_the_budget_allows(
        entries in testing::entries(),
        verdicts in 0..=BROADCASTS_MAX,
        budget in 200_usize..1_400,
    ) {
        let fitting = compared(verdicts, Vec::new()).broadcasts_that_fit(&entries, budget);
        let limit = budget.min(DATAGRAM_MAX);
        prop_assert!(compared(verdicts, entries[..fitting].to_vec()).datagram_len() <= limit);
        if fitting < entries.len() {
            prop_assert!(compared(verdicts, entries[..=fitting].to_vec()).datagram_len() > limit);
        }
    }
}

#[test]
fn a_payload_of_900_bytes_fits_a_datagram_and_the_longest_a_frame() {
    assert!(hand_on(900).fits_datagram());
    assert!(!hand_on(1_200).fits_datagram());
    let longest = hand_on(BROADCAST_MAX);
    assert!(longest.stream_len() <= FRAME_MAX + 4, "{}", longest.stream_len());
    assert_eq!(decode_frame(encoded(&longest)), Ok(Content::Message(longest)));
}

#[test]
fn the_longest_comparison_and_its_answer_fit_a_datagram() {
    let id = BroadcastId::from_bytes([0xff; 16]);
    let held = vec![id; BROADCASTS_MAX];
    assert!(
        message(Body::Request(Request::CompareBroadcasts { held, skip: u32::MAX })).fits_datagram()
    );
    let entry = BroadcastEntry { id, size: 65_536 };
    assert!(compared(BROADCASTS_MAX, vec![entry; BROADCASTS_MAX]).fits_datagram());
}

#[test]
fn a_broadcast_whose_signature_does_not_verify_is_malformed() {
    let good = broadcast(5);
    let field = "signed_broadcast.signature";
    let later = wire::SignedBroadcast { sent: 5, ..signed(&good) };
    assert_malformed(request_of(Some(later), 0), field, Problem::BadSignature);
    let other = wire::SignedBroadcast { payload: "other".into(), ..signed(&good) };
    assert_malformed(request_of(Some(other), 0), field, Problem::BadSignature);
    let forged = Signature::from_bytes([1; 64]);
    let signature = Bytes::copy_from_slice(forged.as_bytes());
    let forged = wire::SignedBroadcast { signature, ..signed(&good) };
    assert_malformed(request_of(Some(forged.clone()), 0), field, Problem::BadSignature);
    let pulled = wire::BroadcastPulled { broadcast: Some(forged) };
    let pulled = reply(wire::reply::Body::BroadcastPulled(pulled));
    assert_ignored(pulled, field, Problem::BadSignature);
}

#[test]
fn a_broadcast_over_its_limits_is_malformed() {
    let good = broadcast(5);
    let found = 257;
    let depth = Problem::OutOfRange { found };
    assert_malformed(request_of(Some(signed(&good)), 257), "broadcast.depth", depth);
    assert_malformed(request_of(None, 0), "broadcast.broadcast", Problem::Missing);
    let found = BROADCAST_MAX + 1;
    let payload = Bytes::from(vec![7; found]);
    let long = wire::SignedBroadcast { payload, ..signed(&good) };
    let problem = Problem::TooLong { found, limit: BROADCAST_MAX };
    assert_malformed(request_of(Some(long), 0), "signed_broadcast.payload", problem);
}

#[test]
fn endless_ids_are_malformed() {
    let compare = |held: Vec<Bytes>| {
        request(wire::request::Body::CompareBroadcasts(wire::CompareBroadcasts { held, skip: 0 }))
    };
    let field = "compare_broadcasts.held";
    let many = compare(vec![vec![1; 16].into(); 33]);
    assert_malformed(many, field, Problem::OutOfRange { found: 33 });
    let short = Problem::Length { found: 15, expected: 16 };
    assert_malformed(compare(vec![vec![1; 15].into()]), field, short);
    let entry = wire::BroadcastEntry { id: vec![1; 16].into(), size: 5 };
    let compared = |verdicts: Vec<i32>, more| {
        let body = wire::BroadcastsCompared { verdicts, more };
        reply(wire::reply::Body::BroadcastsCompared(body))
    };
    let field = "broadcasts_compared.more";
    let many = compared(vec![], vec![entry; 33]);
    assert_ignored(many, field, Problem::OutOfRange { found: 33 });
    let field = "broadcasts_compared.verdicts";
    assert_ignored(compared(vec![6], vec![]), field, Problem::OutOfRange { found: 6 });
}
