//! A mirror on real loopback sockets: it has everything, also when nobody else is left.
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::cast_possible_truncation, reason = "numbers of a few records")]

use dht_node::{AuthorSecret, Custody, FetchError, Found, Key, Node, Salt, Sequence, StoreOptions};
use tokio::task::JoinSet;

mod common;

use common::{LIMIT, builder, bytes, joined, network, until, within};

const RECORDS: u64 = 40;

fn value(number: u64) -> Vec<u8> {
    bytes(number + 1, [10, 900, 901, 20_000, 400_000][number as usize % 5])
}

fn author(number: u64) -> (AuthorSecret, Salt) {
    (AuthorSecret::from_seed(&[9; 32]), Salt::new(number.to_le_bytes().to_vec()).unwrap())
}

/// Stores one of all kinds; every eighth is deleted again.
async fn store(node: &Node, number: u64) {
    let value = value(number);
    let (secret, salt) = author(number);
    let stored = match number % 4 {
        0 => node.store(value).await,
        1 => node.store_at(format!("name {number}").as_str(), value).await,
        _ => node.publish(&secret, salt.clone(), Sequence(1), value, None).await,
    };
    stored.unwrap();
    if number % 8 == 7 {
        node.retract(&secret, salt, Sequence(2), StoreOptions::default()).await.unwrap();
    }
}

async fn fetch(node: &Node, number: u64) -> Result<Found, FetchError> {
    let (secret, salt) = author(number);
    match number % 4 {
        0 => node.fetch(Key::content(&value(number))).await,
        1 => node.fetch_at(format!("name {number}").as_str()).await,
        _ => node.resolve(&secret.author(), &salt).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_left_alone_serves_everything_that_was_stored() {
    let mut nodes = network(19).await;
    for number in 0..RECORDS {
        within(store(&nodes[number as usize % 19], number)).await;
    }
    let described = builder().mirror(true).config(|config| config.upkeep_requests(200));
    let mirror = joined(described, &nodes[3]).await;
    let status = until(&mirror, "has ended a round", |status| {
        status.mirror.is_some_and(|progress| progress.last.is_some())
    })
    .await;
    let (round, _) = status.mirror.unwrap().last.unwrap();
    assert_eq!((round.told, round.held), (RECORDS, RECORDS), "{round:?}");
    let kept = mirror.stored_keys().await.unwrap();
    assert!(kept.iter().any(|stored| stored.custody == Custody::Mirror));

    for node in nodes.drain(..) {
        node.abort();
        within(node.stopped()).await;
    }
    let client = joined(builder().client(true), &mirror).await;
    let mut fetching = JoinSet::new();
    for number in 0..RECORDS {
        let client = client.clone();
        fetching.spawn(async move { (number, fetch(&client, number).await) });
    }
    let all = async {
        while let Some(fetched) = fetching.join_next().await {
            match fetched.unwrap() {
                (number, Err(FetchError::Deleted { sequence })) => {
                    assert_eq!((number % 8, sequence), (7, Sequence(2)));
                }
                (number, found) => {
                    assert_ne!(number % 8, 7);
                    assert!(found.unwrap().into_bytes() == value(number), "{number}");
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, all).await.unwrap();
}
