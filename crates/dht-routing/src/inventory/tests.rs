//! Stocktaking of small stores, page by page.

use std::collections::BTreeMap;

use dht_proto::{Custody, Digest, Key, Kind, Moment, Sequence};

use super::*;

fn summary(first: u8, last: u8, custody: Custody) -> Summary {
    let mut key = [0; 32];
    (key[0], key[31]) = (first, last);
    Summary {
        slot: Slot { key: Key::from_bytes(key), kind: Kind::Named },
        size: 1,
        digest: Digest::from_bytes([last; 32]),
        sequence: Sequence(0),
        expires: Moment::from_secs(100),
        custody,
    }
}

fn store(records: impl IntoIterator<Item = Summary>) -> BTreeMap<Slot, Summary> {
    records.into_iter().map(|summary| (summary.slot, summary)).collect()
}

fn prefixes(firsts: &[u8]) -> Vec<Prefix> {
    firsts.iter().map(|first| Prefix::of(&Key::from_bytes([*first; 32]), 8)).collect()
}

/// Takes stock, and tells in how many pages.
fn take(
    store: &BTreeMap<Slot, Summary>,
    prefixes: &[Prefix],
    described: bool,
) -> (Inventory, usize) {
    let parts = prefixes.iter().map(|prefix| {
        let within = store.keys().filter(|slot| prefix.contains(&slot.key));
        (*prefix, within.count())
    });
    let mut inventory = Inventory::new(parts, described);
    let mut pages = 0;
    while let Some((from, limit)) = inventory.next_page() {
        let page: Vec<_> = store.range(from..).map(|(_, summary)| *summary).take(limit).collect();
        inventory.take(&page);
        pages += 1;
    }
    (inventory, pages)
}

#[test]
fn each_part_has_what_is_held_there_and_nothing_cached() {
    let holder = Custody::Holder;
    let store = store([
        summary(0, 1, holder),
        summary(1, 1, holder),
        summary(1, 2, Custody::Cache { until: Moment::NEVER }),
        summary(1, 3, Custody::Mirror),
        summary(2, 1, holder),
        summary(4, 1, holder),
    ]);
    let (inventory, pages) = take(&store, &prefixes(&[1, 3, 4, 200]), true);
    assert_eq!(pages, 1);
    let shelves = inventory.into_shelves();
    let counts: Vec<usize> = shelves.iter().map(|shelf| shelf.fingerprints.len()).collect();
    assert_eq!(counts, [2, 0, 1, 0]);
    assert!(shelves.iter().all(|shelf| shelf.complete));
    assert_eq!(shelves[1].clone().into_fingerprints(), Some(vec![]));
    let lacked = shelves[0].lacked_by(&[Fingerprint::of(&summary(1, 1, holder))]).unwrap();
    assert_eq!(lacked, [summary(1, 3, Custody::Mirror)]);
}

#[test]
fn parts_between_are_skipped_whatever_they_hold() {
    let all = (0..=255).flat_map(|first| (0..100).map(move |n| summary(first, n, Custody::Holder)));
    let store = store(all);
    let (inventory, pages) = take(&store, &prefixes(&[3, 250]), false);
    assert_eq!(pages, 2);
    let shelves = inventory.into_shelves();
    assert!(shelves.iter().all(|shelf| shelf.fingerprints.len() == 100 && shelf.complete));
}

#[test]
fn a_part_with_more_than_can_be_told_is_to_be_split() {
    let many = (0..=255).flat_map(|n| {
        [Kind::Content, Kind::Signed, Kind::Named].map(|kind| {
            let mut summary = summary(1, n, Custody::Holder);
            summary.slot.kind = kind;
            summary
        })
    });
    let store = store(many);
    let (inventory, pages) = take(&store, &prefixes(&[1]), true);
    assert_eq!(pages, 4);
    let shelf = inventory.into_shelves().remove(0);
    assert_eq!(shelf.lacked_by(&[]), None);
    assert_eq!(shelf.into_fingerprints(), None);
}
