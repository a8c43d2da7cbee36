//! Small versions of the experiments, and of what a network must survive. Each holds recall or success
//! against a budget of messages, so that neither can be bought with the other unnoticed.
//!
//! Figures for people come from `cargo xtask sim`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its seed"
)]
#![allow(clippy::cast_precision_loss, reason = "averages of small counts")]

use std::sync::OnceLock;
use std::time::Duration;

use dht_proto::{Key, KindSet, Record, Ttl, Value};
use dht_routing::{Command, Outcome};
use dht_sim::experiment::{
    Demand, LookupReport, MODELS, demand, look_around, outlive, publish, renew, restart_all,
    under_churn,
};
use dht_sim::{
    Conditions, Finished, MessageKind, Occurrence, OperationKind, Place, Rejoin, Role, Simulation,
};

const SEED: u64 = 11;
const NODES: u32 = 500;

/// Shown when a test fails: how far the others are from their bounds.
fn show(report: &LookupReport) {
    println!(
        "get p50 {:.0} p99 {:.0} ms, {:.1} requests; find p50 {:.0} p99 {:.0} ms, {:.1} requests; \
         success {:.4}, recall {:.4}, unanswered {:.3}",
        report.get.percentile_ms(50.0),
        report.get.percentile_ms(99.0),
        report.fetch_requests(),
        report.find.percentile_ms(50.0),
        report.find.percentile_ms(99.0),
        report.find_requests(),
        report.success(),
        report.recall,
        report.unanswered(),
    );
}

/// A network that has settled, built once and copied by each test.
fn network() -> Simulation {
    static NETWORK: OnceLock<Simulation> = OnceLock::new();
    let build = || {
        let mut sim = Simulation::builder().nodes(NODES as usize).seed(SEED).build().unwrap();
        sim.settle(Duration::from_mins(5), |_, _| {});
        sim
    };
    println!("seed {SEED}");
    NETWORK.get_or_init(build).clone()
}

fn finished(sim: &mut Simulation, kind: OperationKind, within: Duration) -> Vec<Finished> {
    let until = sim.now() + within;
    std::iter::from_fn(|| sim.next(until))
        .filter_map(|occurrence| match occurrence {
            Occurrence::Finished(ended) if ended.kind == kind => Some(*ended),
            _ => None,
        })
        .collect()
}

fn store(sim: &mut Simulation, bytes: usize) -> (Key, Finished) {
    let mut value = sim.random().bytes32().to_vec();
    value.resize(bytes, 7);
    let record = Record::content(Value::new(value).unwrap());
    let key = record.key();
    let place = sim.random_live().unwrap();
    sim.start(place, Command::Store { record, ttl: Ttl::default(), expected: None })
        .unwrap()
        .unwrap();
    let mut ended = finished(sim, OperationKind::Store, Duration::from_mins(2));
    (key, ended.remove(0))
}

/// Fetches every key from a random node each. Returns how many succeeded.
fn fetch_all(sim: &mut Simulation, keys: &[Key]) -> usize {
    for key in keys {
        let place = sim.random_live().unwrap();
        sim.start(place, Command::Fetch { key: *key, kinds: KindSet::PROVEN }).unwrap().unwrap();
    }
    finished(sim, OperationKind::Fetch, Duration::from_mins(2))
        .iter()
        .filter(|ended| matches!(ended.outcome, Outcome::Fetched(Ok(_))))
        .count()
}

#[test]
fn every_node_has_joined_and_tables_are_full_and_fresh() {
    let sim = network();
    assert_eq!((sim.live(), sim.joined()), (NODES as usize, u64::from(NODES)));
    let health = sim.table_health();
    assert!(health.fill > 0.98, "{health:?}");
    assert!(health.stale < 1e-9, "{health:?}");
    assert_eq!(sim.traffic().too_long.messages, 0, "every message fits the way it was sent");
}

#[test]
fn joining_costs_a_bounded_number_of_requests() {
    let sim = network();
    let requests = sim.traffic().requests().messages as f64 / f64::from(NODES);
    println!("{requests:.0} requests");
    assert!(requests < 300.0, "{requests} requests a node until it has settled");
}

#[test]
fn an_idle_network_is_nearly_silent() {
    let mut sim = network();
    sim.run_for(Duration::from_mins(30));
    let before = sim.traffic().clone();
    sim.run_for(Duration::from_hours(1));
    let sent = sim.traffic().since(&before);
    let bytes = sent.total().bytes as f64 / f64::from(NODES) / 3_600.0;
    println!("{bytes:.0} bytes a second");
    assert!(bytes < 80.0, "{bytes} bytes a second and node: {sent:?}");
}

