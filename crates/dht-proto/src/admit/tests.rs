//! Tests of every clause of the rule for what may take the place of what.

use std::time::Duration;

use proptest::prelude::*;

use super::{Admission, admit};
use crate::{
    AuthorSecret, Custody, Digest, Key, Kind, Moment, Purpose, Record, Refusal, Salt, Sequence,
    SignedBody, Slot, Source, Summary, Terms, Ttl, Value,
};

use Custody::{Holder, Mirror};
use Purpose::{Cache, Publish, Replicate};

const NOW: Moment = Moment::from_secs(1_000);

const OWN: Custody = Custody::Own { ttl: Ttl::MAX };

const STAYING: [Custody; 3] = [OWN, Holder, Mirror];

const CUSTODIES: [Custody; 4] = [OWN, Holder, Mirror, Custody::Cache { until: Moment::NEVER }];

fn ends_in(seconds: u64) -> Moment {
    NOW + Duration::from_secs(seconds)
}

/// A record of this kind, with a value known by one byte, as it is kept.
fn kept(kind: Kind, value: u8, custody: Custody, seconds: u64) -> Summary {
    Summary {
        slot: Slot { key: Key::from_bytes([9; 32]), kind },
        size: 5,
        digest: Digest::from_bytes([value; 32]),
        sequence: Sequence(0),
        expires: ends_in(seconds),
        custody,
    }
}

fn signed(value: u8, sequence: u64) -> Summary {
    Summary { sequence: Sequence(sequence), ..kept(Kind::Signed, value, Holder, 60) }
}

fn terms(incoming: &Summary, purpose: Purpose, expected: Option<u64>) -> Terms {
    Terms {
        expires: incoming.expires,
        purpose,
        custody: incoming.custody,
        source: Source::LOCAL,
        expected: expected.map(Sequence),
        replaces: false,
    }
}

/// What becomes of `incoming`, sent for `purpose`.
fn sent(
    existing: Option<&Summary>,
    incoming: &Summary,
    purpose: Purpose,
) -> Result<Admission, Refusal> {
    admit(existing, incoming, &terms(incoming, purpose, None))
}

/// The same as `kept`, as somebody else sends it.
fn copy(kind: Kind, value: u8, purpose: Purpose, seconds: u64) -> Summary {
    kept(kind, value, purpose.custody(Moment::NEVER), seconds)
}

fn renewed(seconds: u64, custody: Custody) -> Admission {
    Admission::Renew { expires: ends_in(seconds), custody }
}

#[test]
fn an_empty_slot_takes_any_record() {
    for kind in Kind::ALL {
        for purpose in [Publish, Replicate, Cache] {
            let incoming = copy(kind, 1, purpose, 60);
            assert_eq!(sent(None, &incoming, purpose), Ok(Admission::Insert));
        }
    }
}

#[test]
fn a_re_publication_of_the_same_value_extends_its_life() {
    for kind in Kind::ALL {
        for custody in STAYING {
            let old = kept(kind, 1, custody, 60);
            let again = copy(kind, 1, Publish, 100);
            assert_eq!(sent(Some(&old), &again, Publish), Ok(renewed(100, custody.min(Holder))));
        }
    }
}

#[test]
fn a_re_publication_with_a_shorter_life_shortens_nothing() {
    let old = kept(Kind::Content, 1, Holder, 100);
    let again = copy(Kind::Content, 1, Publish, 60);
    assert_eq!(sent(Some(&old), &again, Publish), Ok(Admission::Keep));
}

#[test]
fn a_holders_copy_never_extends_a_life() {
    for custody in [OWN, Holder] {
        let old = kept(Kind::Content, 1, custody, 60);
        let again = copy(Kind::Content, 1, Replicate, 100);
        assert_eq!(sent(Some(&old), &again, Replicate), Ok(Admission::Keep));
    }
    let mirrored = kept(Kind::Content, 1, Mirror, 60);
    let again = copy(Kind::Content, 1, Replicate, 100);
    assert_eq!(sent(Some(&mirrored), &again, Replicate), Ok(renewed(60, Holder)));
}

