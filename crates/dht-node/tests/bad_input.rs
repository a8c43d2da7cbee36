//! What nobody honest sends: counted, dropped or closed, and the node goes on.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dht_node::{FetchError, Key, Limits, NetworkId, Node, Record, Ttl, Value};
use dht_proto::stream::Channel;
use dht_proto::{Body, OfferDetails, Purpose, Reply, Request, ValueRange};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

mod common;

use common::stranger::{self, Stranger, identity};
use common::{LIMIT, builder, bytes, single, until, until_dropped, within};

fn ping(id: u64) -> dht_proto::Message {
    Stranger::message(id, Body::Request(Request::Ping))
}

/// The node still answers whoever asks properly.
async fn answers(node: &Node) {
    let other = single().await;
    let ponged = within(other.ping(node.local_addr())).await.unwrap();
    assert_eq!(ponged.node, node.identity());
}

#[tokio::test]
async fn random_bytes_of_any_length_are_counted_and_dropped() {
    let node = single().await;
    let stranger = Stranger::new(1).await;
    for length in 0..=1_200 {
        let datagram = bytes(length as u64 + 1, length);
        stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
        if length % 100 == 0 {
            until(&node, "caught up", |status| status.traffic.datagrams_in > length as u64).await;
        }
    }

    let status = until(&node, "dropped all", |status| status.dropped.total() == 1_201).await;
    assert_eq!(status.traffic.datagrams_out, 0, "{status:?}");
    answers(&node).await;
}

#[tokio::test]
async fn truncated_datagrams_are_counted_and_dropped() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let datagram = stranger.seal(&node.identity().public(), &ping(1));
    for length in 0..datagram.len() {
        stranger.udp.send_to(&datagram[..length], node.local_addr()).await.unwrap();
    }

    let all = datagram.len() as u64;
    let status = until(&node, "dropped all", |status| status.dropped.total() == all).await;
    // Cut right after the version, it names no network.
    assert_eq!(status.dropped.malformed + status.dropped.other_network, all);
    answers(&node).await;
}

#[tokio::test]
async fn a_datagram_with_any_byte_changed_is_not_answered() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let datagram = stranger.seal(&node.identity().public(), &ping(1));
    for position in 0..datagram.len() {
        let mut changed = datagram.clone();
        changed[position] ^= 0x20;
        stranger.udp.send_to(&changed, node.local_addr()).await.unwrap();
    }

    let all = datagram.len() as u64;
    let status = until(&node, "dropped all", |status| status.dropped.total() == all).await;
    assert_eq!(status.traffic.datagrams_out, 0, "{status:?}");
}

#[tokio::test]
async fn oversized_datagrams_are_counted_and_dropped() {
    let node = single().await;
    let stranger = Stranger::new(1).await;
    for length in [1_201, 1_500, 9_000, 65_000] {
        stranger.udp.send_to(&vec![8; length], node.local_addr()).await.unwrap();
    }

    until_dropped(&node, |drops| drops.oversize, 4).await;
    answers(&node).await;
}

#[tokio::test]
async fn datagrams_of_another_network_are_counted_and_dropped() {
    let node = single().await;
    let mut stranger = Stranger::of_network(1, NetworkId::named("elsewhere")).await;
    let datagram = stranger.seal(&node.identity().public(), &ping(1));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    until_dropped(&node, |drops| drops.other_network, 1).await;
}

#[tokio::test]
async fn datagrams_of_another_version_are_counted_and_dropped() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let mut datagram = stranger.seal(&node.identity().public(), &ping(1));
    assert_eq!(datagram[..2], [8, 1], "the version is the first field");
    datagram[1] = 2;
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    until_dropped(&node, |drops| drops.other_version, 1).await;
}

#[tokio::test]
async fn datagrams_sealed_for_someone_else_are_counted_and_dropped() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    let datagram = stranger.seal(&identity(2).node().public(), &ping(1));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    until_dropped(&node, |drops| drops.not_for_us, 1).await;
}

