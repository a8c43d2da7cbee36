//! One peer, spoken to by hand.

use super::*;
use crate::{ConfigBuilder, Route, Via};
use dht_proto::{
    Body, Contact, Difficulty, Families, Key, Load, Mention, Message, NodeIdentity, Nonce,
    PublicKey, Record, Refusal, Reply, Request, RequestId, Role, Ttl, Value,
};

mod blame;
mod broadcast;
mod catch_up;
mod consult;
mod copies;
mod gathering;
mod leaving;
mod load;
mod many;
mod mirroring;
mod serve;
mod silence;
mod sponsors;
mod storing;
mod table;

fn identity(number: u32) -> NodeIdentity {
    NodeIdentity::new(PublicKey::from_bytes([5; 32]), Nonce(number))
}

fn contact(number: u32, addr: &str) -> Contact {
    Contact::new(identity(number), addr.parse().unwrap())
}

fn config() -> ConfigBuilder {
    Config::builder().id_difficulty(Difficulty::NONE)
}

fn peer(config: ConfigBuilder) -> Peer {
    Peer::new(config.build().unwrap(), identity(0), Seed([1; 32]), Moment::EPOCH)
}

fn outputs(peer: &mut Peer) -> Vec<Output> {
    std::iter::from_fn(|| peer.poll_output()).collect()
}

/// The requests a peer sends, to whom.
fn requests(peer: &mut Peer) -> Vec<(Contact, RequestId, Request)> {
    let sent = outputs(peer).into_iter().filter_map(|output| match output {
        Output::Send {
            route: Route::Datagram(to) | Route::Dial(to),
            message: Message { id, body: Body::Request(request), .. },
        } => Some((to, id, request)),
        _ => None,
    });
    sent.collect()
}

/// The one reply a peer sends.
fn expect_reply(peer: &mut Peer) -> Reply {
    let replies = outputs(peer).into_iter().filter_map(|output| match output {
        Output::Send { message: Message { body: Body::Reply(reply), .. }, .. } => Some(reply),
        _ => None,
    });
    let replies: Vec<Reply> = replies.collect();
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.into_iter().next().unwrap()
}

fn say(peer: &mut Peer, now: Moment, from: &Contact, role: Role, id: RequestId, body: Body) {
    let via = Via::Datagram { source: from.addr, length: 400, proven: true };
    let message = Message { role, families: Families::BOTH, load: Load::NONE, id, body };
    peer.handle_input(now, Input::Received { from: from.node, via, message });
}

fn ask(peer: &mut Peer, from: &Contact, request: Request) {
    say(peer, Moment::EPOCH, from, Role::Client, RequestId(1), Body::Request(request));
}

fn answer(peer: &mut Peer, now: Moment, from: &Contact, id: RequestId, reply: Reply) {
    say(peer, now, from, Role::Full, id, Body::Reply(reply));
}

fn pong() -> Reply {
    Reply::Pong { observed: "127.0.0.1:1".parse().unwrap() }
}

/// Makes `contact` known: it asks, is pinged, and answers.
fn introduce(peer: &mut Peer, now: Moment, contact: &Contact) {
    say(peer, now, contact, Role::Full, RequestId(1), Body::Request(Request::Ping));
    for (to, id, _) in requests(peer) {
        if to == *contact {
            answer(peer, now, contact, id, pong());
        }
    }
    outputs(peer);
}

fn in_table(peer: &Peer, contact: &Contact) -> bool {
    peer.table().entry(&contact.id()).is_some_and(|entry| entry.contact() == *contact)
}

#[test]
fn contacts_are_told_only_to_askers_of_the_same_kind_of_network() {
    let mut peer = peer(config().families(Families::BOTH));
    let loopback = contact(1, "127.0.0.1:1000");
    let private = contact(2, "192.168.1.7:1000");
    let public = contact(3, "9.9.9.9:1000");
    let public6 = contact(4, "[2600::1]:1000");
    for known in [loopback, private, public, public6] {
        introduce(&mut peer, Moment::EPOCH, &known);
        assert!(in_table(&peer, &known));
    }
    let mut told = |asker: &str| {
        ask(&mut peer, &contact(9, asker), Request::FindNode { target: Key::named(b"x") });
        let mut told = told_by(&expect_reply(&mut peer));
        told.sort_by_key(|contact| contact.node.nonce().0);
        told
    };
    assert_eq!(told("127.0.0.1:5"), [loopback, private, public, public6]);
    assert_eq!(told("10.1.1.1:5"), [private, public, public6]);
    assert_eq!(told("8.8.4.4:5"), [public, public6]);
}

/// The contacts that a reply names.
fn told_by(reply: &Reply) -> Vec<Contact> {
    reply.closer().iter().map(|mention| mention.referral().contact).collect()
}

