//! Those who have many addresses, or open many streams, take no more than their share.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use dht_node::{Limits, LocalIdentity, Node, Purpose, Record, Ttl, Value};
use dht_proto::seal::Sealer;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::arena::Arena;
use crate::common::stranger::{self, Stranger, nonce_of};
use crate::common::{builder, bytes, until};

/// Stores, and fetches of what was stored, during an attack.
const ROUNDS: usize = 20;

/// Datagrams of a subnet in a second: more than honest work takes, less than the flood brings.
const OF_SUBNET: u32 = 1_500;

/// Addresses of the flood, in one subnet, and identities at each.
const ADDRESSES: u8 = 24;

/// Sends the same ping of an identity of its own again and again, from an address of its own in 127.66.1.0/24.
async fn flood(number: u8, node: dht_node::NodeIdentity, aim: SocketAddr, sent: Arc<AtomicU64>) {
    let local = LocalIdentity::search([number; 32], dht_node::Difficulty::DEFAULT);
    let mut sealer = Sealer::new(local, dht_node::NetworkId::default(), 1);
    let ping = Stranger::message(1, Body::Request(Request::Ping));
    let mut datagram = BytesMut::new();
    let nonce = nonce_of(SystemTime::now());
    sealer.seal(&node.public(), &ping, nonce, None, &mut datagram).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 66, 1, number), 0)).await.unwrap();
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        for _ in 0..20 {
            // A full buffer is as good as a full line.
            sent.fetch_add(
                u64::from(socket.try_send_to(&datagram, aim).is_ok()),
                Ordering::Relaxed,
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_many_addresses_of_one_subnet_takes_nothing_from_another_one() {
    let limits = Limits::default().spares_local(false).subnet_datagrams(OF_SUBNET);
    let mut arena = Arena::new(builder().limits(limits)).await;
    let (target, sent) = (&arena.target, Arc::new(AtomicU64::new(0)));
    let mut flooders = JoinSet::new();
    for number in 1..=ADDRESSES {
        flooders.spawn(flood(number, target.identity(), target.local_addr(), Arc::clone(&sent)));
    }
    until(target, "shuts the subnet out", |status| status.dropped.crowded > 500).await;

    let fared = arena.work(ROUNDS).await;

    assert_eq!(fared.failures, Vec::<String>::new());
    let status = arena.target.info().await.unwrap();
    // Nodes of other subnets never had to wait.
    assert!(status.dropped.crowded > 500, "{:?} of {sent:?}", status.dropped);
    assert!(!flooders.is_empty());
}

/// Begins to send a value on a stream, and goes no further.
async fn begin(node: &Node, local: &LocalIdentity, number: u64) -> TcpStream {
    let channel = Channel::new(local, node.network(), node.identity()).unwrap();
    let record = Record::content(Value::new(bytes(number, 100_000)).unwrap());
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    let store = Request::Store { record, ttl, purpose, expected: None };
    let message = Stranger::message(number, Body::Request(store));
    let first = Outgoing::new(message).next().unwrap();
    let mut frame = BytesMut::new();
    channel.seal(&first, nonce_of(SystemTime::now()), &mut frame).unwrap();
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn one_identity_cannot_hold_all_streams() {
    let limits = Limits::default().inbound_streams(8).inbound_streams_per_node(4);
    let limits = limits.stream_stall(Duration::from_mins(1)).stream_idle(Duration::from_mins(1));
    let mut arena = Arena::new(builder().limits(limits)).await;
    let local = stranger::identity(7);
    let mut streams = Vec::new();
    for number in 0..8 {
        streams.push(begin(&arena.target, &local, number).await);
    }
    until(&arena.target, "is full", |status| status.streams == 8).await;

    let fared = arena.work(ROUNDS).await;

    assert_eq!(fared.failures, Vec::<String>::new());
    let status = arena.target.info().await.unwrap();
    assert_eq!(status.dropped.streams_refused, 0, "{:?}", status.dropped);
}