#[tokio::test]
async fn answers_to_nothing_are_counted_and_dropped() {
    let node = single().await;
    let stranger = Stranger::new(1).await;
    let mut ack = bytes::BytesMut::new();
    let token = dht_proto::envelope::HelloToken(1);
    let network = NetworkId::default();
    dht_proto::envelope::write_hello_ack(network, &stranger.node(), token, &mut ack);
    stranger.udp.send_to(&ack, node.local_addr()).await.unwrap();
    let mut retry = bytes::BytesMut::new();
    let cookie = dht_proto::Cookie::from_bytes([1; dht_proto::limits::COOKIE_LEN]);
    let answers = dht_proto::envelope::RetryTag([1; 8]);
    dht_proto::envelope::write_retry(network, &cookie, answers, &mut retry);
    stranger.udp.send_to(&retry, node.local_addr()).await.unwrap();

    until_dropped(&node, |drops| drops.unasked, 2).await;
}

#[tokio::test]
async fn a_greeting_is_answered_with_no_more_bytes_than_it_has_and_not_without_end() {
    let node = builder().limits(Limits::default().greetings(3)).start().await.unwrap();
    let mut stranger = Stranger::new(1).await;
    for _ in 0..3 {
        assert_eq!(stranger.greet(node.local_addr()).await.len(), dht_proto::limits::HELLO_LEN);
    }
    let mut hello = bytes::BytesMut::new();
    let token = dht_proto::envelope::HelloToken(1);
    dht_proto::envelope::write_hello(NetworkId::default(), token, &mut hello);
    for _ in 0..50 {
        stranger.udp.send_to(&hello, node.local_addr()).await.unwrap();
    }

    let status = until(&node, "saw all", |status| status.traffic.datagrams_in == 53).await;
    let answered = status.traffic.datagrams_out;
    assert_eq!(answered + status.dropped.over_limit, 53);
    assert!(answered < 10, "{answered} answers at 3 a second");
}

#[tokio::test]
async fn a_stranger_without_a_cookie_gets_a_shorter_demand_for_one_under_load() {
    let node = builder().limits(Limits::default().key_exchanges(0)).start().await.unwrap();
    let mut stranger = Stranger::new(1).await;
    let datagram = stranger.seal(&node.identity().public(), &ping(1));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let (mut demand, _) = stranger.receive().await;
    assert!(demand.len() < datagram.len());
    let envelope = dht_proto::envelope::Envelope::parse(&mut demand, NetworkId::default());
    assert!(matches!(envelope, Ok(dht_proto::envelope::Envelope::Retry { .. })), "{envelope:?}");
    until_dropped(&node, |drops| drops.over_limit, 1).await;
}

#[tokio::test]
async fn a_request_that_is_not_known_gets_a_clear_error() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    // Id 1, full node, IPv4, and a request whose only field is number 15.
    let plaintext = [9, 1, 0, 0, 0, 0, 0, 0, 0, 16, 1, 24, 1, 34, 2, 122, 0];
    let datagram = stranger.seal_raw(&node.identity().public(), &plaintext);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let answer = stranger.receive_message().await;

    assert_eq!(answer.id, dht_proto::RequestId(1));
    let code = dht_proto::ErrorCode::Unknown;
    assert_eq!(answer.body, Body::Reply(Reply::Error { code, text: String::new() }));
    until_dropped(&node, |drops| drops.malformed, 1).await;
}

#[tokio::test]
async fn a_reply_that_is_not_known_is_not_answered() {
    let node = single().await;
    let mut stranger = Stranger::new(1).await;
    // The same as a reply.
    let plaintext = [9, 1, 0, 0, 0, 0, 0, 0, 0, 16, 1, 24, 1, 42, 2, 122, 0];
    let datagram = stranger.seal_raw(&node.identity().public(), &plaintext);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let datagram = stranger.seal(&node.identity().public(), &ping(2));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let answer = stranger.receive_message().await;

    assert!(matches!(answer.body, Body::Reply(Reply::Pong { .. })), "{answer:?}");
    until_dropped(&node, |drops| drops.malformed, 1).await;
}

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
    channel.seal(&first, dht_proto::envelope::SealNonce([1; 24]), &mut frame).unwrap();
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
    let other = common::joined(builder().client(true), &node).await;

    let report = within(other.store(bytes(2, 5_000_000))).await.unwrap();

    assert_eq!(report.holders, [node.id()]);
}

