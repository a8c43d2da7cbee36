//! Nodes start, join, stop and are dropped.

use std::time::{Duration, Instant};

use dht_node::{
    FetchError, JoinError, Key, Limits, LocalIdentity, PingError, StartError, StoreError,
};
use dht_proto::{Nonce, Reply, Request};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

mod common;

use common::stranger::Stranger;
use common::{builder, bytes, joined, network, single, until, within};

#[tokio::test]
async fn a_port_in_use_is_named() {
    let node = single().await;

    let error = builder().listen(node.local_addr()).start().await.unwrap_err();

    let addr = node.local_addr();
    assert_eq!(error.to_string(), format!("cannot listen on {addr}: port in use"));
}

#[tokio::test]
async fn a_port_is_free_again_once_its_node_has_stopped() {
    let node = single().await;
    let other = joined(builder(), &node).await;
    other.store(bytes(1, 20_000)).await.unwrap();
    node.stop().await;

    builder().listen(node.local_addr()).start().await.unwrap();
}

#[tokio::test]
async fn parameters_out_of_range_and_weak_identities_are_refused() {
    let error = builder().config(|config| config.k(0)).start().await.unwrap_err();
    assert_eq!(error.to_string(), "k is 0, must be 1..=20");
    let limits = Limits::default().shared_keys(0);
    let error = builder().limits(limits).start().await.unwrap_err();
    assert_eq!(error.to_string(), "shared_keys is 0, must be 1..=1000000");

    let weak = (0..1_000)
        .map(|nonce| LocalIdentity::from_parts([1; 32], Nonce(nonce)))
        .find(|local| !local.node().meets(dht_node::Difficulty::DEFAULT))
        .unwrap();
    let error = builder().identity(weak).start().await.unwrap_err();
    assert!(matches!(error, StartError::WeakIdentity { bits: 12 }), "{error:?}");
}

#[tokio::test]
async fn nobody_answering_is_told_within_five_seconds_with_the_addresses_tried() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let start = Instant::now();
    let node = builder().bootstrap(silent).start().await.unwrap();

    let error = within(node.joined()).await.unwrap_err();

    assert_eq!(error, JoinError::NoAnswer { tried: vec![silent] });
    assert_eq!(error.to_string(), format!("no answer from {silent}"));
    assert!(start.elapsed() <= Duration::from_millis(5_500), "{:?}", start.elapsed());
    assert!(node.is_running());
}

#[tokio::test]
async fn an_unspecified_bootstrap_address_means_this_machine() {
    let first = single().await;
    let everywhere = ([0, 0, 0, 0], first.local_addr().port()).into();

    let node = builder().bootstrap(everywhere).start().await.unwrap();

    assert_eq!(within(node.joined()).await.unwrap().contacts, 1);
    assert_eq!(within(node.ping(everywhere)).await.unwrap().node, first.identity());
}

#[tokio::test]
async fn a_ping_that_nobody_answers_says_so() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let node = single().await;

    assert_eq!(within(node.ping(silent)).await, Err(PingError::NoAnswer { addr: silent }));
}

#[tokio::test]
async fn an_inspection_tells_what_a_node_holds() {
    let node = single().await;
    node.store("one").await.unwrap();
    let other = single().await;

    let (who, inspection) = within(other.inspect(node.local_addr())).await.unwrap();

    assert_eq!(who, node.identity());
    assert_eq!(inspection.records, 1);
    assert_eq!(inspection.capacity, 500_000_000);
}

#[tokio::test]
async fn two_nodes_of_a_process_share_nothing() {
    let (one, two) = (single().await, single().await);
    let report = one.store("mine").await.unwrap();

    assert!(two.fetch(report.key).await.is_err());

    let status = two.info().await.unwrap();
    assert_eq!((status.store.records, status.contacts), (0, 0));
    assert_eq!(status.traffic.datagrams_in + status.traffic.datagrams_out, 0);
    one.stop().await;
    assert!(two.is_running());
}

