//! What is found after the machine lost power at any moment, and kept any of what it had not synced.

use super::medium::Medium;
use super::script::Dice;
use super::*;
use crate::conformance::snapshot::Snapshot;

const OPTIONS: DiskOptions = DiskOptions::new().capacity(300_000);
const CALLS: u64 = 60;

/// What a crash may leave.
struct Left {
    medium: Medium,
    flushed: Snapshot,
    /// What the flush under way would have made last.
    flushing: Option<Snapshot>,
}

/// Makes calls and flushes until one fails, or to the end.
fn run(medium: &Medium, seed: u64) -> Left {
    let mut dice = Dice::new(seed);
    let empty = Snapshot::of(&Medium::default().open(OPTIONS).unwrap());
    let mut left = Left { medium: medium.clone(), flushed: empty, flushing: None };
    let Ok(mut store) = medium.open(OPTIONS) else { return left };
    for _ in 0..CALLS {
        if dice.call(&mut store).is_err() {
            return left;
        }
        if dice.roll(4) == 0 {
            left.flushing = Some(Snapshot::of(&store));
            if store.flush().is_err() {
                return left;
            }
            left.flushed = left.flushing.take().expect("set above");
        }
    }
    // Not closed: that would sync.
    std::mem::forget(store);
    left
}

fn assert_recovers(left: &Left, keeps: impl FnMut() -> bool, case: &str) {
    let medium = left.medium.after_power_loss(keeps);
    let store = medium.open(OPTIONS).unwrap_or_else(|problem| panic!("{case}: {problem}"));
    let found = Snapshot::of(&store);
    let is_known = found == left.flushed || Some(&found) == left.flushing.as_ref();
    assert!(is_known, "{case}: neither what was flushed nor what was being flushed");
}

#[test]
fn after_losing_power_at_any_moment_exactly_what_was_flushed_is_found() {
    let mut dice = Dice::new(7);
    for seed in 0..40 {
        let whole = Medium::default();
        run(&whole, seed);
        for _ in 0..8 {
            let moment = dice.roll(whole.calls() + 1);
            let medium = Medium::default();
            medium.off_from(moment);
            let left = run(&medium, seed);
            let case = |kept: &str| format!("script {seed}, power lost at {moment}, {kept} kept");
            assert_recovers(&left, || false, &case("nothing"));
            assert_recovers(&left, || true, &case("everything"));
            assert_recovers(&left, || dice.roll(2) == 0, &case("half"));
            assert_recovers(&left, || dice.roll(20) != 0, &case("most"));
        }
    }
}

#[test]
fn a_large_batch_is_flushed_unasked() {
    let medium = Medium::default();
    let mut store = medium.open(DiskOptions::new().capacity(100_000_000)).unwrap();
    for byte in 0..20 {
        store.save(NOW, filled(byte, 1_000_000), until(2_000)).unwrap();
    }
    let left = medium.after_power_loss(|| false);
    let found = left.open(DiskOptions::new().capacity(100_000_000)).unwrap().usage().records;
    assert!((10..20).contains(&found), "{found} records were flushed");
    assert_eq!(store.usage().records, 20);
}
