//! Every measurement, as small as it can be: what it does succeeds, and every figure is there. None is judged, for the
//! machine that runs the tests has other things to do.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use dht_bench::bulk::bulk;
use dht_bench::rpc::rpc;
use dht_bench::scale::scale;
use dht_bench::workload::workload;
use dht_bench::{Host, Plan};

fn small() -> Plan {
    Plan {
        nodes: 6,
        values: 10,
        idle: Duration::from_millis(10),
        span: Duration::from_millis(60),
        peers: vec![1, 5],
        transfers: 1,
        ..Plan::default()
    }
}

/// Remembers the parts of a measurement.
#[derive(Default)]
struct Phases(Vec<String>);

impl Host for Phases {
    fn phase(&mut self, name: &str, _total: u64) {
        self.0.push(name.to_owned());
    }

    fn advance(&mut self, _done: u64) {}
}

fn is_whole(share: f64) -> bool {
    (share - 1.0).abs() < 1e-9
}

#[test]
fn the_workload_does_all_that_it_measures() {
    let mut phases = Phases::default();
    let found = workload(&small(), &mut phases).unwrap();

    for share in [found.put.ok, found.get.ok, found.put64.ok, found.get64.ok, found.churn.ok] {
        assert!(is_whole(share), "{found:?}");
    }
    assert!(
        (found.put.copies - 6.0).abs() < 1e-9,
        "everybody holds what six nodes keep: {found:?}"
    );
    assert_eq!((found.n, found.mb5_copies), (6, 6));
    for figure in [found.join_s, found.put.ops, found.get.p99_ms, found.mb5_get_s, found.cpu_s] {
        assert!(figure > 0.0, "{found:?}");
    }
    let once = ["joining", "settling", "idle"];
    assert!(once.iter().all(|name| phases.0.iter().filter(|phase| phase == name).count() == 1));
}

#[test]
fn a_node_under_load_answers_every_peer_with_nodes() {
    let found = rpc(&small(), &mut ()).unwrap();

    assert_eq!(found.iter().map(|point| point.peers).collect::<Vec<_>>(), [1, 5]);
    for point in found {
        assert_eq!(point.wrong, 0, "{point:?}");
        assert!(point.requests_per_s > 0.0 && point.echo_per_s > 0.0 && point.ratio > 0.0);
        assert!(point.answer_bytes > 300 && point.answer_bytes <= 1_200, "{point:?}");
        assert!(point.p99_half_us > 0.0 && point.echo_p99_half_us > 0.0, "{point:?}");
    }
}

#[test]
fn long_values_are_stored_everywhere_and_fetched() {
    let found = bulk(&Plan { threads: 2, ..small() }, &mut ()).unwrap();

    assert!(is_whole(found.ok), "{found:?}");
    assert!((found.copies - 6.0).abs() < 1e-9, "{found:?}");
    for figure in [found.put_s, found.get_s, found.tcp_s, found.blake3_s, found.get_over_tcp] {
        assert!(figure > 0.0, "{found:?}");
    }
}

#[test]
fn every_node_of_many_finds_what_another_stored() {
    let found = scale(&Plan { nodes: 24, threads: 2, ..small() }, &mut ()).unwrap();

    assert_eq!(found.n, 24);
    assert!(is_whole(found.put_ok) && is_whole(found.get_ok), "{found:?}");
    assert!(found.join_s > 0.0 && found.get_requests >= 1.0, "{found:?}");
}
