//! What nobody honest sends: counted, dropped or closed, and the node goes on.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use dht_node::Node;
use dht_proto::{Body, Request};

#[path = "../common/mod.rs"]
mod common;
mod datagrams;
mod liars;
mod streams;

use common::stranger::Stranger;
use common::{single, within};

fn ping(id: u64) -> dht_proto::Message {
    Stranger::message(id, Body::Request(Request::Ping))
}

/// The node still answers whoever asks properly.
async fn answers(node: &Node) {
    let other = single().await;
    let ponged = within(other.ping(node.local_addr())).await.unwrap();
    assert_eq!(ponged.node, node.identity());
}
