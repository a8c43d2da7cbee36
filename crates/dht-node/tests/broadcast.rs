//! Broadcasts between nodes on loopback sockets.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use dht_node::{
    AuthorSecret, Broadcast, BroadcastError, BroadcastId, MemoryStore, Moment, NetworkId, Node,
    NodeBuilder, SentAt,
};
use dht_proto::{Body, BroadcastVerdict, ErrorCode, Reply, Request};
use tokio::sync::Notify;

use common::stranger::Stranger;
use common::{builder, bytes, joined, within};

mod common;

/// What arrived at one node: how often each broadcast, and the last payload.
#[derive(Debug, Default)]
struct Inbox {
    counts: Mutex<BTreeMap<BroadcastId, usize>>,
    payload: Mutex<Vec<u8>>,
    arrived: Notify,
}

impl Inbox {
    fn listen(self: &Arc<Self>, builder: NodeBuilder) -> NodeBuilder {
        let inbox = Arc::clone(self);
        builder.on_broadcast(move |message| {
            let inbox = Arc::clone(&inbox);
            async move {
                // Whoever waits looks at the counts.
                *inbox.payload.lock().unwrap() = message.payload().to_vec();
                *inbox.counts.lock().unwrap().entry(message.id()).or_default() += 1;
                inbox.arrived.notify_one();
            }
        })
    }

    async fn until(&self, count: usize) {
        while self.counts.lock().unwrap().len() < count {
            within(self.arrived.notified()).await;
        }
    }
}

/// Nodes with an inbox each, joined one after the other.
async fn listeners(count: usize) -> Vec<(Node, Arc<Inbox>)> {
    let mut nodes: Vec<(Node, Arc<Inbox>)> = Vec::new();
    for _ in 0..count {
        let inbox = Arc::new(Inbox::default());
        let builder = inbox.listen(builder());
        let node = match nodes.first() {
            Some((first, _)) => joined(builder, first).await,
            None => builder.start().await.unwrap(),
        };
        nodes.push((node, inbox));
    }
    nodes
}

