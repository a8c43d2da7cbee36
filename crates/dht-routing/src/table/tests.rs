//! The table on its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use dht_proto::{Distance, NodeIdentity, Nonce, PublicKey};

use super::*;

const RTT: Duration = Duration::from_millis(10);

fn identity(number: u32) -> NodeIdentity {
    NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number))
}

fn contact_at(number: u32, ip: [u8; 4]) -> Contact {
    Contact::new(identity(number), SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), 3_000))
}

fn contact(number: u32) -> Contact {
    contact_at(number, [127, 0, 0, 1])
}

fn local() -> NodeId {
    identity(u32::MAX).id()
}

fn zeros(contact: &Contact) -> usize {
    local().distance(&contact.id()).leading_zeros() as usize
}

/// Contacts whose ids fall into the bucket of `bucket` shared bits.
fn contacts_in(bucket: usize) -> impl Iterator<Item = Contact> {
    (0..).map(contact).filter(move |contact| zeros(contact) == bucket)
}

fn filled(k: usize, count: u32) -> RoutingTable {
    let mut table = RoutingTable::new(local(), k);
    for number in 0..count {
        table.answered(Moment::from_secs(u64::from(number)), contact(number), RTT);
    }
    table
}

#[test]
fn the_closest_are_those_that_sorting_everything_finds() {
    let table = filled(8, 2_000);
    for number in 0..200 {
        let target = Key::named(&[number]);
        let mut all: Vec<Contact> = table.iter().map(|entry| entry.contact()).collect();
        all.sort_by_key(|contact| target.distance(&contact.id()));
        for count in [0, 1, 3, 8, 20, 10_000] {
            let expected: Vec<_> = all.iter().copied().take(count).collect();
            assert_eq!(table.closest(&target, count, |_| true), expected);
            let own = target.distance(&local());
            let closer = expected.iter().filter(|one| target.distance(&one.id()) < own).count();
            assert_eq!(table.closer(&target).min(count), closer);
        }
    }
    let own = table.closest(&local().to_key(), 8, |_| true);
    assert_eq!(own.len(), 8);
}

#[test]
fn only_wanted_entries_are_listed() {
    let table = filled(8, 500);
    let unwanted = table.iter().next().map(|entry| entry.contact()).unwrap();
    let listed = table.closest(&unwanted.id().to_key(), 1_000, |e| e.contact() != unwanted);
    assert_eq!(listed.len(), table.len() - 1);
    assert!(!listed.contains(&unwanted));
}

#[test]
fn a_full_bucket_keeps_its_entries_and_lets_the_newcomer_wait() {
    let mut table = RoutingTable::new(local(), 2);
    let contacts: Vec<Contact> = contacts_in(0).take(4).collect();
    assert_eq!(table.answered(Moment::from_secs(1), contacts[0], RTT), Answered::Inserted);
    assert_eq!(table.answered(Moment::from_secs(2), contacts[1], RTT), Answered::Inserted);
    let oldest = |table: &RoutingTable| table.oldest_beside(&contacts[3].id()).unwrap().contact();
    let waiting = Answered::Waiting { since: Moment::from_secs(1) };
    assert_eq!(table.answered(Moment::from_secs(3), contacts[2], RTT), waiting);
    assert_eq!(oldest(&table), contacts[0]);
    assert!(!table.has_room_for(&contacts[2]));
    assert_eq!(table.len(), 2);

    // The one that answered moves to the recent end, so the other is the oldest now.
    assert_eq!(table.answered(Moment::from_secs(4), contacts[0], RTT), Answered::Renewed);
    let waiting = Answered::Waiting { since: Moment::from_secs(2) };
    assert_eq!(table.answered(Moment::from_secs(5), contacts[3], RTT), waiting);
    assert_eq!(oldest(&table), contacts[1]);
}

#[test]
fn an_entry_is_evicted_only_after_failures_in_a_row_and_a_waiting_one_is_named() {
    let mut table = RoutingTable::new(local(), 1);
    let contacts: Vec<Contact> = contacts_in(1).take(2).collect();
    table.answered(Moment::EPOCH, contacts[0], RTT);
    table.answered(Moment::EPOCH, contacts[1], RTT);
    assert_eq!(table.failed(&contacts[0].node), Failed::Kept);
    table.answered(Moment::EPOCH, contacts[0], RTT);
    assert_eq!(table.failed(&contacts[0].node), Failed::Kept);
    assert_eq!(table.failed(&contacts[0].node), Failed::Evicted { candidate: Some(contacts[1]) });
    assert!(table.is_empty());
    assert_eq!(table.failed(&contacts[0].node), Failed::Unknown);
}

#[test]
fn one_subnet_cannot_fill_a_bucket_or_the_table() {
    let mut table = RoutingTable::new(local(), 16);
    let mut entered = 0;
    for number in 0..500 {
        let [_, _, c, d] = u32::to_be_bytes(number);
        let answered = table.answered(Moment::EPOCH, contact_at(number, [8, 8, 8 + c / 9, d]), RTT);
        entered += usize::from(answered == Answered::Inserted);
    }
    assert_eq!(entered, table.len());
    for bucket in 0..table.depth() {
        assert!(table.bucket(bucket).len() <= 2 * SUBNET_PER_BUCKET);
    }
    assert!(table.len() <= 2 * SUBNET_PER_TABLE, "{}", table.len());
}

#[test]
fn loopback_and_private_networks_are_not_bounded_by_subnet() {
    for ip in [[127, 0, 0, 1], [10, 0, 0, 1], [192, 168, 1, 1]] {
        let mut table = RoutingTable::new(local(), 16);
        for number in 0..200 {
            table.answered(Moment::EPOCH, contact_at(number, ip), RTT);
        }
        assert!(table.len() > 4 * SUBNET_PER_TABLE);
    }
}

#[test]
fn our_own_id_never_enters() {
    let mut table = RoutingTable::new(local(), 16);
    let own = Contact::new(identity(u32::MAX), contact(0).addr);
    assert_eq!(table.answered(Moment::EPOCH, own, RTT), Answered::Refused);
    assert!(!table.has_room_for(&own));
}

#[test]
fn the_network_size_is_estimated_within_a_factor_of_two() {
    for size in [10_u32, 100, 1_000, 10_000] {
        let estimate = filled(16, size).network_size();
        let size = u64::from(size);
        assert!(estimate >= size / 2 && estimate <= size * 2, "{estimate} for {size}");
    }
}

#[test]
fn the_radius_holds_about_k_nodes_around_any_key() {
    let table = filled(16, 5_000);
    let radius = table.radius(16);
    let mut total = 0;
    for number in 0..50_u8 {
        let key = Key::named(&[number]);
        total += (0..5_000).filter(|n| key.distance(&identity(*n).id()) <= radius).count();
    }
    assert!((50 * 6..50 * 40).contains(&total), "{total}");
    assert_eq!(filled(16, 10).radius(16), Distance::MAX);
}
