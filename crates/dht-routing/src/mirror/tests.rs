//! The schedule of a mirror's visits.

use super::*;
use crate::Seed;

fn random() -> Random {
    Random::new(Seed([1; 32]))
}

fn key(byte: u8) -> Key {
    let mut bytes = [0; 32];
    bytes[0] = byte;
    Key::from_bytes(bytes)
}

fn met(next: Option<u8>) -> VisitReport {
    VisitReport {
        next: next.map(key),
        met: true,
        told: 10,
        held: 9,
        ..VisitReport::new(usize::MAX)
    }
}

/// A mirror that has joined, when its first visit is due.
fn begun() -> (Mirroring, Moment) {
    let mut mirroring = Mirroring::new();
    assert_eq!(mirroring.next_due(), None, "nothing before it has joined");
    mirroring.awake(Moment::EPOCH, &mut random());
    let due = mirroring.next_due().unwrap();
    assert!(due >= Moment::from_secs(7));
    (mirroring, due)
}

/// Makes the visit that is due and tells when the next one is.
fn visit(mirroring: &mut Mirroring, now: Moment, report: VisitReport) -> (Part, Moment) {
    let itinerary = mirroring.pop_due(now, false).unwrap();
    assert_eq!(mirroring.next_due(), None, "one visit at a time");
    mirroring.ended(now, report, (&Config::default(), &mut random()));
    (itinerary.part, mirroring.next_due().unwrap())
}

#[test]
fn a_round_goes_through_the_space_in_order() {
    let (mut mirroring, now) = begun();
    assert_eq!(visit(&mut mirroring, now, met(Some(64))), (Part::From(key(0)), now));
    assert_eq!(mirroring.progress(now).swept, 250);
    let (part, due) = visit(&mut mirroring, now, met(None));
    assert_eq!(part, Part::From(key(64)));
    assert!(due.since(now) >= Duration::from_secs(45), "a minute, give or take a quarter");
    let progress = mirroring.progress(now + Duration::from_mins(1));
    assert_eq!((progress.rounds, progress.swept, progress.current.told), (1, 0, 0));
    let (round, ago) = progress.last.unwrap();
    assert_eq!((round.told, round.held, ago), (20, 18, Duration::from_mins(1)));
    assert_eq!(round.coverage(), Some(0.9));
    assert_eq!(mirroring.pop_due(due, false).unwrap().round, 1);
}

#[test]
fn rounds_follow_each_other_ever_less_often_until_the_interval_is_reached() {
    let (mut mirroring, mut now) = begun();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let (_, due) = visit(&mut mirroring, now, met(None));
        waits.push(due.since(now).as_secs());
        now = due;
    }
    for (wait, minutes) in waits.into_iter().zip([1, 4, 16, 60, 60, 60]) {
        assert!((minutes * 45..=minutes * 75).contains(&wait), "{wait} s for {minutes} min");
    }
}

#[test]
fn a_visit_that_met_nobody_is_made_again_ever_less_often() {
    let (mut mirroring, mut now) = begun();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let (part, due) = visit(&mut mirroring, now, VisitReport::new(usize::MAX));
        assert_eq!(part, Part::From(key(0)));
        waits.push(due.since(now).as_secs());
        now = due;
    }
    assert!(waits[0] <= 75 && waits[7] >= 2_700, "{waits:?}");
    assert_eq!(visit(&mut mirroring, now, met(Some(1))).1, now);
}

#[test]
fn parts_of_which_nobody_told_are_visited_again_at_the_end_and_then_left() {
    let (mut mirroring, now) = begun();
    let part = Prefix::of(&key(8), 8);
    let missed = |next| VisitReport { missed: vec![part], told: 0, held: 0, ..met(next) };
    visit(&mut mirroring, now, missed(Some(64)));
    let (_, due) = visit(&mut mirroring, now, met(None));
    assert!(due > now, "whoever was away gets a moment to come back");
    let (first, due) = visit(&mut mirroring, due, missed(None));
    let (second, due) = visit(&mut mirroring, due, missed(None));
    assert_eq!((first, second), (Part::Only(part), Part::Only(part)));
    let progress = mirroring.progress(due);
    assert_eq!(progress.last.unwrap().0.missed, 1);
    assert_eq!(visit(&mut mirroring, due, met(Some(1))).0, Part::From(key(0)));
}

#[test]
fn only_so_many_parts_are_remembered() {
    let (mut mirroring, now) = begun();
    let missed = vec![Prefix::of(&key(8), 8); MISSED_MAX + 5];
    visit(&mut mirroring, now, VisitReport { missed, ..met(Some(64)) });
    assert_eq!(mirroring.missed.len(), MISSED_MAX);
    assert_eq!(mirroring.progress(now).current.missed, 5);
}

#[test]
fn without_a_network_nothing_is_begun() {
    let (mut mirroring, now) = begun();
    assert_eq!(mirroring.pop_due(now, true), None);
    assert_eq!(mirroring.next_due(), Some(now + RETRY_MIN));
}

#[test]
fn what_did_not_fit_is_not_fetched_again_in_the_same_round() {
    let (mut mirroring, now) = begun();
    visit(&mut mirroring, now, VisitReport { full_from: 700, ..met(Some(64)) });
    assert_eq!(mirroring.pop_due(now, false).unwrap().full_from, 700);
    mirroring.ended(now, met(None), (&Config::default(), &mut random()));
    let due = mirroring.next_due().unwrap();
    assert_eq!(mirroring.pop_due(due, false).unwrap().full_from, usize::MAX);
}
