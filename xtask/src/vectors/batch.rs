//! Vectors of messages about many records, and of those that are turned away.

use anyhow::{Context, Result};
use dht_proto::{
    AuthorSecret, BatchedOffer, Cell, CellAnswer, CellDigest, Fingerprint, Key, Kind, OfferAnswer,
    OfferDetails, Prefix, Purpose, Record, Refusal, Reply, Request, Salt, Sequence, SignedBody,
    Slot, Ttl, Value as Bytes,
};

use super::reject::{concat, field, number, reply, request};

fn offers() -> Result<Vec<BatchedOffer>> {
    let value = Bytes::new("hello")?;
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let deleted = Record::sign(&secret, Salt::new("salt")?, Sequence(300), SignedBody::Deleted);
    let records = [Record::content(value.clone()), deleted, Record::named(b"name", value)];
    let mut offers = Vec::new();
    for (record, seconds) in records.iter().zip([1, 604_800, 2_592_000]) {
        let ttl = Ttl::from_secs(seconds).context("a life of at most 30 days")?;
        offers.push(BatchedOffer { details: OfferDetails::of(record), ttl });
    }
    offers.sort_by_key(|offer| offer.details.slot);
    Ok(offers)
}

fn fingerprints(bytes: &[u8]) -> impl Iterator<Item = Fingerprint> {
    bytes.iter().map(|byte| Fingerprint::from_bytes([*byte; 8]))
}

fn cell(key: u8, bits: u16, held: &[u8]) -> Cell {
    let digest = CellDigest::of(fingerprints(held));
    Cell { prefix: Prefix::of(&Key::from_bytes([key; 32]), bits), digest }
}

fn slot(key: u8, kind: Kind) -> Slot {
    Slot { key: Key::from_bytes([key; 32]), kind }
}

pub(super) fn requests() -> Result<Vec<(&'static str, Request)>> {
    let offers = offers()?;
    let one = offers[..1].to_vec();
    Ok(vec![
        ("offer of one record", Request::OfferMany { purpose: Purpose::Replicate, offers: one }),
        ("offer of many records", Request::OfferMany { purpose: Purpose::Publish, offers }),
        ("reconcile everything", Request::Reconcile { cells: vec![cell(0, 0, &[])] }),
        (
            "reconcile some cells",
            Request::Reconcile {
                cells: vec![
                    cell(0x00, 3, &[1]),
                    cell(0xab, 8, &[2, 3]),
                    cell(0xd5, 13, &[4]),
                    cell(0xff, 256, &[5]),
                ],
            },
        ),
        ("list from the start", Request::List { from: Slot::FIRST }),
        ("list from a slot", Request::List { from: slot(0xab, Kind::Named) }),
    ])
}

pub(super) fn replies() -> Result<Vec<(&'static str, Reply)>> {
    let held = |bytes: &[u8]| CellAnswer::Differs { held: fingerprints(bytes).collect() };
    Ok(vec![
        (
            "offered",
            Reply::Offered {
                answers: vec![
                    OfferAnswer::Wanted,
                    OfferAnswer::Refused(Refusal::TooLarge { limit: 1_000_000 }),
                    OfferAnswer::Have,
                    OfferAnswer::Refused(Refusal::Stale { current: Sequence(300) }),
                ],
            },
        ),
        ("offered: all wanted", Reply::Offered { answers: vec![OfferAnswer::Wanted; 22] }),
        (
            "reconciled",
            Reply::Reconciled {
                cells: vec![
                    CellAnswer::Same,
                    held(&[1, 2, 3]),
                    held(&[]),
                    CellAnswer::TooMany { count: 1_000 },
                    CellAnswer::TooMany { count: 0 },
                ],
            },
        ),
        ("listing", Reply::Listing { entries: offers()?, next: Some(slot(0xff, Kind::Signed)) }),
        ("listing to the end", Reply::Listing { entries: offers()?, next: None }),
        ("listing of nothing", Reply::Listing { entries: Vec::new(), next: None }),
    ])
}

/// A record of the kind content with an empty value, for a minute.
fn entry(key: u8) -> Vec<u8> {
    let details = concat(&[&field(1, &[key; 32]), &number(2, 1)]);
    concat(&[&field(1, &details), &number(2, 60)])
}

