//! Answers about many records at once.

use dht_proto::{
    BatchedOffer, Cell, CellAnswer, CellDigest, Custody, ErrorCode, Fingerprint, OfferAnswer,
    OfferDetails, Prefix, Purpose, Slot, Source, Stock, Summary, Terms,
};

use super::*;

const LIFE: u32 = 1_000;
/// Number of the record that the store has no room for.
const TOO_MUCH: u8 = 99;

fn record(number: u8) -> Record {
    Record::content(Value::new(vec![number; 10]).unwrap())
}

fn held(number: u8, custody: Custody) -> Summary {
    let expires = Moment::from_secs(LIFE.into());
    let purpose = Purpose::Publish;
    let terms =
        Terms { expires, purpose, custody, source: Source::LOCAL, expected: None, replaces: false };
    Summary::of(&record(number), &terms)
}

fn asker(number: u32) -> Contact {
    contact(number, "127.0.0.1:1001")
}

/// Answers orders for the store from what it holds, until the peer replies.
fn reply_with(peer: &mut Peer, store: &[Summary]) -> Reply {
    let mut store = store.to_vec();
    store.sort_unstable_by_key(|summary| summary.slot);
    loop {
        let mut fed = false;
        for output in outputs(peer) {
            let input = match output {
                Output::List { ticket, from, limit } => {
                    let listed = store.iter().filter(|summary| summary.slot >= from);
                    Input::Listed { ticket, entries: listed.take(limit).copied().collect() }
                }
                Output::TakeStock { ticket, parts, .. } => {
                    let stock = |part: &Prefix| {
                        let within = store.iter().filter(|one| part.contains(&one.slot.key));
                        Stock::of(&within.copied().collect::<Vec<_>>())
                    };
                    Input::StockTaken { ticket, stocks: parts.iter().map(stock).collect() }
                }
                Output::Weigh { ticket, incoming, .. } => {
                    let existing = store.iter().find(|one| one.slot == incoming.slot);
                    let existing = existing.copied().map(Box::new);
                    let is_lacking = incoming.slot == record(TOO_MUCH).slot();
                    let result = if is_lacking { Err(Refusal::Full) } else { Ok(()) };
                    Input::Weighed { ticket, existing, result }
                }
                Output::Send { message: Message { body: Body::Reply(reply), .. }, .. } => {
                    return reply;
                }
                _ => continue,
            };
            peer.handle_input(Moment::EPOCH, input);
            fed = true;
        }
        assert!(fed, "no reply");
    }
}

fn offers(numbers: &[u8]) -> Vec<BatchedOffer> {
    let ttl = Ttl::from_secs(LIFE).unwrap();
    let details = numbers.iter().map(|number| OfferDetails::of(&record(*number)));
    details.map(|details| BatchedOffer { details, ttl }).collect()
}

#[test]
fn each_of_many_offers_gets_its_answer_in_order() {
    let mut peer = peer(config().item_limit(50));
    let large = Record::content(Value::new(vec![1; 51]).unwrap());
    let mut batch = offers(&[1, 2, 3]);
    batch[1].details = OfferDetails::of(&large);
    ask(&mut peer, &asker(1), Request::OfferMany { purpose: Purpose::Publish, offers: batch });
    let reply = reply_with(&mut peer, &[held(3, Custody::Holder)]);
    let too_large = OfferAnswer::Refused(Refusal::TooLarge { limit: 50 });
    let answers = vec![OfferAnswer::Wanted, too_large, OfferAnswer::Have];
    assert_eq!(reply, Reply::Offered { answers });
}

#[test]
fn what_a_full_store_would_refuse_is_refused_before_its_bytes_travel() {
    let mut peer = peer(config());
    let (purpose, offers) = (Purpose::Replicate, offers(&[1, TOO_MUCH, 2]));
    let offer = offers[1];
    ask(&mut peer, &asker(1), Request::OfferMany { purpose, offers });
    let full = OfferAnswer::Refused(Refusal::Full);
    let answers = vec![OfferAnswer::Wanted, full, OfferAnswer::Wanted];
    assert_eq!(reply_with(&mut peer, &[]), Reply::Offered { answers });

    let BatchedOffer { details, ttl } = offer;
    ask(&mut peer, &asker(2), Request::Offer { details, ttl, purpose, expected: None });
    let reply = reply_with(&mut peer, &[]);
    assert!(matches!(reply, Reply::Refused { refusal: Refusal::Full, .. }), "{reply:?}");
}

#[test]
fn of_two_holders_that_offer_a_record_one_is_to_send_it_but_every_publisher_is() {
    let mut peer = peer(config());
    for (purpose, second) in
        [(Purpose::Replicate, OfferAnswer::Have), (Purpose::Publish, OfferAnswer::Wanted)]
    {
        let request = || Request::OfferMany { purpose, offers: offers(&[1]) };
        for (number, answer) in [(1, OfferAnswer::Wanted), (2, second)] {
            ask(&mut peer, &asker(number), request());
            assert_eq!(reply_with(&mut peer, &[]), Reply::Offered { answers: vec![answer] });
        }
    }
}

#[test]
fn cells_are_compared_without_cached_copies() {
    let mut peer = peer(config());
    let store = [held(1, Custody::Holder), held(2, Custody::Cache { until: Moment::NEVER })];
    let fingerprint = Fingerprint::of(&store[0]);
    for (digest, answer) in [
        (CellDigest::of([fingerprint]), CellAnswer::Same),
        (CellDigest::of([]), CellAnswer::Differs { held: vec![fingerprint] }),
    ] {
        let cells = vec![Cell { prefix: Prefix::ALL, digest }];
        ask(&mut peer, &asker(1), Request::Reconcile { cells });
        assert_eq!(reply_with(&mut peer, &store), Reply::Reconciled { cells: vec![answer] });
    }
}

#[test]
fn a_listing_leads_through_all_that_is_held_and_fits_its_datagrams() {
    let mut peer = peer(config());
    let store: Vec<Summary> = (0..=255)
        .map(|n| {
            held(
                n,
                if n % 8 == 0 { Custody::Cache { until: Moment::NEVER } } else { Custody::Holder },
            )
        })
        .collect();
    let (mut from, mut told, mut replies) = (Some(Slot::FIRST), Vec::new(), 0);
    while let Some(slot) = from {
        ask(&mut peer, &asker(1), Request::List { from: slot });
        let reply = reply_with(&mut peer, &store);
        let Reply::Listing { entries, next } = reply else { panic!("{reply:?}") };
        told.extend(entries.iter().map(|entry| entry.details.slot));
        from = next;
        replies += 1;
    }
    assert!(told.is_sorted() && replies >= 10, "{replies}");
    assert_eq!(told.len(), 224);
}

#[test]
fn who_does_not_want_to_tell_says_so() {
    let mut peer = peer(config().tells_records(false));
    ask(&mut peer, &asker(1), Request::List { from: Slot::FIRST });
    let reply = expect_reply(&mut peer);
    assert!(matches!(reply, Reply::Error { code: ErrorCode::Unwilling, .. }), "{reply:?}");
}

#[test]
fn only_so_many_listings_are_made_in_a_second() {
    let mut peer = peer(config());
    let mut busy = 0;
    for _ in 0..150 {
        ask(&mut peer, &asker(1), Request::List { from: Slot::FIRST });
        let reply = reply_with(&mut peer, &[]);
        busy += usize::from(matches!(reply, Reply::Error { code: ErrorCode::Busy, .. }));
    }
    assert_eq!(busy, 50);
}
