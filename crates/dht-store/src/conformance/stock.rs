//! Clauses about stocktaking: it tells what a list would, whatever happened in between.

use dht_proto::{Key, Prefix, Record, Slot, Stock};

use super::sample::{NOW, after, cached, content, copied, filled, insert, published, save};
use crate::RecordStore;

/// What a list tells of a part.
fn listed(store: &impl RecordStore, now: dht_proto::Moment, part: Prefix) -> Stock {
    let mut all = store.list(now, Slot::FIRST, usize::MAX).expect("listing must not fail");
    all.retain(|summary| part.contains(&summary.slot.key));
    Stock::of(&all)
}

#[track_caller]
fn tells_what_is_listed(store: &mut impl RecordStore, now: dht_proto::Moment) {
    let first = Key::from_bytes([0; 32]);
    let last = Key::from_bytes([0xff; 32]);
    let parts = [
        Prefix::ALL,
        Prefix::of(&first, 1),
        Prefix::of(&last, 1),
        Prefix::of(&last, 3),
        Prefix::of(&content("cached").key(), 256),
    ];
    let stocks = store.take_stock(now, &parts, usize::MAX).expect("taking stock must not fail");
    let expected = parts.map(|part| listed(store, now, part));
    assert_eq!(stocks, expected);
}

/// Whatever came, went, ended or changed its custody since it was told the last time.
pub fn taking_stock_tells_what_is_listed_without_cached_copies<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    tells_what_is_listed(&mut store, NOW);
    for number in 0..30 {
        let life = if number % 5 == 0 { 10 } else { 50 };
        insert(&mut store, &Record::content(filled(number, 10)), published(life));
    }
    tells_what_is_listed(&mut store, NOW);
    insert(&mut store, &content("cached"), cached(50));
    insert(&mut store, &content("removed"), copied(50));
    tells_what_is_listed(&mut store, NOW);
    save(&mut store, &content("cached"), copied(50));
    store.remove(NOW, content("removed").slot()).expect("removal must not fail");
    tells_what_is_listed(&mut store, NOW);
    tells_what_is_listed(&mut store, after(10));
    store.expire(after(10)).expect("expiry must not fail");
    tells_what_is_listed(&mut store, after(10));
    tells_what_is_listed(&mut store, after(50));
}

/// A part that was not gone through is told as such, or as a whole, and repeated calls come to an end.
pub fn taking_stock_with_little_effort_comes_to_an_end<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    for number in 0..200 {
        insert(&mut store, &Record::content(filled(number, 10)), published(50));
    }
    let expected = listed(&store, NOW, Prefix::ALL);
    let mut stocks = (0..200).map(|_| store.take_stock(NOW, &[Prefix::ALL], 1).unwrap());
    assert!(stocks.any(|stocks| stocks == [expected]));
}
