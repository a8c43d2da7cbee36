//! Tests of what a newcomer asks for, whom, and until when.

use dht_proto::{NodeIdentity, Nonce, PublicKey};

use super::*;
use crate::Seed;

const NOW: Moment = Moment::from_secs(100);

fn contact(number: u32) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([5; 32]), Nonce(number));
    Contact::new(node, "127.0.0.1:1000".parse().unwrap())
}

fn entries(numbers: std::ops::Range<u16>, size: u32) -> Vec<BroadcastEntry> {
    let id = |number: u16| {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        BroadcastId::from_bytes(bytes)
    };
    numbers.map(|number| BroadcastEntry { id: id(number), size }).collect()
}

/// One that asks nodes 1 to `count`.
fn asking(count: u32) -> CatchUp {
    let mut catch_up = CatchUp::new(NOW);
    assert_eq!(catch_up.round(NOW, &mut Random::new(Seed([1; 32]))), Some(PARTNERS[0]));
    (1..=count).for_each(|number| catch_up.asks(Head::of(&contact(number).id())));
    catch_up
}

fn nothing(_: &BroadcastId) -> bool {
    false
}

#[test]
fn pages_are_asked_for_until_one_is_empty_and_the_oldest_is_pulled_first() {
    let mut catch_up = asking(1);
    assert_eq!(catch_up.told(&contact(1), &entries(0..30, 10), nothing), Some(30));
    assert_eq!(catch_up.next_pull(nothing), None, "there is another page");
    assert_eq!(catch_up.told(&contact(1), &entries(30..40, 10), nothing), Some(40));
    assert_eq!(catch_up.told(&contact(1), &[], nothing), None);
    let oldest = entries(39..40, 10)[0];
    assert_eq!(catch_up.next_pull(nothing), Some((oldest, contact(1))));
    let under_way = 1 + std::iter::from_fn(|| catch_up.next_pull(nothing)).count();
    assert_eq!(under_way, PULLS_MAX);
    catch_up.came(&oldest.id);
    assert_eq!(std::iter::from_fn(|| catch_up.next_pull(nothing)).count(), 1);
}

#[test]
fn what_is_known_is_not_pulled() {
    let mut catch_up = asking(1);
    let all = entries(0..3, 10);
    assert_eq!(catch_up.told(&contact(1), &all, |id| *id == all[0].id), Some(3));
    assert_eq!(catch_up.told(&contact(1), &[], nothing), None);
    let pulled = catch_up.next_pull(|id| *id == all[2].id);
    assert_eq!(pulled, Some((all[1], contact(1))));
    assert_eq!(catch_up.next_pull(nothing), None);
}

#[test]
fn a_broadcast_that_one_node_does_not_send_is_pulled_from_another() {
    let mut catch_up = asking(2);
    let one = entries(0..1, 10);
    for number in [1, 2] {
        assert_eq!(catch_up.told(&contact(number), &one, nothing), Some(1));
        assert_eq!(catch_up.told(&contact(number), &[], nothing), None);
    }
    assert_eq!(catch_up.next_pull(nothing), Some((one[0], contact(2))));
    catch_up.did_not_come(&one[0].id);
    assert_eq!(catch_up.next_pull(nothing), Some((one[0], contact(1))));
    catch_up.did_not_come(&one[0].id);
    assert_eq!(catch_up.next_pull(nothing), None);
    assert!(catch_up.lacked.is_empty() && catch_up.pulled.is_empty());
}

#[test]
fn of_one_node_no_more_is_believed_than_a_node_keeps() {
    let mut catch_up = asking(2);
    let mut pages = 0;
    let mut next = Some(0);
    while let Some(skip) = next {
        let skip = u16::try_from(skip).unwrap();
        next = catch_up.told(&contact(1), &entries(skip..skip + 32, 10), nothing);
        pages += 1;
    }
    assert_eq!((pages, catch_up.lacked.len()), (KEPT_MAX / 32 + 1, KEPT_MAX));
    let long = entries(1_000..1_100, 65_536);
    assert_eq!(catch_up.told(&contact(2), &long, nothing), None);
    assert_eq!(catch_up.lacked.len(), KEPT_MAX + KEPT_BYTES_MAX / 65_536);
    assert_eq!(catch_up.told(&contact(3), &long, nothing), None, "it was not asked");
}

#[test]
fn it_ends_after_two_rounds_or_when_patience_does() {
    let random = &mut Random::new(Seed([1; 32]));
    let mut catch_up = asking(1);
    assert_eq!(catch_up.round(NOW, random), None);
    let second = catch_up.next_due();
    assert!(second > NOW && second < NOW + 2 * SECOND_AFTER);
    assert!(!catch_up.is_over(second));
    assert_eq!(catch_up.round(second, random), Some(PARTNERS[1]));
    assert!(!catch_up.is_over(second), "somebody is waited for");
    assert!(catch_up.is_over(second + PATIENCE));
    catch_up.silent(Head::of(&contact(1).id()));
    assert!(catch_up.is_over(second));
}
