//! Tests of when what we published is renewed.

use dht_proto::{Digest, Key, Kind, Sequence, Slot};

use super::*;
use crate::Seed;

fn report(next: u64, missed: usize) -> RoundReport {
    RoundReport { next: Moment::from_secs(next), renewed: 0, missed, lookups: 1 }
}

fn begun() -> Publications {
    let mut publications = Publications::new();
    publications.awake(Moment::EPOCH, &mut Random::new(Seed([1; 32])));
    let due = publications.next_due().unwrap();
    assert!(due >= Moment::from_secs(60));
    assert!(!publications.pop_due(Moment::from_secs(1), false));
    assert!(publications.pop_due(due, false) && publications.next_due().is_none());
    publications
}

#[test]
fn the_next_round_begins_when_the_next_record_is_due() {
    let mut publications = begun();
    publications.ended(Moment::from_secs(500), &report(5_000, 0));
    assert_eq!(publications.next_due(), Some(Moment::from_secs(5_000)));
    publications.published(Moment::from_secs(600), Ttl::from_secs(1_000).unwrap());
    assert_eq!(publications.next_due(), Some(Moment::from_secs(1_100)));
}

#[test]
fn what_is_published_during_a_round_is_not_forgotten() {
    let mut publications = begun();
    publications.published(Moment::from_secs(600), Ttl::from_secs(1_000).unwrap());
    publications.ended(Moment::from_secs(700), &report(5_000, 0));
    assert_eq!(publications.next_due(), Some(Moment::from_secs(1_100)));
}

#[test]
fn what_could_not_be_renewed_is_tried_again_ever_less_often() {
    let mut publications = begun();
    let mut waits = Vec::new();
    for _ in 0..9 {
        publications.ended(Moment::from_secs(500), &report(5_000, 3));
        let due = publications.next_due().unwrap();
        waits.push(due.since(Moment::from_secs(500)).as_secs());
        assert!(publications.pop_due(due, false));
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
}

#[test]
fn whether_our_own_store_has_kept_what_was_renewed_is_looked_at_soon() {
    let mut publications = begun();
    let renewed = RoundReport { renewed: 3, ..report(5_000, 0) };
    let mut now = Moment::from_secs(500);
    for wait in [60, 120, 240] {
        publications.ended(now, &renewed);
        let due = publications.next_due().unwrap();
        assert_eq!(due, now + Duration::from_secs(wait), "a store that fails is not worn out");
        assert!(publications.pop_due(due, false));
        now = due;
    }
    publications.ended(now, &report(5_000, 0));
    assert_eq!(publications.next_due(), Some(Moment::from_secs(5_000)));
}

#[test]
fn our_own_copy_does_not_end_while_nobody_confirms_it_and_stays_due() {
    let ttl = Ttl::from_secs(1_600).unwrap();
    let mut summary = Summary {
        slot: Slot { key: Key::from_bytes([1; 32]), kind: Kind::Named },
        size: 1,
        digest: Digest::from_bytes([1; 32]),
        sequence: Sequence(0),
        expires: Moment::from_secs(2_000),
        custody: Custody::Own { ttl },
    };
    assert_eq!(held_on(Moment::from_secs(1_400), &summary, ttl), None);
    let now = Moment::from_secs(1_401);
    summary.expires = held_on(now, &summary, ttl).unwrap();
    assert_eq!(summary.expires, Moment::from_secs(2_001));
    assert!(due(&summary, ttl) < now);
    assert_eq!(last_call(summary.expires, ttl), Moment::from_secs(1_801));
}

#[test]
fn without_a_network_nothing_is_begun() {
    let mut publications = begun();
    publications.ended(Moment::from_secs(500), &report(600, 0));
    assert!(!publications.pop_due(Moment::from_secs(600), true));
    assert_eq!(publications.next_due(), Some(Moment::from_secs(660)));
}

#[test]
fn a_record_is_due_when_half_of_its_life_is_over() {
    let ttl = Ttl::from_secs(1_600).unwrap();
    let summary = Summary {
        slot: Slot { key: Key::from_bytes([1; 32]), kind: Kind::Named },
        size: 1,
        digest: Digest::from_bytes([1; 32]),
        sequence: Sequence(0),
        expires: Moment::from_secs(2_000),
        custody: Custody::Own { ttl },
    };
    assert_eq!(life_of(&summary), Some(ttl));
    assert_eq!(due(&summary, ttl), Moment::from_secs(1_200));
    assert!(is_nearly_due(Moment::from_secs(1_100), &summary, ttl));
    assert!(!is_nearly_due(Moment::from_secs(1_099), &summary, ttl));
    assert_eq!(life_of(&Summary { custody: Custody::Holder, ..summary }), None);
}
