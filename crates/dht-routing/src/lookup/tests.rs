//! Lookups step by step, with tiny k.

use std::net::{Ipv4Addr, SocketAddr};

use dht_proto::{NodeIdentity, Nonce, PublicKey};

use super::*;

const K: usize = 4;
const ALPHA: usize = 2;

fn target() -> Key {
    Key::from_bytes([0; 32])
}

/// `count` contacts, closest to the target first.
fn contacts(count: u32) -> Vec<Contact> {
    let node = |n| NodeIdentity::new(PublicKey::from_bytes([3; 32]), Nonce(n));
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut contacts: Vec<_> = (0..count).map(|n| Contact::new(node(n), addr)).collect();
    contacts.sort_by_key(|contact| target().distance(&contact.id()));
    contacts
}

fn lookup(seeds: &[Contact]) -> Lookup {
    Lookup::new(target(), K, ALPHA, None, seeds.iter().copied())
}

fn drain(lookup: &mut Lookup) -> Vec<Contact> {
    std::iter::from_fn(|| lookup.next_to_ask()).collect()
}

#[test]
fn alpha_requests_are_in_flight_and_a_reply_opens_the_next_step_at_full_width() {
    let nodes = contacts(20);
    let mut lookup = lookup(&nodes[10..]);
    assert_eq!(drain(&mut lookup), nodes[10..12]);
    for closer in &nodes[5..8] {
        lookup.add(*closer);
    }
    lookup.answered(&nodes[10].id());
    assert_eq!(drain(&mut lookup), nodes[5..7]);
    lookup.slow(&nodes[5].id());
    assert_eq!(drain(&mut lookup), [nodes[7]]);
}

#[test]
fn the_end_game_asks_all_of_the_k_closest_at_once() {
    let nodes = contacts(20);
    let mut lookup = lookup(&nodes);
    assert_eq!(drain(&mut lookup), nodes[..2]);
    lookup.answered(&nodes[0].id());
    assert!(lookup.is_end_game());
    assert_eq!(drain(&mut lookup), nodes[2..4]);
}

#[test]
fn a_lookup_is_done_when_the_k_closest_answered_and_lists_them_closest_first() {
    let nodes = contacts(20);
    let mut lookup = lookup(&nodes);
    while !lookup.is_done() {
        let asked = drain(&mut lookup);
        assert!(!asked.is_empty());
        for contact in asked {
            lookup.answered(&contact.id());
        }
    }
    assert_eq!(lookup.closest().collect::<Vec<_>>(), nodes[..K]);
    assert_eq!(lookup.next_to_ask(), None);
}

#[test]
fn a_late_node_is_hedged_by_the_next_and_its_answer_still_counts() {
    let nodes = contacts(20);
    let mut lookup = lookup(&nodes);
    drain(&mut lookup);
    lookup.late(&nodes[0].id());
    assert_eq!(drain(&mut lookup), [nodes[2]]);
    lookup.answered(&nodes[0].id());
    for node in &nodes[1..4] {
        drain(&mut lookup);
        lookup.answered(&node.id());
    }
    assert!(lookup.is_done());
    assert_eq!(lookup.closest().collect::<Vec<_>>(), nodes[..K]);
}

#[test]
fn while_too_few_answered_the_late_ones_are_waited_for() {
    let nodes = contacts(3);
    let mut lookup = lookup(&nodes);
    for node in &nodes {
        drain(&mut lookup);
        lookup.late(&node.id());
    }
    assert!(!lookup.is_done());
    lookup.answered(&nodes[2].id());
    assert!(!lookup.is_done());
    lookup.failed(&nodes[0].id());
    lookup.failed(&nodes[1].id());
    assert!(lookup.is_done());
    assert_eq!(lookup.closest().collect::<Vec<_>>(), [nodes[2]]);
}

#[test]
fn failed_nodes_are_replaced_by_the_next_closest() {
    let nodes = contacts(8);
    let mut lookup = lookup(&nodes);
    while !lookup.is_done() {
        for contact in drain(&mut lookup) {
            if contact == nodes[1] {
                lookup.failed(&contact.id());
            } else {
                lookup.answered(&contact.id());
            }
        }
    }
    let closest: Vec<_> = lookup.closest().collect();
    assert_eq!(closest, [nodes[0], nodes[2], nodes[3], nodes[4]]);
}

#[test]
fn we_count_as_one_of_the_closest_where_we_are() {
    let nodes = contacts(10);
    let own = target().distance(&nodes[2].id());
    let others = nodes.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, c)| *c);
    let mut lookup = Lookup::new(target(), K, ALPHA, Some(own), others);
    while !lookup.is_done() {
        for contact in drain(&mut lookup) {
            lookup.answered(&contact.id());
        }
    }
    assert!(lookup.includes_own());
    assert_eq!(lookup.closest().collect::<Vec<_>>(), [nodes[0], nodes[1], nodes[3]]);

    let far = Lookup::new(target(), K, ALPHA, Some(Distance::MAX), nodes.iter().copied());
    assert!(!far.includes_own());
}

#[test]
fn a_lookup_without_anybody_to_ask_is_done_at_once() {
    let mut lookup = lookup(&[]);
    assert_eq!(lookup.next_to_ask(), None);
    assert!(lookup.is_done());
    assert_eq!(lookup.closest().count(), 0);
}

