//! The life of records: repaired, handed over, ended on time.

use std::time::Duration;

use dht_proto::{
    AuthorSecret, Custody, Key, KindSet, Moment, Purpose, Record, Salt, Sequence, SignedBody, Slot,
    Source, Summary, Terms, Ttl, Value,
};
use dht_routing::{Command, Outcome};

use crate::world::{World, config, identity};

const SWEEP: Duration = Duration::from_mins(5);

fn value(number: usize) -> Record {
    Record::content(Value::new(format!("value {number}")).unwrap())
}

/// Stores through a client, which holds nothing and renews nothing.
fn store(world: &mut World, client: usize, record: &Record, ttl: Ttl) {
    let command = Command::Store { record: record.clone(), ttl, expected: None };
    match world.run(client, command) {
        Outcome::Stored(report) => assert!(!report.holders.is_empty(), "{report:?}"),
        other => panic!("{other:?}"),
    }
}

/// A settled world of `count` nodes, with a client that has joined.
fn settled(count: usize) -> (World, usize) {
    let mut world = World::joined(count);
    let client = world.add_client();
    world.bootstrap(client, 1);
    world.run_for(Duration::from_mins(2));
    (world, client)
}

fn holding(world: &World, slot: Slot) -> Vec<usize> {
    let holds = |host: &usize| {
        let host = &world.hosts[*host];
        host.alive && host.store.get(&slot).is_some_and(|(_, s)| s.expires > world.now)
    };
    (0..world.hosts.len()).filter(holds).collect()
}

/// The live full nodes closest to `key`.
fn closest(world: &World, key: &Key, count: usize) -> Vec<usize> {
    let is_full = |host: &usize| world.hosts[*host].alive && !world.is_client(*host);
    let mut hosts: Vec<usize> = (0..world.hosts.len()).filter(is_full).collect();
    hosts.sort_by_key(|host| key.distance(&identity(*host).id()));
    hosts.truncate(count);
    hosts
}

fn is_fetched(world: &mut World, from: usize, key: Key) -> bool {
    let command = Command::Fetch { key, kinds: KindSet::ALL };
    matches!(world.run(from, command), Outcome::Fetched(Ok(_)))
}

fn secs(seconds: u32) -> Ttl {
    Ttl::from_secs(seconds).unwrap()
}

#[test]
fn a_record_survives_the_death_of_all_but_one_of_its_holders_within_a_sweep() {
    let (mut world, client) = settled(60);
    let record = value(1);
    store(&mut world, client, &record, Ttl::default());
    let holders = holding(&world, record.slot());
    // A store in one pass leaves some copies with nodes than which closer ones turn up.
    assert!((16..=24).contains(&holders.len()), "{holders:?}");
    for host in &holders[1..] {
        world.hosts[*host].alive = false;
    }
    // A sweep comes up to a quarter later than on average.
    world.run_for(SWEEP * 5 / 4 + Duration::from_mins(1));
    assert!(holding(&world, record.slot()).len() >= 8);
    world.run_for(SWEEP);
    let holders = holding(&world, record.slot());
    assert!((14..=26).contains(&holders.len()), "{holders:?}");
    assert!(is_fetched(&mut world, client, record.key()));
}

#[test]
fn a_newcomer_gets_each_record_that_is_its_own_from_exactly_one_holder() {
    let (mut world, client) = settled(50);
    let records: Vec<Record> = (0..60).map(value).collect();
    for record in &records {
        store(&mut world, client, record, Ttl::default());
    }
    world.run_for(SWEEP * 2);
    let newcomer = world.add(config().build().unwrap());
    world.bootstrap(newcomer, 3);
    world.run_for(SWEEP);
    let (mut own, mut held) = (0, 0);
    for record in &records {
        if closest(&world, &record.key(), 12).contains(&newcomer) {
            own += 1;
            held += usize::from(world.hosts[newcomer].store.contains_key(&record.slot()));
        }
    }
    assert!(own >= 5, "{own}");
    assert_eq!(held, own);
    let copies = &world.hosts[newcomer].copies;
    assert!(copies.values().all(|count| *count == 1), "{copies:?}");
}

