//! Datagrams.

use dht_node::{Limits, NetworkId};
use dht_proto::{Body, Reply};

use crate::common::stranger::{Stranger, identity};
use crate::common::{builder, bytes, single, until, until_dropped};
use crate::{answers, ping};

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
    let plaintext = [9, 1, 0, 0, 0, 0, 0, 0, 0, 16, 1, 24, 1, 42, 3, 194, 62, 0];
    let datagram = stranger.seal_raw(&node.identity().public(), &plaintext);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let datagram = stranger.seal(&node.identity().public(), &ping(2));
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();

    let answer = stranger.receive_message().await;

    assert!(matches!(answer.body, Body::Reply(Reply::Pong { .. })), "{answer:?}");
    until_dropped(&node, |drops| drops.malformed, 1).await;
}
