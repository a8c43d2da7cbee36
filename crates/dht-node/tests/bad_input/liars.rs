//! Values that are not what was asked for.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use dht_node::{FetchError, Node, Record, Ttl, Value};
use dht_proto::{OfferDetails, Reply, Request};

use crate::common::stranger::{self, Stranger};
use crate::common::{LIMIT, builder, bytes, until, within};

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
    // On a busy machine one of them may be given up, and neither tells of the other.
    for addr in [liar.addr, holder.local_addr()] {
        within(async { while node.ping(addr).await.is_err() {} }).await;
    }
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
