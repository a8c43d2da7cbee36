//! Networks of nodes on real loopback sockets: what is stored is fetched.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use dht_node::{
    AuthorSecret, FetchError, Key, Kind, Limits, Place, Refusal, Salt, Sequence, StoreError,
    StoreOptions, Ttl,
};

mod common;

use common::{builder, bytes, joined, network, single, until, within};

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_size_come_back_equal() {
    let nodes = network(20).await;
    for (index, size) in [0, 1, 900, 901, 4_000, 20_000, 5_000_000].into_iter().enumerate() {
        let value = bytes(index as u64, size);
        let report = within(nodes[index].store(value.clone())).await.unwrap();
        assert_eq!(report.key, Key::content(&value));
        assert_eq!(report.holders.len(), 16, "{size} bytes: {report:?}");

        let found = within(nodes[19 - index].fetch(report.key)).await.unwrap();
        assert_eq!(found.into_bytes(), value, "{size} bytes");

        let place = format!("value of {size} bytes");
        within(nodes[index].store_at(place.as_str(), value.clone())).await.unwrap();
        let found = within(nodes[19 - index].fetch_at(place.as_str())).await.unwrap();
        assert_eq!(found.into_bytes(), value, "{size} bytes under a name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_located_by_its_id() {
    let nodes = network(6).await;
    let contact = within(nodes[1].locate(nodes[4].id())).await.unwrap().unwrap();
    assert_eq!((contact.id(), contact.addr), (nodes[4].id(), nodes[4].local_addr()));
    let nobody = dht_node::NodeId::from_bytes([7; 32]);
    assert_eq!(within(nodes[1].locate(nobody)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_lives_is_taken_for_other_values_and_renewed_by_the_same() {
    let nodes = network(8).await;
    let short = StoreOptions::default().ttl(Ttl::from_secs(1_000).unwrap());
    nodes[1].store_at_with("greeting", "hello", short).await.unwrap();

    let error = nodes[2].store_at("greeting", "good bye").await.unwrap_err();
    assert!(matches!(error, StoreError::NameTaken(_)), "{error:?}");
    assert_eq!(error.to_string(), "name is taken");
    let found = nodes[3].fetch_at("greeting").await.unwrap();
    assert_eq!(found.value.as_bytes(), "hello");
    assert!(found.ttl.as_secs() <= 1_000);

    nodes[2].store_at("greeting", "hello").await.unwrap();
    let found = nodes[3].fetch_at("greeting").await.unwrap();
    assert!(found.ttl.as_secs() > 1_000, "{:?}", found.ttl);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_sequence_of_a_signed_value_wins_and_a_swap_needs_the_one_it_expects() {
    let nodes = network(8).await;
    let secret = AuthorSecret::from_seed(&[3; 32]);
    let (author, salt) = (secret.author(), Salt::new("news").unwrap());
    let publish = |node: usize, sequence, value: &'static str, expected| {
        nodes[node].publish(&secret, salt.clone(), Sequence(sequence), value, expected)
    };
    publish(1, 1, "one", Some(Sequence(0))).await.unwrap();
    publish(2, 5, "five", None).await.unwrap();

    let stale = publish(3, 4, "four", None).await.unwrap_err();
    assert_eq!(stale, StoreError::Stale { current: Sequence(5) });
    let mismatch = publish(3, 6, "six", Some(Sequence(1))).await.unwrap_err();
    assert_eq!(mismatch, StoreError::SequenceMismatch { current: Sequence(5) });
    let found = nodes[7].resolve(&author, &salt).await.unwrap();
    assert_eq!((found.sequence(), found.value.as_bytes().as_ref()), (Sequence(5), &b"five"[..]));

    let key = found.record.key();
    assert_eq!(nodes[6].fetch(key).await.unwrap().kind(), Kind::Signed);
    nodes[4].retract(&secret, salt.clone(), Sequence(9), StoreOptions::default()).await.unwrap();
    let deleted = nodes[5].resolve(&author, &salt).await.unwrap_err();
    assert_eq!(deleted, FetchError::Deleted { sequence: Sequence(9) });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_stored_is_not_found_and_a_named_value_is_not_fetched_by_key() {
    let nodes = network(5).await;
    let key = Key::content(b"nobody stored this");
    assert_eq!(nodes[1].fetch(key).await.unwrap_err(), FetchError::NotFound);

    nodes[2].store_at(Place::Key(key), "here").await.unwrap();
    let error = nodes[1].fetch(key).await.unwrap_err();
    assert_eq!(error, FetchError::OtherKind { kind: Kind::Named });
    assert_eq!(nodes[1].fetch_at(key).await.unwrap().value.as_bytes(), "here");
}

#[tokio::test]
async fn a_value_over_the_limit_is_refused_before_anything_is_sent() {
    let node = single().await;

    // Ready when first asked, it cannot even have reached the node's task.
    let error = tokio::select! {
        biased;
        stored = node.store(vec![0; 6_000_000]) => stored.unwrap_err(),
        () = std::future::ready(()) => panic!("the node was asked"),
    };

    assert_eq!(error.to_string(), "value is 6000000 bytes, limit is 5000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_takes_says_why() {
    let full = builder().capacity(0).start().await.unwrap();
    let node = joined(builder().capacity(0), &full).await;

    let error = node.store("no room anywhere").await.unwrap_err();

    assert_eq!(error.to_string(), "stored by 0 of 2: 2 full");
    let StoreError::NoHolder(report) = error else { panic!("{error:?}") };
    assert!(report.refused.iter().all(|(_, refusal)| *refusal == Refusal::Full));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stores_and_fetches_and_is_in_no_table() {
    let nodes = network(4).await;
    let client = joined(builder().client(true), &nodes[0]).await;

    let report = client.store(bytes(1, 20_000)).await.unwrap();
    assert_eq!(report.holders.len(), 4);
    assert_eq!(client.fetch(report.key).await.unwrap().into_bytes(), bytes(1, 20_000));

    assert_eq!(client.info().await.unwrap().store.records, 0);
    for node in &nodes {
        let contacts = node.peers().await.unwrap();
        assert!(contacts.iter().all(|contact| contact.id() != client.id()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_make_strangers_prove_their_address_form_a_network() {
    let wary = || builder().limits(Limits::default().key_exchanges(0));
    let first = wary().start().await.unwrap();
    let mut nodes = vec![first.clone()];
    for _ in 0..5 {
        nodes.push(joined(wary(), &first).await);
    }
    // Whoever joined has asked the others, who have yet to ask it back.
    until(&nodes[1], "knows all others", |status| status.contacts == 5).await;

    let report = nodes[1].store(bytes(2, 4_000)).await.unwrap();
    assert_eq!(report.holders.len(), 6, "{report:?}");
    let found = nodes[5].fetch(report.key).await.unwrap();
    assert_eq!(found.into_bytes(), bytes(2, 4_000));
    assert!(first.info().await.unwrap().dropped.over_limit >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_is_listed_in_the_order_of_keys() {
    let node = single().await;
    for seed in 0..1_500 {
        node.store(bytes(seed, 10)).await.unwrap();
    }

    let held = node.stored_keys().await.unwrap();

    assert_eq!(held.len(), 1_500);
    assert!(held.is_sorted_by(|a, b| a.key < b.key));
    assert_eq!(held[0].size, 10);
    assert!(held[0].remaining.as_secs() > 604_000);
    assert_eq!(node.info().await.unwrap().store.records, 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_both_address_families_meet_at_one_that_serves_both() {
    let Ok(both) = dht_node::Node::builder().listen("[::]:0".parse().unwrap()).start().await else {
        // A machine without IPv6.
        return;
    };
    let port = both.local_addr().port();
    let v4 = builder().bootstrap(([127, 0, 0, 1], port).into()).start().await.unwrap();
    within(v4.joined()).await.unwrap();
    let v6 = dht_node::Node::builder().listen("[::1]:0".parse().unwrap());
    let v6 = v6.bootstrap(format!("[::1]:{port}").parse().unwrap()).start().await.unwrap();
    within(v6.joined()).await.unwrap();
    until(&both, "knows both", |status| status.contacts == 2).await;

    let report = v4.store(bytes(3, 20_000)).await.unwrap();
    assert!(report.holders.contains(&both.id()), "{report:?}");
    let found = within(v6.fetch(report.key)).await.unwrap();
    assert_eq!(found.into_bytes(), bytes(3, 20_000));
    let contacts = both.peers().await.unwrap();
    assert!(contacts.iter().any(|contact| contact.addr == v4.local_addr()), "{contacts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_nodes_lose_half_of_them_and_no_value() {
    let nodes = Arc::new(network(100).await);
    let values: Vec<_> =
        (0..1_000_usize).map(|seed| bytes(seed as u64, 100 + seed % 7 * 200)).collect();
    let pick = |index: usize, turn: usize| (index * 37 + turn * 11) % 100;

    let mut tasks = tokio::task::JoinSet::new();
    for (index, value) in values.iter().cloned().enumerate() {
        let nodes = Arc::clone(&nodes);
        tasks.spawn(async move {
            let report = within(nodes[pick(index, 0)].store(value)).await.unwrap();
            assert!(report.holders.len() >= 10, "{report:?}");
        });
    }
    within(tasks.join_all()).await;
    fetch_all(&nodes, &values, move |index| pick(index, 1)).await;

    for node in nodes.iter().skip(1).step_by(2) {
        node.abort();
        node.stopped().await;
    }
    fetch_all(&nodes, &values, move |index| pick(index, 2) / 2 * 2).await;
}

/// Fetches every value from the node that `pick` names.
async fn fetch_all(
    nodes: &Arc<Vec<dht_node::Node>>,
    values: &[Vec<u8>],
    pick: impl Fn(usize) -> usize,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for (index, value) in values.iter().cloned().enumerate() {
        let node = nodes[pick(index)].clone();
        tasks.spawn(async move {
            let found = within(node.fetch(Key::content(&value))).await.unwrap();
            assert_eq!(found.into_bytes(), value);
        });
    }
    within(tasks.join_all()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_that_leave_one_after_the_other_hand_over_what_they_hold() {
    let small = || builder().config(|config| config.k(2));
    let mut nodes = vec![small().start().await.unwrap()];
    for _ in 1..8 {
        nodes.push(joined(small(), &nodes[0]).await);
    }
    let mut keys = Vec::new();
    for seed in 0..20 {
        keys.push((within(nodes[7].store(bytes(seed, 900))).await.unwrap().key, seed));
    }
    for node in nodes.drain(..5) {
        within(node.stop()).await;
    }
    for (key, seed) in keys {
        assert_eq!(within(nodes[2].fetch(key)).await.unwrap().into_bytes(), bytes(seed, 900));
    }
}
