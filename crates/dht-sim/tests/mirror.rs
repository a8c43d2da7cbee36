//! A mirror: a node that comes late and has a copy of everything before long, at a bounded price.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says its seed"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dht_proto::{
    AuthorSecret, Custody, Difficulty, KindSet, Record, Salt, Sequence, SignedBody, Slot, Summary,
    Ttl, Value,
};
use dht_routing::{Command, Config, MirrorProgress, Peer};
use dht_sim::{MessageKind, Occurrence, OperationKind, Place, Rejoin, Simulation};
use dht_store::RecordStore as _;

const SEED: u64 = 5;
const NODES: usize = 300;
const MIRROR: Place = Place(7);
/// Requests and bytes a second that the upkeep of records may cost by default.
const REQUESTS: u64 = 20;
const BYTES: u64 = 256_000;

/// A settled network without a mirror. Every `refusers`-th node does not tell what it holds; who comes while
/// the switch is on is a mirror.
fn network(refusers: Option<u8>) -> (Simulation, Arc<AtomicBool>) {
    println!("seed {SEED}");
    let switch = Arc::new(AtomicBool::new(false));
    let is_mirror = switch.clone();
    let mut sim = Simulation::builder()
        .nodes(NODES)
        .seed(SEED)
        .build_with(move |node, seed, now| {
            let tells = refusers.is_none_or(|every| node.id().as_bytes()[31] % every > 0);
            let config = Config::builder()
                .id_difficulty(Difficulty::NONE)
                .tells_records(tells)
                .mirror(is_mirror.load(Ordering::Relaxed))
                .mirror_interval(Duration::from_mins(4))
                .build();
            Peer::new(config.unwrap(), node, seed, now)
        })
        .unwrap();
    sim.settle(Duration::from_mins(2), |_, _| {});
    (sim, switch)
}

fn value(sim: &mut Simulation, size: usize) -> Value {
    let mut bytes = sim.random().bytes32().to_vec();
    bytes.resize(size, 3);
    Value::new(bytes).unwrap()
}

/// A record of one of all kinds and many sizes; every tenth is a deletion.
fn draw(sim: &mut Simulation, number: usize) -> Record {
    let size = [0, 32, 100, 900, 901, 4_000, 20_000][number % 7] + number % 3;
    match number % 10 {
        0..=4 => Record::content(value(sim, size.max(32))),
        5 | 6 => Record::at(dht_proto::Key::from_bytes(sim.random().bytes32()), value(sim, size)),
        digit => {
            let author = AuthorSecret::from_seed(&sim.random().bytes32());
            let body =
                if digit == 9 { SignedBody::Deleted } else { SignedBody::Value(value(sim, size)) };
            Record::sign(&author, Salt::new("page").unwrap(), Sequence(number as u64), body)
        }
    }
}

/// Stores so many records from random nodes, and returns those that were stored.
fn publish(sim: &mut Simulation, count: usize, ttl: Ttl) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..count {
        let record = draw(sim, number);
        let place = loop {
            let place = sim.random_live().unwrap();
            if place != MIRROR {
                break place;
            }
        };
        sim.start(place, Command::Store { record: record.clone(), ttl, expected: None });
        records.push(record);
        sim.run_for(Duration::from_millis(200));
    }
    sim.run_for(Duration::from_secs(20));
    records
}

/// A mirror joins.
fn join(sim: &mut Simulation, switch: &AtomicBool) {
    sim.kill(MIRROR);
    switch.store(true, Ordering::Relaxed);
    sim.revive(MIRROR, Rejoin::Fresh);
    switch.store(false, Ordering::Relaxed);
}

fn progress(sim: &Simulation) -> MirrorProgress {
    sim.machine(MIRROR).unwrap().mirror(sim.now()).unwrap()
}

/// Lets time pass until the mirror has ended so many rounds.
fn until_round(sim: &mut Simulation, rounds: u64, within: Duration) {
    let end = sim.now() + within;
    while progress(sim).rounds < rounds {
        assert!(sim.now() < end, "{:?}", progress(sim));
        sim.run_for(Duration::from_secs(1));
    }
}

fn mirrored(sim: &Simulation, slot: Slot) -> Option<Summary> {
    let found = sim.store(MIRROR)?.load(sim.now(), slot.key, slot.kind.into(), 0).unwrap();
    found.map(|held| held.summary).filter(|held| !held.custody.is_cached())
}

/// How many of these the mirror lacks, or has in another version.
fn lacking(sim: &Simulation, records: &[Record]) -> usize {
    let is_there = |record: &&Record| {
        mirrored(sim, record.slot()).is_some_and(|held| {
            (held.digest, held.sequence) == (record.digest(), record.sequence())
        })
    };
    records.len() - records.iter().filter(is_there).count()
}

#[test]
fn a_mirror_that_comes_late_holds_everything_after_one_round_within_its_budget() {
    let (mut sim, switch) = network(None);
    let records = publish(&mut sim, 400, Ttl::default());
    join(&mut sim, &switch);
    let (start, before) = (sim.now(), sim.load_of(MIRROR).unwrap());
    until_round(&mut sim, 1, Duration::from_mins(10));
    let took = sim.now().since(start).as_secs();
    let (sent, received) = sim.load_of(MIRROR).unwrap();
    let bytes = sent.bytes + received.bytes - before.0.bytes - before.1.bytes;
    let round = progress(&sim).last.unwrap().0;
    let lists = sim.traffic().of(MessageKind::List).messages;
    println!("{took} s, {bytes} bytes, {lists} lists, {round:?}");
    assert_eq!(lacking(&sim, &records), 0);
    assert_eq!((round.told, round.held), (records.len() as u64, records.len() as u64));
    assert_eq!((round.missed, round.unwilling, round.undelivered), (0, 0, 0));
    let largest = 21_000;
    assert!(bytes <= took * BYTES + largest);
    assert!(sent.messages - before.0.messages <= took * REQUESTS * 2);
    assert!(lists <= 4 * NODES as u64, "{lists}");
}

