//! What the tests of nodes on loopback sockets have in common.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(unreachable_pub, reason = "this module is part of several binaries")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use dht_node::{Drops, Node, NodeBuilder, NodeStatus};

pub mod stranger;

/// No single step of a test takes longer, or the test fails: several times what the longest takes on two busy cores.
pub const LIMIT: Duration = Duration::from_secs(90);

pub fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub fn builder() -> NodeBuilder {
    Node::builder().listen(loopback())
}

/// A node alone.
pub async fn single() -> Node {
    builder().start().await.unwrap()
}

/// A node that has joined through another.
pub async fn joined(builder: NodeBuilder, through: &Node) -> Node {
    let node = builder.bootstrap(through.local_addr()).start().await.unwrap();
    node.joined().await.unwrap();
    node
}

/// Nodes that joined at once through the first of them.
pub async fn network(count: usize) -> Vec<Node> {
    let mut nodes = vec![single().await];
    for _ in 1..count {
        let builder = builder().bootstrap(nodes[0].local_addr());
        nodes.push(builder.start().await.unwrap());
    }
    for node in &nodes {
        within(node.joined()).await.unwrap();
    }
    // In a network so small every node comes to know every other, and a loaded machine takes its time.
    for node in nodes.iter().filter(|_| count <= 16) {
        until(node, "knows all others", |status| status.contacts == count - 1).await;
    }
    nodes
}

/// Bytes that look random, different for each seed.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(length)
    .collect()
}

/// Awaits `future`, but not for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("takes longer than the limit")
}

/// Asks a node for its figures until they are as wanted.
pub async fn until(node: &Node, what: &str, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
    let poll = async {
        loop {
            let status = node.info().await.unwrap();
            if wanted(&status) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    let Ok(status) = tokio::time::timeout(LIMIT, poll).await else {
        panic!("never {what}: {:?}", node.info().await)
    };
    status
}

/// Waits until a node has dropped this many of one sort, and nothing else.
pub async fn until_dropped(node: &Node, sort: fn(&Drops) -> u64, count: u64) {
    let all = |status: &NodeStatus| sort(&status.dropped) == count;
    let status = until(node, "dropped all", all).await;
    assert_eq!(status.dropped.total(), count, "{:?}", status.dropped);
}
