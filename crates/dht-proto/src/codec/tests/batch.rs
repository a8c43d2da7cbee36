//! Tests of messages about many records: how much of them fits, and what is turned away.

use super::reject::{assert_ignored, assert_malformed, reply, request};
use super::*;
use crate::limits::{BATCH_MAX, CELLS_MAX, COOKIE_LEN, DATAGRAM_MAX, FINGERPRINTS_MAX};
use crate::protobuf::delimited_len;
use crate::{
    BatchedOffer, Cell, CellAnswer, CellDigest, Fingerprint, Kind, OfferAnswer, OfferDetails,
    Prefix, Refusal, Slot,
};

fn offer_many(offers: Vec<BatchedOffer>) -> Message {
    message(Body::Request(Request::OfferMany { purpose: Purpose::Publish, offers }))
}

fn reconcile(cells: Vec<Cell>) -> Message {
    message(Body::Request(Request::Reconcile { cells }))
}

fn listing(entries: Vec<BatchedOffer>, next: Option<Slot>) -> Message {
    message(Body::Reply(Reply::Listing { entries, next }))
}

fn reconciled(cells: Vec<CellAnswer>) -> Message {
    message(Body::Reply(Reply::Reconciled { cells }))
}

proptest! {
    #[test]
    fn as_many_offers_fit_as_a_datagram_with_a_cookie_holds(offers in testing::batch(40)) {
        let fitting = offer_many(Vec::new()).batch_that_fits(&offers, usize::MAX);
        prop_assert!(offer_many(offers[..fitting].to_vec()).fits_datagram());
        if fitting < offers.len().min(BATCH_MAX) {
            prop_assert!(!offer_many(offers[..=fitting].to_vec()).fits_datagram());
        }
    }

    #[test]
    fn as_many_entries_fit_a_listing_as_the_budget_allows(
        entries in testing::batch(40),
        budget in 150_usize..1_400,
    ) {
        let next = Some(Slot::FIRST);
        let fitting = listing(Vec::new(), None).batch_that_fits(&entries, budget);
        let limit = budget.min(DATAGRAM_MAX);
        prop_assert!(listing(entries[..fitting].to_vec(), next).datagram_len() <= limit);
        if fitting < entries.len().min(BATCH_MAX) {
            prop_assert!(listing(entries[..=fitting].to_vec(), next).datagram_len() > limit);
        }
    }

    #[test]
    fn as_many_cells_fit_as_a_datagram_with_a_cookie_holds(cells in testing::cells()) {
        let fitting = reconcile(Vec::new()).cells_that_fit(&cells);
        prop_assert!(fitting > 0 && reconcile(cells[..fitting].to_vec()).fits_datagram());
        if fitting < cells.len() {
            prop_assert!(!reconcile(cells[..=fitting].to_vec()).fits_datagram());
        }
    }

    #[test]
    fn answers_about_cells_are_shortened_to_what_may_be_sent(
        cells in testing::cell_answers(),
        budget in 400_usize..1_400,
    ) {
        let whole = reconciled(cells.clone());
        let mut shortened = whole.clone();
        shortened.shorten_cells(budget);
        prop_assert!(shortened.datagram_len() <= budget.min(DATAGRAM_MAX));
        if whole.datagram_len() <= budget.min(DATAGRAM_MAX) {
            prop_assert_eq!(&shortened, &whole);
        }
        let Body::Reply(Reply::Reconciled { cells: told }) = shortened.body else {
            return Err(TestCaseError::fail("still an answer"));
        };
        prop_assert_eq!(told.len(), cells.len());
        for (told, cell) in told.iter().zip(&cells) {
            let counted = |cell: &CellAnswer| match cell {
                CellAnswer::Differs { held } => CellAnswer::TooMany {
                    count: u32::try_from(held.len()).unwrap(),
                },
                other => other.clone(),
            };
            prop_assert!(told == cell || *told == counted(cell));
        }
    }
}

fn contents(count: u8) -> Vec<BatchedOffer> {
    let record = |number| Record::content(Value::new(vec![number; 5_000]).unwrap());
    let offer =
        |number| BatchedOffer { details: OfferDetails::of(&record(number)), ttl: Ttl::default() };
    (0..count).map(offer).collect()
}