#[test]
fn contacts_are_told_only_of_families_the_asker_can_use() {
    let mut peer = peer(config().families(Families::BOTH));
    let v4 = contact(1, "9.9.9.9:1000");
    let v6 = contact(2, "[2600::1]:1000");
    introduce(&mut peer, Moment::EPOCH, &v4);
    introduce(&mut peer, Moment::EPOCH, &v6);
    let request = Request::FindNode { target: Key::named(b"x") };
    let via = Via::Datagram { source: "8.8.8.8:1".parse().unwrap(), length: 400, proven: true };
    let body = Body::Request(request);
    let message = Message {
        role: Role::Client,
        families: Families::V6,
        load: Load::NONE,
        id: RequestId(1),
        body,
    };
    peer.handle_input(Moment::EPOCH, Input::Received { from: identity(9), via, message });
    assert_eq!(told_by(&expect_reply(&mut peer)), [v6]);
}

#[test]
fn contacts_are_believed_only_from_tellers_of_the_same_kind_of_network() {
    let mut peer = peer(config());
    let teller = contact(1, "9.9.9.9:1000");
    introduce(&mut peer, Moment::EPOCH, &teller);
    peer.handle_command(Moment::EPOCH, Command::FindNode { target: Key::named(b"x") }).unwrap();
    let (_, id, _) = requests(&mut peer)[0].clone();
    let public = contact(5, "8.8.8.8:1000");
    let closer = vec![
        contact(2, "127.0.0.1:1000"),
        contact(3, "192.168.1.1:1000"),
        contact(4, "0.0.0.0:1000"),
        contact(6, "[2600::1]:1000"),
        contact(7, "8.8.8.9:0"),
        Contact::new(identity(0), "8.8.8.10:5".parse().unwrap()),
        public,
    ];
    let closer = closer.into_iter().map(Mention::from).collect();
    answer(&mut peer, Moment::EPOCH, &teller, id, Reply::Nodes { closer });
    let asked: Vec<Contact> = requests(&mut peer).into_iter().map(|(to, ..)| to).collect();
    assert_eq!(asked, [public]);
}

#[test]
fn ids_that_nobody_paid_for_are_not_believed() {
    let difficulty = Difficulty::new(8).unwrap();
    let mut peer = peer(Config::builder().id_difficulty(difficulty));
    let paid = |wanted: bool| {
        let fits = |contact: &Contact| contact.node.meets(difficulty) == wanted;
        (1..99_999).map(|n| contact(n, "127.0.0.1:1000")).find(fits).unwrap()
    };
    introduce(&mut peer, Moment::EPOCH, &paid(false));
    assert!(peer.table().is_empty());
    introduce(&mut peer, Moment::EPOCH, &paid(true));
    assert_eq!(peer.table().len(), 1);
}

#[test]
fn a_node_that_did_not_pay_for_its_id_is_no_entry_though_we_asked_it_and_it_answers() {
    let difficulty = Difficulty::new(8).unwrap();
    for paid in [false, true] {
        let mut peer = peer(Config::builder().id_difficulty(difficulty));
        let fits = |contact: &Contact| contact.node.meets(difficulty) == paid;
        let first = (1..99_999).map(|n| contact(n, "127.0.0.1:1000")).find(fits).unwrap();
        let command = Command::Bootstrap { addrs: vec![first.addr], known: Vec::new() };
        peer.handle_command(Moment::EPOCH, command).unwrap();
        peer.handle_input(Moment::EPOCH, Input::Greeted { addr: first.addr, node: first.node });
        let asked = requests(&mut peer);
        assert!(!asked.is_empty());
        for (to, id, _) in asked {
            answer(&mut peer, Moment::EPOCH, &to, id, Reply::Nodes { closer: Vec::new() });
        }
        assert_eq!(in_table(&peer, &first), paid);
    }
}

#[test]
fn a_ping_before_eviction_is_awaited_before_the_eviction() {
    let mut peer = peer(config().k(1));
    let local = peer.local().id();
    let zeros = |c: &Contact| local.distance(&c.id()).leading_zeros();
    let mut same = (1..).map(|n| contact(n, "127.0.0.1:1000")).filter(|c| zeros(c) == 0);
    let (old, new) = (same.next().unwrap(), same.next().unwrap());
    introduce(&mut peer, Moment::EPOCH, &old);

    // The newcomer answers a request of ours, a lookup's, long after the old one last did.
    let now = Moment::from_secs(100);
    let command = Command::FindNode { target: new.id().to_key() };
    peer.handle_command(now, command).unwrap();
    let (_, id, _) = requests(&mut peer)[0].clone();
    answer(&mut peer, now, &old, id, Reply::Nodes { closer: vec![new.into()] });
    let later = Moment::from_secs(200);
    let (_, id, _) = requests(&mut peer)[0].clone();
    answer(&mut peer, later, &new, id, Reply::Nodes { closer: Vec::new() });

    let pinged = requests(&mut peer);
    assert!(matches!(pinged[..], [(to, _, Request::Ping)] if to == old), "{pinged:?}");
    assert!(in_table(&peer, &old) && !in_table(&peer, &new));
    let (_, id, _) = pinged[0].clone();
    answer(&mut peer, later, &old, id, pong());
    assert!(in_table(&peer, &old) && !in_table(&peer, &new));
}

