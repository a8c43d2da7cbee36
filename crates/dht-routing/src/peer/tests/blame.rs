//! What a peer holds against others, and what it does not.

use std::time::Duration;

use dht_proto::KindSet;

use super::*;
use crate::{Offence, Recipient, Suspect};

const NOW: Moment = Moment::from_secs(1_000);

fn record(value: &'static str) -> Record {
    Record::content(Value::new(value).unwrap())
}

/// Fetches a key; whoever is asked first gives `reply`.
fn fetch_and_answer(peer: &mut Peer, now: Moment, liar: &Contact, reply: &Reply) {
    let command = Command::Fetch { key: Key::content(b"wanted"), kinds: KindSet::PROVEN };
    let operation = peer.handle_command(now, command).unwrap();
    let load = outputs(peer).into_iter().find_map(|output| match output {
        Output::Load { ticket, .. } => Some(ticket),
        _ => None,
    });
    peer.handle_input(now, Input::Loaded { ticket: load.unwrap(), found: None });
    for (to, id, _) in requests(peer) {
        if to == *liar {
            answer(peer, now, liar, id, reply.clone());
        }
    }
    peer.cancel(now, operation);
}

fn wrong_value() -> Reply {
    let ttl = Ttl::MAX;
    Reply::Found { record: record("another"), ttl, closer: Vec::new() }
}

fn bans(peer: &mut Peer) -> Vec<Suspect> {
    let banned = outputs(peer).into_iter().filter_map(|output| match output {
        Output::Event(Event::Banned(ban)) => Some(ban.suspect),
        _ => None,
    });
    banned.collect()
}

/// A peer that knows `known`.
fn acquainted(known: &[Contact]) -> Peer {
    let mut peer = peer(config());
    for contact in known {
        introduce(&mut peer, NOW, contact);
        assert!(in_table(&peer, contact));
    }
    peer
}

/// A peer that has caught `liar` at two wrong values.
fn deceived(known: &[Contact], liar: &Contact) -> Peer {
    let mut peer = acquainted(known);
    fetch_and_answer(&mut peer, NOW, liar, &wrong_value());
    assert_eq!(bans(&mut peer), []);
    fetch_and_answer(&mut peer, NOW, liar, &wrong_value());
    peer
}

fn is_answered(peer: &mut Peer, now: Moment, asker: &Contact) -> bool {
    say(peer, now, asker, Role::Client, RequestId(77), Body::Request(Request::Ping));
    let is_reply = |output: &Output| match output {
        Output::Send { message, .. } => matches!(message.body, Body::Reply(_)),
        _ => false,
    };
    outputs(peer).iter().any(is_reply)
}

#[test]
fn who_passes_off_wrong_values_is_not_asked_not_answered_and_not_named_for_ten_minutes() {
    let (liar, honest) = (contact(1, "9.9.9.9:1"), contact(2, "8.8.8.8:1"));
    let mut peer = deceived(&[liar, honest], &liar);

    assert_eq!(bans(&mut peer), [Suspect::Node(liar.id())]);
    assert!(!in_table(&peer, &liar) && in_table(&peer, &honest));
    assert!(!is_answered(&mut peer, NOW, &liar));
    assert!(is_answered(&mut peer, NOW, &honest));
    ask(&mut peer, &honest, Request::FindNode { target: liar.id().to_key() });
    assert!(!told_by(&expect_reply(&mut peer)).contains(&liar));
    peer.handle_command(NOW, Command::FindNode { target: liar.id().to_key() }).unwrap();
    for (to, id, _) in requests(&mut peer) {
        let closer = vec![liar.into()];
        answer(&mut peer, NOW, &to, id, Reply::Nodes { closer });
    }
    assert!(requests(&mut peer).iter().all(|(to, ..)| *to != liar));

    let later = NOW + Duration::from_mins(10);
    assert!(is_answered(&mut peer, later, &liar));
}

#[test]
fn a_banned_node_is_banned_at_every_address_and_its_neighbours_are_not() {
    let liar = contact(1, "9.9.9.9:1");
    let mut peer = deceived(&[liar], &liar);

    let elsewhere = contact(1, "8.8.8.8:1");
    assert!(!is_answered(&mut peer, NOW, &elsewhere));
    let neighbour = contact(2, "9.9.9.9:2");
    assert!(is_answered(&mut peer, NOW, &neighbour));
}

#[test]
fn nothing_that_others_say_in_its_place_is_held_against_a_node() {
    let (victim, forger) = (contact(1, "9.9.9.9:1"), contact(2, "8.8.8.8:1"));
    let mut peer = acquainted(&[victim]);
    for _ in 0..20 {
        let command = Command::Fetch { key: Key::content(b"wanted"), kinds: KindSet::PROVEN };
        peer.handle_command(NOW, command).unwrap();
        let load = outputs(&mut peer).into_iter().find_map(|output| match output {
            Output::Load { ticket, .. } => Some(ticket),
            _ => None,
        });
        peer.handle_input(NOW, Input::Loaded { ticket: load.unwrap(), found: None });
        for (_, id, _) in requests(&mut peer) {
            answer(&mut peer, NOW, &forger, id, wrong_value());
            let from_its_address = Contact::new(forger.node, victim.addr);
            answer(&mut peer, NOW, &from_its_address, id, wrong_value());
        }
    }
    assert_eq!(peer.bans(NOW).count(), 0);
    assert!(in_table(&peer, &victim));
}

