//! Nodes that others have nothing to do with, on sockets.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use dht_node::{Limits, Node, Offence, Suspect};
use dht_proto::envelope::Envelope;
use dht_proto::{Body, Cookie, Request};

mod common;

use common::stranger::Stranger;
use common::{builder, joined, single, until, within};

const HOUR: Duration = Duration::from_hours(1);

fn ping(id: u64) -> dht_proto::Message {
    Stranger::message(id, Body::Request(Request::Ping))
}

/// Waits until a node has banned somebody for an offence, while `meanwhile` goes on.
async fn until_banned(node: &Node, mut meanwhile: impl AsyncFnMut()) -> (Suspect, Option<Offence>) {
    within(async {
        loop {
            meanwhile().await;
            if let Some(ban) = node.bans().await.unwrap().first() {
                return (ban.suspect, ban.offence);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_banned_node_is_forgotten_and_not_answered_until_the_ban_is_lifted() {
    let node = single().await;
    let other = joined(builder(), &node).await;
    let suspect = Suspect::Node(other.id());
    until(&node, "knows the other", |status| status.contacts == 1).await;

    node.ban(suspect, HOUR).await.unwrap();

    // What it had sent before may still have come, and been dropped.
    let before = until(&node, "forgets it", |status| status.contacts == 0).await.dropped.banned;
    within(other.ping(node.local_addr())).await.unwrap_err();
    let bans = node.bans().await.unwrap();
    assert_eq!((bans[0].suspect, bans[0].offence), (suspect, None));
    assert!(bans[0].remaining <= HOUR && bans[0].remaining > HOUR / 2);
    assert!(node.info().await.unwrap().dropped.banned > before);

    assert!(node.lift_ban(suspect).await.unwrap());
    assert!(!node.lift_ban(suspect).await.unwrap());
    within(other.ping(node.local_addr())).await.unwrap();
}

#[tokio::test]
async fn a_stream_of_a_banned_node_is_closed_at_once() {
    let node = single().await;
    let other = joined(builder(), &node).await;
    node.ban(Suspect::Node(other.id()), HOUR).await.unwrap();

    // Too long for a datagram.
    let asked = within(other.custom(node.local_addr(), vec![7; 20_000])).await;

    asked.unwrap_err();
    until(&node, "dropped it", |status| status.dropped.banned > 0).await;
}

#[tokio::test]
async fn bans_outlive_the_node() {
    let directory = tempfile::tempdir().unwrap();
    let start = || builder().data_dir(directory.path()).start();
    let node = start().await.unwrap();
    let (short, long) = ("8.8.8.8".parse().unwrap(), "9.9.9.9".parse().unwrap());
    node.ban(short, Duration::ZERO).await.unwrap_err();
    node.ban(long, HOUR).await.unwrap();
    node.stop().await;

    let node = within(start()).await.unwrap();
    let bans = node.bans().await.unwrap();
    assert_eq!(bans.len(), 1);
    assert_eq!((bans[0].suspect, bans[0].offence), (long, None));
    assert!(bans[0].remaining <= HOUR && bans[0].remaining > HOUR / 2);
    assert!(node.lift_ban(long).await.unwrap());
    node.stop().await;

    let node = within(start()).await.unwrap();
    assert_eq!(node.bans().await.unwrap(), []);
}

#[tokio::test]
async fn a_damaged_file_of_bans_is_set_aside_and_the_node_starts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bans");
    std::fs::write(&path, "dht bans, version 1\n1 everybody flood\n").unwrap();

    let node = within(builder().data_dir(directory.path()).start()).await.unwrap();

    assert_eq!(node.bans().await.unwrap(), []);
    assert!(!path.exists());
    let names = std::fs::read_dir(directory.path()).unwrap();
    let is_aside = |name: &str| name.starts_with("bans.damaged-");
    assert!(
        names.map(|entry| entry.unwrap().file_name()).any(|name| is_aside(name.to_str().unwrap()))
    );
}

#[tokio::test]
async fn who_seals_what_is_no_message_is_banned_and_others_are_served() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let garbage = stranger.seal_raw(&node.identity().public(), &[0xff; 40]);

    let banned = until_banned(&node, async || {
        stranger.udp.send_to(&garbage, node.local_addr()).await.unwrap();
    });
    let banned = banned.await;

    assert_eq!(banned, (Suspect::Node(stranger.node().id()), Some(Offence::Malformed)));
    let datagram = stranger.seal(&node.identity().public(), &ping(1));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    until(&node, "drops the rest unopened", |status| status.dropped.banned > 0).await;
    within(single().await.ping(node.local_addr())).await.unwrap();
}

/// A cookie that a node demands of whoever sends too much.
async fn cookie_of(node: &Node, stranger: &mut Stranger) -> Cookie {
    within(async {
        for id in 0.. {
            let datagram = stranger.seal(&node.identity().public(), &ping(id));
            stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
            let mut room = vec![0; 2_048];
            let Ok(received) = stranger.udp.try_recv(&mut room) else { continue };
            if let Ok(Envelope::Retry { cookie, .. }) =
                Envelope::parse(&mut room[..received], node.network())
            {
                return cookie;
            }
        }
        unreachable!("it asks for ever")
    })
    .await
}

#[tokio::test]
async fn a_node_that_floods_is_cut_off_and_then_banned_while_others_are_served() {
    let limits = Limits::default().node_requests(20);
    let node = builder().limits(limits).start().await.unwrap();
    let mut stranger = Stranger::new(1).await;

    let cookie = cookie_of(&node, &mut stranger).await;

    assert_eq!(node.bans().await.unwrap(), [], "nobody is banned for what others may have sent");
    within(single().await.ping(node.local_addr())).await.unwrap();
    let mut id = 1_000_000;
    let banned = until_banned(&node, async || {
        for _ in 0..10 {
            id += 1;
            let datagram = stranger.seal_with(&node.identity().public(), &ping(id), cookie);
            stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
        }
    });
    assert_eq!(banned.await, (Suspect::Node(stranger.node().id()), Some(Offence::Flood)));
    within(single().await.ping(node.local_addr())).await.unwrap();
}