fn offer_many(purpose: u64, offers: &[Vec<u8>]) -> Vec<u8> {
    let offers = offers.iter().flat_map(|offer| field(2, offer)).collect::<Vec<u8>>();
    request(&field(8, &concat(&[&number(1, purpose), &offers])))
}

fn cell_of(prefix: &[u8], bits: u64) -> Vec<u8> {
    concat(&[&field(1, prefix), &number(2, bits), &field(3, &[7; 16])])
}

fn reconcile(cells: &[Vec<u8>]) -> Vec<u8> {
    request(&field(9, &cells.iter().flat_map(|cell| field(1, cell)).collect::<Vec<u8>>()))
}

pub(super) fn malformed_requests() -> Vec<(&'static str, Vec<u8>)> {
    let no_life = field(1, &concat(&[&field(1, &[1; 32]), &number(2, 1)]));
    let many = (0..33).map(|number| cell_of(&[number], 8)).collect::<Vec<_>>();
    let list = |slot: &[u8]| request(&field(10, slot));
    vec![
        ("offers without a purpose", offer_many(0, &[entry(1)])),
        ("an offer of no records", offer_many(1, &[])),
        ("an offer of 33 records", offer_many(1, &vec![entry(1); 33])),
        ("an offered record without details", offer_many(1, &[number(2, 60)])),
        ("an offered record without a life", offer_many(1, &[entry(1), no_life])),
        ("no cells", reconcile(&[])),
        ("33 cells", reconcile(&many)),
        ("a cell with a digest of 15 bytes", reconcile(&[field(3, &[7; 15])])),
        ("a prefix longer than its bits", reconcile(&[cell_of(&[0x80, 0], 8)])),
        ("a prefix shorter than its bits", reconcile(&[cell_of(&[0x80], 9)])),
        ("a prefix with unused bits set", reconcile(&[cell_of(&[0x81], 7)])),
        ("a prefix of 257 bits", reconcile(&[cell_of(&[0; 33], 257)])),
        ("cells that overlap", reconcile(&[cell_of(&[0x80], 1), cell_of(&[0x80], 2)])),
        ("cells that descend", reconcile(&[cell_of(&[0x80], 2), cell_of(&[0x40], 2)])),
        ("a list from nowhere", list(&[])),
        (
            "a list from a key of 31 bytes",
            list(&field(1, &concat(&[&field(1, &[1; 31]), &number(2, 1)]))),
        ),
        ("a list from no kind", list(&field(1, &field(1, &[1; 32])))),
    ]
}

pub(super) fn ignored_replies() -> Vec<(&'static str, Vec<u8>)> {
    let refused = field(2, &number(1, 1));
    let verdicts = |numbers: &[u8]| field(1, numbers);
    let offered = |parts: &[&[u8]]| reply(&field(12, &concat(parts)));
    let reconciled = |cell: &[u8]| reply(&field(13, &field(1, cell)));
    let entries = |keys: &[u8]| keys.iter().flat_map(|key| field(1, &entry(*key))).collect();
    let listing = |keys: &[u8], next: &[u8]| {
        let entries: Vec<u8> = entries(keys);
        reply(&field(14, &concat(&[&entries, next])))
    };
    let next = field(2, &concat(&[&field(1, &[1; 32]), &number(2, 1)]));
    vec![
        ("no verdicts", offered(&[])),
        ("33 verdicts", offered(&[&verdicts(&[1; 33])])),
        ("a verdict of a later version", offered(&[&verdicts(&[1, 4])])),
        ("a refusal without a reason", offered(&[&verdicts(&[3])])),
        ("a reason without a refusal", offered(&[&verdicts(&[1]), &refused])),
        ("no answers about cells", reply(&field(13, &[]))),
        ("an answer about a cell of a later version", reconciled(&field(4, b"later"))),
        ("fingerprints of 12 bytes", reconciled(&field(2, &[1; 12]))),
        ("129 fingerprints", reconciled(&field(2, &[1; 1_032]))),
        ("a listing that descends", listing(&[2, 1], &[])),
        ("a listing that repeats a slot", listing(&[1, 1], &[])),
        ("a listing that goes on where it was", listing(&[1], &next)),
    ]
}