#[test]
fn what_a_mirror_learns_extends_the_life_of_nothing_but_what_it_keeps_as_a_mirror() {
    let learnt = kept(Kind::Content, 1, Mirror, 100);
    let mirrored = kept(Kind::Content, 1, Mirror, 60);
    assert_eq!(sent(Some(&mirrored), &learnt, Replicate), Ok(renewed(100, Mirror)));
    let shorter = kept(Kind::Content, 1, Mirror, 30);
    assert_eq!(sent(Some(&mirrored), &shorter, Replicate), Ok(Admission::Keep));
    for custody in [OWN, Holder] {
        let old = kept(Kind::Content, 1, custody, 60);
        assert_eq!(sent(Some(&old), &learnt, Replicate), Ok(Admission::Keep));
    }
}

#[test]
fn a_holders_copy_turns_a_cached_copy_into_a_held_one() {
    for custody in [Holder, Mirror] {
        let old = kept(Kind::Content, 1, Custody::Cache { until: Moment::NEVER }, 60);
        let longer = kept(Kind::Content, 1, custody, 100);
        assert_eq!(sent(Some(&old), &longer, Replicate), Ok(renewed(100, custody)));
        let shorter = kept(Kind::Content, 1, custody, 30);
        assert_eq!(sent(Some(&old), &shorter, Replicate), Ok(renewed(60, custody)));
    }
}

#[test]
fn a_cached_copy_changes_nothing_that_is_there() {
    for custody in CUSTODIES {
        let old = kept(Kind::Content, 1, custody, 60);
        let again = copy(Kind::Content, 1, Cache, 100);
        assert_eq!(sent(Some(&old), &again, Cache), Ok(Admission::Keep));
    }
}

#[test]
fn a_publication_makes_a_cached_copy_a_held_one() {
    let old = kept(Kind::Named, 1, Custody::Cache { until: Moment::NEVER }, 60);
    let published = copy(Kind::Named, 1, Publish, 60);
    assert_eq!(sent(Some(&old), &published, Publish), Ok(renewed(60, Holder)));
}

#[test]
fn what_this_node_publishes_is_its_own_whoever_left_it_here() {
    for custody in [Holder, Mirror, Custody::Cache { until: Moment::NEVER }] {
        let old = kept(Kind::Content, 1, custody, 60);
        let own = kept(Kind::Content, 1, OWN, 30);
        assert_eq!(sent(Some(&old), &own, Publish), Ok(renewed(60, OWN)));
    }
}

#[test]
fn the_life_of_renewals_is_the_one_named_last() {
    let shorter = Custody::Own { ttl: Ttl::default() };
    for (old, new) in [(OWN, shorter), (shorter, OWN)] {
        let old = kept(Kind::Content, 1, old, 60);
        let again = kept(Kind::Content, 1, new, 60);
        assert_eq!(sent(Some(&old), &again, Publish), Ok(renewed(60, new)));
    }
}

#[test]
fn content_is_never_replaced() {
    let old = kept(Kind::Content, 1, Holder, 60);
    let other = copy(Kind::Content, 2, Publish, 100);
    assert_eq!(sent(Some(&old), &other, Publish), Ok(Admission::Keep));
}

#[test]
fn a_name_that_lives_is_taken() {
    for custody in STAYING {
        for purpose in [Publish, Replicate, Cache] {
            let old = kept(Kind::Named, 1, custody, 60);
            let other = copy(Kind::Named, 2, purpose, 100);
            assert_eq!(sent(Some(&old), &other, purpose), Err(Refusal::NameTaken));
        }
    }
    for purpose in [Publish, Cache] {
        let old = kept(Kind::Named, 1, Custody::Cache { until: Moment::NEVER }, 60);
        let other = copy(Kind::Named, 2, purpose, 100);
        assert_eq!(sent(Some(&old), &other, purpose), Err(Refusal::NameTaken));
    }
}

