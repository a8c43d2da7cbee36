//! Joining, cancelling, limits.

use std::time::Duration;

use dht_proto::{Key, KindSet, Record, Ttl, Value};
use dht_routing::{BootstrapError, Command, Event, Outcome};

use crate::world::{World, addr, config, identity};

#[test]
fn same_seed_and_inputs_give_the_same_outputs_byte_for_byte() {
    let run = || {
        let mut world = World::joined(30);
        world.run(3, Command::FindNode { target: Key::named(b"x") });
        world.hosts[4].alive = false;
        world.run(5, Command::Fetch { key: Key::named(b"y"), kinds: KindSet::ALL });
        world.trace
    };
    let first = run();
    assert!(first.len() > 1_000);
    assert_eq!(first, run());
}

#[test]
fn a_lookup_finds_the_true_closest_nodes() {
    let mut world = World::joined(100);
    for number in 0..30_u8 {
        let target = Key::named(&[number]);
        let from = usize::from(number);
        let mut expected: Vec<usize> = (0..100).filter(|host| *host != from).collect();
        expected.sort_by_key(|host| target.distance(&identity(*host).id()));
        let Outcome::Nodes(found) = world.run(from, Command::FindNode { target }) else {
            panic!("a lookup ends with nodes");
        };
        let found: Vec<_> = found.iter().map(dht_proto::Contact::id).collect();
        let expected: Vec<_> = expected[..16].iter().map(|host| identity(*host).id()).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_node_is_located_by_its_id_with_fewer_requests_than_a_full_lookup() {
    let mut world = World::joined(100);
    let before = world.hosts[3].sent;
    for number in 10..40 {
        let id = identity(number).id();
        let Outcome::Located(Some(contact)) = world.run(3, Command::Locate { id }) else {
            panic!("host {number} is alive");
        };
        assert_eq!(contact, dht_proto::Contact::new(identity(number), addr(number)));
    }
    let sent = world.hosts[3].sent - before;
    assert!(sent <= 30 * 8, "{sent} datagrams to locate 30 nodes");
}

#[test]
fn a_node_that_is_dead_or_unknown_is_not_located() {
    let mut world = World::joined(40);
    world.hosts[7].alive = false;
    for number in [7, 500] {
        let id = identity(number).id();
        let outcome = world.run(3, Command::Locate { id });
        assert!(matches!(outcome, Outcome::Located(None)), "{outcome:?}");
    }
}

#[test]
fn no_bootstrap_answer_is_told_within_five_seconds_with_the_addresses_tried() {
    let mut world = World::new();
    world.add(config().build().unwrap());
    let start = world.now;
    let addrs = vec![addr(7), addr(8)];
    let outcome = world.run(0, Command::Bootstrap { addrs: addrs.clone(), known: Vec::new() });
    let Outcome::Bootstrapped(Err(BootstrapError::NoAnswer { tried })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(tried, addrs);
    assert!(world.now.since(start) < Duration::from_secs(5));
}

#[test]
fn a_node_whose_bootstrap_failed_goes_on_trying() {
    let mut world = World::new();
    world.add(config().build().unwrap());
    world.add(config().build().unwrap());
    world.hosts[0].alive = false;
    world.run(1, Command::Bootstrap { addrs: vec![addr(0)], known: Vec::new() });
    world.hosts[0].alive = true;
    world.run_for(Duration::from_mins(5));
    assert_eq!(world.hosts[1].peer.status().contacts, 1);
    assert_eq!(world.hosts[0].peer.status().contacts, 1);
}

#[test]
fn a_node_whose_table_empties_bootstraps_again() {
    let mut world = World::joined(3);
    world.cut_off.insert(2);
    // Somebody must answer for failures to count: host 2 still talks to a node that joins through it.
    world.hosts[0].alive = false;
    world.hosts[1].alive = false;
    world.cut_off.clear();
    world.add(config().build().unwrap());
    world.bootstrap(3, 2);
    world.run_for(Duration::from_hours(1));
    world.hosts[3].alive = false;
    world.hosts[0].alive = true;
    world.run_for(Duration::from_hours(1));
    assert!(world.hosts[2].peer.table().entry(&identity(0).id()).is_some());
}

#[test]
fn bootstrap_of_one_node_costs_a_bounded_number_of_requests() {
    let mut world = World::joined(150);
    let newcomer = world.add(config().build().unwrap());
    world.run(newcomer, Command::Bootstrap { addrs: vec![addr(0)], known: Vec::new() });
    let joined = world.hosts[newcomer].sent;
    world.run_for(Duration::from_mins(1));
    let filled = world.hosts[newcomer].sent;
    assert!(joined <= 60, "{joined} datagrams to join");
    assert!(filled <= 400, "{filled} datagrams to join and fill the table");
    assert!(world.hosts[newcomer].peer.status().contacts >= 40);
}

/// Starts a host anew, with what its table held and the addresses of nobody.
fn come_back(world: &mut World, host: usize) -> Outcome {
    let known = world.hosts[host].peer.contacts().collect();
    world.restart(host);
    world.hosts[host].sent = 0;
    world.hosts[host].finished.clear();
    world.run(host, Command::Bootstrap { addrs: Vec::new(), known })
}

#[test]
fn a_node_that_comes_back_is_of_use_at_once_and_meets_all_it_knew_within_a_minute() {
    let mut world = World::joined(100);
    world.run_for(Duration::from_mins(5));
    let record = Record::content(Value::new("value").unwrap());
    let key = record.key();
    world.run(9, Command::Store { record, ttl: Ttl::default(), expected: None });
    let before = world.hosts[50].peer.status().contacts;
    let outcome = come_back(&mut world, 50);
    assert!(matches!(outcome, Outcome::Bootstrapped(Ok(_))), "{outcome:?}");
    assert!(world.hosts[50].sent <= 30, "{} datagrams to be back", world.hosts[50].sent);
    let outcome = world.run(50, Command::Fetch { key, kinds: KindSet::ALL });
    assert!(matches!(outcome, Outcome::Fetched(Ok(_))), "{outcome:?}");
    let record = Record::content(Value::new("other value").unwrap());
    let outcome = world.run(50, Command::Store { record, ttl: Ttl::default(), expected: None });
    assert!(
        matches!(&outcome, Outcome::Stored(report) if report.holders.len() == 16),
        "{outcome:?}"
    );
    world.run_for(Duration::from_mins(1));
    let after = world.hosts[50].peer.status().contacts;
    assert!(after * 10 >= before * 9, "{after} of {before} contacts");
}

#[test]
fn a_node_comes_back_though_all_of_its_neighbours_have_died() {
    let mut world = World::joined(100);
    world.run_for(Duration::from_mins(5));
    let own = identity(50).id().to_key();
    let mut others: Vec<usize> = (0..100).filter(|host| *host != 50).collect();
    others.sort_by_key(|host| own.distance(&identity(*host).id()));
    for host in &others[..60] {
        world.hosts[*host].alive = false;
    }
    let outcome = come_back(&mut world, 50);
    assert!(matches!(outcome, Outcome::Bootstrapped(Ok(_))), "{outcome:?}");
}

#[test]
fn a_cancelled_operation_ends_without_an_outcome_and_leaves_no_timer_behind() {
    let mut world = World::joined(10);
    let now = world.now;
    for host in 1..10 {
        world.hosts[host].alive = false;
    }
    let id = world.command(0, Command::FindNode { target: Key::named(b"x") });
    world.hosts[0].peer.cancel(now, id);
    assert_eq!(world.hosts[0].peer.status().operations, 0);
    world.run_for(Duration::from_mins(1));
    assert!(world.hosts[0].finished.is_empty());
}

#[test]
fn past_the_bound_commands_are_refused_as_busy() {
    let mut world = World::new();
    world.add(config().operations(2).build().unwrap());
    let now = world.now;
    let command = || Command::Bootstrap { addrs: vec![addr(5)], known: Vec::new() };
    let peer = &mut world.hosts[0].peer;
    assert!(peer.handle_command(now, command()).is_ok());
    assert!(peer.handle_command(now, command()).is_ok());
    assert_eq!(peer.handle_command(now, command()).unwrap_err().limit, 2);
}

#[test]
fn an_id_learnt_from_the_target_of_a_request_is_no_contact() {
    let mut world = World::joined(10);
    let stranger = identity(77).id();
    world.run(1, Command::FindNode { target: stranger.to_key() });
    assert!(world.hosts.iter().all(|host| host.peer.table().entry(&stranger).is_none()));
}

#[test]
fn joining_and_leaving_are_told_as_events() {
    let world = World::joined(5);
    let joined = world.hosts[0].events.iter().filter(|e| matches!(e, Event::Joined(_))).count();
    assert_eq!(joined, 4);
}
