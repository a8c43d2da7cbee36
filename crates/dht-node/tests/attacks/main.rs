//! Attacks on a node, during which honest stores and fetches through it succeed and its memory stays bounded. The example
//! `attacks` measures the same at full speed.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::atomic::Ordering;
use std::time::Duration;

mod arena;
#[path = "../common/mod.rs"]
mod common;
mod shares;
mod weapons;

use arena::Arena;
use common::builder;
use weapons::{Weapon, launch, liars, other_contacts, other_values};

/// Stores, and fetches of what was stored, during an attack.
const ROUNDS: usize = 30;

/// Time between the bursts of an attack: some thousand datagrams a second.
const PAUSE: Duration = Duration::from_millis(4);

/// Most of what a node may take is streams' memory, 64 MiB; the store of these nodes has 16 MB.
const GROWTH_MAX: u64 = 160_000_000;

/// Works during an attack; all of it must succeed.
async fn withstands(weapon: Weapon) {
    let mut arena = Arena::new(builder().capacity(16_000_000)).await;
    let before = arena::resident();
    let attack = launch(weapon, &arena.target, PAUSE);
    // Only once it is under way.
    common::until(&arena.target, "is attacked", |_| attack.sent.load(Ordering::Relaxed) > 100)
        .await;

    let fared = arena.work(ROUNDS).await;

    assert_eq!(fared.failures, Vec::<String>::new(), "{weapon:?}");
    let growth = fared.memory.saturating_sub(before);
    assert!(growth < GROWTH_MAX, "{weapon:?}: {growth} bytes more");
}

macro_rules! withstands {
    ($($name:ident: $weapon:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                withstands(Weapon::$weapon).await;
            }
        )*
    };
}

withstands! {
    a_node_serves_others_during_a_flood_of_garbage: Garbage,
    a_node_serves_others_during_a_flood_of_one_identity: OneRequester,
    a_node_serves_others_during_a_flood_of_many_identities: ManyRequesters,
    a_node_serves_others_during_a_flood_of_strangers: Strangers,
    a_node_serves_others_during_a_flood_of_recordings_from_many_addresses: Recordings,
    a_node_serves_others_during_a_flood_under_false_names: Spoofed,
    a_node_serves_others_while_streams_drip: SlowStreams,
    a_node_serves_others_while_streams_stay_silent: HalfOpenStreams,
    a_node_serves_others_during_a_flood_of_forgeries: Forgeries,
    a_node_serves_others_while_everything_is_oversized: Oversized,
    a_node_takes_from_others_while_one_fills_it: Filling,
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_found_among_nodes_that_pass_off_others() {
    let mut arena = Arena::new(builder()).await;
    let _liars = liars(4, &arena.target, other_values).await;

    let fared = arena.work(ROUNDS).await;

    assert_eq!(fared.failures, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_found_among_nodes_that_name_nobody() {
    let mut arena = Arena::new(builder()).await;
    let _liars = liars(4, &arena.target, other_contacts).await;

    let fared = arena.work(ROUNDS).await;

    assert_eq!(fared.failures, Vec::<String>::new());
}