#[test]
fn a_node_that_leaves_hands_over_what_others_lack() {
    let mut world = World::joined(40);
    let client = world.add_client();
    world.bootstrap(client, 1);
    world.run_for(Duration::from_secs(2));
    // Before the first sweep, so that only the sixteen closest hold it.
    let record = value(1);
    store(&mut world, client, &record, Ttl::default());
    let leaver = closest(&world, &record.key(), 1)[0];
    let started = world.now;
    let outcome = world.run(leaver, Command::Leave);
    assert!(matches!(outcome, Outcome::Left { handed_over: 1.. }), "{outcome:?}");
    assert!(world.now.since(started) <= Duration::from_secs(10));
    world.hosts[leaver].alive = false;
    let holders = holding(&world, record.slot());
    let kept = closest(&world, &record.key(), 14);
    assert!(kept.iter().all(|host| holders.contains(host)), "{kept:?} {holders:?}");
    assert!(holders.len() >= 16);
}

#[test]
fn a_node_that_holds_nothing_or_knows_nobody_has_left_at_once() {
    let mut world = World::joined(3);
    let started = world.now;
    let outcome = world.run(1, Command::Leave);
    assert!(matches!(outcome, Outcome::Left { handed_over: 0 }), "{outcome:?}");
    let lonely = world.add(config().build().unwrap());
    let outcome = world.run(lonely, Command::Leave);
    assert!(matches!(outcome, Outcome::Left { handed_over: 0 }), "{outcome:?}");
    assert!(world.now.since(started) <= Duration::from_secs(1));
}

#[test]
fn a_leave_ends_on_time_though_nobody_answers() {
    let (mut world, client) = settled(20);
    store(&mut world, client, &value(1), Ttl::default());
    for host in 1..20 {
        world.hosts[host].alive = false;
    }
    let started = world.now;
    let outcome = world.run(0, Command::Leave);
    assert!(matches!(outcome, Outcome::Left { .. }), "{outcome:?}");
    assert!(world.now.since(started) <= Duration::from_secs(10));
}

#[test]
fn copies_among_holders_never_outlive_what_the_publisher_asked_for() {
    let (mut world, client) = settled(40);
    let record = value(1);
    store(&mut world, client, &record, secs(1_200));
    let end = world.now + Duration::from_mins(20);
    for round in 0..4 {
        // Holders die, and others take their places.
        let victim = holding(&world, record.slot())[round];
        world.hosts[victim].alive = false;
        world.run_for(SWEEP * 3 / 4);
        assert!(!holding(&world, record.slot()).is_empty());
        for host in &world.hosts {
            let late = host.store.get(&record.slot()).is_some_and(|(_, s)| s.expires > end);
            assert!(!late, "a copy outlives its record");
        }
    }
    world.run_for(end.since(world.now) + Duration::from_secs(1));
    assert_eq!(holding(&world, record.slot()), []);
    world.run_for(SWEEP * 2);
    assert_eq!(holding(&world, record.slot()), [], "ended records do not come back");
    assert!(!is_fetched(&mut world, client, record.key()));
}

