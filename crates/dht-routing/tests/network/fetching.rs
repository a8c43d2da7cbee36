//! Fetching records.

use std::time::Duration;

use dht_proto::{
    AuthorSecret, Key, Kind, KindSet, Record, Salt, Sequence, SignedBody, Slot, Summary, Ttl, Value,
};
use dht_routing::{Command, FetchError, Fetched, Outcome};

use crate::world::{World, identity};

fn value(size: usize) -> Value {
    Value::new(vec![7_u8; size]).unwrap()
}

fn store(world: &mut World, host: usize, record: &Record) {
    let command = Command::Store { record: record.clone(), ttl: Ttl::default(), expected: None };
    match world.run(host, command) {
        Outcome::Stored(report) => assert!(!report.holders.is_empty()),
        other => panic!("{other:?}"),
    }
}

fn fetch(
    world: &mut World,
    host: usize,
    key: Key,
    kinds: impl Into<KindSet>,
) -> Result<Fetched, FetchError> {
    match world.run(host, Command::Fetch { key, kinds: kinds.into() }) {
        Outcome::Fetched(result) => result,
        other => panic!("{other:?}"),
    }
}

fn non_holder(world: &World, slot: Slot) -> usize {
    let lacks = |host: &usize| !world.hosts[*host].store.contains_key(&slot);
    (0..world.hosts.len()).rev().find(lacks).unwrap()
}

#[test]
fn values_of_every_size_come_back_equal() {
    let mut world = World::joined(60);
    for size in [0, 1, 900, 901, 4_000, 20_000, 5_000_000] {
        let record = Record::content(value(size));
        store(&mut world, 1, &record);
        let from = non_holder(&world, record.slot());
        let fetched = fetch(&mut world, from, record.key(), KindSet::PROVEN).unwrap();
        assert_eq!(fetched.record, record);
        assert!(fetched.requests >= 1);
    }
}

#[test]
fn what_we_hold_ourselves_is_returned_without_a_request() {
    let mut world = World::joined(16);
    let record = Record::content(value(10));
    store(&mut world, 0, &record);
    let fetched = fetch(&mut world, 5, record.key(), KindSet::PROVEN).unwrap();
    assert_eq!((fetched.record, fetched.requests), (record, 0));
}

#[test]
fn a_key_that_nobody_has_is_not_found() {
    let mut world = World::joined(40);
    let missing = Key::content(b"missing");
    assert_eq!(fetch(&mut world, 3, missing, KindSet::PROVEN), Err(FetchError::NotFound));
}

#[test]
fn a_node_alone_says_that_no_node_answered() {
    let mut world = World::joined(1);
    let missing = Key::content(b"missing");
    assert_eq!(fetch(&mut world, 0, missing, KindSet::PROVEN), Err(FetchError::NoAnswer));
}

#[test]
fn fetching_by_key_never_returns_a_named_value_and_says_that_one_lives_there() {
    let mut world = World::joined(40);
    let named = Record::named(b"name", value(10));
    store(&mut world, 1, &named);
    let from = non_holder(&world, named.slot());
    let proven = fetch(&mut world, from, named.key(), KindSet::PROVEN);
    assert_eq!(proven, Err(FetchError::OtherKind { kind: Kind::Named }));
    assert_eq!(fetch(&mut world, from, named.key(), Kind::Named).unwrap().record, named);
}

#[test]
fn a_named_value_is_found_although_a_content_value_lives_at_the_same_key() {
    let mut world = World::joined(40);
    let content = Record::content(value(50));
    let named = Record::at(content.key(), value(51));
    store(&mut world, 1, &content);
    store(&mut world, 2, &named);
    let from = non_holder(&world, named.slot());
    assert_eq!(fetch(&mut world, from, named.key(), Kind::Named).unwrap().record, named);
    assert_eq!(fetch(&mut world, from, named.key(), KindSet::PROVEN).unwrap().record, content);
}

#[test]
fn of_a_name_the_value_that_the_most_holders_return_wins() {
    let mut world = World::joined(40);
    for size in [10, 2_000] {
        let name = format!("name {size}");
        let honest = Record::named(name.as_bytes(), value(size));
        store(&mut world, 1, &honest);
        let forged = Record::named(name.as_bytes(), value(size + 1));
        let slot = honest.slot();
        let mut holders: Vec<usize> = (0..world.hosts.len())
            .filter(|host| world.hosts[*host].store.contains_key(&slot))
            .collect();
        holders.sort_by_key(|h| honest.key().distance(&identity(*h).id()));
        for liar in &holders[..2] {
            let entry = world.hosts[*liar].store.get_mut(&slot).unwrap();
            entry.0 = forged.clone();
            entry.1.digest = forged.digest();
            entry.1.size = forged.size();
        }
        let from = non_holder(&world, slot);
        assert_eq!(fetch(&mut world, from, honest.key(), Kind::Named).unwrap().record, honest);
    }
}