#[tokio::test]
async fn nodes_of_different_networks_ignore_each_other() {
    let one = builder().network("one").start().await.unwrap();
    let two = builder().network("two").bootstrap(one.local_addr()).start().await.unwrap();

    assert!(within(two.joined()).await.is_err());
    assert!(one.info().await.unwrap().dropped.other_network > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_end_and_every_call_fails_once_a_node_is_stopped() {
    // A contact that answers nothing keeps thousands of fetches waiting.
    let deaf = Stranger::new(1).await.behave(|request| match request {
        Request::Fetch { .. } => None,
        Request::Ping => Some(Reply::Pong { observed: ([127, 0, 0, 1], 1).into() }),
        _ => Some(Reply::Nodes { closer: vec![] }),
    });
    let node = builder().bootstrap(deaf.addr).start().await.unwrap();
    within(node.joined()).await.unwrap();
    let mut fetches = JoinSet::new();
    for number in 0..3_000_u32 {
        let node = node.clone();
        fetches.spawn(async move { node.fetch(Key::content(&number.to_le_bytes())).await });
    }
    until(&node, "has them under way", |status| status.operations >= 1_000).await;
    let other = single().await;
    within(other.ping(node.local_addr())).await.unwrap();

    within(node.stop()).await;

    let ends = within(fetches.join_all()).await;
    let stopped = ends.iter().filter(|end| matches!(end, Err(FetchError::Stopped(_)))).count();
    assert!(stopped >= 1_000, "{stopped} learnt that the node stopped");
    assert!(ends.iter().all(Result::is_err));
    assert!(!node.is_running());
    within(node.stopped()).await;
    assert!(matches!(node.store("late").await, Err(StoreError::Stopped(_))));
    assert!(node.info().await.is_err());
    assert_eq!(node.joined().await.map(|joined| joined.contacts), Ok(1));
}

#[tokio::test]
async fn operations_past_the_limit_are_refused_as_busy() {
    let deaf = Stranger::new(1).await.behave(|request| match request {
        Request::Fetch { .. } => None,
        Request::Ping => Some(Reply::Pong { observed: ([127, 0, 0, 1], 1).into() }),
        _ => Some(Reply::Nodes { closer: vec![] }),
    });
    let node = builder().config(|config| config.operations(1)).bootstrap(deaf.addr);
    let node = node.start().await.unwrap();
    within(node.joined()).await.unwrap();
    let (_, second) = within(async {
        tokio::join!(node.fetch(Key::content(b"1")), node.fetch(Key::content(b"2")))
    })
    .await;

    let error = second.unwrap_err();
    assert_eq!(error, FetchError::Busy { limit: 1 });
    assert_eq!(error.to_string(), "1 operations are under way, which is the limit");
}

#[tokio::test]
async fn dropping_the_future_of_an_operation_withdraws_its_requests_and_closes_its_stream() {
    // A contact that wants a large value and never reads it.
    let mut greedy = Stranger::new(1).await;
    let tcp = greedy.tcp.take().unwrap();
    greedy.tcp = Some(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let greedy = greedy.behave(|request| match request {
        Request::Offer { .. } => Some(Reply::Wanted { closer: vec![] }),
        Request::Ping => Some(Reply::Pong { observed: ([127, 0, 0, 1], 1).into() }),
        _ => Some(Reply::Nodes { closer: vec![] }),
    });
    let node = builder().client(true).bootstrap(greedy.addr).start().await.unwrap();
    within(node.joined()).await.unwrap();
    let mut store = Box::pin(node.store(bytes(1, 5_000_000)));
    let mut stream = tokio::select! {
        report = &mut store => panic!("ended: {report:?}"),
        accepted = within(tcp.accept()) => accepted.unwrap().0,
    };
    until(&node, "sends", |status| status.streams == 1 && status.requests > 0).await;

    drop(store);

    until(&node, "withdrew", |status| {
        (status.streams, status.requests, status.operations) == (0, 0, 0)
    })
    .await;
    // What is in the buffers of the system comes, then the end, long before the end of the value.
    let mut rest = Vec::new();
    let _ = within(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)).await;
    assert!(rest.len() < 5_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_closed_while_idle_is_opened_again() {
    let brief = Limits::default().stream_idle(Duration::from_millis(30));
    let holder = builder().limits(brief).start().await.unwrap();
    let node = joined(builder().client(true), &holder).await;
    for seed in 0..5 {
        let report = within(node.store(bytes(seed, 20_000))).await.unwrap();
        assert_eq!(report.holders, [holder.id()]);
        until(&holder, "closed it", |status| status.streams == 0).await;
    }
}

#[tokio::test]
async fn a_node_stops_when_its_last_handle_is_dropped() {
    let node = single().await;
    let addr = node.local_addr();
    let clone = node.clone();
    drop(node);
    assert!(clone.is_running());
    drop(clone);

    let again = async {
        loop {
            if let Ok(node) = builder().listen(addr).start().await {
                return node;
            }
            tokio::task::yield_now().await;
        }
    };
    within(again).await;
}

#[tokio::test]
async fn stopping_takes_no_time_where_nothing_is_to_be_handed_over() {
    let start = Instant::now();
    // Alone; holding nothing; holding something and told not to care.
    let alone = single().await;
    alone.store("alone").await.unwrap();
    within(alone.stop()).await;
    let first = single().await;
    let empty = joined(builder(), &first).await;
    within(empty.stop()).await;
    let careless = joined(builder().hand_over(false), &first).await;
    careless.store("kept by both").await.unwrap();
    within(careless.stop()).await;

    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(!alone.is_running() && !empty.is_running() && !careless.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_operations_at_once_all_succeed() {
    let nodes = network(10).await;
    let mut stores = JoinSet::new();
    for number in 0..1_000 {
        let node = nodes[number % 10].clone();
        stores.spawn(async move {
            let value = bytes(number as u64, 64);
            let report = node.store(value.clone()).await.unwrap();
            assert_eq!(node.fetch(report.key).await.unwrap().into_bytes(), value);
        });
    }
    within(stores.join_all()).await;
}
