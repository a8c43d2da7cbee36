//! Who is looked at as a newcomer to the table, and how a survey finds newcomers.

use std::time::Duration;

use super::*;
use crate::operation::{Happened, Order, Scene, Survey};

/// A peer whose buckets hold four, and the furthest of them are full and crowded.
fn with_a_full_bucket() -> Peer {
    let mut peer = peer(config().k(4));
    for number in 1..300 {
        introduce(&mut peer, Moment::EPOCH, &contact(number, "127.0.0.1:1000"));
    }
    assert!(peer.table().bucket(0).len() == 4 && peer.table().crowded() > 1);
    peer
}

/// A point in the furthest bucket.
fn key_in_bucket_of(peer: &Peer) -> Key {
    let mut targets = (0..).map(|number: u32| Key::named(&number.to_be_bytes()));
    targets.find(|key| peer.table().is_crowded(key)).unwrap()
}

#[test]
fn of_those_who_ask_us_only_those_with_a_claim_to_a_place_in_a_full_bucket_are_pinged() {
    let mut peer = with_a_full_bucket();
    let (mut pinged, mut ignored) = (0, 0);
    for number in 400..500 {
        let asker = contact(number, "127.0.0.1:1000");
        let has_claim =
            peer.table().has_room_for(&asker) || peer.table().would_prefer(&asker, None);
        let body = Body::Request(Request::Ping);
        say(&mut peer, Moment::EPOCH, &asker, Role::Full, RequestId(1), body);
        let is_pinged = requests(&mut peer).iter().any(|(to, _, _)| *to == asker);
        // So many are pinged at once, and nobody answers.
        assert!(is_pinged == has_claim || pinged >= 64, "{number}");
        *(if is_pinged { &mut pinged } else { &mut ignored }) += 1;
    }
    assert!(pinged > 0 && ignored > 0, "{pinged} pinged, {ignored} not");
}

#[test]
fn who_asks_from_where_nobody_can_be_is_not_pinged() {
    let mut peer = peer(config());
    for addr in ["0.0.0.0:1000", "127.0.0.1:0", "224.0.0.1:1000"] {
        let body = Body::Request(Request::Ping);
        say(&mut peer, Moment::EPOCH, &contact(7, addr), Role::Full, RequestId(1), body);
        assert_eq!(requests(&mut peer), []);
    }
}

#[test]
fn of_those_known_from_an_earlier_run_nobody_is_pinged_where_nobody_can_be() {
    let mut peer = peer(config());
    let real = contact(1, "127.0.0.1:1000");
    let mut known = vec![real];
    for (number, addr) in (2..).zip(["0.0.0.0:1000", "127.0.0.1:0", "224.0.0.1:1000"]) {
        known.push(contact(number, addr));
    }
    peer.handle_command(Moment::EPOCH, Command::Bootstrap { addrs: vec![], known }).unwrap();
    let mut asked = requests(&mut peer);
    for second in 1..10 {
        peer.handle_timeout(Moment::from_secs(second));
        asked.extend(requests(&mut peer));
    }
    assert!(!asked.is_empty() && asked.iter().all(|(to, ..)| *to == real), "{asked:?}");
}

#[test]
fn a_survey_asks_the_closest_of_those_who_are_named_but_never_goes_on_for_ever() {
    let peer = with_a_full_bucket();
    let target = key_in_bucket_of(&peer);
    let mut survey = Survey::new(target, Vec::new());
    let mut asked = Vec::new();
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
    // Whoever is asked names somebody closer, without end.
    let mut strangers: Vec<Contact> =
        (1_000..1_500).map(|number| contact(number, "127.0.0.1:1000")).collect();
    strangers.sort_by_key(|contact| std::cmp::Reverse(target.distance(&contact.id())));
    while let Some(from) = waiting.pop() {
        let own = target.distance(&from.id());
        let is_closer = |stranger: &&Contact| target.distance(&stranger.id()) < own;
        let Some(stranger) = strangers.iter().find(is_closer).copied() else { continue };
        let closer = vec![dht_proto::Referral::from(stranger)];
        let reply = Reply::Nodes { closer: vec![stranger.into()] };
        let next = tell(&mut survey, &Happened::Replied { from, reply, closer });
        assert!(next.iter().all(|to| *to == stranger));
        asked.extend(next.iter().copied());
        waiting.extend(next);
    }
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn a_table_differs_with_the_seed_of_its_peer() {
    let table = |seed| {
        let mut peer = Peer::new(
            config().k(16).build().unwrap(),
            identity(0),
            Seed([seed; 32]),
            Moment::EPOCH,
        );
        for number in 1..200 {
            let known = contact(number, "127.0.0.1:1000");
            peer.table.answered(Moment::EPOCH, known, Duration::from_millis(1));
        }
        let mut known: Vec<Contact> = peer.contacts().collect();
        known.sort();
        known
    };
    assert_eq!(table(1), table(1));
    assert_ne!(table(1), table(2));
}