#[test]
fn a_deleted_record_is_not_brought_back_by_a_holder_that_missed_it() {
    let (mut world, client) = settled(30);
    let author = AuthorSecret::from_seed(&[3; 32]);
    let salt = Salt::new("page").unwrap();
    let version = |sequence, body| Record::sign(&author, salt.clone(), Sequence(sequence), body);
    let old: Record = version(1, SignedBody::Value(Value::new("old").unwrap()));
    store(&mut world, client, &old, Ttl::default());
    let absent = holding(&world, old.slot())[3];
    world.cut_off.insert(absent);
    let deletion: Record = version(2, SignedBody::Deleted);
    store(&mut world, client, &deletion, Ttl::default());
    world.cut_off.remove(&absent);
    world.run_for(SWEEP * 2);
    for (number, host) in world.hosts.iter().enumerate() {
        if let Some((record, _)) = host.store.get(&old.slot()) {
            assert_eq!(record.sequence(), Sequence(2), "host {number}");
        }
    }
    assert!(world.hosts[absent].store.contains_key(&old.slot()));
    assert!(!is_fetched(&mut world, client, old.key()));
}

#[test]
fn holders_that_agree_cost_each_other_little() {
    let (mut world, client) = settled(40);
    for number in 0..200 {
        store(&mut world, client, &value(number), Ttl::default());
    }
    world.run_for(SWEEP * 3);
    let before: usize = world.hosts.iter().map(|host| host.sent).sum();
    let all_copies =
        |world: &World| -> usize { world.hosts.iter().flat_map(|host| host.copies.values()).sum() };
    let before_copies = all_copies(&world);
    world.run_for(SWEEP * 4);
    let sent = world.hosts.iter().map(|host| host.sent).sum::<usize>() - before;
    assert_eq!(all_copies(&world), before_copies, "nothing is sent twice");
    // A comparison or its answer with each of about forty others in each sweep, and the upkeep of the table.
    assert!(sent <= 40 * 4 * 70, "{} messages a node and sweep", sent / 160);
}

#[test]
fn a_refusal_is_not_argued_with() {
    let (mut world, client) = settled(30);
    for host in 0..10 {
        world.hosts[host].refuses = Some(dht_proto::Refusal::Full);
    }
    for number in 0..20 {
        store(&mut world, client, &value(number), Ttl::default());
    }
    world.run_for(SWEEP * 2);
    let offered =
        |world: &World| -> usize { world.hosts.iter().flat_map(|host| host.copies.values()).sum() };
    let before = offered(&world);
    world.run_for(SWEEP * 4);
    assert!(offered(&world) - before <= before / 20, "{before} and then {}", offered(&world));
}

#[test]
fn while_our_own_network_is_down_nobody_is_called_and_afterwards_all_is_in_step() {
    let (mut world, client) = settled(30);
    let record = value(1);
    store(&mut world, client, &record, Ttl::default());
    let holder = holding(&world, record.slot())[0];
    world.cut_off.insert(holder);
    world.run_for(Duration::from_mins(6));
    world.trace.clear();
    world.run_for(SWEEP * 4);
    let calls = format!("s {holder} Send");
    let compares = |line: &&String| line.contains(&calls) && line.contains("Request(Reconcile");
    assert_eq!(
        world.trace.iter().filter(compares).count(),
        0,
        "it is not the others that are down"
    );
    world.cut_off.remove(&holder);
    world.run_for(SWEEP * 2);
    assert!(holding(&world, record.slot()).len() >= 16);
    assert!(is_fetched(&mut world, client, record.key()));
}

#[test]
fn a_record_lives_as_long_as_its_publisher_runs_and_no_longer() {
    let (mut world, _) = settled(40);
    let publisher = 7;
    let records: Vec<Record> = (0..30).map(value).collect();
    let ttl = secs(3_600);
    for record in &records {
        store(&mut world, publisher, record, ttl);
    }
    world.run_for(Duration::from_hours(5));
    for record in &records {
        let holders = holding(&world, record.slot());
        assert!(holders.len() >= 16, "{holders:?}");
    }
    world.hosts[publisher].alive = false;
    world.run_for(Duration::from_mins(61));
    for record in &records {
        assert_eq!(holding(&world, record.slot()), []);
    }
}

