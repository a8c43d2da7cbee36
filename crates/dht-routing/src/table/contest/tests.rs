//! Who stays in a full bucket.

use std::collections::BTreeMap;

use dht_proto::{Moment, NodeIdentity, Nonce, PublicKey};

use super::*;
use crate::table::Answered;

const RTT: Duration = Duration::from_millis(10);
const K: usize = 16;

fn contact(number: u32) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number));
    Contact::new(node, std::net::SocketAddr::from(([127, 0, 0, 1], 3_000)))
}

fn local() -> NodeId {
    contact(u32::MAX).id()
}

/// Contacts that belong into the furthest bucket.
fn contacts(count: usize) -> Vec<Contact> {
    let furthest = |contact: &Contact| local().distance(&contact.id()).leading_zeros() == 0;
    (0..).map(contact).filter(furthest).take(count).collect()
}

/// A table whose furthest bucket is crowded, that all of them answered, one after the other, at the round trips told.
fn met(secret: u64, contacts: &[Contact], rtt: impl Fn(u32) -> Duration) -> RoutingTable {
    let mut table = RoutingTable::new(local(), K).with_secret(secret);
    let closer = |contact: &Contact| local().distance(&contact.id()).leading_zeros() > 0;
    for contact in (0..300).map(contact).filter(closer) {
        table.answered(Moment::EPOCH, contact, RTT);
    }
    assert!(table.len() > CROWDED * K && table.crowded() > 0);
    for (at, contact) in (0..).zip(contacts) {
        table.answered(Moment::from_secs(at.into()), *contact, rtt(at));
    }
    table
}

fn has(table: &RoutingTable, contact: &Contact) -> bool {
    table.entry(&contact.id()).is_some()
}

#[test]
fn an_eighth_of_a_bucket_stays_whoever_comes() {
    let contacts = contacts(500);
    for secret in 0..50 {
        let table = met(secret, &contacts, |at| RTT * (500 - at));
        assert!(has(&table, &contacts[0]) && has(&table, &contacts[1]), "secret {secret}");
        assert_eq!(table.bucket(0).len(), K);
    }
}

#[test]
fn three_eighths_are_those_with_the_lowest_lots_whenever_they_came_and_however_far_they_are() {
    let contacts = contacts(300);
    for secret in 0..20 {
        let table = met(secret, &contacts, |at| RTT * (1 + at * 7 % 50));
        let mut others = contacts[2..].to_vec();
        others.sort_by_key(|contact| table.lot(known::head(&contact.id())));
        assert!(others[..6].iter().all(|contact| has(&table, contact)), "secret {secret}");
    }
}

#[test]
fn the_oldest_of_a_crowded_bucket_are_there_for_their_age_alone_and_others_are_not() {
    let contacts = contacts(300);
    let table = met(3, &contacts, |_| RTT);
    let elders = table.bucket(0).filter(|entry| table.is_elder(entry));
    let elders: Vec<Contact> = elders.map(|entry| entry.contact()).collect();
    assert_eq!(elders.len(), 2);
    assert!(elders.iter().all(|elder| contacts[..2].contains(elder)));
    let mut deepest = table.bucket(table.depth() - 1);
    assert!(!deepest.any(|entry| table.is_elder(&entry)), "few live there");
}

#[test]
fn where_few_nodes_live_half_of_a_bucket_are_the_oldest() {
    let contacts = contacts(100);
    let mut table = RoutingTable::new(local(), K);
    for (at, contact) in (0..).zip(&contacts) {
        table.answered(Moment::from_secs(at), *contact, RTT * 30);
        assert!(!table.would_prefer(contact, None));
    }
    for contact in &contacts[50..] {
        table.answered(Moment::from_secs(200), *contact, RTT);
    }
    assert!(contacts[..8].iter().all(|old| has(&table, old)));
    assert!(contacts[8..50].iter().all(|young| !has(&table, young)));
}

#[test]
fn half_are_the_nearest_in_time() {
    let contacts = contacts(300);
    let (near, far) = (RTT, RTT * 30);
    let table = met(7, &contacts, |at| if at % 20 == 19 { near } else { far });
    let nearest = contacts.iter().enumerate().filter(|(at, _)| at % 20 == 19);
    let kept = nearest.filter(|(_, contact)| has(&table, contact)).count();
    assert!(kept >= 8, "{kept}");
}

