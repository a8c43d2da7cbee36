//! All that can be seen of a store, to tell that a call changed nothing.

use dht_proto::{Held, KindSet, Moment, Slot, Summary};

use crate::{RecordStore, StoreError, Usage};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    listed: Vec<Summary>,
    held: Vec<Option<Held>>,
    usage: Usage,
    next_expiry: Option<Moment>,
}

impl Snapshot {
    /// Looks at `store` from the beginning of time, so that no record is hidden by having ended.
    ///
    /// A store that fails once is asked again, so that one that fails on a given call can be looked at.
    #[track_caller]
    pub(crate) fn of(store: &impl RecordStore) -> Self {
        let start = Moment::EPOCH;
        let listed = asked_again(|| store.list(start, Slot::FIRST, usize::MAX));
        let held = listed
            .iter()
            .map(|summary| {
                let kinds = KindSet::only(summary.slot.kind);
                asked_again(|| store.load(start, summary.slot.key, kinds, usize::MAX))
            })
            .collect();
        Self { listed, held, usage: store.usage(), next_expiry: store.next_expiry() }
    }
}

/// Calls once more if the first call fails.
#[track_caller]
fn asked_again<T>(mut call: impl FnMut() -> Result<T, StoreError>) -> T {
    call().or_else(|_| call()).expect("a store must not fail twice in a row here")
}