#[test]
fn a_holder_that_returns_other_bytes_is_passed_over_for_the_next() {
    let mut world = World::joined(40);
    for size in [100, 100_000] {
        let record = Record::content(value(size));
        store(&mut world, 1, &record);
        let mut holders: Vec<usize> = (0..world.hosts.len())
            .filter(|host| world.hosts[*host].store.contains_key(&record.slot()))
            .collect();
        holders.sort_by_key(|h| record.key().distance(&identity(*h).id()));
        let from = non_holder(&world, record.slot());
        for liar in &holders[..5] {
            world.hosts[*liar].lies_with = Some(Record::content(value(size + 1)));
        }
        let fetched = fetch(&mut world, from, record.key(), KindSet::PROVEN).unwrap();
        assert_eq!(fetched.record, record);
        for liar in holders {
            world.hosts[liar].lies_with = None;
        }
    }
}

#[test]
fn of_a_signed_record_the_highest_sequence_is_returned() {
    let mut world = World::joined(40);
    let secret = AuthorSecret::from_seed(&[4; 32]);
    let version = |sequence, body| Record::sign(&secret, Salt::default(), Sequence(sequence), body);
    let old = version(1, SignedBody::Value(value(10)));
    let new = version(2, SignedBody::Value(value(5_000)));
    store(&mut world, 1, &old);
    let from = non_holder(&world, old.slot());
    assert_eq!(fetch(&mut world, from, old.key(), Kind::Signed).unwrap().record, old);
    store(&mut world, 1, &new);
    assert_eq!(fetch(&mut world, from, old.key(), Kind::Signed).unwrap().record, new);
    store(&mut world, 1, &version(3, SignedBody::Deleted));
    let deleted = FetchError::Deleted { sequence: Sequence(3) };
    assert_eq!(fetch(&mut world, from, old.key(), Kind::Signed), Err(deleted));
}

#[test]
fn with_half_of_the_nodes_dead_every_value_is_still_fetched() {
    let mut world = World::joined(60);
    let records: Vec<Record> =
        (0..40).map(|n| Record::content(Value::new(format!("value {n}")).unwrap())).collect();
    for (host, record) in records.iter().enumerate() {
        store(&mut world, host, record);
    }
    for host in (0..60).step_by(2) {
        world.hosts[host].alive = false;
    }
    for (number, record) in records.iter().enumerate() {
        let from = (number % 30) * 2 + 1;
        let fetched = fetch(&mut world, from, record.key(), KindSet::PROVEN).unwrap();
        assert_eq!(fetched.record, *record);
    }
}

#[test]
fn records_expire_on_time() {
    let mut world = World::joined(20);
    let client = world.add_client();
    world.run(client, Command::Bootstrap { addrs: vec![crate::world::addr(1)], known: vec![] });
    let record = Record::content(value(10));
    let ttl = Ttl::from_secs(60).unwrap();
    world.run(client, Command::Store { record: record.clone(), ttl, expected: None });
    world.run_for(Duration::from_secs(58));
    assert!(fetch(&mut world, 2, record.key(), KindSet::PROVEN).is_ok());
    world.run_for(Duration::from_secs(3));
    assert_eq!(fetch(&mut world, 2, record.key(), KindSet::PROVEN), Err(FetchError::NotFound));
}

#[test]
fn holders_of_an_older_version_get_the_newer_one_that_a_fetch_saw() {
    for size in [10, 20_000] {
        let mut world = World::joined(40);
        let secret = AuthorSecret::from_seed(&[4; 32]);
        let version = |sequence| {
            let body = SignedBody::Value(value(size));
            Record::sign(&secret, Salt::default(), Sequence(sequence), body)
        };
        let (old, new) = (version(1), version(2));
        store(&mut world, 1, &new);
        let slot = new.slot();
        let holds = |world: &World, sequence| {
            let hosts = world.hosts.iter().filter_map(|host| host.store.get(&slot));
            hosts.filter(|(record, _)| record.sequence() == Sequence(sequence)).count()
        };
        let mut hosts: Vec<usize> = (0..40).collect();
        hosts.sort_by_key(|host| slot.key.distance(&identity(*host).id()));
        for host in &hosts[..2] {
            let store = &mut world.hosts[*host].store;
            let (_, summary) = store[&slot];
            let summary = Summary { digest: old.digest(), sequence: old.sequence(), ..summary };
            store.insert(slot, (old.clone(), summary));
        }
        assert_eq!(holds(&world, 1), 2);
        let lacks = |host: &usize| !world.hosts[*host].store.contains_key(&slot);
        // Each fetch sees some of the holders, not always the same.
        let readers: Vec<usize> = (0..40).filter(lacks).collect();
        for host in readers.iter().chain(&readers) {
            let fetched = fetch(&mut world, *host, new.key(), Kind::Signed).unwrap();
            assert_eq!(fetched.record, new);
        }
        world.run_for(Duration::from_secs(10));
        assert_eq!(holds(&world, 1), 0);
    }
}
