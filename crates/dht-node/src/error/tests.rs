//! What errors say, and which report makes which.

use dht_proto::{Key, NodeId, Refusal, Sequence, Value};
use dht_routing::StoreReport;

use super::{JoinError, StoreError};

fn report(holders: u8, refused: &[Refusal], timed_out: usize) -> StoreReport {
    let id = |number| NodeId::from_bytes([number; 32]);
    StoreReport {
        key: Key::content(b""),
        holders: (0..holders).map(id).collect(),
        refused: refused.iter().map(|refusal| (id(99), refusal.clone())).collect(),
        timed_out,
        requests: 0,
    }
}

#[test]
fn no_holder_says_how_many_were_asked_and_the_commonest_reason_first() {
    let mut refusals = vec![Refusal::Busy; 2];
    refusals.extend(vec![Refusal::Full; 7]);

    let error = StoreError::check(report(0, &refusals, 7)).unwrap_err();

    assert_eq!(error.to_string(), "stored by 0 of 16: 7 full, 2 busy, 7 timed out");
}

#[test]
fn no_holder_among_no_nodes_says_so() {
    let error = StoreError::check(report(0, &[], 0)).unwrap_err();

    assert_eq!(error.to_string(), "stored by nobody: no node is known");
}

#[test]
fn one_holder_is_enough() {
    assert!(StoreError::check(report(1, &[Refusal::Full], 3)).is_ok());
}

#[test]
fn a_name_is_taken_unless_more_nodes_took_the_value_than_have_another() {
    assert!(StoreError::check(report(3, &vec![Refusal::NameTaken; 2], 0)).is_ok());

    let error = StoreError::check(report(2, &vec![Refusal::NameTaken; 2], 0)).unwrap_err();
    assert_eq!(error.to_string(), "name is taken");
}

#[test]
fn the_highest_sequence_in_place_is_told() {
    let stale = |current| Refusal::Stale { current: Sequence(current) };
    let error = StoreError::check(report(0, &[stale(4), stale(9), Refusal::Full], 1)).unwrap_err();
    assert_eq!(error, StoreError::Stale { current: Sequence(9) });

    let mismatch = Refusal::SequenceMismatch { current: Sequence(7) };
    let error = StoreError::check(report(0, &[mismatch], 1)).unwrap_err();
    assert_eq!(error.to_string(), "sequence 7 is in place, another was expected");
}

#[test]
fn errors_name_the_thing_and_the_limit() {
    let error = StoreError::from(Value::new(vec![0; 6_000_000]).unwrap_err());
    assert_eq!(error.to_string(), "value is 6000000 bytes, limit is 5000000");

    let tried = vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()];
    let error = JoinError::NoAnswer { tried };
    assert_eq!(error.to_string(), "no answer from 127.0.0.1:1, [::1]:2");
}
