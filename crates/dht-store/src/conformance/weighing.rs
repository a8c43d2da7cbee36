//! Clauses about weighing: it tells what saving would do, and does nothing.

use dht_proto::{Admission, Record, Refusal, Summary, Terms};

use super::sample::{NOW, cached, content, copied, filled, find, insert, named, published};
use super::snapshot::Snapshot;
use crate::{RecordStore, SaveError, Saved};

/// Weighs, saves, and compares.
#[track_caller]
fn foretells(store: &mut impl RecordStore, record: &Record, terms: Terms) {
    let before = Snapshot::of(store);
    let weighed = store.weigh(NOW, &Summary::of(record, &terms), &terms).unwrap();
    assert_eq!(Snapshot::of(store), before, "weighing changes nothing");
    let existing = find(store, NOW, record.slot());
    assert_eq!(weighed.existing, existing.map(|held| held.summary));
    match (store.save(NOW, record.clone(), terms), weighed.admitted) {
        (Ok(Saved::Inserted), Ok(Admission::Insert))
        | (Ok(Saved::Kept), Ok(Admission::Keep | Admission::Renew { .. })) => {}
        (Err(SaveError::Refused(refusal)), Err(foretold)) => assert_eq!(foretold, refusal),
        (saved, foretold) => panic!("{foretold:?} was foretold, {saved:?} came"),
    }
}

/// By the rules of slots.
pub fn weighing_foretells_what_saving_does_and_changes_nothing<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    foretells(&mut store, &content("new"), published(10));
    foretells(&mut store, &content("new"), published(20));
    foretells(&mut store, &content("new"), copied(30));
    foretells(&mut store, &named("name", "value"), copied(10));
    foretells(&mut store, &named("name", "other"), copied(10));
    foretells(&mut store, &content("cached"), cached(10));
}

/// So nobody sends bytes that a full store would refuse.
pub fn weighing_tells_that_a_full_store_has_no_room<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let refused = (0..100).map(|number| Record::content(filled(number, 50_000))).find(|record| {
        let incoming = Summary::of(record, &published(10));
        let admitted = store.weigh(NOW, &incoming, &published(10)).unwrap().admitted;
        if admitted.is_ok() {
            insert(&mut store, record, published(10));
        }
        admitted == Err(Refusal::Full)
    });
    let refused = refused.expect("no store is endless");
    foretells(&mut store, &refused, published(10));
}