/// Asks the node for a record by a stream and does not read the answer.
async fn slow_reader(node: &Node, key: Key) -> TcpStream {
    let local = identity(5);
    let channel = Channel::new(&local, NetworkId::default(), node.identity()).unwrap();
    let slot = dht_node::Slot { key, kind: dht_node::Kind::Content };
    let download = Request::Download { slot, range: ValueRange::WHOLE };
    let mut stream = TcpStream::connect(node.local_addr()).await.unwrap();
    let message = Stranger::message(1, Body::Request(download));
    assert!(stranger::send(&mut stream, &channel, message, &mut 0).await);
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
    let other = common::joined(builder(), &node).await;

    let found = within(other.fetch(report.key)).await.unwrap();

    assert_eq!(found.into_bytes(), bytes(1, 5_000_000));
    until(&node, "closed them", |status| status.dropped.streams_broken == 20).await;
}

/// A node that joined through a liar and an honest holder of a record, which the liar is closer to.
async fn between_liar_and_holder(
    size: usize,
    lie: impl Fn(Record) -> Reply + Send + Sync + 'static,
) -> (Node, Node, stranger::Behaving, Record) {
    let holder = builder().hand_over(false).start().await.unwrap();
    let liar = Stranger::new(9).await;
    let record = (0..1_000)
        .map(|seed| Record::content(Value::new(bytes(seed, size)).unwrap()))
        .find(|record| {
            record.key().distance(&liar.node().id()) < record.key().distance(&holder.id())
        })
        .unwrap();
    holder.store(record.value().unwrap().as_bytes().clone()).await.unwrap();
    let (details, ttl) = (OfferDetails::of(&record), Ttl::default());
    let other = Record::content(Value::new(bytes(77, size)).unwrap());
    let liar = liar.behave(move |request| match request {
        Request::Ping => Some(Reply::Pong { observed: SocketAddr::from(([127, 0, 0, 1], 1)) }),
        Request::Fetch { .. } if size > 900 => Some(Reply::Held { details, ttl, closer: vec![] }),
        Request::Fetch { .. } | Request::Download { .. } => Some(lie(other.clone())),
        _ => Some(Reply::Nodes { closer: vec![] }),
    });
    let node = builder().bootstrap(liar.addr).bootstrap(holder.local_addr());
    let node = node.start().await.unwrap();
    within(node.joined()).await.unwrap();
    until(&node, "knows both", |status| status.contacts == 2).await;
    (node, holder, liar, record)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_the_key_demands_are_not_accepted_and_the_next_holder_is_asked() {
    let lie = |record| Reply::Found { record, ttl: Ttl::default(), closer: vec![] };
    for size in [100, 20_000] {
        let (node, _holder, liar, record) = between_liar_and_holder(size, lie).await;
        let before = liar.asked.load(Ordering::SeqCst);

        let found = within(node.fetch(record.key())).await.unwrap();

        assert_eq!(&found.value, record.value().unwrap());
        // Both are asked at once, so the liar's request may still be on its way.
        let is_asked = || liar.asked.load(Ordering::SeqCst) > before;
        until(&node, "has asked the liar", |_| is_asked()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_to_hold_what_nobody_delivers_is_not_a_value() {
    let lie = |record| Reply::Found { record, ttl: Ttl::default(), closer: vec![] };
    let (node, holder, _liar, record) = between_liar_and_holder(20_000, lie).await;
    holder.stop().await;

    let error = tokio::time::timeout(LIMIT, node.fetch(record.key())).await.unwrap().unwrap_err();

    assert!(matches!(error, FetchError::Undelivered { .. } | FetchError::NotFound), "{error:?}");
}
