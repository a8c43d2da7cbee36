//! The clause about failures: a call that fails leaves no trace.

use dht_proto::{Digest, Record, Slot, Terms};

use super::sample::{
    NOW, after, cached, content, copied, deletion, filled, named, published, version,
};
use super::snapshot::Snapshot;
use crate::{RecordStore, SaveError, StoreError};

/// Runs one sequence of calls again and again, each time with another call that fails.
///
/// `make(n)` makes an empty store whose call number `n` fails, counted from 0 in whatever way the store
/// likes: its own calls, as [`FailingStore`](super::FailingStore) does, or those of the medium under it.
/// For [`u64::MAX`] none fails. Every step is flushed. After a call that failed nothing may have changed, and
/// after a flush that failed nothing or all of its step; the step must succeed when repeated, and the end
/// must be the same as without any failure.
pub fn a_failed_call_changes_nothing<S: RecordStore>(mut make: impl FnMut(u64) -> S) {
    let expected = run(make(u64::MAX)).state;
    let mut failures_seen = 0;
    let mut quiet_runs = 0;
    for fail_on in 0_u64.. {
        let Run { state, failures } = run(make(fail_on));
        assert_eq!(state, expected, "the end differs after call {fail_on} failed");
        failures_seen += failures;
        quiet_runs = if failures == 0 { quiet_runs + 1 } else { 0 };
        if quiet_runs == QUIET_RUNS {
            break;
        }
    }
    assert!(failures_seen >= script().len(), "the factory must make each call fail once");
}

/// Runs in a row without a failure after which none is left: more than the calls that lie between two
/// steps, which only look at the store.
const QUIET_RUNS: u32 = 100;

struct Run {
    state: Snapshot,
    failures: usize,
}

enum Step {
    Save(Record, Terms),
    Renew(Slot, Digest, Terms),
    Remove(Slot),
    Expire(u64),
}

/// Every kind of change: insert, replace, renew, refuse, evict, remove, expire.
fn script() -> Vec<Step> {
    let long = |number| Record::content(filled(number, 30_000));
    vec![
        Step::Save(content("ends soon"), published(5)),
        Step::Save(named("n", "first"), published(50)),
        Step::Save(named("n", "second"), published(50)),
        Step::Save(version(1, "one"), copied(50)),
        Step::Save(version(2, "two"), published(60)),
        Step::Save(long(1), cached(20)),
        Step::Save(long(1), copied(30)),
        Step::Renew(long(1).slot(), long(1).digest(), published(40)),
        Step::Save(deletion(3), published(60)),
        Step::Save(content("removed"), published(50)),
        Step::Remove(content("removed").slot()),
        Step::Remove(content("removed").slot()),
        Step::Save(long(2), cached(20)),
        Step::Expire(5),
        Step::Expire(30),
    ]
}

fn run(mut store: impl RecordStore) -> Run {
    let mut failures = 0;
    for step in script() {
        let before = Snapshot::of(&store);
        let called = apply(&mut store, &step);
        let has_called = called.is_ok();
        if called.and_then(|()| store.flush()).is_err() {
            failures += 1;
            let left = Snapshot::of(&store);
            apply(&mut store, &step).expect("the call must succeed when repeated");
            store.flush().expect("the flush must succeed when repeated");
            let is_whole = has_called && left == Snapshot::of(&store);
            assert!(left == before || is_whole, "a failed step left a part: {left:?}");
        }
    }
    Run { state: Snapshot::of(&store), failures }
}

fn apply(store: &mut impl RecordStore, step: &Step) -> Result<(), StoreError> {
    match step {
        Step::Save(record, terms) => match store.save(NOW, record.clone(), *terms) {
            Err(SaveError::Failed(error)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        },
        Step::Renew(slot, digest, terms) => store.renew(NOW, *slot, *digest, *terms).map(drop),
        Step::Remove(slot) => store.remove(NOW, *slot).map(drop),
        Step::Expire(seconds) => store.expire(after(*seconds)).map(drop),
    }
}