fn cells(count: u8) -> Vec<Cell> {
    let cell = |number| Cell {
        prefix: Prefix::of(&Key::from_bytes([number; 32]), 16),
        digest: CellDigest::of([]),
    };
    (0..count).map(cell).collect()
}

#[test]
fn a_datagram_holds_22_offers_of_content_and_all_cells_there_may_be() {
    let offers = contents(40);
    assert_eq!(offer_many(Vec::new()).batch_that_fits(&offers, usize::MAX), 22);
    assert_eq!(listing(Vec::new(), None).batch_that_fits(&offers, usize::MAX), 22);
    assert_eq!(reconcile(Vec::new()).cells_that_fit(&cells(40)), CELLS_MAX);
}

#[test]
fn the_longest_answers_fit_a_datagram() {
    let refusal = Refusal::Stale { current: crate::Sequence(u64::MAX) };
    let answers = vec![OfferAnswer::Refused(refusal); BATCH_MAX];
    assert!(message(Body::Reply(Reply::Offered { answers })).datagram_len() <= DATAGRAM_MAX);
    let fingerprints = vec![Fingerprint::from_bytes([1; 8]); FINGERPRINTS_MAX];
    let full = reconciled(vec![CellAnswer::Differs { held: fingerprints }]);
    assert!(full.datagram_len() <= DATAGRAM_MAX);
    let counted = vec![CellAnswer::TooMany { count: u32::MAX }; CELLS_MAX];
    assert!(reconciled(counted).datagram_len() <= PADDED_REQUEST_LEN);
}

#[test]
fn an_answer_to_offers_is_at_most_three_times_as_long() {
    for count in [1, 22] {
        let request = offer_many(contents(count));
        let refusal = Refusal::Other { code: u32::MAX };
        let answers = vec![OfferAnswer::Refused(refusal); usize::from(count)];
        let reply = message(Body::Reply(Reply::Offered { answers }));
        assert!(reply.datagram_len() <= 3 * request.datagram_len());
    }
}

#[test]
fn requests_about_parts_of_the_space_are_padded() {
    for request in [Request::Reconcile { cells: cells(1) }, Request::List { from: Slot::FIRST }] {
        let message = message(Body::Request(request));
        assert_eq!(message.datagram_len(), PADDED_REQUEST_LEN);
    }
    let longest = reconcile(cells(32));
    assert!(longest.datagram_len() + delimited_len(COOKIE_LEN) <= DATAGRAM_MAX);
}

#[test]
fn a_cell_with_more_fingerprints_than_may_be_told_is_counted() {
    let held = vec![Fingerprint::from_bytes([1; 8]); FINGERPRINTS_MAX + 1];
    let mut message = reconciled(vec![CellAnswer::Differs { held }]);
    message.shorten_cells(usize::MAX);
    assert_eq!(message, reconciled(vec![CellAnswer::TooMany { count: 129 }]));
}

#[test]
fn messages_about_one_record_have_no_room_for_many() {
    let ping = message(Body::Request(Request::Ping));
    assert_eq!(ping.batch_that_fits(&contents(1), usize::MAX), 0);
    assert_eq!(ping.cells_that_fit(&cells(1)), 0);
    let mut same = ping.clone();
    same.shorten_cells(0);
    assert_eq!(same, ping);
}

#[test]
fn the_reason_of_a_policy_does_not_travel_with_many_answers() {
    let policy = |reason: &str| OfferAnswer::Refused(Refusal::Policy { reason: reason.to_owned() });
    let reply = |answers| message(Body::Reply(Reply::Offered { answers }));
    let told = reply(vec![policy("a long reason"), OfferAnswer::Have]);
    assert_eq!(told.plaintext_len(), encoded(&told).len());
    assert_eq!(decode(encoded(&told)), Ok(reply(vec![policy(""), OfferAnswer::Have])));
}

