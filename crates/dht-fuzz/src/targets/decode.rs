//! Plaintexts of datagrams and frames: what a node that has proven who it is may send.
//!
//! What is read keeps the limits of the protocol, is written again as what it was, and takes as many bytes as
//! was said before it was written.

use std::mem::discriminant;

use bytes::{Bytes, BytesMut};
use dht_proto::codec::{self, Undecodable};
use dht_proto::limits::{
    AGENT_MAX, BATCH_MAX, BROADCAST_MAX, BROADCASTS_MAX, CELLS_MAX, CONTACTS_MAX, DATAGRAM_MAX,
    FINGERPRINTS_MAX, INLINE_VALUE_MAX, PAYLOAD_MAX, REASON_MAX,
};
use dht_proto::stream::Frame;
use dht_proto::{
    BatchedOffer, Body, Cell, CellAnswer, Kind, KindSet, Message, NetworkId, OfferAnswer, Refusal,
    Reply, Request, Scope,
};

use crate::{Features, Shape, Target};

pub(crate) const TARGET: Target = Target {
    name: "decode",
    about: "messages of every kind, from their plaintext",
    shape: Shape::Fields { after: 0 },
    longest: 4_096,
    body: run,
    seeds: |vectors| vectors.plaintexts(),
};

fn run(input: &[u8], seen: &mut Features) {
    let plaintext = Bytes::copy_from_slice(input);
    let decoded = codec::decode(NetworkId::default(), plaintext.clone());
    match &decoded {
        Ok(message) => {
            note_message("datagram", message, seen);
            check(message);
            check_elsewhere(message, &plaintext);
        }
        Err(undecodable) => note_error("datagram", undecodable, seen),
    }
    match Frame::decode(NetworkId::default(), plaintext) {
        Ok(frame) => {
            let again = Frame::decode(NetworkId::default(), written(&frame));
            assert_eq!(again.as_ref(), Ok(&frame), "a frame is read again as what it was");
            seen.note("frame", decoded.is_ok());
        }
        Err(undecodable) => {
            note_error("frame", &undecodable, seen);
            assert!(decoded.is_err(), "what a datagram may carry a frame may carry as well");
        }
    }
}

/// The plaintext of a frame.
pub(super) fn written(frame: &Frame) -> Bytes {
    let mut out = BytesMut::new();
    frame.encode(&mut out);
    out.freeze()
}

/// A broadcast of one network is none in another; all else is the same everywhere.
fn check_elsewhere(message: &Message, plaintext: &Bytes) {
    let elsewhere = codec::decode(NetworkId::named("elsewhere"), plaintext.clone());
    match &message.body {
        Body::Request(Request::Broadcast { .. })
        | Body::Reply(Reply::BroadcastPulled { broadcast: Some(_) }) => {
            assert!(elsewhere.is_err(), "{message:?} is taken in another network");
        }
        _ => assert_eq!(elsewhere.as_ref(), Ok(message)),
    }
}

/// What must hold of every message that was read from a datagram.
pub(super) fn check(message: &Message) {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    let again = codec::decode(NetworkId::default(), out.clone().freeze());
    assert_eq!(again.as_ref(), Ok(message), "a message is read again as what it was");
    assert!(message.datagram_len() > out.len());
    assert!(!message.fits_datagram() || message.datagram_len() <= DATAGRAM_MAX);
    match &message.body {
        Body::Request(request) => check_request(request),
        Body::Reply(reply) => check_reply(message, reply),
    }
    if let Some(record) = message.record() {
        assert!(record.size() <= INLINE_VALUE_MAX && record.is_inline());
        assert!(
            record.kind() != Kind::Content || record.key().as_bytes() == record.digest().as_bytes()
        );
    }
}

fn check_request(request: &Request) {
    match request {
        Request::OfferMany { offers, .. } => check_batch(offers, 1),
        Request::Reconcile { cells } => check_cells(cells),
        Request::Custom { payload } => assert!(payload.len() <= PAYLOAD_MAX),
        Request::Broadcast { broadcast, depth } => {
            assert!(broadcast.payload().len() <= BROADCAST_MAX && *depth <= 256);
        }
        Request::CompareBroadcasts { held, .. } => assert!(held.len() <= BROADCASTS_MAX),
        Request::Fetch { kinds, .. } => {
            assert_eq!(KindSet::from_bits(kinds.bits().into()), *kinds);
        }
        _ => {}
    }
    assert!(
        request.accepts(&Reply::Error { code: dht_proto::ErrorCode::Busy, text: String::new() })
    );
}

