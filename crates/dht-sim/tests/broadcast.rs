//! Small versions of `broadcast`: every honest node is reached, within a budget of payloads.
//!
//! Figures for people come from `cargo xtask sim broadcast`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its seed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dht_proto::AuthorSecret;
use dht_routing::{Command, Config};
use dht_sim::experiment::{HARSH, Hardship, Plan, prepare_broadcasts, send_broadcasts};
use dht_sim::{Conditions, Occurrence, Place, Rejoin, Simulation};

const SEED: u64 = 13;
const NODES: usize = 500;

#[test]
fn every_honest_node_gets_a_broadcast_once_where_packets_are_lost_and_nodes_keep_it_to_themselves()
{
    println!("seed {SEED}");
    let mut sim = prepare_broadcasts(&Plan::new(NODES, SEED), HARSH, &mut ()).unwrap();
    let point = send_broadcasts(&mut sim, HARSH, 10, &mut ());
    println!("{:.2} payloads a node", point.payloads_per_node());
    assert_eq!((point.runs, point.complete, point.reached), (10, 10, point.expected));
    assert_eq!(point.repeated, 0);
    assert!(point.payloads_per_node() <= 4.0, "{}", point.payloads_per_node());
    assert_eq!(sim.traffic().too_long.messages, 0, "every message fits the way it was sent");
}

#[test]
fn in_a_network_without_faults_a_broadcast_takes_a_second() {
    println!("seed {SEED}");
    let calm = Hardship { loss: 0.0, droppers: 0.0 };
    let mut sim = prepare_broadcasts(&Plan::new(NODES, SEED), calm, &mut ()).unwrap();
    let point = send_broadcasts(&mut sim, calm, 5, &mut ());
    println!(
        "p99 {:.0} ms, {:.2} of the network",
        point.times.percentile_ms(99.0),
        point.estimate()
    );
    assert_eq!((point.complete, point.repeated), (5, 0));
    assert!(point.times.percentile_ms(99.0) <= 1_000.0);
    assert!((0.7..=1.4).contains(&point.estimate()), "{}", point.estimate());
}

#[test]
fn a_long_broadcast_crosses_the_wire_little_more_than_once_for_each_node() {
    println!("seed {SEED}");
    let peer = Config::builder().delivers_broadcasts(true);
    let mut sim = Simulation::builder().nodes(100).seed(SEED).peer(peer).build().unwrap();
    sim.settle(Duration::from_mins(3), |_, _| {});
    let before = sim.traffic().total().bytes;
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let payload = vec![7; 60_000].into();
    sim.start(Place(0), Command::Broadcast { secret, payload }).unwrap().unwrap();
    let until = sim.now() + Duration::from_mins(2);
    let mut delivered = 0;
    while let Some(occurrence) = sim.next(until) {
        delivered += usize::from(matches!(occurrence, Occurrence::Delivered(..)));
    }
    assert_eq!(delivered, 99);
    let bytes = sim.traffic().total().bytes - before;
    assert!(bytes < 99 * 90_000, "{bytes} bytes");
}

#[test]
fn who_joins_late_hears_once_what_was_said_in_the_minutes_before() {
    println!("seed {SEED}");
    let peer = Config::builder().delivers_broadcasts(true);
    let conditions = Conditions { loss: HARSH.loss, ..Conditions::default() };
    let builder = Simulation::builder().nodes(200).vacant(5).seed(SEED).peer(peer);
    let mut sim = builder.conditions(conditions).build().unwrap();
    sim.settle(Duration::from_mins(3), |_, _| {});
    // Of one author, as fast as its rate allows, in so many that they take several pages to name.
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let mut sent = BTreeSet::new();
    for number in 0..100_u8 {
        let (secret, payload) = (secret.clone(), vec![number; 50].into());
        sim.start(Place(0), Command::Broadcast { secret, payload }).unwrap().unwrap();
        sim.run_for(Duration::from_millis(200));
    }
    sim.run_for(Duration::from_mins(2));
    for late in (200..205).map(Place) {
        sim.revive(late, Rejoin::Fresh);
    }
    let mut heard: BTreeMap<Place, Vec<_>> = BTreeMap::new();
    let until = sim.now() + Duration::from_mins(3);
    while let Some(occurrence) = sim.next(until) {
        if let Occurrence::Delivered(place, broadcast) = occurrence {
            assert!(place >= Place(200), "{place:?} has heard it before");
            sent.insert(broadcast.id());
            heard.entry(place).or_default().push(broadcast.id());
        }
    }
    assert_eq!((heard.len(), sent.len()), (5, 100));
    for (place, ids) in heard {
        let different: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!((different.len(), ids.len()), (100, 100), "{place:?}");
    }
}
