//! Tests of the engine with a protocol so small that its every step is known: [`Parrot`].

use std::time::Duration;

use dht_proto::{Contact, Key, KindSet, Moment, Record, Ttl, Value};
use dht_routing::{Command, Outcome};

use super::*;
use crate::{Latencies, MessageKind, Rejoin, Sessions};

mod parrot;

use parrot::Parrot;

const SECOND: Duration = Duration::from_secs(1);

fn builder(nodes: usize) -> Builder {
    Simulation::builder()
        .nodes(nodes)
        .seed(7)
        .latencies(Latencies::constant(Duration::from_millis(100)))
        .conditions(Conditions { jitter: 0.0, ..Conditions::default() })
        .growth(Growth { doubling: SECOND, contacts: 3 })
}

fn network(nodes: usize) -> Simulation<Parrot> {
    settled(builder(nodes))
}

fn settled(builder: Builder) -> Simulation<Parrot> {
    let mut sim = builder.build_with(|node, _, _| Parrot::new(node)).unwrap();
    sim.settle(SECOND, |_, _| {});
    sim
}

fn finished(sim: &mut Simulation<Parrot>, within: Duration) -> Vec<Finished> {
    let until = sim.now() + within;
    std::iter::from_fn(|| sim.next(until))
        .filter_map(|occurrence| match occurrence {
            Occurrence::Finished(finished) => Some(*finished),
            _ => None,
        })
        .collect()
}