#[test]
fn a_third_of_the_network_that_does_not_tell_hides_nothing() {
    let (mut sim, switch) = network(Some(3));
    let records = publish(&mut sim, 300, Ttl::default());
    join(&mut sim, &switch);
    until_round(&mut sim, 1, Duration::from_mins(10));
    assert_eq!(lacking(&sim, &records), 0, "{:?}", progress(&sim));
}

#[test]
fn a_mirror_keeps_up_while_nodes_come_and_go_and_records_change() {
    let (mut sim, switch) = network(None);
    let mut records = publish(&mut sim, 200, Ttl::default());
    join(&mut sim, &switch);
    until_round(&mut sim, 1, Duration::from_mins(10));
    let author = AuthorSecret::from_seed(&[1; 32]);
    for version in 0..60 {
        let gone = sim.random_live().unwrap();
        if gone != MIRROR {
            sim.kill(gone);
            sim.revive(gone, Rejoin::Fresh);
        }
        if version % 6 == 0 {
            let body = SignedBody::Value(value(&mut sim, 50));
            let record = Record::sign(&author, Salt::new("news").unwrap(), Sequence(version), body);
            records.retain(|old| old.slot() != record.slot());
            records.push(record.clone());
            let place = sim.random_live().unwrap();
            let command = Command::Store { record, ttl: Ttl::default(), expected: None };
            sim.start(place, command);
        }
        sim.run_for(Duration::from_secs(6));
    }
    records.extend(publish(&mut sim, 50, Ttl::default()));
    let rounds = progress(&sim).rounds;
    until_round(&mut sim, rounds + 2, Duration::from_mins(20));
    println!("{:?}", progress(&sim));
    assert_eq!(lacking(&sim, &records), 0);
}

#[test]
fn lives_are_renewed_at_the_mirror_as_they_are_at_the_holders_and_end_when_they_end_there() {
    let (mut sim, switch) = network(None);
    let ttl = Ttl::from_secs(1_200).unwrap();
    let author = AuthorSecret::from_seed(&[1; 32]);
    let record = |salt: &'static str| {
        let body = SignedBody::Value(Value::new(salt).unwrap());
        Record::sign(&author, Salt::new(salt).unwrap(), Sequence(1), body)
    };
    let (renewed, left) = (record("renewed"), record("left"));
    let store = |sim: &mut Simulation, record: &Record, place| {
        let command = Command::Store { record: record.clone(), ttl, expected: None };
        sim.start(place, command);
        let until = sim.now() + Duration::from_mins(1);
        while let Some(occurrence) = sim.next(until) {
            if matches!(&occurrence, Occurrence::Finished(f) if f.kind == OperationKind::Store) {
                return;
            }
        }
        panic!("the store has not ended");
    };
    for one in [&renewed, &left] {
        // A publisher renews its own records: it leaves, so that only the test does.
        store(&mut sim, one, Place(11));
    }
    sim.kill(Place(11));
    join(&mut sim, &switch);
    until_round(&mut sim, 1, Duration::from_mins(10));
    assert_eq!(lacking(&sim, &[renewed.clone(), left.clone()]), 0);
    let before = mirrored(&sim, renewed.slot()).unwrap();
    sim.run_for(Duration::from_mins(4));
    store(&mut sim, &renewed, Place(12));
    sim.kill(Place(12));
    let rounds = progress(&sim).rounds;
    until_round(&mut sim, rounds + 2, Duration::from_mins(20));
    let after = mirrored(&sim, renewed.slot()).unwrap();
    assert!(after.expires > before.expires + Duration::from_mins(4), "{before:?} {after:?}");
    sim.run_until(before.expires + Duration::from_secs(1));
    assert_eq!(lacking(&sim, &[renewed, left]), 1);
}

#[test]
fn what_a_mirror_keeps_beyond_its_share_is_not_pressed_on_others() {
    let (mut sim, switch) = network(None);
    let records = publish(&mut sim, 200, Ttl::default());
    join(&mut sim, &switch);
    until_round(&mut sim, 1, Duration::from_mins(10));
    sim.run_for(Duration::from_mins(10));
    let mut copies = 0;
    for place in (0..).map(Place).take(sim.places()).filter(|place| *place != MIRROR) {
        let Some(store) = sim.store(place) else { continue };
        let held = store.list(sim.now(), Slot::FIRST, usize::MAX).unwrap();
        copies += held.iter().filter(|held| !held.custody.is_cached()).count();
    }
    let mean = copies / records.len();
    assert!((16..=26).contains(&mean), "{mean} holders a record");
    let kinds = KindSet::ALL;
    let custody = |record: &Record| {
        let found = sim.store(MIRROR).unwrap().load(sim.now(), record.key(), kinds, 0).unwrap();
        found.unwrap().summary.custody
    };
    let beyond = records.iter().filter(|record| custody(record) == Custody::Mirror).count();
    assert!(beyond >= records.len() * 3 / 4, "{beyond}");
}