fn check_reply(message: &Message, reply: &Reply) {
    check_contacts(message, reply);
    match reply {
        Reply::Refused { refusal, .. } => check_refusal(refusal),
        Reply::Error { text, .. } => assert!(text.len() <= REASON_MAX),
        Reply::Inspection(inspection) => assert!(inspection.agent.len() <= AGENT_MAX),
        Reply::Custom { payload } => assert!(payload.len() <= PAYLOAD_MAX),
        Reply::Listing { entries, next } => {
            check_batch(entries, 0);
            let slots = entries.iter().map(|entry| entry.details.slot).chain(*next);
            assert!(slots.is_sorted_by(|slot, after| slot < after), "a listing leads on");
        }
        Reply::Offered { answers } => {
            assert!((1..=BATCH_MAX).contains(&answers.len()));
            for answer in answers {
                if let OfferAnswer::Refused(refusal) = answer {
                    check_refusal(refusal);
                }
            }
        }
        Reply::Reconciled { cells } => {
            assert!((1..=CELLS_MAX).contains(&cells.len()));
            for cell in cells {
                assert!(
                    !matches!(cell, CellAnswer::Differs { held } if held.len() > FINGERPRINTS_MAX)
                );
            }
        }
        Reply::BroadcastsCompared { verdicts, more } => {
            assert!(verdicts.len() <= BROADCASTS_MAX && more.len() <= BROADCASTS_MAX);
        }
        _ => {}
    }
}

/// Contacts are few, all different and somewhere; as many as are said to fit do fit.
fn check_contacts(message: &Message, reply: &Reply) {
    let closer = reply.closer();
    assert!(closer.len() <= CONTACTS_MAX);
    for (index, mention) in closer.iter().enumerate() {
        let addr = mention.addr;
        assert!(Scope::of(addr.ip()).is_some() && addr.port() != 0, "{addr} is no node's");
        assert!(closer[..index].iter().all(|other| !other.is_about_same(mention)), "listed twice");
    }
    let mut shorter = message.clone();
    let Body::Reply(list) = &mut shorter.body else { return };
    let Some(list) = list.closer_mut() else { return };
    let all = std::mem::take(list);
    for budget in [300, 600, DATAGRAM_MAX, usize::MAX] {
        let count = shorter.contacts_that_fit(&all, budget);
        let mut filled = shorter.clone();
        if let Body::Reply(reply) = &mut filled.body
            && let Some(list) = reply.closer_mut()
        {
            list.extend_from_slice(&all[..count]);
        }
        let length = filled.datagram_len();
        assert!(count == 0 || length <= budget.min(DATAGRAM_MAX), "{count} contacts in {length}");
    }
}

fn check_batch(entries: &[BatchedOffer], least: usize) {
    assert!((least..=BATCH_MAX).contains(&entries.len()));
    for BatchedOffer { details, .. } in entries {
        if details.kind() == Kind::Content {
            assert_eq!(details.digest.as_bytes(), details.slot.key.as_bytes());
        }
    }
}

fn check_cells(cells: &[Cell]) {
    assert!((1..=CELLS_MAX).contains(&cells.len()));
    for Cell { prefix, .. } in cells {
        assert!(prefix.contains(&prefix.first()) && prefix.contains(&prefix.last()));
        assert!(prefix.slots().contains(prefix.slots().start()));
        assert_eq!(
            prefix.child(false).map(|half| half.first()),
            prefix.child(true).map(|_| prefix.first())
        );
        assert_eq!(prefix.as_bytes().len(), usize::from(prefix.bits()).div_ceil(8));
    }
    let apart = |before: &Cell, after: &Cell| before.prefix.last() < after.prefix.first();
    assert!(cells.is_sorted_by(apart), "cells ascend and do not overlap");
}

fn check_refusal(refusal: &Refusal) {
    if let Refusal::Policy { reason } = refusal {
        assert!(reason.len() <= REASON_MAX);
    }
    assert!(refusal.to_string().len() <= 8 * REASON_MAX);
}

/// Notes what a message is and how much of it there is.
pub(super) fn note_message(place: &'static str, message: &Message, seen: &mut Features) {
    let (kind, count) = match &message.body {
        Body::Request(request) => (format!("{:?}", discriminant(request)), count_in(request)),
        Body::Reply(reply) => (format!("{:?}", discriminant(reply)), reply.closer().len()),
    };
    let record = message.record().map(|record| (record.kind(), record.size().min(1)));
    let is_reply = matches!(message.body, Body::Reply(_));
    seen.note(place, (is_reply, kind, record, count.min(3)));
    seen.note_size("length", message.datagram_len());
}

fn count_in(request: &Request) -> usize {
    match request {
        Request::OfferMany { offers, .. } => offers.len(),
        Request::Reconcile { cells } => cells.len(),
        Request::CompareBroadcasts { held, .. } => held.len(),
        _ => 0,
    }
}

/// Notes what was wrong with a plaintext, and how it is answered.
pub(super) fn note_error(place: &'static str, undecodable: &Undecodable, seen: &mut Features) {
    let Undecodable { error, answer } = undecodable;
    let code = answer.map(|(_, code)| code);
    seen.note(place, (error.field, discriminant(&error.problem), code));
}
