//! The contract of every store.

use super::medium::Medium;
use super::{DiskOptions, DiskStore};

fn store() -> DiskStore {
    Medium::default().open(DiskOptions::default().capacity(1_000_000)).unwrap()
}

crate::conformance_tests!(store);

mod boxed {
    use super::store;
    use crate::RecordStore;

    crate::conformance_tests!(|| -> Box<dyn RecordStore> { Box::new(store()) });
}

#[test]
fn a_failed_call_changes_nothing() {
    let options = DiskOptions::default().capacity(1_000_000);
    crate::conformance::a_failed_call_changes_nothing(|call| {
        let medium = Medium::default();
        let store = medium.open(options).unwrap();
        medium.fail_on(medium.calls().saturating_add(call));
        store
    });
}
