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
fn lookups_find_honest_nodes_though_a_fifth_of_all_nodes_name_only_each_other() {
    println!("seed {SEED}");
    let sim = prepare_askers(&Plan::new(NODES, SEED), &mut ()).unwrap();
    for point in look_among_liars(sim, 0.2, 200, &mut ()) {
        println!("{} paths: {:.3}, {:.1} requests", point.paths, point.success(), point.requests());
        assert_eq!(point.lookups, 200);
        assert!(point.success() >= 0.95, "{}", point.success());
        assert!(point.requests() <= 50.0, "{}", point.requests());
    }
}

#[test]
fn fewer_sybils_around_a_key_than_hold_a_value_cannot_hide_it() {
    println!("seed {SEED}");
    let sim = prepare_siege(&Plan::new(NODES, SEED), 16, &mut ()).unwrap();
    for manner in Manner::ALL {
        let point = besiege(sim.clone(), (8, manner), (2, 20), &mut ());
        println!("{manner:?}: {:.1} requests a store", point.requests_of_store());
        assert_eq!((point.stores, point.fetches, point.fetched), (2, 40, 40), "{manner:?}");
        assert!(point.honest_holders() >= 6.0, "{manner:?}: {}", point.honest_holders());
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
