//! Clauses about listing: in order, from a key on, in pages.

use dht_proto::{Key, Record, Slot};

use super::sample::{
    NO_KEY, NOW, after, content, filled, find, insert, named, published, value, version,
};
use crate::RecordStore;

fn slots(store: &impl RecordStore, from: Slot, limit: usize) -> Vec<Slot> {
    let listed = store.list(NOW, from, limit).expect("listing must not fail");
    listed.iter().map(|summary| summary.slot).collect()
}

/// Records of every kind, some at one key; in ascending order.
fn fill(store: &mut impl RecordStore) -> Vec<Slot> {
    let mut records: Vec<_> = (0..20).map(|number| Record::content(filled(number, 30))).collect();
    records.extend([named("n", "a"), version(1, "a"), content("squatted")]);
    records.push(Record::at(content("squatted").key(), value("squatter")));
    records.push(Record::at(version(1, "a").key(), value("squatter")));
    records.push(Record::at(NO_KEY, value("lowest")));
    records.push(Record::at(Key::from_bytes([0xff; 32]), value("highest")));
    for record in &records {
        insert(store, record, published(10));
    }
    let mut slots: Vec<_> = records.iter().map(Record::slot).collect();
    slots.sort_unstable();
    slots
}

/// Each with the summary that loading it tells.
pub fn records_are_listed_in_ascending_order_of_key_and_kind<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let expected = fill(&mut store);
    assert_eq!(slots(&store, Slot::FIRST, usize::MAX), expected);
    for summary in store.list(NOW, Slot::FIRST, usize::MAX).unwrap() {
        let held = find(&store, NOW, summary.slot).expect("what is listed is held");
        assert_eq!(held.summary, summary);
    }
}

/// The slot itself is included, held or not; a limit of zero lists nothing.
pub fn a_list_starts_at_its_slot_and_ends_at_its_limit<S: RecordStore>(
    mut make: impl FnMut() -> S,
) {
    let mut store = make();
    let all = fill(&mut store);
    for from in all.iter().copied() {
        let rest: Vec<_> = all.iter().filter(|slot| **slot >= from).copied().collect();
        assert_eq!(slots(&store, from, usize::MAX), rest);
        assert_eq!(slots(&store, from, 1), rest[..1]);
        assert_eq!(slots(&store, from, rest.len()), rest);
        let after = from.next().map_or(vec![], |next| slots(&store, next, usize::MAX));
        assert_eq!(after, rest[1..]);
    }
    assert_eq!(slots(&store, Slot::FIRST, 0), []);
}

/// And what has ended takes no place of the limit.
pub fn a_list_leaves_out_what_has_ended<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let low = Record::at(NO_KEY, value("ends"));
    let high = Record::at(Key::from_bytes([0xff; 32]), value("lives"));
    insert(&mut store, &low, published(10));
    insert(&mut store, &high, published(20));
    let listed = store.list(after(10), Slot::FIRST, 1).unwrap();
    assert_eq!(listed.iter().map(|summary| summary.slot).collect::<Vec<_>>(), [high.slot()]);
}

/// Asking on from the slot that follows the last one, as the trait says.
pub fn pages_of_any_size_reach_every_record_once<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let all = fill(&mut store);
    for size in 1..5 {
        let mut seen: Vec<Slot> = Vec::new();
        let mut from = Some(Slot::FIRST);
        while let Some(page) = from.map(|from| slots(&store, from, size)).filter(|p| !p.is_empty())
        {
            from = page.last().and_then(|last| last.next());
            seen.extend(page);
        }
        assert_eq!(seen, all);
    }
}