async fn stop(nodes: Vec<(Node, Arc<Inbox>)>) {
    for (node, _) in &nodes {
        node.abort();
    }
    for (node, _) in nodes {
        node.stopped().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_gets_every_broadcast_exactly_once_but_the_one_that_sent_it() {
    let nodes = listeners(30).await;
    let mut sent = BTreeMap::new();
    for (index, (node, _)) in nodes.iter().enumerate().take(10) {
        let report = within(node.broadcast(format!("message {index}"))).await.unwrap();
        assert!(report.acknowledged > 0 && report.reach > 1, "{report:?}");
        sent.insert(report.id, index);
    }
    for (index, (_, inbox)) in nodes.iter().enumerate() {
        let own = usize::from(index < 10);
        inbox.until(10 - own).await;
        let counts = inbox.counts.lock().unwrap().clone();
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        assert!(counts.keys().all(|id| sent.get(id).is_some_and(|sender| *sender != index)));
    }
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_of_64_kib_arrives_whole_with_the_key_of_its_author() {
    let nodes = listeners(8).await;
    let payload = bytes(5, 65_536);
    let secret = AuthorSecret::from_seed(&[9; 32]);
    let speaker = joined(builder().author(secret.clone()), &nodes[0].0).await;
    assert_eq!(speaker.author(), secret.author());
    within(speaker.broadcast(payload.clone())).await.unwrap();
    for (_, inbox) in &nodes {
        inbox.until(1).await;
        assert!(*inbox.payload.lock().unwrap() == payload, "it arrives as it was sent");
    }
    speaker.stop().await;
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_late_gets_what_was_said_shortly_before() {
    let mut nodes = listeners(5).await;
    for text in ["short", &"long ".repeat(1_000)] {
        within(nodes[0].0.broadcast(text.to_owned())).await.unwrap();
    }
    for (_, inbox) in &nodes[1..] {
        inbox.until(2).await;
    }
    let inbox = Arc::new(Inbox::default());
    let late = joined(inbox.listen(builder()), &nodes[0].0).await;
    inbox.until(2).await;
    within(nodes[1].0.broadcast("now")).await.unwrap();
    inbox.until(3).await;
    assert!(inbox.counts.lock().unwrap().values().all(|count| *count == 1));
    nodes.push((late, inbox));
    stop(nodes).await;
}

/// A builder for a node that keeps what is to outlive it, but for records.
fn kept(inbox: &Arc<Inbox>, directory: &Path) -> NodeBuilder {
    let store = Box::new(MemoryStore::new(1_000_000));
    inbox.listen(builder()).data_dir(directory).store(store).hand_over(false)
}

/// Waits until a node has written down so many broadcasts, title and checksum left out.
async fn until_written(directory: &Path, count: usize) {
    let path = directory.join("broadcasts");
    let written = async {
        while std::fs::read_to_string(&path).map_or(0, |text| text.lines().count()) != count + 2 {
            tokio::task::yield_now().await;
        }
    };
    within(written).await;
}

/// Starts a node that missed one broadcast, which it catches up on, says one more, and counts what came.
async fn start_again(
    inbox: &Arc<Inbox>,
    directory: &Path,
    others: &[(Node, Arc<Inbox>)],
) -> (Node, BTreeMap<BroadcastId, usize>) {
    let before = inbox.counts.lock().unwrap().len();
    within(others[1].0.broadcast("missed")).await.unwrap();
    let node = within(joined(kept(inbox, directory), &others[0].0)).await;
    inbox.until(before + 1).await;
    within(others[2].0.broadcast("heard")).await.unwrap();
    inbox.until(before + 2).await;
    let counts = inbox.counts.lock().unwrap().clone();
    (node, counts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_again_is_not_given_again_what_it_heard_or_said() {
    let mut nodes = listeners(4).await;
    let (directory, inbox) = (tempfile::tempdir().unwrap(), Arc::new(Inbox::default()));
    let node = within(joined(kept(&inbox, directory.path()), &nodes[0].0)).await;
    let mut own = Vec::new();
    for text in ["one", "two", "three"] {
        within(nodes[0].0.broadcast(text)).await.unwrap();
        own.push(within(node.broadcast(text)).await.unwrap().id);
    }
    inbox.until(3).await;
    node.stop().await;

    let (node, counts) = start_again(&inbox, directory.path(), &nodes).await;

    assert!(counts.len() == 5 && counts.values().all(|count| *count == 1), "{counts:?}");
    assert!(own.iter().all(|id| !counts.contains_key(id)), "what it said itself");
    nodes.push((node, inbox));
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_left_that_was_killed_is_enough_not_to_be_given_a_broadcast_again() {
    let mut nodes = listeners(4).await;
    let (directory, inbox) = (tempfile::tempdir().unwrap(), Arc::new(Inbox::default()));
    let killed = within(joined(kept(&inbox, directory.path()), &nodes[0].0)).await;
    for text in ["one", "two", "three"] {
        within(nodes[0].0.broadcast(text)).await.unwrap();
    }
    inbox.until(3).await;
    until_written(directory.path(), 3).await;
    // What stands on the disk while it runs: it gets no chance to write more.
    let left = tempfile::tempdir().unwrap();
    for name in ["identity", "broadcasts"] {
        std::fs::copy(directory.path().join(name), left.path().join(name)).unwrap();
    }
    killed.stop().await;

    let (node, counts) = start_again(&inbox, left.path(), &nodes).await;

    assert!(counts.len() == 5 && counts.values().all(|count| *count == 1), "{counts:?}");
    nodes.push((node, inbox));
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_of_broadcasts_is_set_aside_and_the_node_starts() {
    let mut nodes = listeners(4).await;
    let (directory, inbox) = (tempfile::tempdir().unwrap(), Arc::new(Inbox::default()));
    let path = directory.path().join("broadcasts");
    std::fs::write(&path, "dht broadcasts, version 1\nno checksum").unwrap();

    let (node, counts) = start_again(&inbox, directory.path(), &nodes).await;

    assert_eq!(counts.len(), 2);
    let names = std::fs::read_dir(directory.path()).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.any(|name| name.starts_with("broadcasts.damaged-")));
    until_written(directory.path(), 2).await;
    nodes.push((node, inbox));
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_that_panics_or_hangs_costs_nobody_else_the_message() {
    let first = listeners(1).await.remove(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let panicking = builder().on_broadcast(move |message| {
        count.fetch_add(1, Ordering::SeqCst);
        assert_ne!(&message.payload()[..], b"panic", "as asked");
        std::future::ready(())
    });
    let panicking = joined(panicking, &first.0).await;
    let hanging = builder().on_broadcast(|_| std::future::pending::<()>());
    let hanging = joined(hanging, &first.0).await;
    within(panicking.joined()).await.unwrap();
    for text in ["panic", "again"] {
        within(hanging.broadcast(text)).await.unwrap();
    }
    first.1.until(2).await;
    common::until(&panicking, "panicked", |status| status.hooks.on_broadcast.panicked == 1).await;
    within(first.0.broadcast("to the one that hangs")).await.unwrap();
    common::until(&hanging, "called", |status| status.hooks.on_broadcast.running == 1).await;
    common::until(&panicking, "called", |_| calls.load(Ordering::SeqCst) == 3).await;
    hanging.stop().await;
    panicking.stop().await;
    stop(vec![first]).await;
}

/// What a node answers to a broadcast.
async fn answer_to(stranger: &mut Stranger, node: &Node, broadcast: Broadcast) -> Reply {
    let request = Request::Broadcast { broadcast: Arc::new(broadcast), depth: 0 };
    let message = Stranger::message(1, Body::Request(request));
    let datagram = stranger.seal(&node.identity().public(), &message);
    stranger.udp.send_to(&datagram, node.local_addr()).await.unwrap();
    loop {
        // It also asks who we are.
        if let Body::Reply(reply) = stranger.receive_message().await.body {
            return reply;
        }
    }
}

#[tokio::test]
async fn a_broadcast_that_was_signed_in_another_network_reaches_nobody() {
    let inbox = Arc::new(Inbox::default());
    let node = inbox.listen(builder()).start().await.unwrap();
    let mut stranger = Stranger::new(1).await;
    let signed_in = |network| {
        let secret = AuthorSecret::from_seed(&[1; 32]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let sent = SentAt::of(Moment::EPOCH + now);
        Broadcast::sign(&secret, network, sent, "hello".into()).unwrap()
    };
    let elsewhere = signed_in(NetworkId::named("elsewhere"));
    let answer = answer_to(&mut stranger, &node, elsewhere).await;
    assert!(matches!(answer, Reply::Error { code: ErrorCode::Malformed, .. }), "{answer:?}");
    let here = signed_in(node.network());
    let id = here.id();
    let taken = vec![BroadcastVerdict::Taken];
    let answer = answer_to(&mut stranger, &node, here).await;
    assert_eq!(answer, Reply::BroadcastsCompared { verdicts: taken, more: Vec::new() });
    inbox.until(1).await;
    assert_eq!(*inbox.counts.lock().unwrap(), BTreeMap::from([(id, 1)]));
    node.stop().await;
}

#[tokio::test]
async fn what_is_too_long_or_too_much_fails_at_the_call() {
    let node = common::single().await;
    let error = node.broadcast(vec![0; 65_537]).await.unwrap_err();
    assert_eq!(error.to_string(), "broadcast is 65537 bytes, limit is 65536");
    let mut sent = 0;
    let error = loop {
        match node.broadcast("x").await {
            Ok(report) => assert_eq!((report.acknowledged, report.reach), (0, 1)),
            Err(error) => break error,
        }
        sent += 1;
        assert!(sent < 1_000, "there is a rate");
    };
    assert!(matches!(error, BroadcastError::TooMany(_)), "{error}");
    node.stop().await;
    let error = node.broadcast("x").await.unwrap_err();
    assert!(matches!(error, BroadcastError::Stopped(_)), "{error}");
}