#[test]
fn candidates_are_bounded_however_many_are_named() {
    let nodes = contacts(500);
    let mut lookup = lookup(&nodes[400..]);
    drain(&mut lookup);
    for node in nodes.iter().rev() {
        lookup.add(*node);
    }
    assert!(lookup.candidates.len() <= K * SPARE_FACTOR);
    // The ones in flight are kept, whatever came closer.
    lookup.answered(&nodes[400].id());
    lookup.answered(&nodes[401].id());
    assert_eq!(drain(&mut lookup).first(), Some(&nodes[0]));
}

#[test]
fn a_node_that_was_never_asked_cannot_become_late_or_failed() {
    let nodes = contacts(4);
    let mut lookup = lookup(&nodes);
    lookup.late(&nodes[3].id());
    lookup.failed(&nodes[3].id());
    assert_eq!(lookup.standing(&nodes[3].id()), Some(Standing::Fresh));
    assert_eq!(lookup.standing(&contacts(9)[8].id()), None);
}

#[test]
fn candidates_that_all_lie_within_the_region_are_asked_at_once() {
    let nodes = contacts(20);
    let region = target().distance(&nodes[K - 1].id());
    let mut near = lookup(&nodes).with_region(region);
    assert_eq!(drain(&mut near), nodes[..K]);
    let mut far = lookup(&nodes[1..]).with_region(region);
    assert_eq!(drain(&mut far), nodes[1..=ALPHA]);
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_near_node_is_asked_before_one_that_is_a_little_closer_but_far_away_in_time() {
    let nodes = contacts(20);
    let mut lookup = lookup(&[]).with_typical(ms(100));
    lookup.add_at(nodes[1], ms(300));
    lookup.add_at(nodes[2], ms(1));
    lookup.add(nodes[3]);
    assert_eq!(drain(&mut lookup), [nodes[2], nodes[3]]);
}

#[test]
fn a_near_node_that_leaves_many_more_steps_is_not_asked_first() {
    let target = target();
    let mut nodes = contacts(2_000);
    let close = nodes[0];
    assert!(target.distance(&close.id()).leading_zeros() >= 8);
    nodes.retain(|node| target.distance(&node.id()).leading_zeros() == 0);
    let mut lookup = lookup(&[]).with_typical(ms(100));
    lookup.add_at(nodes[0], ms(1));
    lookup.add_at(close, ms(150));
    assert_eq!(lookup.next_to_ask(), Some(close));
}

#[test]
fn of_all_nodes_within_the_goal_the_nearest_in_time_is_asked_first() {
    let nodes = contacts(20);
    let goal = target().distance(&nodes[9].id());
    let mut lookup = lookup(&[]).with_typical(ms(100)).with_goal(goal);
    for (node, millis) in nodes[..4].iter().zip([120, 90, 80, 200]) {
        lookup.add_at(*node, ms(millis));
    }
    assert_eq!(drain(&mut lookup), [nodes[2], nodes[1]]);
}

#[test]
fn one_that_asks_one_first_goes_on_at_full_width_once_that_has_answered_or_is_slow() {
    let nodes = contacts(20);
    let ends: [fn(&mut Lookup, &NodeId); 3] = [Lookup::answered, Lookup::slow, Lookup::failed];
    for end in ends {
        let mut lookup = lookup(&nodes[10..]).with_one_first();
        assert_eq!(drain(&mut lookup), nodes[10..11]);
        nodes[5..8].iter().for_each(|closer| lookup.add(*closer));
        end(&mut lookup, &nodes[10].id());
        assert_eq!(drain(&mut lookup), nodes[5..7]);
    }
}

#[test]
fn of_nodes_that_are_about_as_near_lookups_of_different_tastes_ask_different_ones_first() {
    let nodes = contacts(4);
    let typical = Duration::from_millis(100);
    let first = |seed, millis: [u64; 4]| {
        let none = Lookup::new(target(), K, ALPHA, None, []);
        let mut lookup = none.with_goal(Distance::MAX).with_typical(typical).with_taste(seed);
        for (node, millis) in nodes.iter().zip(millis) {
            lookup.add_at(*node, Duration::from_millis(millis));
        }
        lookup.next_to_ask()
    };
    let chosen = |millis| -> Vec<usize> {
        let firsts: Vec<Contact> = (0..100).filter_map(|seed| first(seed, millis)).collect();
        let count = |node| firsts.iter().filter(|chosen| *chosen == node).count();
        nodes.iter().map(count).collect()
    };
    let alike = chosen([1, 5, 10, 25]);
    assert!(alike.iter().all(|count| (10..50).contains(count)), "{alike:?}");
    assert_eq!(
        chosen([25, 80, 80, 80]),
        [100, 0, 0, 0],
        "three times as far is not as near to anybody"
    );
}

#[test]
fn the_k_closest_are_found_wherever_the_nearest_in_time_are() {
    let nodes = contacts(20);
    let mut lookup = lookup(&[]).with_typical(ms(100));
    for (node, millis) in nodes.iter().rev().zip((0..).step_by(10)) {
        lookup.add_at(*node, ms(millis));
    }
    while let Some(node) = lookup.next_to_ask() {
        lookup.answered(&node.id());
    }
    assert!(lookup.is_done());
    assert_eq!(lookup.closest().collect::<Vec<_>>(), nodes[..K]);
}

#[test]
fn the_logarithm_of_a_distance_grows_with_it() {
    let mut distances: Vec<Distance> =
        contacts(500).iter().map(|node| target().distance(&node.id())).collect();
    distances.insert(0, Distance::ZERO);
    distances.push(Distance::MAX);
    assert!(distances.is_sorted_by_key(sixteenths));
    assert_eq!((sixteenths(&distances[0]), sixteenths(&Distance::MAX)), (0, 255 * 16 + 15));
}
