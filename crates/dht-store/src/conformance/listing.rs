//! Clauses about listing: in order, from a key on, in pages.

use dht_proto::{Key, Record, Slot};

use super::sample::{
    NO_KEY, NOW, after, content, filled, find, insert, named, published, value, version,
};
use crate::RecordStore;

fn slots(store: &impl RecordStore, from: Key, limit: usize) -> Vec<Slot> {
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
    assert_eq!(slots(&store, NO_KEY, usize::MAX), expected);
    for summary in store.list(NOW, NO_KEY, usize::MAX).unwrap() {
        let held = find(&store, NOW, summary.slot).expect("what is listed is held");
        assert_eq!(held.summary, summary);
    }
}

/// The key itself is included, with every kind at it; a limit of zero lists nothing.
pub fn a_list_starts_at_its_key_and_ends_at_its_limit<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let all = fill(&mut store);
    for from in all.iter().map(|slot| slot.key) {
        let rest: Vec<_> = all.iter().filter(|slot| slot.key >= from).copied().collect();
        assert_eq!(slots(&store, from, usize::MAX), rest);
        assert_eq!(slots(&store, from, 1), rest[..1]);
        assert_eq!(slots(&store, from, rest.len()), rest);
    }
    assert_eq!(slots(&store, NO_KEY, 0), []);
}

/// And what has ended takes no place of the limit.
pub fn a_list_leaves_out_what_has_ended<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let low = Record::at(NO_KEY, value("ends"));
    let high = Record::at(Key::from_bytes([0xff; 32]), value("lives"));
    insert(&mut store, &low, published(10));
    insert(&mut store, &high, published(20));
    let listed = store.list(after(10), NO_KEY, 1).unwrap();
    assert_eq!(listed.iter().map(|summary| summary.slot).collect::<Vec<_>>(), [high.slot()]);
}

/// Asking on from the last key, and skipping what was seen, as the trait says.
pub fn pages_of_four_reach_every_record_once<S: RecordStore>(mut make: impl FnMut() -> S) {
    let mut store = make();
    let all = fill(&mut store);
    let mut seen: Vec<Slot> = Vec::new();
    loop {
        let from = seen.last().map_or(NO_KEY, |slot| slot.key);
        let mut page = slots(&store, from, 4);
        page.retain(|slot| seen.last().is_none_or(|last| slot > last));
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, all);
}
