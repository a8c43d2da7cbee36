//! Tests of the cells that we keep, and with whom.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dht_proto::{Moment, NodeIdentity, Nonce, PublicKey};

use super::*;

const K: usize = 4;

fn node(nonce: u32) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
    Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
}

/// What a node knows that knows everybody.
fn table(local: u32, nodes: u32) -> RoutingTable {
    let mut table = RoutingTable::new(node(local).id(), 255);
    for other in (0..nodes).filter(|other| *other != local) {
        table.answered(Moment::EPOCH, node(other), Duration::from_millis(1));
    }
    table
}

#[test]
fn in_a_small_network_every_node_keeps_everything_with_everybody() {
    let table = table(0, 4);
    let kept = Neighbourhood::of(&table, node(0).id(), K);
    assert_eq!(kept.cells.len(), 8);
    let partners = kept.partners(&table, node(0).id(), K);
    assert_eq!(partners.len(), 3);
    assert!(partners.iter().all(|partner| partner.cells == kept.cells));
}

#[test]
fn each_cell_is_kept_by_the_k_closest_and_half_as_many_more() {
    let mut keepers: BTreeMap<Prefix, usize> = BTreeMap::new();
    let mut sum = 0;
    for local in 0..64 {
        let table = table(local, 64);
        // All judge the size alike here, so that their cells are the same.
        let kept = Neighbourhood::of(&table, node(local).id(), 255);
        assert_eq!(kept.cells.len(), 8);
        let cells = (0..128).map(|number| prefix(number, 7));
        for cell in cells.filter(|cell| table.closer(&middle(cell)) < 6) {
            *keepers.entry(cell).or_default() += 1;
            sum += 1;
        }
    }
    assert_eq!((keepers.len(), sum), (128, 128 * 6));
    assert!(keepers.values().all(|count| *count == 6));
}

#[test]
fn where_others_are_closer_two_of_them_are_enough_to_compare_with() {
    let table = table(0, 64);
    let local = node(0).id();
    let kept = Neighbourhood::of(&table, local, K);
    let partners = kept.partners(&table, local, K);
    let mut surplus = 0;
    for cell in &kept.cells {
        let count = partners.iter().filter(|partner| partner.cells.contains(cell)).count();
        let closer = table.closer(&middle(cell));
        assert_eq!(count, if closer < K { K } else { WITNESSES }, "{closer} are closer");
        surplus += usize::from(closer >= K);
    }
    assert!(surplus > 0);
}

#[test]
fn what_a_growing_network_leaves_to_others_is_shown_to_two_of_them_twice() {
    let local = node(0).id();
    let (small, large) = (table(0, 16), table(0, 256));
    let before = Neighbourhood::of(&small, local, K);
    let mut now = Neighbourhood::of(&large, local, K).after(&before);
    assert!(!now.left.is_empty() && now.left.len() <= LEFT_MAX);
    for (part, _) in &now.left {
        assert!(before.cells.iter().any(|cell| cell.contains(&part.first())));
        assert!(large.closer(&middle(part)) >= K + K / 2, "it is ours still");
        let partners = now.partners(&large, local, K);
        let told = partners.iter().filter(|partner| partner.cells.contains(part)).count();
        assert_eq!(told, WITNESSES);
    }
    let left = now.left.clone();
    now = Neighbourhood::of(&large, local, K).after(&now);
    assert_eq!(left.len(), now.left.len());
    now = Neighbourhood::of(&large, local, K).after(&now);
    assert_eq!(now.left, []);
}

#[test]
fn cells_left_at_different_times_do_not_overlap() {
    let local = node(0).id();
    let mut kept = Neighbourhood::of(&table(0, 8), local, K);
    for nodes in [32, 128, 64, 512, 8, 256] {
        kept = Neighbourhood::of(&table(0, nodes), local, K).after(&kept);
        let parts = kept.cells.iter().chain(kept.left.iter().map(|(part, _)| part));
        let mut parts: Vec<&Prefix> = parts.collect();
        parts.sort_unstable();
        for pair in parts.windows(2) {
            assert!(pair[0].last() < pair[1].first(), "{pair:?}");
        }
    }
}

#[test]
fn cells_are_an_eighth_of_what_k_nodes_keep() {
    assert_eq!(bits_of(0, 16), 3);
    assert_eq!(bits_of(16, 16), 3);
    assert_eq!(bits_of(32, 16), 4);
    assert_eq!(bits_of(10_000, 16), 12);
    assert_eq!(bits_of(u64::MAX, 16), BITS_MAX);
}

#[test]
fn a_node_far_away_shares_nothing() {
    let table = table(0, 2_000);
    let local = node(0).id();
    let kept = Neighbourhood::of(&table, local, K);
    assert!((6..=24).contains(&kept.cells.len()), "{}", kept.cells.len());
    let partners = kept.partners(&table, node(0).id(), K);
    for other in (1..2_000).map(node) {
        let shared = kept.shared_with(&table, local, (&other, K));
        let partner = partners.iter().find(|partner| partner.contact == other);
        let told = partner.map(|partner| partner.cells.clone()).unwrap_or_default();
        // Of surplus cells only two holders are told.
        assert!(told.iter().all(|cell| shared.iter().any(|(one, _)| one == cell)));
        assert!(shared.iter().all(|(cell, closer)| *closer >= K || told.contains(cell)));
        assert!(shared.iter().all(|(cell, closer)| {
            *closer < K + K / 2 && is_to_hold(&table, cell, (&other, K))
        }));
    }
}