#[test]
fn nodes_that_everybody_meets_first_are_in_few_tables_for_all_that() {
    let contacts = contacts(200);
    let mut tables: BTreeMap<Contact, usize> = BTreeMap::new();
    for secret in 0..400 {
        // Where all are equally far, lots are all that differs.
        let table = met(secret << 40 | 5, &contacts, |_| RTT);
        table.bucket(0).for_each(|entry| *tables.entry(entry.contact()).or_default() += 1);
    }
    // An eighth are the first comers of these tables.
    let later = contacts[2..].iter().map(|contact| tables.get(contact).copied().unwrap_or(0));
    let later: Vec<usize> = later.collect();
    let expected = 400 * 14 / 198;
    assert!(later.iter().all(|count| (expected / 2..=expected * 2).contains(count)), "{later:?}");
}

#[test]
fn a_full_bucket_prefers_a_newcomer_that_is_clearly_nearer_in_time_and_not_yet_there() {
    let contacts = contacts(60);
    let table = met(3, &contacts[..K - 1], |_| RTT * 10);
    assert!(!table.would_prefer(&contacts[20], Some(RTT)), "the bucket has room");
    let mut table = met(3, &contacts[..K], |_| RTT * 10);
    let high = |contact: &&Contact| !table.would_prefer(contact, None);
    let high = *contacts[K..].iter().find(high).unwrap();
    assert!(table.would_prefer(&high, Some(RTT)));
    assert!(!table.would_prefer(&contacts[0], Some(RTT)), "there already");
    let answered = table.answered(Moment::from_secs(99), high, RTT);
    assert!(matches!(answered, Answered::Displaced { .. }));
}

#[test]
fn a_low_lot_is_preferred_at_any_round_trip_and_displaces_the_furthest_of_those_it_may() {
    let contacts = contacts(60);
    let mut table = met(4, &contacts[..K], |at| RTT * if at == 9 { 40 } else { 10 });
    let low = |contact: &&Contact| table.would_prefer(contact, None);
    let low = *contacts[K..].iter().find(low).unwrap();
    let lots: Vec<u64> =
        contacts[2..K].iter().map(|one| table.lot(known::head(&one.id()))).collect();
    let is_low = lots.iter().filter(|lot| **lot < lots[7]).count() + 1 < 6;
    let left = table.answered(Moment::from_secs(99), low, RTT * 100);
    let furthest = Answered::Displaced { left: contacts[9] };
    assert_eq!(left == furthest, !is_low);
    assert!(matches!(left, Answered::Displaced { .. }) && has(&table, &low));
}

#[test]
fn of_those_about_as_near_in_time_the_ones_with_the_lowest_lots_stay() {
    let contacts = contacts(60);
    let table = met(3, &contacts[..K], |_| RTT * 10);
    let lot = |contact: &Contact| table.lot(known::head(&contact.id()));
    let highest = contacts[2..K].iter().map(lot).max().unwrap();
    for newcomer in &contacts[K..] {
        let is_low = table.would_prefer(newcomer, None);
        assert_eq!(table.would_prefer(newcomer, Some(RTT * 11)), lot(newcomer) < highest);
        assert_eq!(table.would_prefer(newcomer, Some(RTT * 20)), is_low);
        assert!(table.would_prefer(newcomer, Some(RTT * 9)) && table.is_nearer(newcomer, RTT * 9));
        assert!(!table.is_nearer(newcomer, RTT * 10), "not for that alone");
    }
}

#[test]
fn who_is_busier_than_most_gives_way_to_a_newcomer_as_near() {
    let contacts = contacts(60);
    let mut table = met(3, &contacts[..K], |_| RTT);
    let lot = |table: &RoutingTable, contact: &Contact| table.lot(known::head(&contact.id()));
    let mut by_lot: Vec<Contact> = contacts[2..K].to_vec();
    by_lot.sort_by_key(|contact| lot(&table, contact));
    let mut newcomers = contacts[K..].to_vec();
    newcomers.retain(|one| lot(&table, one) > lot(&table, &by_lot[5]));
    table.burdened(&by_lot[6].node, Burden::new(4));
    assert!(table.would_prefer(&newcomers[0], Some(RTT)));
    let left = table.answered(Moment::from_secs(99), newcomers[0], RTT);
    assert_eq!(left, Answered::Displaced { left: by_lot[6] });
    // The oldest and those with the lowest lots stay, however busy they are.
    let safe = [&contacts[..2], &by_lot[..6]].concat();
    for one in &safe {
        table.burdened(&one.node, Burden::new(Burden::MAX));
    }
    for newcomer in &newcomers {
        table.answered(Moment::from_secs(100), *newcomer, RTT);
    }
    assert!(safe.iter().all(|contact| has(&table, contact)));
}

#[test]
fn bands_of_round_trips_begin_at_powers_of_two_and_between_them() {
    let bands =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12].map(|micros| band(Duration::from_micros(micros)));
    assert_eq!(bands, [2, 2, 2, 3, 4, 4, 5, 5, 6, 6, 7]);
    assert!(band(Duration::MAX) > band(Duration::from_hours(1)));
}