fn entry(key: u8) -> wire::BatchedOffer {
    let details = wire::Details {
        key: Bytes::from(vec![key; 32]),
        kind: wire::Kind::Content.into(),
        ..wire::Details::default()
    };
    wire::BatchedOffer { details: Some(details), ttl: 60 }
}

fn offers_of(purpose: i32, offers: Vec<wire::BatchedOffer>) -> Bytes {
    request(wire::request::Body::OfferMany(wire::OfferMany { purpose, offers }))
}

#[test]
fn offers_of_none_or_too_many_records_are_malformed() {
    for count in [0, BATCH_MAX + 1] {
        let problem = Problem::OutOfRange { found: count as u64 };
        assert_malformed(offers_of(1, vec![entry(1); count]), "offer_many.offers", problem);
    }
    assert!(decode(offers_of(1, vec![entry(1); BATCH_MAX])).is_ok());
    let unknown = Problem::OutOfRange { found: 4 };
    assert_malformed(offers_of(4, vec![entry(1)]), "offer_many.purpose", unknown);
    let dead = wire::BatchedOffer { ttl: 0, ..entry(1) };
    let none = Problem::OutOfRange { found: 0 };
    assert_malformed(offers_of(1, vec![entry(1), dead]), "batched_offer.ttl", none);
    let bare = wire::BatchedOffer { details: None, ttl: 60 };
    assert_malformed(offers_of(1, vec![bare]), "details", Problem::Missing);
}

fn cell(prefix: &[u8], bits: u32) -> wire::Cell {
    let prefix = Bytes::copy_from_slice(prefix);
    wire::Cell { prefix, bits, digest: Bytes::from(vec![1; 16]) }
}

fn reconcile_of(cells: Vec<wire::Cell>) -> Bytes {
    request(wire::request::Body::Reconcile(wire::Reconcile { cells }))
}

#[test]
fn a_prefix_has_its_bits_and_no_others() {
    let length = |found, expected| Problem::Length { found, expected };
    for (prefix, bits, problem) in [
        (&b"\x80"[..], 0, length(1, 0)),
        (b"", 1, length(0, 1)),
        (b"\x80\0", 8, length(2, 1)),
        (b"\x80", 9, length(1, 2)),
        (b"\xc0", 1, Problem::Inconsistent),
        (b"\x80\x01", 15, Problem::Inconsistent),
    ] {
        assert_malformed(reconcile_of(vec![cell(prefix, bits)]), "cell.prefix", problem);
    }
    let long = cell(&[0; 33], 257);
    assert_malformed(reconcile_of(vec![long]), "cell.bits", Problem::OutOfRange { found: 257 });
    let bare = wire::Cell { digest: Bytes::new(), ..cell(b"", 0) };
    assert_malformed(reconcile_of(vec![bare]), "cell.digest", Problem::Missing);
    assert!(decode(reconcile_of(vec![cell(b"", 0)])).is_ok());
    assert!(decode(reconcile_of(vec![cell(&[7; 32], 256)])).is_ok());
}

#[test]
fn cells_that_overlap_or_descend_are_malformed() {
    for cells in [
        vec![cell(b"\x80", 8), cell(b"\x80", 8)],
        vec![cell(b"\x80", 8), cell(b"\x40", 8)],
        vec![cell(b"", 0), cell(b"\x80", 8)],
        vec![cell(b"\x80", 1), cell(b"\xc0", 2)],
    ] {
        assert_malformed(reconcile_of(cells), "reconcile.cells", Problem::Inconsistent);
    }
    assert!(decode(reconcile_of(vec![cell(b"\0", 1), cell(b"\x80", 2), cell(b"\xc0", 2)])).is_ok());
    for count in [0, CELLS_MAX + 1] {
        let cells = (0_u8..).take(count).map(|number| cell(&[number], 8)).collect();
        let problem = Problem::OutOfRange { found: count as u64 };
        assert_malformed(reconcile_of(cells), "reconcile.cells", problem);
    }
}

#[test]
fn a_list_begins_at_a_slot() {
    let list = |from| request(wire::request::Body::List(wire::List { from }));
    assert_malformed(list(None), "list.from", Problem::Missing);
    let from = Some(wire::Slot { key: vec![1; 32].into(), kind: 4 });
    assert_malformed(list(from), "slot.kind", Problem::OutOfRange { found: 4 });
}