#[test]
fn a_publisher_that_starts_again_renews_what_it_published_before() {
    let (mut world, _) = settled(30);
    let publisher = 7;
    let record = value(1);
    store(&mut world, publisher, &record, secs(3_600));
    let kept = world.hosts[publisher].store.clone();
    world.restart(publisher);
    world.hosts[publisher].store = kept;
    world.bootstrap(publisher, 3);
    world.run_for(Duration::from_hours(3));
    assert!(holding(&world, record.slot()).len() >= 16);
}

#[test]
fn a_publisher_alone_keeps_its_own_record_and_hands_it_to_who_comes() {
    let mut world = World::joined(1);
    let record = value(1);
    store(&mut world, 0, &record, secs(3_600));
    world.run_for(Duration::from_hours(20));
    assert_eq!(holding(&world, record.slot()), [0]);
    let newcomer = world.add(config().build().unwrap());
    world.bootstrap(newcomer, 0);
    world.run_for(Duration::from_hours(2));
    assert_eq!(holding(&world, record.slot()), [0, newcomer]);
}

#[test]
fn a_name_dropped_by_its_publisher_ends() {
    let (mut world, _) = settled(30);
    let publisher = 7;
    let record = Record::named(b"name", Value::new("value").unwrap());
    store(&mut world, publisher, &record, secs(3_600));
    let own = world.hosts[publisher].store.remove(&record.slot());
    assert!(own.is_some_and(|(_, summary)| matches!(summary.custody, Custody::Own { .. })));
    world.run_for(Duration::from_mins(61));
    assert_eq!(holding(&world, record.slot()), []);
}

#[test]
fn renewing_many_records_costs_few_lookups() {
    let (mut world, _) = settled(60);
    let publisher = 7;
    for number in 0..300 {
        store(&mut world, publisher, &value(number), secs(7_200));
    }
    let stored = world.now;
    world.run_for(Duration::from_mins(50));
    let before = world.hosts[publisher].sent;
    world.run_for(Duration::from_mins(20));
    let sent = world.hosts[publisher].sent - before;
    let renewed = |number: &usize| {
        let slot = value(*number).slot();
        let end = stored + Duration::from_mins(125);
        let renewed = |host: &&usize| world.hosts[**host].store[&slot].1.expires > end;
        holding(&world, slot).iter().filter(renewed).count() >= 16
    };
    assert_eq!((0..300).filter(renewed).count(), 300);
    // Three hundred times sixteen copies, twenty offers to a message, and the comparisons of twenty minutes.
    assert!(sent < 1_000, "{sent} messages");
}

#[test]
fn large_records_are_handed_over_too() {
    let (mut world, client) = settled(30);
    let record = Record::content(Value::new(vec![5; 300_000]).unwrap());
    store(&mut world, client, &record, Ttl::default());
    for host in holding(&world, record.slot()).into_iter().skip(2) {
        world.hosts[host].alive = false;
    }
    world.run_for(SWEEP + Duration::from_mins(1));
    assert!(holding(&world, record.slot()).len() >= 8);
}

#[test]
fn a_cached_copy_is_neither_compared_nor_handed_over() {
    let (mut world, _) = settled(30);
    let record = value(1);
    let terms = Terms {
        expires: world.now + Duration::from_hours(10),
        purpose: Purpose::Cache,
        custody: Custody::Cache { until: Moment::NEVER },
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    };
    let summary = Summary::of(&record, &terms);
    world.hosts[4].store.insert(record.slot(), (record.clone(), summary));
    world.run_for(SWEEP * 3);
    assert_eq!(holding(&world, record.slot()), [4]);
}

#[test]
fn the_same_seed_repairs_in_the_same_way() {
    let run = || {
        let (mut world, client) = settled(30);
        for number in 0..20 {
            store(&mut world, client, &value(number), Ttl::default());
        }
        let victim = holding(&world, value(0).slot())[0];
        world.hosts[victim].alive = false;
        world.run_for(SWEEP * 2);
        world.trace
    };
    assert!(run() == run());
}
