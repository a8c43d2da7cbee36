//! Policies of applications on real sockets: they decide what is kept, and cost nobody but themselves.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dht_node::{
    Consultation, Node, NodeBuilder, Refusal, Sender, StoreError, StoreReport, Verdict,
};
use tokio::sync::Semaphore;

mod common;

use common::{builder, bytes, joined, single, within};

/// A publisher without a policy, and a node with one that it knows.
async fn pair(with: impl FnOnce(NodeBuilder) -> NodeBuilder) -> (Node, Node) {
    let publisher = single().await;
    let holder = joined(with(builder()), &publisher).await;
    within(publisher.ping(holder.local_addr())).await.unwrap();
    common::until(&publisher, "knows the holder", |status| status.contacts == 1).await;
    (publisher, holder)
}

fn refusal_of(report: &StoreReport, node: &Node) -> Option<Refusal> {
    report.refused.iter().find(|(id, _)| *id == node.id()).map(|(_, refusal)| refusal.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_refusal_reaches_whoever_stores() {
    let (publisher, holder) = pair(|builder| {
        builder.on_store(async |record| match record.value() {
            Some(value) if value.as_bytes().starts_with(b"{") => Verdict::Accept,
            Some(_) => Verdict::refuse("not JSON"),
            None if record.size() > 10_000 => Verdict::refuse("more than 10 kB"),
            None => Verdict::Accept,
        })
    })
    .await;

    let report = within(publisher.store("{}")).await.unwrap();
    assert_eq!(report.holders.len(), 2);
    for (value, reason) in [
        (b"text".to_vec(), "not JSON"),
        (bytes(1, 9_000), "not JSON"),
        (bytes(2, 10_001), "more than 10 kB"),
    ] {
        let report = within(publisher.store(value)).await.unwrap();
        assert_eq!(report.holders, [publisher.id()]);
        assert_eq!(refusal_of(&report, &holder), Some(Refusal::policy(reason)));
    }
    assert_eq!(holder.stored_keys().await.unwrap().len(), 1);

    let error = within(holder.store("text")).await.unwrap();
    assert_eq!(refusal_of(&error, &holder), Some(Refusal::policy("not JSON")), "its own as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_panics_costs_the_record_alone() {
    let (publisher, holder) = pair(|builder| {
        builder.on_store(async |record| {
            assert!(record.size() < 10, "too long for this policy");
            Verdict::Accept
        })
    })
    .await;

    let report = within(publisher.store("much too long")).await.unwrap();
    let failed = Refusal::policy("the policy of this node failed");
    assert_eq!(refusal_of(&report, &holder), Some(failed));
    assert_eq!(within(publisher.store("short")).await.unwrap().holders.len(), 2);
    let calls = holder.info().await.unwrap().hooks.on_store;
    assert_eq!((calls.started, calls.panicked, calls.running), (2, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_hangs_is_stopped_and_the_node_goes_on_meanwhile() {
    let (publisher, holder) = pair(|builder| {
        let quick = |config: dht_node::ConfigBuilder| {
            config.verdict_time(Duration::from_millis(1_500)).consultations(1)
        };
        builder.config(quick).on_store(async |_| pending().await)
    })
    .await;

    let stores = async { tokio::join!(publisher.store("first"), publisher.store("second")) };
    let others = async {
        for _ in 0..20 {
            publisher.ping(holder.local_addr()).await.unwrap();
        }
    };
    let ((first, second), ()) = within(async { tokio::join!(stores, others) }).await;

    for report in [first.unwrap(), second.unwrap()] {
        assert_eq!(refusal_of(&report, &holder), Some(Refusal::Busy));
    }
    let stopped = |status: &dht_node::NodeStatus| {
        let calls = status.hooks.on_store;
        (calls.timed_out, calls.running) == (1, 0)
    };
    common::until(&holder, "has stopped the call", stopped).await;
    assert!(holder.stored_keys().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_policy_is_waited_for_and_asked_once() {
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (publisher, holder) = pair(|builder| {
        let (gate, asked) = (Arc::clone(&gate), Arc::clone(&asked));
        let patient =
            |config: dht_node::ConfigBuilder| config.verdict_time(Duration::from_secs(30));
        builder.config(patient).on_store(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Verdict::Accept
            }
        })
    })
    .await;

    // It decides only after its sender has asked again more than once.
    let before = holder.info().await.unwrap().traffic.datagrams_in;
    let repeated = async {
        let wanted = |status: &dht_node::NodeStatus| status.traffic.datagrams_in >= before + 4;
        common::until(&holder, "was asked again", wanted).await;
        gate.add_permits(1);
    };
    let (report, ()) = within(async { tokio::join!(publisher.store("patience"), repeated) }).await;

    let report = report.unwrap();
    assert!(report.holders.contains(&holder.id()), "{report:?}");
    assert_eq!((asked.load(Ordering::SeqCst), report.timed_out), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_sees_who_sends_what_and_lets_a_name_be_replaced() {
    let seen: Arc<Mutex<Vec<Consultation>>> = Arc::default();
    let note = Arc::clone(&seen);
    let (publisher, holder) = pair(|builder| {
        builder.on_store(move |record| {
            let note = Arc::clone(&note);
            async move {
                note.lock().unwrap().push(record);
                Verdict::Replace
            }
        })
    })
    .await;
    let newcomer = joined(builder().client(true), &holder).await;

    within(newcomer.store_at("leader", "one")).await.unwrap();
    // The publisher has no policy: to its own store the name is taken.
    let error = within(publisher.store_at("leader", "two")).await.unwrap_err();
    assert!(matches!(error, StoreError::NameTaken(_)), "{error:?}");
    within(newcomer.store_at("other", "three")).await.unwrap();

    let seen = seen.lock().unwrap();
    let from = |record: &Consultation| match record.sender {
        Sender::Node { node, addr } => (node.id(), addr),
        Sender::Ourselves => panic!("nothing was published there"),
    };
    assert_eq!(from(&seen[0]), (newcomer.id(), newcomer.local_addr()));
    assert_eq!(seen[0].value().unwrap().as_bytes(), "one");
    assert!(seen[0].existing.is_none() && seen[0].remaining > Duration::from_hours(24 * 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_policy_agrees_a_name_changes_hands() {
    let first = builder().on_store(async |_| Verdict::Replace).start().await.unwrap();
    let mut nodes = vec![first];
    for _ in 0..5 {
        let node = joined(builder().on_store(async |_| Verdict::Replace), &nodes[0]).await;
        nodes.push(node);
    }
    for node in &nodes {
        common::until(node, "knows all others", |status| status.contacts == 5).await;
    }
    within(nodes[1].store_at("leader", "one")).await.unwrap();
    let report = within(nodes[2].store_at("leader", bytes(1, 5_000))).await.unwrap();
    assert_eq!(report.holders.len(), 6, "{report:?}");
    let found = within(nodes[3].fetch_at("leader")).await.unwrap();
    assert_eq!(found.into_bytes(), bytes(1, 5_000));
}
