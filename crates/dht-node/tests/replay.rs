//! What was recorded and is sent again changes nothing, wherever and however it comes.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use dht_node::{Kind, Node, Record, Ttl, Value};
use dht_proto::envelope::Envelope;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, Message, Purpose, Reply, Request, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

mod common;

use common::stranger::{Stranger, nonce_of};
use common::{builder, single, until, within};

fn store(size: usize) -> (Message, Record) {
    let record = Record::content(Value::new(common::bytes(5, size)).unwrap());
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    let request = Request::Store { record: record.clone(), ttl, purpose, expected: None };
    (ask(request), record)
}

/// A request of a client, which nobody pings.
fn ask(request: Request) -> Message {
    Message { role: Role::Client, ..Stranger::message(1, Body::Request(request)) }
}

async fn is_held(node: &Node) -> bool {
    !node.stored_keys().await.unwrap().is_empty()
}

/// Stores by a datagram, and has the node forget the record. Returns the datagram.
async fn stored_and_forgotten(node: &Node, stranger: &mut Stranger) -> Vec<u8> {
    let (message, record) = store(100);
    let datagram = stranger.seal(&node.identity().public(), &message);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    let reply = stranger.receive_message().await;
    assert!(matches!(reply.body, Body::Reply(Reply::Stored { .. })), "{reply:?}");
    assert!(node.forget(record.key(), Kind::Content).await.unwrap());
    datagram
}

async fn until_replayed(node: &Node, count: u64) {
    until(node, "dropped the recording", |status| status.dropped.replayed == count).await;
}

#[tokio::test]
async fn a_recorded_datagram_stores_nothing_from_any_address() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let datagram = stored_and_forgotten(&node, &mut stranger).await;

    let elsewhere = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    elsewhere.send_to(&datagram, node.local_addr()).await.unwrap();

    until_replayed(&node, 2).await;
    assert!(!is_held(&node).await);
}

#[tokio::test]
async fn a_recorded_datagram_is_no_frame_of_a_stream_and_a_frame_no_datagram() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let datagram = stored_and_forgotten(&node, &mut stranger).await;

    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_u32(u32::try_from(datagram.len()).unwrap()).await.unwrap();
    stream.write_all(&datagram).await.unwrap();
    until_replayed(&node, 1).await;
    assert!(!is_held(&node).await);

    let frame = frames(&node, &stranger, &store(90).0).remove(0);
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    until(&node, "stored it", |status| status.store.records == 1).await;
    assert!(node.forget(store(90).1.key(), Kind::Content).await.unwrap());
    stranger.udp.send_to(&frame[4..], node.local_addr()).await.unwrap();
    until_replayed(&node, 2).await;
    assert!(!is_held(&node).await);
}

/// The sealed frames of a message, with their lengths.
fn frames(node: &Node, stranger: &Stranger, message: &Message) -> Vec<BytesMut> {
    let channel = Channel::new(&stranger.local, node.network(), node.identity()).unwrap();
    let frames = Outgoing::new(message.clone()).map(|frame| {
        let mut bytes = BytesMut::new();
        channel.seal(&frame, nonce_of(SystemTime::now()), &mut bytes).unwrap();
        bytes
    });
    frames.collect()
}

#[tokio::test]
async fn a_recorded_stream_stores_nothing_and_is_closed() {
    let node = single().await;
    let stranger = Stranger::new(1).await;
    let (message, record) = store(200_000);
    let recorded = frames(&node, &stranger, &message).concat();
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&recorded).await.unwrap();
    until(&node, "stored it", |status| status.store.records == 1).await;
    assert!(node.forget(record.key(), Kind::Content).await.unwrap());

    let mut again = TcpStream::connect(node.local_addr()).await.unwrap();
    // It may be closed before all of it is through.
    let _ = again.write_all(&recorded).await;
    let mut rest = Vec::new();
    let _ = within(again.read_to_end(&mut rest)).await;

    assert!(rest.is_empty());
    until_replayed(&node, 1).await;
    assert!(!is_held(&node).await);
}

#[tokio::test]
async fn a_recorded_request_of_an_application_is_run_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let node = builder().on_custom(move |_| {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok("done".into())
        }
    });
    let node = node.start().await.unwrap();
    let mut stranger = Stranger::new(1).await;
    let request = Request::Custom { payload: "pay".into() };
    let message = ask(request);
    let datagram = stranger.seal(&node.identity().public(), &message);
    for _ in 0..5 {
        stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    }

    until_replayed(&node, 4).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_costs_a_cookie_and_no_more() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let public = node.identity().public();
    let (message, _) = store(100);
    let long_ago = SystemTime::now() - Duration::from_hours(24);
    let datagram = stranger.seal_at(&public, &message, None, long_ago);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let (mut demand, _) = stranger.receive().await;
    let Ok(Envelope::Retry { cookie, .. }) = Envelope::parse(&mut demand, node.network()) else {
        panic!("a cookie is demanded")
    };
    assert!(!is_held(&node).await);
    let datagram = stranger.seal_at(&public, &message, Some(cookie), long_ago);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    let reply = stranger.receive_message().await;
    assert!(matches!(reply.body, Body::Reply(Reply::Stored { .. })), "{reply:?}");

    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    until_replayed(&node, 1).await;
    assert_eq!(node.info().await.unwrap().dropped.stale, 1);
}

#[tokio::test]
async fn what_was_recorded_before_a_restart_is_nothing_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let start = || builder().data_dir(directory.path()).start();
    let node = start().await.unwrap();
    let mut stranger = Stranger::new(1).await;
    let datagram = stored_and_forgotten(&node, &mut stranger).await;
    node.stop().await;

    let node = within(start()).await.unwrap();
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    until(&node, "asks for a cookie", |status| status.dropped.stale == 1).await;
    assert!(!is_held(&node).await);
}

#[tokio::test]
async fn a_recording_from_elsewhere_moves_no_contact() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let (addr, id) = (stranger.addr(), stranger.node().id());
    let ping = Stranger::message(1, Body::Request(Request::Ping));
    let datagram = stranger.seal(&node.identity().public(), &ping);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    let _known = stranger.behave(|request| match request {
        Request::Ping => Some(Reply::Pong { observed: ([127, 0, 0, 1], 1).into() }),
        _ => Some(Reply::Nodes { closer: Vec::new() }),
    });
    until(&node, "knows it", |status| status.contacts == 1).await;

    let elsewhere = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..20 {
        elsewhere.send_to(&datagram, node.local_addr()).await.unwrap();
    }
    let mut room = [0; 2_048];
    within(elsewhere.recv(&mut room)).await.unwrap();

    let peers = node.peers().await.unwrap();
    assert_eq!((peers[0].id(), peers[0].addr), (id, addr));
}
