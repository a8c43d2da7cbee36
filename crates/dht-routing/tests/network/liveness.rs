//! Who stays in the table, and who does not enter.

use std::time::Duration;

use dht_proto::{Body, Families, Load, Message, Reply, Request, RequestId, Role};
use dht_routing::{Input, Output, Route, Via};

use crate::world::{World, addr, config, identity};

#[test]
fn a_node_that_answers_for_an_hour_stays_in_the_table() {
    let mut world = World::joined(40);
    let before: Vec<_> = world.hosts[0].peer.contacts().map(|contact| contact.id()).collect();
    world.run_for(Duration::from_hours(1));
    let table = world.hosts[0].peer.table();
    assert!(before.iter().all(|id| table.entry(id).is_some()));
}

#[test]
fn dead_nodes_leave_the_table() {
    let mut world = World::joined(40);
    for host in 20..40 {
        world.hosts[host].alive = false;
    }
    world.run_for(Duration::from_hours(1));
    let dead = |id| (20..40).any(|host| identity(host).id() == id);
    for host in 0..20 {
        assert!(world.hosts[host].peer.contacts().all(|contact| !dead(contact.id())));
        assert!(world.hosts[host].peer.status().contacts >= 15);
    }
}

#[test]
fn losing_our_own_network_for_a_minute_does_not_empty_the_table() {
    let mut world = World::joined(40);
    let before = world.hosts[0].peer.status().contacts;
    world.cut_off.insert(0);
    for number in 0..30_u8 {
        let target = dht_proto::Key::named(&[number]);
        world.command(0, dht_routing::Command::FindNode { target });
        world.run_for(Duration::from_secs(2));
    }
    assert_eq!(world.hosts[0].peer.status().contacts, before);
    world.cut_off.clear();
    world.run_for(Duration::from_mins(1));
    assert_eq!(world.hosts[0].peer.status().contacts, before);
}

#[test]
fn a_late_answer_is_not_a_failure() {
    let mut world = World::joined(3);
    let now = world.now;
    let host = &mut world.hosts[0];
    let target = dht_proto::Key::named(b"x");
    host.peer.handle_command(now, dht_routing::Command::FindNode { target }).unwrap();
    let asked: Vec<_> = std::iter::from_fn(|| host.peer.poll_output())
        .filter_map(|output| match output {
            Output::Send { route: Route::Datagram(to), message } => Some((to, message.id)),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);
    let late = now + Duration::from_millis(2_500);
    host.peer.handle_timeout(late);
    for (to, id) in asked {
        let reply = Reply::Nodes { closer: Vec::new() };
        let message = Message {
            role: Role::Full,
            families: Families::V4,
            load: Load::NONE,
            id,
            body: Body::Reply(reply),
        };
        let via = Via::Datagram { source: to.addr, length: 100, proven: false };
        host.peer.handle_input(late, Input::Received { from: to.node, via, message });
    }
    for entry in host.peer.table().iter() {
        assert_eq!((entry.answered(), entry.failures()), (late, 0));
    }
}

fn request(host: usize, role: Role) -> Input {
    let body = Body::Request(Request::Ping);
    let message =
        Message { role, families: Families::V4, load: Load::NONE, id: RequestId(1), body };
    let via = Via::Datagram { source: addr(host), length: 400, proven: true };
    Input::Received { from: identity(host), via, message }
}

#[test]
fn nothing_enters_the_table_by_a_packet_it_sent_us_only_by_answering_us() {
    let mut world = World::new();
    world.add(config().build().unwrap());
    world.input(0, request(5, Role::Full));
    assert_eq!(world.hosts[0].peer.status().contacts, 0);
    world.run_for(Duration::from_mins(1));
    assert_eq!(world.hosts[0].peer.status().contacts, 0);
}

#[test]
fn a_full_node_that_asks_us_is_pinged_and_enters_when_it_answers() {
    let mut world = World::new();
    world.add(config().build().unwrap());
    world.add(config().build().unwrap());
    world.input(0, request(1, Role::Full));
    world.run_for(Duration::from_secs(1));
    assert!(world.hosts[0].peer.table().entry(&identity(1).id()).is_some());
}

#[test]
fn a_client_that_asks_us_is_not_pinged() {
    let mut world = World::new();
    world.add(config().build().unwrap());
    world.input(0, request(1, Role::Client));
    assert_eq!(world.hosts[0].sent, 1);
}

#[test]
fn a_reply_counts_only_from_the_node_that_was_asked() {
    let mut world = World::joined(3);
    let now = world.now;
    let host = &mut world.hosts[0];
    let target = dht_proto::Key::named(b"x");
    host.peer.handle_command(now, dht_routing::Command::FindNode { target }).unwrap();
    let Some(Output::Send { message, .. }) = host.peer.poll_output() else { panic!("a request") };
    let reply = Reply::Nodes { closer: Vec::new() };
    let body = Body::Reply(reply);
    let message = Message {
        role: Role::Full,
        families: Families::V4,
        load: Load::NONE,
        id: message.id,
        body,
    };
    let via = Via::Datagram { source: addr(8), length: 100, proven: false };
    let requests = host.peer.status().requests;
    host.peer.handle_input(now, Input::Received { from: identity(8), via, message });
    assert_eq!(host.peer.status().requests, requests);
    assert!(host.peer.table().entry(&identity(8).id()).is_none());
}

#[test]
fn a_stranger_gets_at_most_three_bytes_for_each_it_sent() {
    let world = World::joined(40);
    let now = world.now;
    let mut peer = world.hosts[0].peer.clone();
    let mut listed = Vec::new();
    for length in [100, 200, 300, 400] {
        let body = Body::Request(Request::FindNode { target: dht_proto::Key::named(b"x") });
        let message = Message {
            role: Role::Client,
            families: Families::V4,
            load: Load::NONE,
            id: RequestId(1),
            body,
        };
        let via = Via::Datagram { source: addr(90), length, proven: false };
        peer.handle_input(now, Input::Received { from: identity(90), via, message });
        let Some(Output::Send { message, .. }) = peer.poll_output() else { panic!("a reply") };
        let Body::Reply(reply) = message.body else { panic!("a reply") };
        assert!(reply.closer().len() * 54 < length * 3);
        listed.push(reply.closer().len());
    }
    assert!(listed[0] < listed[1] && listed[1] < listed[2]);
    assert_eq!(listed[3], 16);
}
