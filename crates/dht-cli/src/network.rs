//! Runs one node or many in this process until they are told to stop.

use std::io::IsTerminal as _;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use dht_node::{Node, NodeBuilder};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::address::reachable;
use crate::args::{Plan, Run};
use crate::bootstrap;
use crate::console::{self, Terminal};
use crate::failure::Failure;
use crate::log::LogSink;
use crate::open_files;
use crate::quantity::{plural, show_span};
use crate::signals::Signals;

/// Nodes that join at the same time. More would only wait for the processor, and time out on it.
const JOINING_AT_ONCE: usize = 16;

/// Starts the nodes, opens the console if one is asked for, and stops the nodes at the end.
pub(crate) async fn run(plan: &Plan, task: &Run, sink: &LogSink) -> Result<(), Failure> {
    let terminal = Terminal::save();
    let restored = terminal.clone();
    let signals = Signals::listen(move || restored.restore())
        .map_err(|error| Failure::Internal(error.into()))?;
    let log_lines = open_files::prepare(task)?;
    let nodes = tokio::select! {
        nodes = start(plan, task, sink) => nodes?,
        () = signals.stopped() => return Ok(()),
    };
    let Some(first) = nodes.first() else { return Ok(()) };
    let result = if task.interactive {
        console::run(first.clone(), &signals, sink, log_lines, &terminal).await
    } else {
        tokio::select! {
            () = signals.stopped() => Ok(()),
            () = first.stopped() => Err(Failure::Internal(anyhow!("the node stopped by itself"))),
        }
    };
    let mut stopping: JoinSet<()> =
        nodes.into_iter().map(|node| async move { node.stop().await }).collect();
    while stopping.join_next().await.is_some() {}
    debug!("Stopped");
    result
}

/// The nodes, all joined. The first is started alone: the others may need it to join.
async fn start(plan: &Plan, task: &Run, sink: &LogSink) -> Result<Vec<Node>, Failure> {
    let started = Instant::now();
    let connect = bootstrap::resolve(&plan.connect).await?;
    let connect = bootstrap::within_reach(task.listen.0, &connect)?;
    let mut first = describe(plan, task, 0, &connect);
    if task.interactive {
        let sink = sink.clone();
        first = first.on_broadcast(move |message| {
            console::announce(&sink, &message);
            std::future::ready(())
        });
    }
    let first = first.start().await?;
    info!("Listening on {}", first.local_addr());
    let joined = first.joined().await?;
    if connect.is_empty() {
        info!("First node of the network `{}`: others join it with `-c`", plan.network);
    } else {
        let contacts = joined.contacts as u64;
        info!("Joined the network `{}`: {contacts} node{} known", plan.network, plural(contacts));
    }
    if task.nodes == 1 {
        return Ok(vec![first]);
    }
    let through = if connect.is_empty() { vec![reachable(first.local_addr())] } else { connect };
    let others = start_others(plan, task, &through, sink).await?;
    // They joined by asking the first node, which has yet to ask them: what is stored on it now should reach them.
    let met = others.iter().filter(|other| other.has_joined).take(MET_AT_ONCE);
    for other in met {
        if let Err(error) = first.ping(reachable(other.node.local_addr())).await {
            debug!("Node {} does not answer the first yet: {error}", other.index);
        }
    }
    let late = others.iter().filter(|other| !other.has_joined).count();
    let nodes: Vec<Node> =
        iter::once(first).chain(others.into_iter().map(|other| other.node)).collect();
    let joined = nodes.len() - late;
    info!("{joined} nodes have joined in {}", show_span(started.elapsed()));
    if late > 0 {
        warn!("{late} of {} nodes had no answer yet and go on trying", nodes.len());
    }
    Ok(nodes)
}

/// Nodes that the first one asks before they are used: as many as hold a value.
const MET_AT_ONCE: usize = 16;

/// A node of several. One that had no answer in time, on a machine with too much to do, tries on by itself.
struct Other {
    index: usize,
    node: Node,
    has_joined: bool,
}

/// Every node but the first, in the order of their ports.
async fn start_others(
    plan: &Plan,
    task: &Run,
    through: &[SocketAddr],
    sink: &LogSink,
) -> Result<Vec<Other>, Failure> {
    let bar = progress(task.nodes);
    sink.show_above(&bar);
    let permits = Arc::new(Semaphore::new(JOINING_AT_ONCE));
    let mut joining: JoinSet<Result<Other, Failure>> = JoinSet::new();
    for index in 1..task.nodes {
        let builder = describe(plan, task, index, through);
        let permits = Arc::clone(&permits);
        joining.spawn(async move {
            // The semaphore is never closed, so there is always a permit to wait for.
            let _permit = permits.acquire_owned().await;
            let node = builder.start().await?;
            let has_joined = node.joined().await.is_ok();
            Ok(Other { index, node, has_joined })
        });
    }
    let mut others = Vec::with_capacity(task.nodes);
    let result = loop {
        match joining.join_next().await {
            Some(Ok(Ok(other))) => {
                others.push(other);
                bar.inc(1);
            }
            Some(Ok(Err(failure))) => break Err(failure),
            Some(Err(error)) => break Err(Failure::Internal(error.into())),
            None => break Ok(()),
        }
    };
    bar.finish_and_clear();
    sink.restore();
    result?;
    others.sort_by_key(|other| other.index);
    Ok(others)
}

/// The node number `index`, counted from 0.
fn describe(plan: &Plan, task: &Run, index: usize, through: &[SocketAddr]) -> NodeBuilder {
    let listen = nth(task.listen.0, index);
    let mut builder = Node::builder()
        .listen(listen)
        .network(&plan.network)
        .hand_over(task.hand_over)
        .caches(task.caches);
    for addr in through {
        builder = builder.bootstrap(*addr);
    }
    if let Some(bytes) = task.capacity {
        builder = builder.capacity(bytes);
    }
    if let Some(bytes) = task.item_limit {
        builder = builder.item_limit(bytes);
    }
    builder = builder.mirror(task.mirror && index == 0);
    match &task.data_dir {
        Some(path) if task.nodes == 1 => builder.data_dir(path),
        Some(path) => builder.data_dir(path.join(format!("node-{}", index + 1))),
        None => builder,
    }
}

/// The address `index` ports after `listen`; any free port again if that was asked for.
fn nth(mut listen: SocketAddr, index: usize) -> SocketAddr {
    if listen.port() != 0 {
        // The plan has checked that the last port exists.
        listen.set_port(listen.port().saturating_add(u16::try_from(index).unwrap_or(u16::MAX)));
    }
    listen
}

/// A line that fills up as nodes join, on terminals only.
fn progress(nodes: usize) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(nodes as u64), target);
    if let Ok(style) = ProgressStyle::with_template(
        "{spinner} {pos} of {len} nodes have joined [{bar:30}] {elapsed}",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.inc(1);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_take_consecutive_ports_or_any_free_ones() {
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(nth(addr(3_000), 15), addr(3_015));
        assert_eq!(nth(addr(0), 15), addr(0));
    }
}
