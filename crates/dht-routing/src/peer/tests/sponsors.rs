//! What a new node asks those by whom it joined.

use std::time::Duration;

use dht_proto::{Mention, Referral};

use super::*;
use crate::operation::{Happened, Order, Scene, Survey};

const SPONSOR: &str = "127.0.0.1:1000";
const STRANGER: &str = "127.0.0.1:2000";
const RTT: Duration = Duration::from_millis(10);

/// A peer of which the application knows the sponsor and, from an earlier run, those who are `known`. It has joined.
fn joined(known: &[Contact]) -> (Peer, Contact) {
    let mut peer = peer(config());
    let sponsor = contact(1, SPONSOR);
    let command = Command::Bootstrap { addrs: vec![sponsor.addr], known: known.to_vec() };
    peer.handle_command(Moment::EPOCH, command).unwrap();
    peer.handle_input(Moment::EPOCH, Input::Greeted { addr: sponsor.addr, node: sponsor.node });
    answer_all(&mut peer, Moment::EPOCH);
    assert!(peer.maintenance.next_due().is_some());
    (peer, sponsor)
}

/// Answers whatever the peer asks, naming thirty strangers, until it asks nothing more. Returns who was asked for nodes.
fn answer_all(peer: &mut Peer, now: Moment) -> Vec<Contact> {
    let strangers: Vec<Contact> = (10..40).map(|number| contact(number, STRANGER)).collect();
    let mut asked = Vec::new();
    loop {
        let open = requests(peer);
        if open.is_empty() {
            return asked;
        }
        for (to, id, request) in open {
            let reply = if let Request::FindNode { .. } = request {
                asked.push(to);
                let named = strangers.iter().filter(|stranger| **stranger != to).take(16);
                let closer =
                    named.map(|one| Mention::from(Referral { contact: *one, rtt: None })).collect();
                Reply::Nodes { closer }
            } else {
                pong()
            };
            answer(peer, now + RTT, &to, id, reply);
        }
    }
}

/// Everybody who is asked for nodes by upkeep in the first hour.
fn asked_in_an_hour(peer: &mut Peer) -> Vec<(Moment, Contact)> {
    let mut asked = Vec::new();
    while let Some(due) = peer.poll_timeout().filter(|due| *due < Moment::from_secs(3_600)) {
        peer.handle_timeout(due);
        asked.extend(answer_all(peer, due).into_iter().map(|contact| (due, contact)));
    }
    asked
}

#[test]
fn a_new_node_asks_its_sponsor_again_and_again_until_its_table_is_filled() {
    let (mut peer, sponsor) = joined(&[]);
    let times = asked_in_an_hour(&mut peer);
    let times = times.iter().filter(|(_, to)| *to == sponsor).map(|(at, _)| *at);
    let times: Vec<Moment> = times.collect();
    assert!((8..40).contains(&times.len()), "{times:?}");
    assert!(times.iter().all(|at| *at < Moment::from_secs(20 * 60)), "{times:?}");
    assert!(peer.sponsors.is_none());
}

#[test]
fn a_node_that_comes_back_asks_those_it_knew_and_its_sponsor_no_more_than_others() {
    let known: Vec<Contact> = (10..40).map(|number| contact(number, STRANGER)).collect();
    let (mut peer, sponsor) = joined(&known);
    let asked = asked_in_an_hour(&mut peer);
    let times = |whom: &Contact| asked.iter().filter(|(_, to)| to == whom).count();
    let most = known.iter().map(times).max().unwrap();
    assert!(times(&sponsor) <= most && most > 0, "{} of {most}", times(&sponsor));
    assert!(peer.sponsors.is_none());
}

#[test]
fn a_banned_sponsor_is_not_asked() {
    let (mut peer, sponsor) = joined(&[]);
    peer.ban(Moment::EPOCH, crate::Suspect::Node(sponsor.id()), Moment::NEVER);
    assert!(asked_in_an_hour(&mut peer).iter().all(|(_, to)| *to != sponsor));
}

#[test]
fn around_ourselves_a_survey_follows_the_word_of_a_sponsor_but_never_for_ever() {
    let mut peer = peer(config());
    (50..60).for_each(|number| introduce(&mut peer, Moment::EPOCH, &contact(number, STRANGER)));
    let target = peer.local().id().to_key();
    let by_distance = |contacts: &mut Vec<Contact>| {
        contacts.sort_by_key(|one| std::cmp::Reverse(target.distance(&one.id())));
    };
    // The sponsor is furthest of all, and everybody names the next two on the way to us.
    let mut way: Vec<Contact> = (100..600).map(|number| contact(number, SPONSOR)).collect();
    by_distance(&mut way);
    let mut survey = Survey::new(target, vec![way[0]]);
    let tell = |survey: &mut Survey, happened: &Happened| {
        let mut orders = Vec::new();
        let mut scene: Scene<'_> = peer.scene(Moment::EPOCH, &mut orders);
        survey.handle(&mut scene, happened);
        let to_find = orders.into_iter().filter_map(|order| match order {
            Order::Ask { to, request: Request::FindNode { .. }, .. } => Some(to),
            _ => None,
        });
        to_find.collect::<Vec<Contact>>()
    };
    let mut waiting = tell(&mut survey, &Happened::Started);
    assert!(waiting.contains(&way[0]));
    let mut followed = 0;
    while let Some(from) = waiting.pop() {
        let Some(at) = way.iter().position(|one| *one == from) else { continue };
        let next = way.iter().skip(at + 1).take(2);
        let closer: Vec<Referral> =
            next.map(|contact| Referral { contact: *contact, rtt: None }).collect();
        let reply = Reply::Nodes { closer: closer.iter().copied().map(Mention::from).collect() };
        let asked = tell(&mut survey, &Happened::Replied { from, reply, closer });
        followed += asked.len();
        waiting.extend(asked);
    }
    assert_eq!(followed, 5);
}
