//! The contract of [`RecordStore`](crate::RecordStore) as tests, for every store there is or will be.
//!
//! Each clause is a function named as the sentence that holds. It takes a factory of empty stores and panics
//! if the sentence does not hold. [`conformance_tests!`](crate::conformance_tests) makes a `#[test]` of each:
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! mod memory_store {
//!     dht_store::conformance_tests!(|| dht_store::MemoryStore::new(1_000_000));
//! }
//! ```
//!
//! The stores must have a capacity of 200,000 to 4,000,000 bytes, so that the clauses about full stores are
//! reached soon, half of it for one source, and no further limit on the length of a value. Beside that
//! nothing is assumed: what a record costs is measured.
//!
//! A store on a medium that can fail proves [`a_failed_call_changes_nothing`] too, with a factory of stores
//! that fail on a call given by number. [`FailingStore`] makes such stores of any other, for tests of
//! whoever calls a store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a clause that does not hold ends in a panic: that is what a test suite is for"
)]

mod admission;
mod failing;
mod failure;
mod fairness;
mod life;
mod listing;
mod purpose;
mod quota;
mod sample;
mod slot;
pub(crate) mod snapshot;
mod stock;
mod weighing;

pub use admission::*;
pub use failing::FailingStore;
pub use failure::a_failed_call_changes_nothing;
pub use fairness::*;
pub use life::*;
pub use listing::*;
pub use purpose::*;
pub use quota::*;
pub use slot::*;
pub use stock::*;
pub use weighing::*;

/// Makes a `#[test]` of every clause of the contract, for the stores that a factory makes.
///
/// The factory is an expression of type `FnMut() -> impl RecordStore`; see [`conformance`](crate::conformance)
/// for the capacity its stores must have.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests! { $make =>
            an_empty_store_holds_nothing,
            a_record_of_every_kind_loads_back_equal,
            values_of_any_length_come_back_equal,
            an_empty_value_is_a_value,
            a_long_value_is_described_without_its_bytes,
            a_value_of_one_kind_never_shadows_another_kind_at_the_same_key,
            only_records_of_the_wanted_kinds_are_found,
            removing_one_kind_leaves_the_other_at_the_same_key,
            a_record_is_removed_once,

            a_record_lives_to_the_last_microsecond_and_no_longer,
            a_record_whose_life_has_ended_is_absent_in_every_call,
            a_name_is_free_once_its_record_has_ended,
            an_older_version_may_come_once_the_newer_has_ended,
            expiry_frees_the_ended_records_and_no_other,
            a_record_that_never_ends_outlives_every_other,
            the_next_expiry_is_the_earliest_end_of_life,
            a_record_that_has_ended_before_it_comes_displaces_nothing,

            save_applies_admit_to_the_live_record_of_the_slot,
            a_name_is_taken_while_another_value_lives_there,
            a_holders_copy_of_a_name_displaces_a_cached_one,
            the_highest_sequence_wins_in_whatever_order_versions_come,
            versions_of_one_sequence_settle_on_one_value_in_any_order,
            an_older_version_never_comes_back,
            a_deletion_takes_the_place_of_older_versions,
            compare_and_swap_takes_only_the_expected_version,
            compare_and_swap_with_zero_wants_an_empty_slot,

            a_byte_identical_re_publication_extends_the_life,
            a_re_publication_never_shortens_a_life,
            a_holders_copy_never_extends_a_life,
            a_cached_copy_never_extends_a_life,
            a_holders_copy_makes_a_cached_one_a_held_one,
            renewing_by_hash_does_what_saving_again_does,
            renewing_needs_the_very_value_alive,
            renewing_touches_no_bytes,

            records_are_listed_in_ascending_order_of_key_and_kind,
            a_list_starts_at_its_slot_and_ends_at_its_limit,
            a_list_leaves_out_what_has_ended,
            pages_of_any_size_reach_every_record_once,
            taking_stock_tells_what_is_listed_without_cached_copies,
            taking_stock_with_little_effort_comes_to_an_end,

            weighing_foretells_what_saving_does_and_changes_nothing,
            weighing_tells_that_a_full_store_has_no_room,
            every_record_counts_with_its_value_and_one_fixed_cost,
            bytes_are_freed_by_expiry_removal_and_replacement,
            a_full_store_refuses_and_keeps_every_live_record,
            records_that_have_ended_make_room_unasked,
            ended_records_give_way_before_cached_copies,
            cached_copies_give_way_soonest_to_end_first,
            a_cached_copy_pushes_out_none_that_ends_later,
            a_cached_copy_made_a_held_one_is_evicted_no_more,
            a_newer_version_takes_the_room_of_the_older,
            a_newer_version_that_does_not_fit_leaves_the_older,
            a_value_that_no_empty_store_could_hold_is_too_large,

            a_source_fills_its_share_and_no_more,
            we_ourselves_may_fill_the_store,
            a_value_longer_than_a_share_is_too_large_for_a_source,
            a_source_at_its_share_makes_room_of_what_is_cheap_of_its_own,
            the_greediest_source_gives_way_soonest_to_end_first,
            who_would_use_as_much_as_the_greediest_pushes_nothing_out,
            two_sources_never_push_each_other_out_in_turns,
            our_own_records_are_never_evicted,
            what_we_publish_takes_the_room_of_the_greediest,
            room_is_made_of_ended_then_cached_then_greedy_records,
            a_cached_copy_pushes_out_no_held_record,
            a_newer_version_counts_for_its_sender,
            a_renewed_record_still_counts_for_its_first_sender,
            what_goes_no_longer_counts_for_its_source,
            the_better_reason_to_keep_a_record_stays,
            flushing_changes_nothing_that_is_seen,
        }
    };
    ($make:expr => $($clause:ident),+ $(,)?) => {
        $(
            #[test]
            fn $clause() {
                $crate::conformance::$clause($make);
            }
        )+
    };
}

#[cfg(test)]
mod tests;