#[test]
fn lookups_find_the_closest_nodes_and_fetches_their_values_within_budget() {
    let report = look_around(network(), 300, 0.0, &mut ());
    show(&report);
    assert_eq!(report.unstored, 0);
    assert!((report.success() - 1.0).abs() < 1e-9, "{}", report.success());
    assert!(report.recall > 0.99, "{}", report.recall);
    assert!(report.fetch_requests() <= 8.0, "{}", report.fetch_requests());
    assert!(report.find_requests() <= 26.0, "{}", report.find_requests());
    assert!(report.get.percentile_ms(50.0) < 100.0, "{}", report.get.percentile_ms(50.0));
    assert!(report.find.percentile_ms(50.0) < 550.0, "{}", report.find.percentile_ms(50.0));
}

#[test]
fn with_a_third_of_the_nodes_dead_every_value_is_still_fetched() {
    let report = look_around(network(), 300, 0.3, &mut ());
    show(&report);
    assert!((report.success() - 1.0).abs() < 1e-9, "{}", report.success());
    assert!(report.recall > 0.88, "{}", report.recall);
    assert!(report.fetch_requests() <= 8.0, "{}", report.fetch_requests());
    assert!(report.find_requests() <= 36.0, "{}", report.find_requests());
    assert!(report.get.percentile_ms(99.0) < 1_100.0, "{}", report.get.percentile_ms(99.0));
}

#[test]
fn under_churn_requests_reach_live_nodes_within_budget() {
    let point = under_churn(network(), 10_000, Duration::from_mins(8), &mut ());
    println!(
        "reached mean {:.0} ms, success {:.4}, {:.1} requests, {:.0} bytes/s, {:?}",
        point.reached.mean_ms(),
        point.success(),
        point.requests,
        point.bytes_per_node_s(),
        point.health,
    );
    assert!(point.tried > 3_000, "{}", point.tried);
    assert!(point.success() >= 0.999, "{}", point.success());
    assert!(point.health.stale < 0.08, "{:?}", point.health);
    assert!(point.requests <= 9.0, "{}", point.requests);
    assert!(point.bytes_per_node_s() < 250.0, "{}", point.bytes_per_node_s());
}

