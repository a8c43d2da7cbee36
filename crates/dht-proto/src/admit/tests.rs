//! Tests of every clause of the rule for what may take the place of what.

use std::time::Duration;

use proptest::prelude::*;

use super::{Admission, Purpose, Summary, Terms, admit};
use crate::{Digest, Key, Kind, Moment, Record, Refusal, Sequence, Slot, Value};

use Purpose::{Cache, Publish, Replicate};

const NOW: Moment = Moment::from_secs(1_000);

fn ends_in(seconds: u64) -> Moment {
    NOW + Duration::from_secs(seconds)
}

/// A record of this kind with a value known by one byte.
fn summary(kind: Kind, value: u8, purpose: Purpose, seconds: u64) -> Summary {
    Summary {
        slot: Slot { key: Key::from_bytes([9; 32]), kind },
        size: 5,
        digest: Digest::from_bytes([value; 32]),
        sequence: Sequence(0),
        expires: ends_in(seconds),
        purpose,
    }
}

fn signed(value: u8, sequence: u64) -> Summary {
    Summary { sequence: Sequence(sequence), ..summary(Kind::Signed, value, Publish, 60) }
}

#[test]
fn an_empty_slot_takes_any_record() {
    for kind in Kind::ALL {
        for purpose in [Publish, Replicate, Cache] {
            let incoming = summary(kind, 1, purpose, 60);
            assert_eq!(admit(None, &incoming, None), Ok(Admission::Insert));
        }
    }
}

#[test]
fn a_re_publication_of_the_same_value_extends_its_life() {
    for kind in Kind::ALL {
        let old = summary(kind, 1, Publish, 60);
        let again = summary(kind, 1, Publish, 100);
        let renewed = Admission::Renew { expires: ends_in(100), purpose: Publish };
        assert_eq!(admit(Some(&old), &again, None), Ok(renewed));
    }
}

#[test]
fn a_re_publication_with_a_shorter_life_shortens_nothing() {
    let old = summary(Kind::Content, 1, Publish, 100);
    let again = summary(Kind::Content, 1, Publish, 60);
    assert_eq!(admit(Some(&old), &again, None), Ok(Admission::Keep));
}

#[test]
fn a_holders_copy_never_extends_a_life() {
    for old in [Publish, Replicate] {
        let old = summary(Kind::Content, 1, old, 60);
        let copy = summary(Kind::Content, 1, Replicate, 100);
        assert_eq!(admit(Some(&old), &copy, None), Ok(Admission::Keep));
    }
}

#[test]
fn a_holders_copy_turns_a_cached_copy_into_a_held_one() {
    let old = summary(Kind::Content, 1, Cache, 60);
    let copy = summary(Kind::Content, 1, Replicate, 100);
    let renewed = Admission::Renew { expires: ends_in(100), purpose: Replicate };
    assert_eq!(admit(Some(&old), &copy, None), Ok(renewed));
    let shorter = summary(Kind::Content, 1, Replicate, 30);
    let renewed = Admission::Renew { expires: ends_in(60), purpose: Replicate };
    assert_eq!(admit(Some(&old), &shorter, None), Ok(renewed));
}

#[test]
fn a_cached_copy_changes_nothing_that_is_there() {
    for old in [Publish, Replicate, Cache] {
        let old = summary(Kind::Content, 1, old, 60);
        let copy = summary(Kind::Content, 1, Cache, 100);
        assert_eq!(admit(Some(&old), &copy, None), Ok(Admission::Keep));
    }
}

#[test]
fn a_publication_makes_a_copy_a_publication() {
    for old in [Replicate, Cache] {
        let old = summary(Kind::Named, 1, old, 60);
        let published = summary(Kind::Named, 1, Publish, 60);
        let renewed = Admission::Renew { expires: ends_in(60), purpose: Publish };
        assert_eq!(admit(Some(&old), &published, None), Ok(renewed));
    }
}

#[test]
fn content_is_never_replaced() {
    let old = summary(Kind::Content, 1, Publish, 60);
    let other = summary(Kind::Content, 2, Publish, 100);
    assert_eq!(admit(Some(&old), &other, None), Ok(Admission::Keep));
}

#[test]
fn a_name_that_lives_is_taken() {
    for (old, incoming) in [
        (Publish, Publish),
        (Publish, Replicate),
        (Publish, Cache),
        (Replicate, Publish),
        (Replicate, Replicate),
        (Replicate, Cache),
        (Cache, Publish),
        (Cache, Cache),
    ] {
        let old = summary(Kind::Named, 1, old, 60);
        let other = summary(Kind::Named, 2, incoming, 100);
        assert_eq!(admit(Some(&old), &other, None), Err(Refusal::NameTaken));
    }
}

#[test]
fn a_cached_name_gives_way_to_a_holders_copy() {
    let old = summary(Kind::Named, 1, Cache, 60);
    let other = summary(Kind::Named, 2, Replicate, 100);
    assert_eq!(admit(Some(&old), &other, None), Ok(Admission::Insert));
}

#[test]
fn the_higher_sequence_takes_the_place_of_the_lower() {
    let (old, new) = (signed(9, 1), signed(1, 2));
    assert_eq!(admit(Some(&old), &new, None), Ok(Admission::Insert));
    let stale = Err(Refusal::Stale { current: Sequence(2) });
    assert_eq!(admit(Some(&new), &old, None), stale);
}

