//! Nodes in this process that make up a network, as a program that embeds them would start them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dht_node::{Contact, Node, NodeId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::{BenchError, Host, files, neighbours};

/// Nodes that join at a time. With all of them at once each would only wait for the processor.
const JOINING_AT_ONCE: usize = 16;

/// Neighbours that a settled node knows, as many as hold a value, and room in a bucket.
const NEIGHBOURS: usize = 16;

/// A network that is not settled by then never will be.
const SETTLED_WITHIN: Duration = Duration::from_mins(2);

/// Share of all neighbours that are known in a settled network.
const SETTLED_PERCENT: usize = 99;

/// Between two looks at the tables, at least.
const LOOK_EACH: Duration = Duration::from_millis(2);

/// Nodes on loopback, the first of which the others joined through.
pub(crate) struct Network {
    nodes: Vec<Node>,
}

impl Network {
    /// Starts `count` nodes and has them join through the first.
    pub(crate) async fn start(count: usize, host: &mut dyn Host) -> Result<Self, BenchError> {
        files::prepare(count)?;
        host.phase("joining", count as u64);
        let builder = || Node::builder().listen(([127, 0, 0, 1], 0).into());
        let first = builder().start().await?;
        let through = first.local_addr();
        let mut nodes = vec![first];
        let mut joining: JoinSet<Result<Node, BenchError>> = JoinSet::new();
        let join = move || async move {
            let node = builder().bootstrap(through).start().await?;
            // One that had no answer in time tries on by itself; whether it is in, settling shows.
            let _ = node.joined().await;
            Ok(node)
        };
        let mut waiting = count.saturating_sub(1);
        while nodes.len() < count {
            while waiting > 0 && joining.len() < JOINING_AT_ONCE {
                joining.spawn(join());
                waiting -= 1;
            }
            match joining.join_next().await {
                Some(Ok(node)) => nodes.push(node?),
                Some(Err(_)) | None => return Err(BenchError::Broken("a node did not start")),
            }
            host.advance(nodes.len() as u64);
        }
        Ok(Self { nodes })
    }

    /// Waits until the network is settled: of the sixteen nodes closest to each node, as far as its table has room for
    /// them, 99 % are in its table, taken over all nodes; and every node knows one at least. Then lookups end where they
    /// should; what a few nodes lack, upkeep brings. Who is close to whom is found out from outside.
    pub(crate) async fn settled(&self, host: &mut dyn Host) -> Result<(), BenchError> {
        let ids: Vec<NodeId> = self.nodes.iter().map(Node::id).collect();
        let neighbours = neighbours::of(&ids, NEIGHBOURS, NEIGHBOURS);
        let all: usize = neighbours.iter().map(Vec::len).sum();
        host.phase("settling", all as u64);
        let deadline = Instant::now() + SETTLED_WITHIN;
        loop {
            let began = Instant::now();
            let (mut found, mut is_alone) = (0, false);
            for (node, neighbours) in self.nodes.iter().zip(&neighbours) {
                let known: BTreeSet<NodeId> = node.peers().await?.iter().map(Contact::id).collect();
                let wanted = neighbours.iter().filter_map(|index| ids.get(*index));
                found += wanted.filter(|id| known.contains(id)).count();
                is_alone |= known.is_empty();
            }
            host.advance(found as u64);
            if found * 100 >= all * SETTLED_PERCENT && !is_alone {
                return Ok(());
            }
            let now = Instant::now();
            if now > deadline {
                return Err(BenchError::Unsettled { found, all, after: SETTLED_WITHIN });
            }
            // Looking must not be what the nodes wait for.
            sleep_until(now + LOOK_EACH.max((now - began) * 2)).await;
        }
    }

    /// The nodes that run.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node that everybody joined through.
    pub(crate) fn first(&self) -> Result<&Node, BenchError> {
        self.nodes.first().ok_or(BenchError::Broken("there are no nodes"))
    }

    /// Has every other node vanish without a word. Gives the ids of those that are left.
    pub(crate) async fn halve(&mut self) -> Arc<[NodeId]> {
        let mut index = 0;
        let (left, dead): (Vec<Node>, Vec<Node>) =
            std::mem::take(&mut self.nodes).into_iter().partition(|_| {
                index += 1;
                index % 2 == 1
            });
        dead.iter().for_each(Node::abort);
        for node in &dead {
            node.stopped().await;
        }
        self.nodes = left;
        self.nodes.iter().map(Node::id).collect()
    }

    /// Ends all nodes, without handing over to each other what none of them keeps.
    pub(crate) async fn end(self) {
        self.nodes.iter().for_each(Node::abort);
        for node in &self.nodes {
            node.stopped().await;
        }
    }
}
