//! Long values that come from several holders, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up is to fail")]

#[path = "../common/mod.rs"]
mod common;
mod holder;

use common::{builder, bytes, network, until, within};
use dht_node::{FetchError, Node, Record, Value};
use holder::{Holder, Manner};

/// Parts of a value of 5 MB.
const PARTS: usize = 77;

fn record() -> Record {
    Record::content(Value::new(bytes(5, 5_000_000)).unwrap())
}

/// Holders of a record, and a node that knows them all.
async fn held(record: &Record, manners: &[Manner]) -> (Node, Vec<Holder>) {
    let mut holders = Vec::new();
    for (number, manner) in (30..).zip(manners) {
        holders.push(Holder::start(number, record, *manner).await);
    }
    let mut builder = builder().caches(false);
    for holder in &holders {
        builder = builder.bootstrap(holder.addr);
    }
    let node = builder.start().await.unwrap();
    within(node.joined()).await.unwrap();
    for holder in &holders {
        within(async { while node.ping(holder.addr).await.is_err() {} }).await;
    }
    until(&node, "knows all", |status| status.contacts == manners.len()).await;
    (node, holders)
}

async fn fetch(node: &Node, record: &Record) {
    let found = within(node.fetch(record.key())).await.unwrap();
    assert_eq!(&found.value, record.value().unwrap());
}

fn sent(holders: &[Holder]) -> Vec<usize> {
    holders.iter().map(Holder::parts).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_megabytes_come_from_several_of_sixteen_holders() {
    let record = record();
    let (node, holders) = held(&record, &[Manner::default(); 16]).await;
    fetch(&node, &record).await;
    let sent = sent(&holders);
    assert!(sent.iter().filter(|parts| **parts > 0).count() >= 2, "{sent:?}");
    // Nobody starts over: what is taken over from one that looks slow may come twice.
    assert!((PARTS..=PARTS + PARTS / 2).contains(&sent.iter().sum()), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_holder_that_drops_its_connection_again_and_again_sends_no_part_twice() {
    let record = record();
    let manner = Manner { drops_after: Some(10), ..Manner::default() };
    let (node, holders) = held(&record, &[manner]).await;
    fetch(&node, &record).await;
    assert_eq!(sent(&holders), [PARTS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_that_all_drop_their_connection_once_go_on_where_they_stopped() {
    let record = record();
    let manner = Manner { drops_after: Some(5), drops_once: true, ..Manner::default() };
    let (node, holders) = held(&record, &[manner; 16]).await;
    fetch(&node, &record).await;
    let sent = sent(&holders);
    assert!((PARTS..=PARTS + PARTS / 2).contains(&sent.iter().sum()), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_that_turn_a_bit_over_are_found_out_and_what_else_they_sent_is_kept() {
    let record = record();
    let mut manners = [Manner { lies_at: Some(76), ..Manner::default() }; 16];
    manners[7] = Manner::default();
    let (node, holders) = held(&record, &manners).await;
    fetch(&node, &record).await;
    let sent = sent(&holders);
    assert!(sent.iter().sum::<usize>() <= 2 * PARTS, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_everybody_makes_up_is_never_part_of_a_value() {
    let record = record();
    let manner = Manner { lies_at: Some(40), ..Manner::default() };
    let (node, _holders) = held(&record, &[manner; 3]).await;
    let error = within(node.fetch(record.key())).await.unwrap_err();
    assert!(matches!(error, FetchError::Undelivered { holders: 3 }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_that_fall_silent_in_the_middle_are_replaced() {
    let record = record();
    let stalls = Manner { stalls_after: Some(3), ..Manner::default() };
    let manners: Vec<_> =
        (0..16).map(|n| if n % 3 == 0 { stalls } else { Manner::default() }).collect();
    let (node, holders) = held(&record, &manners).await;
    fetch(&node, &record).await;
    let sent = sent(&holders);
    assert!(sent.iter().sum::<usize>() <= 2 * PARTS, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_without_outlines_send_a_value_as_a_whole() {
    let record = record();
    let (node, holders) = held(&record, &[Manner { is_plain: true, ..Manner::default() }; 3]).await;
    fetch(&node, &record).await;
    let sent = sent(&holders);
    assert!(sent.iter().any(|parts| *parts >= PARTS), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_comes_though_holders_die_while_it_does() {
    let nodes = network(20).await;
    let value = bytes(6, 5_000_000);
    let report = within(nodes[0].store(value.clone())).await.unwrap();
    let holds = |node: &Node| report.holders.contains(&node.id());
    let reader = nodes.iter().find(|node| !holds(node)).unwrap().clone();
    let fetching = tokio::spawn(async move { within(reader.fetch(report.key)).await });
    for node in nodes.iter().skip(1).filter(|node| holds(node)).step_by(2) {
        node.abort();
    }
    let found = fetching.await.unwrap().unwrap();
    assert_eq!(found.into_bytes(), value);
}
