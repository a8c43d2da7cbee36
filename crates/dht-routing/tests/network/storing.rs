//! Storing records.

use dht_proto::{AuthorSecret, Kind, Record, Refusal, Salt, Sequence, SignedBody, Ttl, Value};
use dht_routing::{Command, Outcome, StoreReport};

use crate::world::{World, identity};

fn value(size: usize) -> Value {
    Value::new(vec![7_u8; size]).unwrap()
}

fn store(world: &mut World, host: usize, record: Record) -> StoreReport {
    let command = Command::Store { record, ttl: Ttl::default(), expected: None };
    match world.run(host, command) {
        Outcome::Stored(report) => report,
        other => panic!("{other:?}"),
    }
}

fn holding(world: &World, record: &Record) -> Vec<usize> {
    let holds = |host: &usize| world.hosts[*host].store.contains_key(&record.slot());
    (0..world.hosts.len()).filter(holds).collect()
}

/// The nodes that should hold the record: the 16 closest of all.
fn closest(world: &World, record: &Record) -> Vec<usize> {
    let mut hosts: Vec<usize> = (0..world.hosts.len()).collect();
    hosts.sort_by_key(|host| record.key().distance(&identity(*host).id()));
    hosts.truncate(16);
    hosts.sort_unstable();
    hosts
}

#[test]
fn a_record_is_kept_by_the_sixteen_closest_nodes() {
    let mut world = World::joined(60);
    for (size, from) in [(0, 1), (1, 7), (900, 8), (901, 9), (5_000_000, 10)] {
        let record = Record::content(value(size));
        let report = store(&mut world, from, record.clone());
        assert_eq!(report.holders.len(), 16);
        assert!(report.refused.is_empty());
        let holding = holding(&world, &record);
        assert!(closest(&world, &record).iter().all(|host| holding.contains(host)));
        assert_eq!(report.key, record.key());
    }
}

#[test]
fn a_small_store_needs_hardly_more_requests_than_copies() {
    let mut world = World::joined(50);
    let mut requests = 0;
    for number in 0..50 {
        let record = Record::content(Value::new(format!("value {number}")).unwrap());
        let report = store(&mut world, number, record);
        assert_eq!(report.holders.len(), 16);
        requests += report.requests;
    }
    assert!(requests <= 50 * 22, "{requests} requests for 50 stores");
}

#[test]
fn in_a_network_of_sixteen_every_node_holds_the_record_and_the_storing_one_counts_once() {
    let mut world = World::joined(16);
    let record = Record::content(value(10));
    let report = store(&mut world, 3, record.clone());
    assert_eq!(report.holders.len(), 16);
    assert!(report.holders.contains(&identity(3).id()));
    assert_eq!(holding(&world, &record).len(), 16);
}

#[test]
fn a_node_alone_keeps_the_record_itself() {
    let mut world = World::joined(1);
    let record = Record::named(b"name", value(10));
    let report = store(&mut world, 0, record);
    assert_eq!(report.holders, [identity(0).id()]);
    assert_eq!(report.requests, 0);
}

#[test]
fn a_client_holds_nothing_and_is_never_asked() {
    let mut world = World::joined(20);
    let client = world.add_client();
    world.run(client, Command::Bootstrap { addrs: vec![crate::world::addr(2)], known: Vec::new() });
    let record = Record::content(value(100));
    let report = store(&mut world, client, record.clone());
    assert_eq!(report.holders.len(), 16);
    assert!(!holding(&world, &record).contains(&client));
    let id = identity(client).id();
    assert!(world.hosts.iter().all(|host| host.peer.table().entry(&id).is_none()));
}

#[test]
fn refusals_are_not_counted_as_holders_and_say_why() {
    let mut world = World::joined(16);
    for host in 0..9 {
        world.hosts[host].refuses = Some(Refusal::Full);
    }
    let report = store(&mut world, 12, Record::content(value(10)));
    assert_eq!(report.holders.len(), 7);
    assert_eq!(report.refused.len(), 9);
    assert!(report.refused.iter().all(|(_, refusal)| *refusal == Refusal::Full));
}

#[test]
fn a_name_that_lives_with_another_value_is_taken_and_nothing_changes() {
    let mut world = World::joined(40);
    let first = Record::named(b"name", value(10));
    assert_eq!(store(&mut world, 3, first.clone()).holders.len(), 16);

    for size in [11, 2_000] {
        let second = Record::named(b"name", value(size));
        let report = store(&mut world, 5, second);
        assert!(report.holders.is_empty());
        assert!(report.refused.iter().any(|(_, refusal)| *refusal == Refusal::NameTaken));
    }
    let kept = world.hosts.iter().filter_map(|host| host.store.get(&first.slot()));
    assert!(kept.map(|(record, _)| record).all(|record| *record == first));

    assert_eq!(store(&mut world, 5, first).holders.len(), 16);
}

#[test]
fn a_byte_identical_republication_by_the_publisher_extends_the_time_to_live() {
    let mut world = World::joined(20);
    for record in [Record::content(value(10)), Record::content(value(10_000))] {
        let short = Ttl::from_secs(60).unwrap();
        world.run(1, Command::Store { record: record.clone(), ttl: short, expected: None });
        let before = world.now;
        let report = store(&mut world, 2, record.clone());
        assert_eq!(report.holders.len(), 16);
        for holder in holding(&world, &record) {
            let (_, summary) = &world.hosts[holder].store[&record.slot()];
            assert!(summary.expires >= Ttl::default().ends(before));
        }
    }
}

#[test]
fn a_newer_sequence_replaces_a_signed_record_and_an_older_one_is_stale() {
    let mut world = World::joined(30);
    let secret = AuthorSecret::from_seed(&[4; 32]);
    let version = |sequence, size| {
        let body = SignedBody::Value(value(size));
        Record::sign(&secret, Salt::default(), Sequence(sequence), body)
    };
    assert_eq!(store(&mut world, 1, version(1, 10)).holders.len(), 16);
    assert_eq!(store(&mut world, 2, version(2, 20_000)).holders.len(), 16);
    let report = store(&mut world, 3, version(1, 10));
    assert!(report.holders.is_empty());
    let stale = Refusal::Stale { current: Sequence(2) };
    assert!(report.refused.iter().all(|(_, refusal)| *refusal == stale));
}

#[test]
fn a_value_of_one_kind_cannot_occupy_another_kinds_slot_at_the_same_key() {
    let mut world = World::joined(20);
    let content = Record::content(value(50));
    let squatter = Record::at(content.key(), value(51));
    assert_eq!(store(&mut world, 1, squatter).holders.len(), 16);
    assert_eq!(store(&mut world, 2, content.clone()).holders.len(), 16);
    let holder = holding(&world, &content)[0];
    let kinds: Vec<Kind> = world.hosts[holder].store.keys().map(|slot| slot.kind).collect();
    assert_eq!(kinds, [Kind::Content, Kind::Named]);
}

#[test]
fn lost_datagrams_do_not_lose_copies() {
    let mut world = World::joined(40);
    world.loss_every = 7;
    for number in 0..20 {
        let record = Record::content(Value::new(format!("value {number}")).unwrap());
        assert_eq!(store(&mut world, number, record).holders.len(), 16);
    }
}