#[test]
fn a_cached_name_gives_way_to_a_holders_copy() {
    let old = kept(Kind::Named, 1, Custody::Cache { until: Moment::NEVER }, 60);
    let other = copy(Kind::Named, 2, Replicate, 100);
    assert_eq!(sent(Some(&old), &other, Replicate), Ok(Admission::Insert));
}

#[test]
fn the_higher_sequence_takes_the_place_of_the_lower() {
    let (old, new) = (signed(9, 1), signed(1, 2));
    assert_eq!(sent(Some(&old), &new, Publish), Ok(Admission::Insert));
    let stale = Err(Refusal::Stale { current: Sequence(2) });
    assert_eq!(sent(Some(&new), &old, Publish), stale);
}

#[test]
fn holders_agree_when_an_author_used_a_sequence_twice() {
    let (one, two) = (signed(1, 5), signed(2, 5));
    assert_eq!(sent(Some(&one), &two, Publish), Ok(Admission::Insert));
    let stale = Err(Refusal::Stale { current: Sequence(5) });
    assert_eq!(sent(Some(&two), &one, Publish), stale);
}

#[test]
fn a_holders_copy_never_overwrites_a_newer_sequence() {
    let (new, old) = (signed(1, 2), signed(1, 1));
    assert!(sent(Some(&new), &old, Replicate).is_err());
}

#[test]
fn compare_and_swap_succeeds_only_on_the_expected_sequence() {
    let (old, new) = (signed(1, 4), signed(2, 5));
    let swap = |old: Option<&Summary>, from| admit(old, &new, &terms(&new, Publish, Some(from)));
    assert_eq!(swap(Some(&old), 4), Ok(Admission::Insert));
    for expected in [0, 3, 5] {
        let mismatch = Err(Refusal::SequenceMismatch { current: Sequence(4) });
        assert_eq!(swap(Some(&old), expected), mismatch);
    }
    assert_eq!(swap(None, 0), Ok(Admission::Insert));
    let mismatch = Err(Refusal::SequenceMismatch { current: Sequence(0) });
    assert_eq!(swap(None, 4), mismatch);
}

#[test]
fn a_swap_that_was_made_already_is_fine() {
    // Its reply was lost, so it is asked for again: the sequence in place is its own.
    let new = signed(2, 5);
    let swap = terms(&new, Publish, Some(4));
    assert_eq!(admit(Some(&new), &new, &swap), Ok(Admission::Keep));
}

#[test]
fn a_swap_to_an_older_version_is_stale() {
    let (old, older) = (signed(1, 4), signed(2, 3));
    let stale = Err(Refusal::Stale { current: Sequence(4) });
    assert_eq!(admit(Some(&old), &older, &terms(&older, Publish, Some(4))), stale);
}

#[test]
fn compare_and_swap_says_nothing_about_other_kinds() {
    let incoming = copy(Kind::Named, 1, Publish, 60);
    let swap = terms(&incoming, Publish, Some(7));
    assert_eq!(admit(None, &incoming, &swap), Ok(Admission::Insert));
}

#[test]
fn of_a_deletion_and_an_empty_value_of_one_sequence_all_holders_keep_the_same() {
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let of = |body| {
        let record = Record::sign(&secret, Salt::default(), Sequence(5), body);
        Summary::of(&record, &terms(&signed(0, 0), Publish, None))
    };
    let (deleted, empty) = (of(SignedBody::Deleted), of(SignedBody::Value(Value::default())));
    assert_eq!((deleted.size, deleted.sequence), (empty.size, empty.sequence));
    let outcomes = [(&deleted, &empty), (&empty, &deleted)]
        .map(|(old, new)| sent(Some(old), new, Publish) == Ok(Admission::Insert));
    assert_ne!(outcomes[0], outcomes[1]);
}

