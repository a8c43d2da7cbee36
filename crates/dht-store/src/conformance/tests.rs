//! The suite itself: it lists every clause, and it finds stores that break the contract.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dht_proto::{
    Custody, Digest, Held, Key, Kind, KindSet, Moment, Purpose, Record, Refusal, Slot, Source,
    Summary, Terms, Ttl,
};

use super::*;
use crate::{MemoryStore, RecordStore, SaveError, Saved, StoreError, Usage};

#[test]
fn the_macro_names_every_clause() {
    let list = include_str!("../conformance.rs");
    let clauses = [
        include_str!("slot.rs"),
        include_str!("life.rs"),
        include_str!("admission.rs"),
        include_str!("purpose.rs"),
        include_str!("listing.rs"),
        include_str!("quota.rs"),
        include_str!("fairness.rs"),
    ];
    let names = clauses.iter().flat_map(|source| source.split("\npub fn ").skip(1));
    let mut count = 0;
    for name in names.filter_map(|rest| rest.split('<').next()) {
        assert!(list.contains(&format!(" {name},")), "{name} is missing from conformance_tests!");
        count += 1;
    }
    assert!(count > 40, "the sources were read");
}

#[test]
fn a_failed_call_of_a_failing_store_changes_nothing() {
    a_failed_call_changes_nothing(|fail_on| FailingStore::new(memory(), fail_on));
}

#[test]
fn a_failing_store_that_never_fails_is_the_store_itself() {
    save_applies_admit_to_the_live_record_of_the_slot(|| FailingStore::new(memory(), u64::MAX));
}

#[test]
fn a_boxed_store_is_the_store_itself() {
    let boxed = || -> Box<dyn RecordStore> { Box::new(memory()) };
    save_applies_admit_to_the_live_record_of_the_slot(boxed);
    renewing_by_hash_does_what_saving_again_does(boxed);
    pages_of_any_size_reach_every_record_once(boxed);
    bytes_are_freed_by_expiry_removal_and_replacement(boxed);
    the_next_expiry_is_the_earliest_end_of_life(boxed);
}

#[test]
fn a_store_that_looks_at_no_clock_is_found() {
    assert_found(Fault::Lingers, a_record_lives_to_the_last_microsecond_and_no_longer);
    assert_found(Fault::Lingers, a_record_whose_life_has_ended_is_absent_in_every_call);
}

#[test]
fn a_store_that_frees_nothing_is_found() {
    assert_found(Fault::Hoards, expiry_frees_the_ended_records_and_no_other);
    assert_found(Fault::Hoards, bytes_are_freed_by_expiry_removal_and_replacement);
}

#[test]
fn a_store_that_lets_holders_extend_lives_is_found() {
    assert_found(Fault::Extends, a_holders_copy_never_extends_a_life);
    assert_found(Fault::Extends, a_cached_copy_never_extends_a_life);
    assert_found(Fault::Extends, save_applies_admit_to_the_live_record_of_the_slot);
}

#[test]
fn a_store_that_lets_names_shadow_proven_values_is_found() {
    assert_found(Fault::Shadows, a_value_of_one_kind_never_shadows_another_kind_at_the_same_key);
}

#[test]
fn a_store_that_overwrites_names_is_found() {
    assert_found(Fault::Overwrites, a_name_is_taken_while_another_value_lives_there);
    assert_found(Fault::Overwrites, save_applies_admit_to_the_live_record_of_the_slot);
}

#[test]
fn a_store_that_drops_live_records_for_room_is_found() {
    assert_found(Fault::DropsLive, a_full_store_refuses_and_keeps_every_live_record);
    assert_found(Fault::DropsLive, a_newer_version_that_does_not_fit_leaves_the_older);
}

#[test]
fn a_store_that_lists_out_of_order_is_found() {
    assert_found(Fault::ListsBackwards, records_are_listed_in_ascending_order_of_key_and_kind);
    assert_found(Fault::ListsBackwards, pages_of_any_size_reach_every_record_once);
}

#[test]
fn a_store_that_tells_no_sources_apart_is_found() {
    for fault in [Fault::ChargesNobody, Fault::ChargesOneForAll] {
        assert_found(fault, a_source_fills_its_share_and_no_more);
        assert_found(fault, the_greediest_source_gives_way_soonest_to_end_first);
        assert_found(fault, a_newer_version_counts_for_its_sender);
    }
    assert_found(Fault::ChargesOneForAll, what_goes_no_longer_counts_for_its_source);
    assert_found(Fault::ChargesOneForAll, we_ourselves_may_fill_the_store);
    assert_found(Fault::ChargesNobody, a_value_longer_than_a_share_is_too_large_for_a_source);
}

