//! How long a broadcast takes to the last node, over real sockets of one machine.
//!
//! ```sh
//! cargo run --release -p dht-node --example everybody            # 200 nodes, 100 broadcasts
//! cargo run --release -p dht-node --example everybody -- 50 20
//! ```
//!
//! Fails if any node got any broadcast not at all or more than once.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dht_node::{BroadcastId, Node};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A broadcast that is not everywhere after this long is lost.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often each broadcast arrived at a node.
type Inbox = Arc<Mutex<BTreeMap<BroadcastId, usize>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let count = arguments.next().transpose()?.unwrap_or(200).max(2);
    let broadcasts = arguments.next().transpose()?.unwrap_or(100);
    let (arrived, mut arrivals) = mpsc::channel(65_536);
    let mut nodes: Vec<(Node, Inbox)> = Vec::with_capacity(count);
    for _ in 0..count {
        let inbox = Inbox::default();
        let mut builder = Node::builder().listen(([127, 0, 0, 1], 0).into());
        if let Some((first, _)) = nodes.first() {
            builder = builder.bootstrap(first.local_addr());
        }
        let (counts, arrived) = (Arc::clone(&inbox), arrived.clone());
        let builder = builder.on_broadcast(move |message| {
            let (counts, arrived, id) = (Arc::clone(&counts), arrived.clone(), message.id());
            async move {
                *lock(&counts).entry(id).or_default() += 1;
                // Whoever counts them is there until the end.
                let _ = arrived.send(id).await;
            }
        });
        let node = builder.start().await?;
        node.joined().await?;
        nodes.push((node, inbox));
    }
    println!("{count} nodes have joined");

    let mut times = Vec::with_capacity(broadcasts);
    for number in 0..broadcasts {
        let (node, _) = &nodes[number * 7 % count];
        let started = Instant::now();
        let id = node.broadcast(format!("message {number}")).await?.id;
        let mut missing = count - 1;
        while missing > 0 {
            let arrived = timeout(PATIENCE, arrivals.recv()).await;
            let arrived = arrived.map_err(|_| format!("{missing} nodes lack message {number}"))?;
            missing -= usize::from(arrived == Some(id));
        }
        times.push(started.elapsed());
    }
    let repeated =
        nodes.iter().flat_map(|(_, inbox)| lock(inbox).values().copied().collect::<Vec<_>>());
    let repeated = repeated.filter(|count| *count != 1).count();
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied().unwrap_or_default();
    println!(
        "{broadcasts} broadcasts: last node after {:.1?} (median), {:.1?} (p99); {repeated} delivered more than once",
        at(50),
        at(99),
    );
    for (node, _) in &nodes {
        node.abort();
    }
    if repeated > 0 { Err("delivered more than once".into()) } else { Ok(()) }
}

fn lock(inbox: &Inbox) -> std::sync::MutexGuard<'_, BTreeMap<BroadcastId, usize>> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}
