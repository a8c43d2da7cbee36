//! Streams.

use std::time::{Duration, SystemTime};

use dht_node::{Key, Limits, NetworkId, Node, Record, Ttl, Value};
use dht_proto::stream::Channel;
use dht_proto::{Body, Purpose, Request, ValueRange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answers;
use crate::common::stranger::{self, Stranger, identity};
use crate::common::{LIMIT, builder, bytes, joined, single, until, until_dropped, within};

/// Waits until the other end has closed the stream.
async fn closed(stream: &mut TcpStream) {
    let mut room = [0; 1_024];
    while matches!(within(stream.read(&mut room)).await, Ok(1..)) {}
}

fn impatient() -> Limits {
    Limits::default().stream_stall(Duration::from_millis(200)).stream_idle(Duration::from_secs(20))
}

#[tokio::test]
async fn a_frame_that_claims_four_gigabytes_closes_its_stream() {
    let node = single().await;
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&[0xff; 100]).await.unwrap();

    closed(&mut stream).await;
    until_dropped(&node, |drops| drops.streams_broken, 1).await;
    answers(&node).await;
}

#[tokio::test]
async fn a_frame_of_random_bytes_closes_its_stream() {
    let node = single().await;
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&100_u32.to_be_bytes()).await.unwrap();
    stream.write_all(&bytes(5, 100)).await.unwrap();

    closed(&mut stream).await;
    until_dropped(&node, |drops| drops.streams_broken, 1).await;
}

#[tokio::test]
async fn a_stream_that_brings_a_byte_now_and_then_is_closed() {
    let node = builder().limits(impatient()).start().await.unwrap();
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let drip = async {
        stream.write_all(&60_000_u32.to_be_bytes()).await.unwrap();
        // Ends when the node has closed the stream and the system refuses to send more.
        while stream.write_all(&[7]).await.is_ok() {
            ticks.tick().await;
        }
    };

    within(drip).await;
    until_dropped(&node, |drops| drops.streams_broken, 1).await;
}

#[tokio::test]
async fn a_stream_without_a_request_is_closed_in_the_end() {
    let limits = Limits::default().stream_idle(Duration::from_millis(100));
    let node = builder().limits(limits).start().await.unwrap();
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();

    closed(&mut stream).await;
    until(&node, "closed it", |status| status.streams == 0).await;
    until_dropped(&node, |_| 0, 0).await;
}

#[tokio::test]
async fn no_more_streams_are_open_than_the_limit_and_the_one_idle_longest_gives_way() {
    let node = builder().limits(Limits::default().inbound_streams(3)).start().await.unwrap();
    let mut streams = Vec::new();
    for count in 1..=3 {
        streams.push(TcpStream::connect(node.local_addr()).await.unwrap());
        until(&node, "has it", |status| status.streams == count).await;
    }
    let _fourth = TcpStream::connect(node.local_addr()).await.unwrap();

    closed(&mut streams[0]).await;
    until(&node, "has three", |status| status.streams == 3).await;
}

#[tokio::test]
async fn a_value_that_is_announced_and_does_not_come_closes_its_stream() {
    let node = builder().limits(impatient()).start().await.unwrap();
    let mut stream = announce(&node).await;

    closed(&mut stream).await;
    until_dropped(&node, |drops| drops.streams_broken, 1).await;
}

/// Announces a value of 5,000,000 bytes on a stream and sends nothing of it.
async fn announce(node: &Node) -> TcpStream {
    let local = identity(4);
    let channel = Channel::new(&local, NetworkId::default(), node.identity()).unwrap();
    let record = Record::content(Value::new(bytes(1, 5_000_000)).unwrap());
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    let store = Request::Store { record, ttl, purpose, expected: None };
    let message = Stranger::message(1, Body::Request(store));
    let mut frame = bytes::BytesMut::new();
    let first = dht_proto::stream::Outgoing::new(message).next().unwrap();
    let nonce = stranger::nonce_of(SystemTime::now());
    channel.seal(&first, nonce, &mut frame).unwrap();
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_come_hold_memory_only_as_long_as_they_may_stall() {
    let limits = impatient().stream_memory(5_000_000).stream_wait(LIMIT);
    let node = builder().limits(limits).start().await.unwrap();
    let mut stalled = Vec::new();
    for _ in 0..5 {
        stalled.push(announce(&node).await);
    }
    let other = joined(builder().client(true), &node).await;

    let report = within(other.store(bytes(2, 5_000_000))).await.unwrap();

    assert_eq!(report.holders, [node.id()]);
}

/// Asks the node for a record by a stream and does not read the answer.
async fn slow_reader(node: &Node, key: Key) -> TcpStream {
    let local = identity(5);
    let channel = Channel::new(&local, NetworkId::default(), node.identity()).unwrap();
    let slot = dht_node::Slot { key, kind: dht_node::Kind::Content };
    let download = Request::Download { slot, range: ValueRange::WHOLE, outlined: false };
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    let message = Stranger::message(1, Body::Request(download));
    assert!(stranger::send(&mut stream, &channel, message).await);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_large_value_blocks_nobody_and_is_closed() {
    let node = builder().limits(impatient()).start().await.unwrap();
    let report = node.store(bytes(1, 5_000_000)).await.unwrap();
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(slow_reader(&node, report.key).await);
    }
    let other = joined(builder(), &node).await;

    let found = within(other.fetch(report.key)).await.unwrap();

    assert_eq!(found.into_bytes(), bytes(1, 5_000_000));
    until(&node, "closed them", |status| status.dropped.streams_broken == 20).await;
}