#[test]
fn verdicts_and_refusals_belong_together() {
    let offered = |verdicts: &[i32], refused| {
        let refused = vec![wire::Refused { code: 1, ..wire::Refused::default() }; refused];
        reply(wire::reply::Body::Offered(wire::Offered { verdicts: verdicts.to_vec(), refused }))
    };
    assert!(decode(offered(&[1, 3, 2, 3], 2)).is_ok());
    for refused in [0, 2] {
        assert_ignored(offered(&[1, 3], refused), "offered.refused", Problem::Inconsistent);
    }
    for (unknown, found) in [(0, 0), (4, 4), (-1, u64::MAX)] {
        let problem = Problem::OutOfRange { found };
        assert_ignored(offered(&[1, unknown], 0), "offered.verdicts", problem);
    }
    for count in [0, BATCH_MAX + 1] {
        let problem = Problem::OutOfRange { found: count as u64 };
        assert_ignored(offered(&vec![1; count], 0), "offered.verdicts", problem);
    }
}

#[test]
fn fingerprints_are_whole_and_no_more_than_allowed() {
    use wire::cell_answer::Body;
    let reconciled = |bodies: Vec<Option<Body>>| {
        let cells = bodies.into_iter().map(|body| wire::CellAnswer { body }).collect();
        reply(wire::reply::Body::Reconciled(wire::Reconciled { cells }))
    };
    let held = |length| reconciled(vec![Some(Body::Held(vec![1; length].into()))]);
    assert!(decode(held(0)).is_ok() && decode(held(8 * FINGERPRINTS_MAX)).is_ok());
    let problem = Problem::Length { found: 15, expected: 8 };
    assert_ignored(held(15), "cell_answer.held", problem);
    let problem = Problem::TooLong { found: 1_032, limit: 1_024 };
    assert_ignored(held(1_032), "cell_answer.held", problem);
    assert_ignored(reconciled(vec![None]), "cell_answer.body", Problem::Missing);
    for count in [0, CELLS_MAX + 1] {
        let cells = vec![Some(Body::TooMany(1)); count];
        let problem = Problem::OutOfRange { found: count as u64 };
        assert_ignored(reconciled(cells), "reconciled.cells", problem);
    }
}

#[test]
fn a_listing_leads_on() {
    let listing = |keys: &[u8], next: Option<u8>| {
        let slot = |key| wire::Slot { key: vec![key; 32].into(), kind: wire::Kind::Named.into() };
        let entries = keys.iter().map(|key| entry(*key)).collect();
        reply(wire::reply::Body::Listing(wire::Listing { entries, next: next.map(slot) }))
    };
    for (keys, next) in [(&[][..], None), (&[], Some(1)), (&[1, 2], None), (&[1, 2], Some(2))] {
        assert!(decode(listing(keys, next)).is_ok(), "another kind follows at the same key");
    }
    for (keys, next) in [(&[2, 1][..], None), (&[1, 1], None), (&[1, 2], Some(1))] {
        assert_ignored(listing(keys, next), "listing.entries", Problem::Inconsistent);
    }
    let many = (0..33).collect::<Vec<u8>>();
    let problem = Problem::OutOfRange { found: 33 };
    assert_ignored(listing(&many, None), "listing.entries", problem);
    let kinds = Kind::ALL.map(|kind| Slot { key: Key::from_bytes([0; 32]), kind });
    assert!(kinds.is_sorted(), "kinds ascend as their numbers do");
}

#[test]
fn a_frame_full_of_empty_entries_is_malformed() {
    let body = |empty: usize| {
        let list =
            wire::OfferMany { purpose: 1, offers: vec![wire::BatchedOffer::default(); empty] };
        request(wire::request::Body::OfferMany(list))
    };
    let frame = body(32_000);
    assert!((64_000..crate::limits::FRAME_MAX).contains(&frame.len()));
    assert!(decode_frame(frame).is_err());
    assert!(size_of::<wire::BatchedOffer>() <= 120, "what two bytes of a frame may grow to");
}
