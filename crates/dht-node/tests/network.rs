//! Networks of nodes on real loopback sockets.

use std::time::Duration;

use dht_node::{Node, NodeBuilder};

fn builder() -> NodeBuilder {
    Node::builder().listen("127.0.0.1:0".parse().unwrap())
}

async fn network(count: usize) -> Vec<Node> {
    let first = builder().start().await.unwrap();
    let mut nodes = vec![first.clone()];
    for _ in 1..count {
        nodes.push(builder().bootstrap(first.local_addr()).start().await.unwrap());
    }
    for node in &nodes {
        node.joined().await.unwrap();
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_size_come_back_equal() {
    let nodes = network(20).await;
    for (index, size) in [0, 1, 900, 901, 4_000, 20_000, 5_000_000].into_iter().enumerate() {
        let value = vec![u8::try_from(index).unwrap(); size];
        let report = nodes[index].store(value.clone()).await.unwrap();
        assert_eq!(report.holders.len(), 16, "{report:?}");
        let found = nodes[19 - index].fetch(report.key).await.unwrap();
        assert_eq!(found.value.as_bytes(), &value);
    }
}