#[test]
fn equal_seeds_give_equal_traces_with_loss_churn_and_adversaries() {
    let run = |seed| {
        let conditions =
            Conditions { loss: 0.05, duplication: 0.02, reordering: 0.05, ..Conditions::default() };
        let builder = Simulation::builder().nodes(100).seed(seed).conditions(conditions);
        let mut sim = builder.build().unwrap();
        sim.set_role(Place(3), Role::Colluding);
        sim.set_role(Place(5), Role::Flooding { per_second: 2 });
        sim.settle(Duration::from_secs(30), |_, _| {});
        for _ in 0..20 {
            store(&mut sim, 100);
            let victim = sim.random_live().unwrap();
            sim.kill(victim);
            sim.revive(victim, Rejoin::Fresh);
        }
        (sim.trace(), sim.events(), sim.traffic().clone())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_tenth_of_all_packets_may_be_lost() {
    let mut sim = network();
    let keys: Vec<Key> = (0..20).map(|_| store(&mut sim, 100).0).collect();
    sim.set_conditions(Conditions { loss: 0.1, ..Conditions::default() });
    assert_eq!(fetch_all(&mut sim, &keys), 20);
}

#[test]
fn values_of_any_size_travel_by_stream_and_come_back() {
    let mut sim = network();
    for bytes in [1_000, 20_000, 1_000_000] {
        let before = sim.traffic().clone();
        let (key, ended) = store(&mut sim, bytes);
        let Outcome::Stored(report) = &ended.outcome else { panic!("{ended:?}") };
        assert!(report.holders.len() >= 12, "{bytes}: {report:?}");
        let sent = sim.traffic().since(&before);
        let stored = sent.of(MessageKind::Store);
        assert!(stored.bytes >= (bytes * 12) as u64, "{bytes}: {stored:?}");
        // A store runs as one pass with its lookup, so that some copies go to nodes that closer ones replace.
        assert!(stored.messages <= 32, "{bytes}: {stored:?}");
        assert_eq!(fetch_all(&mut sim, &[key]), 1, "{bytes}");
    }
}

#[test]
fn a_network_split_for_a_minute_is_one_again() {
    let mut sim = network();
    let keys: Vec<Key> = (0..10).map(|_| store(&mut sim, 100).0).collect();
    sim.partition(|place| u8::from(place.0 % 2 == 0));
    sim.run_for(Duration::from_mins(1));
    sim.heal();
    sim.run_for(Duration::from_mins(5));
    let health = sim.table_health();
    assert!(health.fill > 0.9, "{health:?}");
    assert_eq!(fetch_all(&mut sim, &keys), 10);
}

#[test]
fn half_the_nodes_restarting_at_once_fill_their_tables_again_and_lose_no_value() {
    let mut sim = network();
    let keys: Vec<Key> = (0..20).map(|_| store(&mut sim, 100).0).collect();
    for place in (0..NODES).step_by(2) {
        sim.restart(Place(place));
    }
    sim.run_for(Duration::from_mins(2));
    assert_eq!(fetch_all(&mut sim, &keys), 20);
    assert!(sim.table_health().fill > 0.9, "{:?}", sim.table_health());
}

#[test]
fn a_tenth_of_nodes_that_forge_or_drop_cannot_hide_a_value() {
    for role in [Role::Forging, Role::Dropping] {
        let mut sim = network();
        let keys: Vec<Key> = (0..20).map(|_| store(&mut sim, 100).0).collect();
        for place in (0..NODES).step_by(10) {
            sim.set_role(Place(place), role);
        }
        assert_eq!(fetch_all(&mut sim, &keys), 20, "{role:?}");
    }
}

#[test]
fn very_many_records_are_renewed_with_few_lookups_in_few_requests() {
    let report = renew(network(), 1_000, Duration::from_mins(20), &mut ());
    println!("{report:?}");
    assert_eq!((report.records, report.renewed), (1_000, 1_000));
    assert!(report.lookups <= 50, "{report:?}");
    // Sixteen offers a record, a dozen to a message at least, and fifty steps of each lookup.
    assert!(report.requests <= 5_000, "{report:?}");
}

#[test]
fn records_outlive_everybody_who_held_them_when_they_were_stored() {
    let mut sim = network();
    let keys = publish(&mut sim, 200, &mut ());
    assert_eq!(keys.len(), 200);
    let point = outlive(sim, &keys, MODELS[0], Duration::from_mins(40), &mut ());
    println!("lost {}, {:.0} B/s, {}", point.lost, point.bytes_per_node_s(), point.departures);
    assert_eq!(point.lost, 0);
    assert!(point.bytes_per_node_s() < 250.0, "{:.0} B/s", point.bytes_per_node_s());
}

#[test]
fn a_network_that_holds_records_and_restarts_at_once_settles_soon_and_loses_nothing() {
    let mut sim = Simulation::builder().nodes(120).seed(1).build().unwrap();
    sim.settle(Duration::from_mins(5), |_, _| {});
    // About a thousand copies a node, as in the experiment: with fewer the steady state is nearly silent.
    let report = restart_all(sim, 8_000, &mut ());
    println!("{report:?}, {:.1} times the steady state", report.peak_over_steady());
    assert_eq!((report.records, report.lost), (8_000, 0));
    assert!(report.settled <= Duration::from_mins(5), "{report:?}");
    assert!(report.peak_over_steady() <= 10.0, "{report:?}");
}

#[test]
fn what_everybody_wants_is_answered_by_copies_which_die_out_when_demand_ends() {
    let wanted = Demand {
        records: 50,
        pause: Duration::from_secs(20),
        rise: Duration::from_mins(3),
        watch: Duration::from_mins(2),
        seed: SEED,
    };
    let report = demand(network(), &wanted, &mut ());
    println!(
        "busiest holder {:.1}, busiest node {:.1} times the mean; {:.3} answered by copies, {:.3} at home; \
         {} copies, {} after",
        report.max_over_mean(),
        report.busiest_over_mean(),
        report.copies_answered(),
        report.local_share(),
        report.copies,
        report.copies_after,
    );
    assert_eq!(report.succeeded, report.fetches);
    assert!(report.fetches > 2_500, "{}", report.fetches);
    assert!(report.max_over_mean() < 8.0);
    // Whoever has a copy of its own asks nobody, not even who has another.
    assert!(report.copies_answered() > 0.15 && report.local_share() > 0.4);
    assert!(report.copies > 1_000);
    assert_eq!(report.copies_after, 0);
}