fn one_finished(sim: &mut Simulation<Parrot>, within: Duration) -> Finished {
    let mut all = finished(sim, within);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn start(sim: &mut Simulation<Parrot>, place: u32, command: Command) {
    sim.start(Place(place), command).unwrap().unwrap();
}

fn ping(sim: &mut Simulation<Parrot>, from: u32, to: u32) {
    let addr = sim.contact(Place(to)).addr;
    start(sim, from, Command::Ping { addr });
}

fn was_answered(finished: &Finished) -> bool {
    matches!(finished.outcome, Outcome::Ponged(Ok(_)))
}

fn store(bytes: usize) -> Command {
    let record = Record::content(Value::new(vec![5; bytes]).unwrap());
    Command::Store { record, ttl: Ttl::default(), expected: None }
}

#[test]
fn every_node_joins_and_the_number_doubles_on_schedule() {
    let mut sim = builder(64).build_with(|node, _, _| Parrot::new(node)).unwrap();
    sim.run_until(Moment::from_secs(3));
    assert_eq!(sim.live(), 9);
    sim.run_until(Moment::from_secs(8));
    assert_eq!((sim.live(), sim.joined()), (64, 64));
    assert!(sim.table_health().contacts >= 1.0);
}

#[test]
fn a_round_trip_takes_what_the_latencies_say() {
    let mut sim = network(2);
    ping(&mut sim, 0, 1);
    // A greeting and a ping, 100 ms each.
    let ended = one_finished(&mut sim, SECOND);
    assert!(was_answered(&ended));
    assert_eq!(ended.took, Duration::from_millis(200));
    assert_eq!(sim.now(), ended.started + SECOND);
}

#[test]
fn equal_seeds_give_equal_traces_and_others_do_not() {
    let run = |seed, loss| {
        let conditions = Conditions { loss, jitter: 0.2, ..Conditions::default() };
        let mut sim = settled(builder(50).seed(seed).conditions(conditions));
        sim.set_churn(Churn {
            sessions: Sessions::Exponential { mean: 20 * SECOND },
            absences: Some(Sessions::Exponential { mean: 5 * SECOND }),
            rejoin: Rejoin::Fresh,
            orderly: 0.5,
        });
        for round in 0..100 {
            sim.run_for(SECOND);
            if let Some(place) = sim.random_live() {
                let target = sim.random().key();
                let _ = sim.start(place, Command::FindNode { target });
            }
            assert!(sim.live() > 10, "round {round}");
        }
        (sim.trace(), sim.events())
    };
    assert_eq!(run(1, 0.1), run(1, 0.1));
    assert_ne!(run(1, 0.1).0, run(2, 0.1).0);
    assert_ne!(run(1, 0.1).0, run(1, 0.2).0);
}

#[test]
fn a_copy_goes_the_same_way() {
    let mut sim = network(20);
    let mut copy = sim.clone();
    for sim in [&mut sim, &mut copy] {
        ping(sim, 3, 4);
        sim.run_for(SECOND);
    }
    assert_eq!(sim.trace(), copy.trace());
}

#[test]
fn a_wake_up_comes_once_and_only_when_it_is_due() {
    let mut sim = network(2);
    sim.kill(Place(1));
    ping(&mut sim, 0, 1);
    let before = sim.events();
    let ended = one_finished(&mut sim, 10 * SECOND);
    assert!(!was_answered(&ended));
    assert_eq!(ended.took, parrot::TIMEOUT);
    assert_eq!(sim.events() - before, 1, "one wake-up and nothing else");
}

#[test]
fn lost_packets_do_not_arrive_and_doubled_ones_arrive_twice() {
    let mut sim = network(2);
    sim.set_conditions(Conditions { loss: 1.0, jitter: 0.0, ..Conditions::default() });
    ping(&mut sim, 0, 1);
    assert!(!was_answered(&one_finished(&mut sim, 10 * SECOND)));
    assert_eq!(sim.traffic().lost.messages, 1);

    sim.set_conditions(Conditions { duplication: 1.0, jitter: 0.0, ..Conditions::default() });
    let before = sim.traffic().clone();
    ping(&mut sim, 0, 1);
    assert!(was_answered(&one_finished(&mut sim, SECOND)));
    // One hello arrives twice, is answered twice, and each answer arrives twice.
    assert_eq!(sim.traffic().since(&before).of(MessageKind::HelloAck).messages, 2);
}

#[test]
fn a_partition_is_felt_and_heals() {
    let mut sim = network(4);
    sim.partition(|place| u8::from(place.0 < 2));
    ping(&mut sim, 0, 1);
    ping(&mut sim, 0, 3);
    let answered: Vec<bool> = finished(&mut sim, 10 * SECOND).iter().map(was_answered).collect();
    assert_eq!(answered, [true, false]);
    sim.heal();
    ping(&mut sim, 0, 3);
    assert!(was_answered(&one_finished(&mut sim, SECOND)));
}

#[test]
fn behind_a_closed_door_one_can_ask_but_not_be_asked() {
    let mut sim = network(3);
    sim.run_for(120 * SECOND);
    sim.close_door(Place(1));
    ping(&mut sim, 2, 1);
    assert!(!was_answered(&one_finished(&mut sim, 10 * SECOND)));
    ping(&mut sim, 1, 2);
    assert!(was_answered(&one_finished(&mut sim, SECOND)));
    ping(&mut sim, 2, 1);
    assert!(was_answered(&one_finished(&mut sim, SECOND)), "the door is open for a while");
}

#[test]
fn a_stranger_at_the_same_place_does_not_answer_for_the_dead() {
    let mut sim = network(3);
    let old = sim.contact(Place(2));
    sim.kill(Place(2));
    assert!(!sim.is_live(Place(2)) && !sim.is_current(&old));
    sim.revive(Place(2), Rejoin::Fresh);
    sim.run_for(SECOND);
    assert!(sim.is_live(Place(2)) && !sim.is_current(&old));
    start(&mut sim, 0, Command::Ping { addr: old.addr });
    assert!(!was_answered(&one_finished(&mut sim, 10 * SECOND)));
}

#[test]
fn a_node_that_restarts_keeps_its_identity_and_store_and_loses_its_table() {
    let mut sim = network(2);
    start(&mut sim, 1, store(100));
    sim.run_for(SECOND);
    assert_eq!(
        sim.store(Place(0)).map(|store| dht_store::RecordStore::usage(store).records),
        Some(1)
    );
    let before = sim.contact(Place(0));
    sim.restart(Place(0));
    assert_eq!(sim.contact(Place(0)), before);
    assert_eq!(
        sim.store(Place(0)).map(|store| dht_store::RecordStore::usage(store).records),
        Some(1)
    );
    let mut contacts = 0;
    sim.machine(Place(0)).unwrap().visit_contacts(&mut |_| contacts += 1);
    assert_eq!(contacts, 0);
    sim.run_for(SECOND);
    assert!(sim.is_live(Place(0)) && sim.is_current(&before));
}

#[test]
fn a_stream_takes_a_round_trip_to_open_and_its_bytes_their_time() {
    let mut sim = network(2);
    start(&mut sim, 1, store(1_250_000));
    let first = one_finished(&mut sim, 20 * SECOND);
    // Connect 100 ms, a second of bytes, 50 ms there, a millisecond of reply and 50 ms back.
    let expected = Duration::from_millis(1_200);
    assert!(first.took >= expected && first.took < expected + SECOND / 20, "{:?}", first.took);
    assert_eq!(sim.machine(Place(1)).unwrap().progress, 4, "it was told that bytes move");
    start(&mut sim, 1, store(1_250_000));
    let second = one_finished(&mut sim, 20 * SECOND);
    assert_eq!(first.took, second.took + Duration::from_millis(100), "the connection was warm");
}

#[test]
fn two_transfers_share_the_uplink() {
    let mut sim = network(2);
    start(&mut sim, 1, store(1_250_000));
    start(&mut sim, 1, store(1_250_000));
    let ended = finished(&mut sim, 20 * SECOND);
    assert!(ended[1].took > ended[0].took + SECOND * 9 / 10, "{ended:?}");
}

#[test]
fn a_dead_target_of_a_stream_is_unreachable_after_the_connect_timeout() {
    let mut sim = network(2);
    sim.kill(Place(0));
    start(&mut sim, 1, store(100));
    let ended = one_finished(&mut sim, 60 * SECOND);
    assert_eq!(ended.took, Conditions::default().connect_timeout);
}

#[test]
fn a_target_that_stops_in_order_is_noticed_at_once() {
    let mut sim = network(2);
    start(&mut sim, 1, store(1_250_000));
    sim.run_for(SECOND / 2);
    sim.stop(Place(0));
    let ended = one_finished(&mut sim, 60 * SECOND);
    assert_eq!(ended.took, Duration::from_millis(550));
}

#[test]
fn a_withdrawn_stream_brings_nothing_any_more() {
    let mut sim = network(2);
    start(&mut sim, 1, store(1_250_000));
    sim.run_for(SECOND / 2);
    let key = Record::content(Value::new(vec![5; 1_250_000]).unwrap()).key();
    // The parrot withdraws its stores when it is asked to fetch.
    start(&mut sim, 1, Command::Fetch { key, kinds: KindSet::ALL });
    assert_eq!(finished(&mut sim, 60 * SECOND).len(), 0);
}

#[test]
fn operations_are_charged_with_their_own_requests_and_told_when_they_reach_their_goal() {
    let mut sim = network(12);
    let target = Key::named(b"target");
    start(&mut sim, 5, Command::FindNode { target });
    start(&mut sim, 5, Command::FindNode { target: Key::named(b"other") });
    let ended = finished(&mut sim, 20 * SECOND);
    let one = ended.iter().find(|ended| ended.target == Some(target)).unwrap();
    let Outcome::Nodes(found) = &one.outcome else { panic!("{one:?}") };
    assert_eq!(one.cost.requests as usize, found.len());
    assert_eq!(one.cost.replies, one.cost.requests);
    assert!(one.cost.bytes_sent > 0 && one.cost.bytes_received > 0);
    let closest = sim.closest(&target, 1, Some(Place(5)))[0];
    if found.iter().any(|contact| contact.id() == closest) {
        assert_eq!(one.reached, Some(Duration::from_millis(100)));
    } else {
        assert_eq!(one.reached, None);
    }
    assert!(sim.recall(&target, Place(5), found) <= 1.0);
    let all: Vec<Contact> = (0..12).map(|place| sim.contact(Place(place))).collect();
    assert!((sim.recall(&target, Place(5), &all) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn churn_keeps_the_number_of_nodes_and_changes_who_they_are() {
    let mut sim = network(100);
    let before: Vec<_> = (0..100).map(|place| sim.identity(Place(place))).collect();
    sim.set_churn(Churn {
        sessions: Sessions::Exponential { mean: 60 * SECOND },
        absences: None,
        rejoin: Rejoin::Fresh,
        orderly: 0.0,
    });
    sim.run_for(60 * SECOND);
    assert_eq!(sim.live(), 100);
    let same = (0..100).filter(|p| sim.identity(Place(*p)) == before[*p as usize]).count();
    assert!((20..55).contains(&same), "{same} of 100 stayed, e^-1 were to be expected");
    assert!(sim.table_health().stale > 0.2);
    assert!((sim.node_seconds() / 6_000.0 - 1.0).abs() < 0.15);
}

#[test]
fn timers_come_in_order_at_their_time() {
    let mut sim = network(1);
    let now = sim.now();
    sim.set_timer(now + 2 * SECOND, 2);
    sim.set_timer(now + SECOND, 1);
    assert!(matches!(sim.next(now + 5 * SECOND), Some(Occurrence::Timer(1))));
    assert_eq!(sim.now(), now + SECOND);
    assert!(matches!(sim.next(now + 5 * SECOND), Some(Occurrence::Timer(2))));
    assert!(sim.next(now + 5 * SECOND).is_none());
}

#[test]
fn roles_change_what_is_answered() {
    let ask = |role| {
        let mut sim = network(8);
        for place in 0..7 {
            sim.set_role(Place(place), role);
        }
        start(&mut sim, 7, Command::FindNode { target: Key::named(b"target") });
        let ended = one_finished(&mut sim, 20 * SECOND);
        (ended.cost, sim.machine(Place(7)).unwrap().heard.clone(), sim)
    };
    let (honest, _, _) = ask(Role::Honest);
    assert!(honest.replies > 0);
    let (dropping, _, _) = ask(Role::Dropping);
    assert_eq!(dropping.replies, 0);
    let (_, named, sim) = ask(Role::Colluding);
    assert!(
        !named.is_empty() && named.iter().all(|contact| contact.id() != sim.contact(Place(7)).id())
    );
    let (_, invented, sim) = ask(Role::Inventing);
    assert!(invented.len() >= 16 && invented.iter().all(|contact| !sim.is_current(contact)));
}

#[test]
fn a_flooding_node_sends_what_it_is_told_to() {
    let mut sim = network(4);
    let before = sim.traffic().clone();
    sim.set_role(Place(1), Role::Flooding { per_second: 50 });
    sim.run_for(10 * SECOND);
    let sent = sim.traffic().since(&before).of(MessageKind::FindNode).messages;
    assert!((495..=505).contains(&sent), "{sent}");
}

#[test]
fn what_cannot_be_built_is_refused_with_the_reason() {
    let build = |builder: Builder| builder.build_with(|node, _, _| Parrot::new(node)).err();
    assert_eq!(build(builder(0)), Some(BuildError::NoNodes));
    let error = build(builder(1_000_000).memory(8_000_000_000)).unwrap();
    assert_eq!(
        error.to_string(),
        "1000000 nodes need about 40000 MB of memory, 8000 MB are available"
    );
    assert!(matches!(build(builder(6_000_000)), Some(BuildError::TooManyPlaces { .. })));
    let error = build(builder(2).conditions(Conditions { loss: 1.5, ..Conditions::default() }));
    assert_eq!(error.unwrap().to_string(), "loss is 1.5, must be in 0..=1");
}
