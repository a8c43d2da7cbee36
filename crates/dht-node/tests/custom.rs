//! Custom requests between applications on real sockets.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dht_node::{
    AnswerError, ConfigBuilder, CustomError, CustomOptions, Key, Node, NodeBuilder, NodeStatus,
    Recipient, Service,
};
use tokio::sync::Semaphore;

mod common;

use common::{builder, bytes, joined, network, single, until, within};

/// A node that gives back what it is asked, byte by byte in reverse order.
async fn mirror_of(service: Service) -> Result<Bytes, String> {
    Ok(service.payload.iter().rev().copied().collect())
}

async fn pair(with: impl FnOnce(NodeBuilder) -> NodeBuilder) -> (Node, Node) {
    let server = with(builder()).start().await.unwrap();
    (single().await, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_of_every_size_come_through() {
    let (asker, server) = pair(|builder| builder.on_custom(mirror_of)).await;
    for size in [0, 1, 400, 900, 1_000, 1_100, 5_000, 65_536] {
        let payload = bytes(size as u64, size);
        let answer = within(asker.custom(server.local_addr(), payload.clone())).await.unwrap();
        let reversed: Vec<u8> = payload.into_iter().rev().collect();
        assert_eq!(answer, reversed, "{size} bytes");
    }
    let error = asker.custom(server.local_addr(), vec![0; 65_537]).await.unwrap_err();
    assert_eq!(error.to_string(), "request is 65537 bytes, limit is 65536");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_request_may_have_a_long_answer_and_is_run_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let (asker, server) = pair(|builder| {
        builder.on_custom(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(vec![7; 65_536].into()) }
        })
    })
    .await;
    let answer = within(asker.custom(server.local_addr(), "much, please")).await.unwrap();
    assert_eq!((answer.len(), runs.load(Ordering::SeqCst)), (65_536, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_handler_is_waited_for_and_run_once_though_the_request_is_repeated() {
    let (gate, runs) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (asker, server) = pair(|builder| {
        let (gate, runs) = (Arc::clone(&gate), Arc::clone(&runs));
        let patient = |config: ConfigBuilder| config.service_time(Duration::from_mins(1));
        builder.config(patient).on_custom(move |_| {
            runs.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok("at last".into())
            }
        })
    })
    .await;
    let options = CustomOptions::default().patience(Duration::from_mins(1));
    let repeated = async {
        // The greeting, the request, and more of the same request.
        until(&server, "was asked again", |status| status.traffic.datagrams_in >= 5).await;
        gate.add_permits(1);
    };
    let request = asker.custom_with(server.local_addr(), "when?", options);
    let (answer, ()) = within(async { tokio::join!(request, repeated) }).await;
    assert_eq!((answer.unwrap(), runs.load(Ordering::SeqCst)), ("at last".into(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_handler_says_so_at_once_and_one_that_is_not_there_is_not_found() {
    let nodes = network(2).await;
    for to in [Recipient::Addr(nodes[1].local_addr()), Recipient::Node(nodes[1].id())] {
        let error = within(nodes[0].custom(to, "hello")).await.unwrap_err();
        assert_eq!(error, CustomError::Answer(AnswerError::Unsupported));
    }
    let nobody = dht_node::NodeId::from_bytes([7; 32]);
    let error = within(nodes[0].custom(nobody, "hello")).await.unwrap_err();
    assert_eq!(error, CustomError::NotFound);
    let gone = nodes[1].local_addr();
    nodes[1].stop().await;
    let error = within(nodes[0].custom(gone, "hello")).await.unwrap_err();
    assert_eq!(error, CustomError::NotFound);
    nodes[0].stop().await;
    let error = within(nodes[0].custom(gone, "hello")).await.unwrap_err();
    assert_eq!(error.to_string(), "the node has stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_panic_fail_hang_or_say_too_much_are_contained() {
    let (asker, server) = pair(|builder| {
        let quick = |config: ConfigBuilder| config.service_time(Duration::from_secs(4));
        builder.config(quick).on_custom(async |service| match &service.payload[..] {
            b"panic" => panic!("as asked"),
            b"fail" => Err("no\u{7} idea".to_owned()),
            b"hang" => pending().await,
            b"flood" => Ok(vec![0; 1_000_000].into()),
            _ => Ok("fine".into()),
        })
    })
    .await;
    for (request, text) in [
        ("panic", "the application of this node failed"),
        ("fail", "no idea"),
        ("hang", "took too long"),
        ("flood", "answer is 1000000 bytes, limit is 65536"),
    ] {
        let error = within(asker.custom(server.local_addr(), request)).await.unwrap_err();
        let failed = AnswerError::Failed { text: text.to_owned() };
        assert_eq!(error, CustomError::Answer(failed), "{request}");
    }
    assert_eq!(within(asker.custom(server.local_addr(), "well?")).await.unwrap(), "fine");
    let ended = |status: &NodeStatus| status.hooks.on_custom.running == 0;
    let calls = until(&server, "all calls ended", ended).await.hooks.on_custom;
    assert_eq!((calls.started, calls.panicked, calls.timed_out), (5, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_the_closest_are_asked_and_their_answers_come_as_a_stream() {
    let first = builder().on_custom(mirror_of).start().await.unwrap();
    let mut nodes = vec![first];
    for _ in 1..8 {
        nodes.push(joined(builder().on_custom(mirror_of), &nodes[0]).await);
    }
    let silent = joined(builder(), &nodes[0]).await;
    let asker = joined(builder().client(true), &nodes[0]).await;
    let mut answers = within(asker.custom_closest(Key::named(b"anything"), "abc")).await.unwrap();
    let mut from = BTreeSet::new();
    while let Some(answer) = within(answers.next()).await {
        assert!(from.insert(answer.from.id()), "each is told of once");
        let is_silent = answer.from.id() == silent.id();
        let expected = if is_silent { Err(AnswerError::Unsupported) } else { Ok("cba".into()) };
        assert_eq!(answer.result, expected);
    }
    assert_eq!(from.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_request_withdraws_it() {
    let (asker, server) = pair(|builder| builder.on_custom(async |_| pending().await)).await;
    for payload in [vec![1; 10], vec![1; 5_000]] {
        let request = asker.custom(server.local_addr(), payload);
        let running = |status: &NodeStatus| status.hooks.on_custom.running > 0;
        tokio::select! {
            answer = request => panic!("nobody answers: {answer:?}"),
            _ = until(&server, "runs the handler", running) => {}
        }
        until(&asker, "waits for nothing", |status| status.operations == 0).await;
    }
    until(&asker, "closed the stream", |status| status.streams == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_ends_where_the_caller_says() {
    let (asker, server) = pair(|builder| builder.on_custom(async |_| pending().await)).await;
    let options = CustomOptions::default().patience(Duration::from_millis(400));
    let request = asker.custom_with(server.local_addr(), "hello?", options);
    let error = within(request).await.unwrap_err();
    assert_eq!(error, CustomError::Answer(AnswerError::NoAnswer));
}
