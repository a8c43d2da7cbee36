//! Small versions of `adversary`, `eclipse` and `table-eclipse`: lookups and tables among nodes that lie.
//!
//! Figures for people come from `cargo xtask sim`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its seed"
)]

use dht_sim::experiment::{
    Manner, Plan, besiege, invade, look_among_liars, prepare_askers, prepare_siege,
};

const SEED: u64 = 17;
const NODES: usize = 500;

#[test]
fn lookups_find_honest_nodes_though_two_fifths_of_all_nodes_name_only_each_other() {
    println!("seed {SEED}");
    let sim = prepare_askers(&Plan::new(NODES, SEED), &mut ()).unwrap();
    for (share, expected) in [(0.0, 0.98), (0.4, 0.93)] {
        for point in look_among_liars(sim.clone(), share, 100, &mut ()) {
            let (success, requests) = (point.success(), point.requests());
            println!("{share}: {} paths: {success:.3}, {requests:.1} requests", point.paths);
            assert_eq!((point.lookups, point.took.len()), (100, 100), "every lookup ends");
            assert!(success >= expected, "{share}, {} paths: {success}", point.paths);
            assert!(requests <= 44.0, "{share}, {} paths: {requests}", point.paths);
        }
    }
}

#[test]
fn sybils_around_a_key_cannot_hide_its_value_however_many_they_are() {
    println!("seed {SEED}");
    let sim = prepare_siege(&Plan::new(NODES, SEED), 80, &mut ()).unwrap();
    for manner in Manner::ALL {
        for sybils in [8, 40] {
            let point = besiege(sim.clone(), (sybils, manner), (2, 20), &mut ());
            let (stored, fetched) = (point.requests_of_store(), point.requests_of_fetch());
            println!("{sybils} {manner:?}: {stored:.1} requests a store, {fetched:.1} a fetch");
            assert_eq!((point.stores, point.fetches, point.fetched), (2, 40, 40));
            assert!(point.honest_holders() >= 6.0, "{}", point.honest_holders());
            // Who does not answer is asked three times before it is given up.
            let most = if manner == Manner::Silent { 3 * sybils + 50 } else { sybils + 50 };
            assert!(stored <= f64::from(u32::try_from(most).unwrap()), "{stored}");
        }
    }
}

#[test]
fn hardly_a_table_is_lost_though_a_fifth_of_all_nodes_are_sybils_of_few_owners() {
    println!("seed {SEED}");
    let point = invade(&Plan::new(NODES, SEED), 0.2, &mut ()).unwrap();
    println!(
        "{:.3} of contacts, {:.3} outnumbered",
        point.sybil_share(),
        point.outnumbered_share()
    );
    assert!(point.honest > 350, "{}", point.honest);
    assert!(point.eclipsed_share() <= 0.02, "{}", point.eclipsed_share());
}