#[test]
fn a_summary_tells_what_the_record_is() {
    let record = Record::named(b"name", Value::new("value").unwrap());
    let terms = terms(&kept(Kind::Named, 0, Mirror, 60), Publish, None);
    let summary = Summary::of(&record, &terms);
    assert_eq!((summary.slot, summary.size), (record.slot(), 5));
    assert_eq!((summary.digest, summary.sequence), (record.digest(), Sequence(0)));
    assert_eq!((summary.expires, summary.custody), (ends_in(60), Mirror));
}

fn any_signed() -> impl Strategy<Value = (Summary, Purpose)> {
    let terms = prop_oneof![
        Just((OWN, Publish)),
        Just((Holder, Publish)),
        Just((Holder, Replicate)),
        Just((Mirror, Replicate)),
        Just((Custody::Cache { until: Moment::NEVER }, Cache)),
    ];
    (0_u8..3, 0_u64..4, terms, 1_u64..100).prop_map(|(value, sequence, terms, seconds)| {
        let (custody, purpose) = terms;
        (Summary { custody, expires: ends_in(seconds), ..signed(value, sequence) }, purpose)
    })
}

fn apply(slot: Option<Summary>, (incoming, purpose): &(Summary, Purpose)) -> Option<Summary> {
    match sent(slot.as_ref(), incoming, *purpose) {
        Ok(Admission::Insert) => Some(*incoming),
        Ok(Admission::Renew { expires, custody }) => {
            slot.map(|old| Summary { expires, custody, ..old })
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
        let highest = versions.iter().map(|(held, _)| (held.sequence, held.digest)).max();
        prop_assert_eq!(version(one), highest);
    }

    #[test]
    fn no_sequence_of_saves_lengthens_a_life_but_a_publication_or_what_a_mirror_learns(
        versions in proptest::collection::vec(any_signed(), 1..10),
    ) {
        let mut slot = None::<Summary>;
        for version in versions {
            let before = slot;
            slot = apply(slot, &version);
            if let (Some(before), Some(after)) = (before, slot)
                && before.is_same_value(&after)
            {
                let is_learnt = before.custody == Mirror && version.0.custody == Mirror;
                let from_holder =
                    version.1 != Publish && !before.custody.is_cached() && !is_learnt;
                prop_assert!(!from_holder || after.expires == before.expires);
                prop_assert!(after.expires >= before.expires, "no life is taken back");
                prop_assert!(after.custody <= before.custody || version.0.custody == OWN);
            }
        }
    }
}

#[test]
fn a_name_is_replaced_where_the_application_says_so_but_never_by_a_cached_copy() {
    let old = kept(Kind::Named, 1, Holder, 60);
    for (purpose, result) in [
        (Publish, Ok(Admission::Insert)),
        (Replicate, Ok(Admission::Insert)),
        (Cache, Err(Refusal::NameTaken)),
    ] {
        let incoming = copy(Kind::Named, 2, purpose, 60);
        let terms = Terms { replaces: true, ..terms(&incoming, purpose, None) };
        assert_eq!(admit(Some(&old), &incoming, &terms), result);
    }
    let again = copy(Kind::Named, 1, Publish, 100);
    let terms = Terms { replaces: true, ..terms(&again, Publish, None) };
    assert_eq!(admit(Some(&old), &again, &terms), Ok(renewed(100, Holder)), "the same value");
}

#[test]
fn the_application_cannot_put_an_older_version_in_place_of_a_newer_one() {
    let incoming = signed(1, 4);
    let terms = Terms { replaces: true, ..terms(&incoming, Publish, None) };
    let refused = Err(Refusal::Stale { current: Sequence(5) });
    assert_eq!(admit(Some(&signed(1, 5)), &incoming, &terms), refused);
}