#[test]
fn a_node_just_evicted_does_not_come_straight_back_by_hearsay() {
    let mut peer = peer(config());
    let dead = contact(1, "127.0.0.1:1000");
    let teller = contact(2, "127.0.0.1:1001");
    introduce(&mut peer, Moment::EPOCH, &dead);
    for _ in 0..crate::table::FAILURES_MAX {
        peer.table.failed(&dead.node);
    }
    introduce(&mut peer, Moment::EPOCH, &teller);
    peer.handle_command(Moment::EPOCH, Command::FindNode { target: Key::named(b"x") }).unwrap();
    let (_, id, _) = requests(&mut peer)[0].clone();
    answer(&mut peer, Moment::EPOCH, &teller, id, Reply::Nodes { closer: vec![dead.into()] });
    assert!(!in_table(&peer, &dead));
}

#[test]
fn a_captured_reply_sent_again_from_elsewhere_moves_no_contact() {
    let mut peer = peer(config());
    let node = contact(1, "127.0.0.1:1000");
    introduce(&mut peer, Moment::EPOCH, &node);
    peer.handle_command(Moment::EPOCH, Command::FindNode { target: Key::named(b"x") }).unwrap();
    let (_, id, _) = requests(&mut peer)[0].clone();
    let elsewhere = contact(1, "127.0.0.9:9");
    let reply = Reply::Nodes { closer: Vec::new() };
    answer(&mut peer, Moment::EPOCH, &elsewhere, id, reply.clone());
    answer(&mut peer, Moment::EPOCH, &elsewhere, id, reply);
    assert!(in_table(&peer, &node));
}

#[test]
fn a_reply_with_twenty_contacts_lists_twenty_different_ones() {
    let mut peer = peer(config().k(20));
    for number in 1..200 {
        introduce(&mut peer, Moment::EPOCH, &contact(number, "127.0.0.1:1000"));
    }
    ask(&mut peer, &contact(999, "127.0.0.1:5"), Request::FindNode { target: Key::named(b"x") });
    let reply = expect_reply(&mut peer);
    let ids: std::collections::BTreeSet<_> = reply.closer().iter().map(Mention::id).collect();
    assert_eq!(ids.len(), reply.closer().len());
    assert!(ids.len() >= 16);
}

#[test]
fn contacts_beyond_those_a_reply_may_hold_are_dropped() {
    let mut peer = peer(config().k(20).alpha(20));
    let teller = contact(1, "127.0.0.1:1000");
    introduce(&mut peer, Moment::EPOCH, &teller);
    peer.handle_command(Moment::EPOCH, Command::FindNode { target: Key::named(b"x") }).unwrap();
    let (_, id, _) = requests(&mut peer)[0].clone();
    let closer = (100..1_100).map(|n| contact(n, "127.0.0.1:2000").into()).collect();
    answer(&mut peer, Moment::EPOCH, &teller, id, Reply::Nodes { closer });
    assert!(requests(&mut peer).len() <= dht_proto::limits::CONTACTS_MAX);
}

#[test]
fn a_value_over_our_item_limit_is_refused_with_the_limit() {
    let mut peer = peer(config().item_limit(100));
    let record = Record::content(Value::new(vec![1_u8; 101]).unwrap());
    let purpose = dht_proto::Purpose::Publish;
    let request = Request::Store { record, ttl: Ttl::default(), purpose, expected: None };
    ask(&mut peer, &contact(1, "127.0.0.1:1"), request);
    let Reply::Refused { refusal, .. } = expect_reply(&mut peer) else { panic!("a refusal") };
    assert_eq!(refusal, Refusal::TooLarge { limit: 100 });
}

#[test]
fn a_client_answers_pings_and_holds_nothing() {
    let mut peer = peer(config().role(Role::Client));
    let asker = contact(1, "127.0.0.1:1");
    ask(&mut peer, &asker, Request::Ping);
    assert_eq!(expect_reply(&mut peer), Reply::Pong { observed: asker.addr });
    let record = Record::content(Value::new("x").unwrap());
    let purpose = dht_proto::Purpose::Publish;
    let request = Request::Store { record, ttl: Ttl::default(), purpose, expected: None };
    ask(&mut peer, &asker, request);
    let Reply::Refused { refusal, .. } = expect_reply(&mut peer) else { panic!("a refusal") };
    assert_eq!(refusal, Refusal::NotStoring);
    ask(&mut peer, &asker, Request::FindNode { target: Key::named(b"x") });
    assert!(matches!(expect_reply(&mut peer), Reply::Error { .. }));
}

#[test]
fn a_message_under_our_own_identity_is_ignored() {
    let mut peer = peer(config());
    ask(&mut peer, &contact(0, "127.0.0.1:1"), Request::Ping);
    assert!(outputs(&mut peer).is_empty());
}
