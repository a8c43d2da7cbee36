//! Clauses about what may take the place of what: the rules of [`dht_proto::admit`], applied by the store.

use dht_proto::{Admission, Moment, Purpose, Record, Refusal, Sequence, Summary, Terms, admit};

use super::sample::{
    NOW, after, cached, content, copied, deletion, expecting, find, holds, insert, named,
    published, refusal, save, version,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, SaveError, Saved};

/// Every pair of an existing and an incoming record, over kinds, values, versions, purposes, ends of life
/// and expected sequences.
pub fn save_applies_admit_to_the_live_record_of_the_slot<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let families = [
        vec![content("a")],
        vec![named("n", "a"), named("n", "b")],
        vec![version(1, "a"), version(1, "b"), version(2, "a")],
    ];
    for family in families {
        let copies: Vec<_> = family.iter().flat_map(under_all_terms).collect();
        for existing in std::iter::once(None).chain(copies.iter().map(Some)) {
            for (record, terms) in &copies {
                for expected in [None, Some(Sequence(0)), Some(Sequence(1))] {
                    let terms = Terms { expected, ..*terms };
                    saves_as_admitted(&mut store, existing, record, terms);
                }
            }
        }
    }
}

fn under_all_terms(record: &Record) -> impl Iterator<Item = (Record, Terms)> {
    [Purpose::Publish, Purpose::Replicate, Purpose::Cache].into_iter().flat_map(move |purpose| {
        [10, 20].map(|seconds| {
            (
                record.clone(),
                Terms { purpose, custody: purpose.custody(Moment::NEVER), ..published(seconds) },
            )
        })
    })
}

fn saves_as_admitted(
    store: &mut impl RecordStore,
    existing: Option<&(Record, Terms)>,
    record: &Record,
    terms: Terms,
) {
    if let Some((old, old_terms)) = existing {
        insert(store, old, *old_terms);
    }
    let old = existing.map(|(old, old_terms)| Summary::of(old, old_terms));
    let incoming = Summary::of(record, &terms);
    let result = store.save(NOW, record.clone(), terms);
    let now_held = find(store, NOW, record.slot()).map(|held| held.summary);
    match admit(old.as_ref(), &incoming, &terms) {
        Ok(Admission::Insert) => {
            assert!(matches!(result, Ok(Saved::Inserted)), "{old:?} {incoming:?}: {result:?}");
            assert_eq!(now_held, Some(incoming));
        }
        Ok(Admission::Renew { expires, custody }) => {
            assert!(matches!(result, Ok(Saved::Kept)), "{old:?} {incoming:?}: {result:?}");
            assert_eq!(now_held, old.map(|old| Summary { expires, custody, ..old }));
        }
        Ok(Admission::Keep) => {
            assert!(matches!(result, Ok(Saved::Kept)), "{old:?} {incoming:?}: {result:?}");
            assert_eq!(now_held, old);
        }
        Err(expected) => {
            let Err(SaveError::Refused(refusal)) = result else {
                panic!("{old:?} {incoming:?}: {result:?} instead of {expected:?}");
            };
            assert_eq!(refusal, expected);
            assert_eq!(now_held, old);
        }
    }
    store.remove(NOW, record.slot()).expect("removing must not fail");
}

/// Whoever comes second is refused, publisher or not, and nothing changes.
pub fn a_name_is_taken_while_another_value_lives_there<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &named("n", "first"), published(10));
    let before = Snapshot::of(&store);
    for terms in [published(20), copied(20), cached(20)] {
        assert_eq!(refusal(&mut store, &named("n", "second"), terms), Refusal::NameTaken);
    }
    assert_eq!(Snapshot::of(&store), before);
}

/// What a fetch left on its way gives way to what the holders agreed on.
pub fn a_holders_copy_of_a_name_displaces_a_cached_one<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &named("n", "left by a fetch"), cached(10));
    let agreed = named("n", "agreed on");
    insert(&mut store, &agreed, copied(20));
    assert!(holds(&store, NOW, &agreed));
    assert_eq!(store.usage().records, 1);
}

/// All orders of three versions end with the newest.
pub fn the_highest_sequence_wins_in_whatever_order_versions_come<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let mut store = make();
        for sequence in order {
            // Refusals of stale versions are part of the way.
            let _ = store.save(NOW, version(sequence, "v"), published(10));
        }
        assert!(holds(&store, NOW, &version(3, "v")), "{order:?}");
    }
}

/// Where an author used one sequence twice, holders that saw the values in different orders agree.
pub fn versions_of_one_sequence_settle_on_one_value_in_any_order<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let (one, other) = (version(1, "one"), version(1, "other"));
    let mut settle = |order: [&Record; 2]| {
        let mut store = make();
        for record in order {
            let _ = store.save(NOW, record.clone(), published(10));
        }
        find(&store, NOW, one.slot()).map(|held| held.summary.digest)
    };
    assert_eq!(settle([&one, &other]), settle([&other, &one]));
}

/// Not from its publisher, not from a holder, not from a cache; the refusal names what is in place.
pub fn an_older_version_never_comes_back<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    insert(&mut store, &version(5, "new"), published(10));
    let before = Snapshot::of(&store);
    for terms in [published(90), copied(90), cached(90)] {
        let refused = refusal(&mut store, &version(4, "old"), terms);
        assert_eq!(refused, Refusal::Stale { current: Sequence(5) });
    }
    assert_eq!(Snapshot::of(&store), before);
}

/// A deletion is a version: it is kept, found, and keeps older values out.
pub fn a_deletion_takes_the_place_of_older_versions<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    insert(&mut store, &version(1, "value"), published(10));
    insert(&mut store, &deletion(2), published(10));
    assert!(holds(&store, NOW, &deletion(2)));
    let refused = refusal(&mut store, &version(1, "value"), published(20));
    assert_eq!(refused, Refusal::Stale { current: Sequence(2) });
}

/// The expected sequence must be the one in place; otherwise nothing changes and the refusal names it.
pub fn compare_and_swap_takes_only_the_expected_version<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    insert(&mut store, &version(3, "three"), published(10));
    let before = Snapshot::of(&store);
    for wrong in [0, 2, 4] {
        let refused = refusal(&mut store, &version(4, "four"), expecting(wrong));
        assert_eq!(refused, Refusal::SequenceMismatch { current: Sequence(3) });
    }
    assert_eq!(Snapshot::of(&store), before);
    insert(&mut store, &version(4, "four"), expecting(3));
    assert_eq!(save(&mut store, &version(4, "four"), expecting(3)), Saved::Kept, "a repetition");
}

/// Zero stands for nothing in place; a version that has ended counts as nothing.
pub fn compare_and_swap_with_zero_wants_an_empty_slot<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let refused = refusal(&mut store, &version(1, "one"), expecting(1));
    assert_eq!(refused, Refusal::SequenceMismatch { current: Sequence(0) });
    insert(&mut store, &version(1, "one"), Terms { expires: after(10), ..expecting(0) });
    let refused = refusal(&mut store, &version(2, "two"), expecting(0));
    assert_eq!(refused, Refusal::SequenceMismatch { current: Sequence(1) });
    let later = store.save(after(10), version(2, "two"), expecting(0));
    assert!(matches!(later, Ok(Saved::Inserted)), "{later:?}");
}