#[test]
fn a_store_that_forgets_why_it_keeps_a_record_is_found() {
    assert_found(Fault::KeepsAllAsOwn, room_is_made_of_ended_then_cached_then_greedy_records);
    assert_found(Fault::KeepsAllAsOwn, the_better_reason_to_keep_a_record_stays);
    assert_found(Fault::KeepsNoneAsOwn, our_own_records_are_never_evicted);
    assert_found(Fault::KeepsNoneAsOwn, what_we_publish_takes_the_room_of_the_greediest);
}

#[test]
fn a_store_that_fails_after_the_deed_is_found() {
    let result = catch_unwind(|| {
        a_failed_call_changes_nothing(|fail_on| HalfDone(FailingStore::new(memory(), fail_on)));
    });
    assert!(result.is_err());
}

fn memory() -> MemoryStore {
    MemoryStore::new(1_000_000)
}

type Factory = Box<dyn FnMut() -> Faulty>;

#[track_caller]
fn assert_found(fault: Fault, clause: fn(Factory)) {
    let make: Factory = Box::new(move || Faulty { store: memory(), fault });
    let result = catch_unwind(AssertUnwindSafe(|| clause(make)));
    assert!(result.is_err(), "{fault:?} must break the clause");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lingers,
    Hoards,
    Extends,
    Shadows,
    Overwrites,
    DropsLive,
    ListsBackwards,
    ChargesNobody,
    ChargesOneForAll,
    KeepsAllAsOwn,
    KeepsNoneAsOwn,
}

/// A memory store with one thing wrong.
struct Faulty {
    store: MemoryStore,
    fault: Fault,
}

impl RecordStore for Faulty {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        let now = if self.fault == Fault::Lingers { Moment::EPOCH } else { now };
        if self.fault == Fault::Shadows && kinds.contains(Kind::Named) {
            let named = self.store.load(now, key, Kind::Named.into(), whole_up_to)?;
            if named.is_some() {
                return Ok(named);
            }
        }
        self.store.load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        let terms = match self.fault {
            Fault::Extends => {
                Terms { purpose: Purpose::Publish, custody: Custody::Holder, ..terms }
            }
            Fault::ChargesNobody => Terms { source: Source::LOCAL, ..terms },
            Fault::ChargesOneForAll => Terms { source: Source::from_bytes([1; 16]), ..terms },
            Fault::KeepsAllAsOwn => Terms { custody: Custody::Own { ttl: Ttl::MAX }, ..terms },
            Fault::KeepsNoneAsOwn => Terms { custody: terms.custody.max(Custody::Holder), ..terms },
            _ => terms,
        };
        match self.store.save(now, record.clone(), terms) {
            Err(SaveError::Refused(Refusal::NameTaken)) if self.fault == Fault::Overwrites => {
                self.store.remove(now, record.slot())?;
                self.store.save(now, record, terms)
            }
            Err(SaveError::Refused(Refusal::Full)) if self.fault == Fault::DropsLive => {
                for summary in self.store.list(now, Slot::FIRST, 1)? {
                    self.store.remove(now, summary.slot)?;
                }
                self.store.save(now, record, terms)
            }
            result => result,
        }
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.store.renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        self.store.remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        if self.fault == Fault::Hoards { Ok(0) } else { self.store.expire(now) }
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.store.next_expiry()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        let mut listed = self.store.list(now, from, limit)?;
        if self.fault == Fault::ListsBackwards {
            listed.reverse();
        }
        Ok(listed)
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

/// Saves first and fails then.
struct HalfDone(FailingStore<MemoryStore>);

impl RecordStore for HalfDone {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        self.0.load(now, key, kinds, whole_up_to)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        let result = self.0.save(now, record.clone(), terms);
        if matches!(result, Err(SaveError::Failed(_))) {
            // The call after the one that was made to fail reaches the store.
            let _ = self.0.save(now, record, terms);
        }
        result
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.0.renew(now, slot, digest, terms)
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        self.0.remove(now, slot)
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        self.0.expire(now)
    }

    fn next_expiry(&self) -> Option<Moment> {
        self.0.next_expiry()
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        self.0.list(now, from, limit)
    }

    fn usage(&self) -> Usage {
        self.0.usage()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.flush()
    }
}