#[test]
fn answers_that_fit_no_question_ban_whoever_gives_them() {
    let fool = contact(1, "9.9.9.9:1");
    let mut peer = acquainted(&[fool]);
    for _ in 0..10 {
        assert_eq!(bans(&mut peer), []);
        fetch_and_answer(&mut peer, NOW, &fool, &pong());
    }
    assert_eq!(bans(&mut peer), [Suspect::Node(fool.id())]);
}

#[test]
fn who_names_nodes_that_cannot_be_is_banned() {
    let teller = contact(1, "9.9.9.9:1");
    let mut peer = acquainted(&[teller]);
    // It costs nothing to make such an id, and in this network it must.
    let config = Config::builder().id_difficulty(Difficulty::DEFAULT).build().unwrap();
    peer.config = Arc::new(config);
    let closer = vec![contact(99, "8.8.8.8:1").into()];
    for _ in 0..10 {
        assert_eq!(bans(&mut peer), []);
        fetch_and_answer(&mut peer, NOW, &teller, &Reply::Nodes { closer: closer.clone() });
    }
    assert_eq!(bans(&mut peer), [Suspect::Node(teller.id())]);
}

/// Asks the application of `sloth` twenty times; it says each time that it is at work, and no more. Meanwhile `other`
/// answers, if it is there.
fn be_put_off(peer: &mut Peer, sloth: &Contact, other: Option<&Contact>) {
    let mut now = NOW;
    for _ in 0..20 {
        let (to, patience) = (Recipient::Contact(*sloth), Duration::from_mins(1));
        let command = Command::Custom { to, payload: "x".into(), patience };
        peer.handle_command(now, command).unwrap();
        for (to, id, _) in requests(peer) {
            answer(peer, now, &to, id, Reply::Pending);
        }
        let end = now + Duration::from_secs(5);
        if let Some(other) = other {
            now += Duration::from_millis(1);
            peer.handle_command(now, Command::Ping { addr: other.addr }).unwrap();
            peer.handle_input(now, Input::Greeted { addr: other.addr, node: other.node });
            for (to, id, _) in requests(peer) {
                answer(peer, now, &to, id, pong());
            }
        }
        while let Some(due) = peer.poll_timeout().filter(|due| *due < end) {
            peer.handle_timeout(due);
        }
        now = end;
    }
}

#[test]
fn silence_after_a_promise_counts_only_while_others_answer() {
    let (sloth, other) = (contact(1, "9.9.9.9:1"), contact(2, "8.8.8.8:1"));
    let mut peer = acquainted(&[sloth, other]);
    be_put_off(&mut peer, &sloth, None);
    assert_eq!(peer.bans(NOW).count(), 0);

    let mut peer = acquainted(&[sloth, other]);
    be_put_off(&mut peer, &sloth, Some(&other));
    let banned: Vec<Suspect> =
        peer.bans(NOW + Duration::from_mins(2)).map(|ban| ban.suspect).collect();
    assert_eq!(banned, [Suspect::Node(sloth.id())]);
}

#[test]
fn what_the_application_bans_leaves_the_table_and_returns_when_the_ban_is_lifted() {
    let (one, two, far) =
        (contact(1, "9.9.9.9:1"), contact(2, "9.9.9.10:1"), contact(3, "8.8.8.8:1"));
    let mut peer = acquainted(&[one, two, far]);
    let subnet: Suspect = "9.9.9.0/24".parse().unwrap();
    let until = NOW + Duration::from_hours(1);

    assert!(peer.ban(NOW, subnet, until));
    assert!(!in_table(&peer, &one) && !in_table(&peer, &two) && in_table(&peer, &far));
    assert!(!is_answered(&mut peer, NOW, &one));
    let ban = peer.bans(NOW).next().unwrap();
    assert_eq!((ban.suspect, ban.until, ban.offence), (subnet, until, None));
    assert!(!peer.ban(NOW, subnet, NOW), "that is over already");

    assert!(peer.lift_ban(NOW, &subnet));
    assert!(!peer.lift_ban(NOW, &subnet));
    assert!(is_answered(&mut peer, NOW, &one));
    introduce(&mut peer, NOW, &one);
    assert!(in_table(&peer, &one));
}

#[test]
fn what_a_driver_sees_is_held_against_the_node_that_sealed_it() {
    let mut peer = acquainted(&[]);
    let flooder = contact(1, "9.9.9.9:1");
    for _ in 0..4 {
        let (node, proven) = (flooder.node, Some(flooder.addr.ip()));
        peer.handle_input(NOW, Input::Misbehaved { node, proven, offence: Offence::Flood });
    }
    assert!(peer.bans_node(NOW, &flooder.node));
    assert!(!peer.bans_address(NOW, flooder.addr.ip()));
}