#[test]
fn holders_agree_when_an_author_used_a_sequence_twice() {
    let (one, two) = (signed(1, 5), signed(2, 5));
    assert_eq!(admit(Some(&one), &two, None), Ok(Admission::Insert));
    let stale = Err(Refusal::Stale { current: Sequence(5) });
    assert_eq!(admit(Some(&two), &one, None), stale);
}

#[test]
fn a_holders_copy_never_overwrites_a_newer_sequence() {
    let new = signed(1, 2);
    let old = Summary { purpose: Replicate, ..signed(1, 1) };
    assert!(admit(Some(&new), &old, None).is_err());
}

#[test]
fn compare_and_swap_succeeds_only_on_the_expected_sequence() {
    let (old, new) = (signed(1, 4), signed(2, 5));
    assert_eq!(admit(Some(&old), &new, Some(Sequence(4))), Ok(Admission::Insert));
    for expected in [0, 3, 5] {
        let mismatch = Err(Refusal::SequenceMismatch { current: Sequence(4) });
        assert_eq!(admit(Some(&old), &new, Some(Sequence(expected))), mismatch);
    }
    assert_eq!(admit(None, &new, Some(Sequence(0))), Ok(Admission::Insert));
    let mismatch = Err(Refusal::SequenceMismatch { current: Sequence(0) });
    assert_eq!(admit(None, &new, Some(Sequence(4))), mismatch);
}

#[test]
fn a_swap_that_was_made_already_is_fine() {
    // Its reply was lost, so it is asked for again: the sequence in place is its own.
    let new = signed(2, 5);
    assert_eq!(admit(Some(&new), &new, Some(Sequence(4))), Ok(Admission::Keep));
}

#[test]
fn a_swap_to_an_older_version_is_stale() {
    let (old, older) = (signed(1, 4), signed(2, 3));
    let stale = Err(Refusal::Stale { current: Sequence(4) });
    assert_eq!(admit(Some(&old), &older, Some(Sequence(4))), stale);
}

#[test]
fn compare_and_swap_says_nothing_about_other_kinds() {
    let incoming = summary(Kind::Named, 1, Publish, 60);
    assert_eq!(admit(None, &incoming, Some(Sequence(7))), Ok(Admission::Insert));
}

#[test]
fn a_deletion_and_an_empty_value_of_one_sequence_are_one_version() {
    // Both have the hash of no bytes: which one a holder has first stays, until the next sequence.
    let empty = Summary { size: 0, ..signed(1, 5) };
    assert_eq!(admit(Some(&empty), &empty, None), Ok(Admission::Keep));
}

#[test]
fn a_summary_tells_what_the_record_is() {
    let record = Record::named(b"name", Value::new("value").unwrap());
    let terms = Terms { expires: ends_in(60), purpose: Publish, expected: None };
    let summary = Summary::of(&record, &terms);
    assert_eq!((summary.slot, summary.size), (record.slot(), 5));
    assert_eq!((summary.digest, summary.sequence), (record.digest(), Sequence(0)));
    assert_eq!((summary.expires, summary.purpose), (ends_in(60), Publish));
}

fn any_signed() -> impl Strategy<Value = Summary> {
    let purpose = prop_oneof![Just(Publish), Just(Replicate), Just(Cache)];
    (0_u8..3, 0_u64..4, purpose, 1_u64..100).prop_map(|(value, sequence, purpose, seconds)| {
        Summary { purpose, expires: ends_in(seconds), ..signed(value, sequence) }
    })
}

fn apply(slot: Option<Summary>, incoming: &Summary) -> Option<Summary> {
    match admit(slot.as_ref(), incoming, None) {
        Ok(Admission::Insert) => Some(*incoming),
        Ok(Admission::Renew { expires, purpose }) => {
            slot.map(|old| Summary { expires, purpose, ..old })
        }
        Ok(Admission::Keep) | Err(_) => slot,
    }
}

proptest! {
    #[test]
    fn holders_that_saw_the_same_versions_hold_the_same_one(
        versions in proptest::collection::vec(any_signed(), 1..6).prop_shuffle(),
    ) {
        let one = versions.iter().fold(None, apply);
        let other = versions.iter().rev().fold(None, apply);
        let version = |slot: Option<Summary>| slot.map(|held| (held.sequence, held.digest));
        prop_assert_eq!(version(one), version(other));
        let highest = versions.iter().map(|held| (held.sequence, held.digest)).max();
        prop_assert_eq!(version(one), highest);
    }

    #[test]
    fn no_sequence_of_saves_lengthens_a_life_but_a_publication(
        versions in proptest::collection::vec(any_signed(), 1..10),
    ) {
        let mut slot = None::<Summary>;
        for incoming in versions {
            let before = slot;
            slot = apply(slot, &incoming);
            if let (Some(before), Some(after)) = (before, slot) {
                let same = before.digest == after.digest && before.sequence == after.sequence;
                let from_holder = incoming.purpose != Publish && before.purpose != Cache;
                prop_assert!(!(same && from_holder) || after.expires == before.expires);
            }
        }
    }
}
