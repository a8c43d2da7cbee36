//! Commands that store or fetch one value: join as a client, do it, leave.

use std::io::{self, IsTerminal as _, Read, Write as _};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use dht_node::{FetchError, Found, Node, NodeBuilder, Place, StoreOptions, StoreReport};
use tracing::{debug, info};

use crate::args::{Action, OneShot, Plan};
use crate::bootstrap;
use crate::failure::Failure;
use crate::quantity::{plural, show_bytes, show_span};
use crate::stored;

mod application;
mod signed;

/// Does what `task` says. Whatever can be refused is refused before anything is sent.
pub(crate) async fn run(plan: &Plan, task: &OneShot) -> Result<(), Failure> {
    match &task.action {
        Action::Store { place, ttl, limit, json } => {
            let value = read_value(*limit)?;
            let size = value.len();
            let options = StoreOptions::default().ttl(*ttl);
            let started = Instant::now();
            let node = join(plan, task).await?;
            let report = match place {
                Some(place) => node.store_at_with(place.clone(), value, options).await?,
                None => node.store_with(value, options).await?,
            };
            tell(&report, size, started);
            let line =
                if *json { stored::to_json(&report, size, None) } else { report.key.to_string() };
            write(format!("{line}\n").as_bytes())?;
            node.stop().await;
        }
        Action::Fetch(key) => {
            let node = join(plan, task).await?;
            let found =
                node.fetch(*key).await.map_err(|error| explain(error, &format!("-F key:{key}")))?;
            deliver(&node, found).await?;
        }
        Action::FetchAt(place) => {
            let node = join(plan, task).await?;
            let by_hash = match place {
                Place::Key(key) => format!("-f {key}"),
                Place::Name(_) => format!("-f {}", place.key()),
            };
            let found =
                node.fetch_at(place.clone()).await.map_err(|error| explain(error, &by_hash))?;
            deliver(&node, found).await?;
        }
        Action::Publish { task: version, limit } => {
            signed::publish(plan, task, version, *limit).await?;
        }
        Action::Retract(version) => signed::retract(plan, task, version).await?,
        Action::Broadcast { key_file } => {
            application::broadcast(plan, task, key_file.as_deref()).await?;
        }
        Action::Custom(whom) => application::custom(plan, task, whom).await?,
        Action::Resolve(place) => {
            let node = join(plan, task).await?;
            let found = place.resolve(&node).await?;
            info!("Sequence {}", found.sequence());
            deliver(&node, found).await?;
        }
    }
    Ok(())
}

/// A client that knows the network.
async fn join(plan: &Plan, task: &OneShot) -> Result<Node, Failure> {
    join_with(builder(plan), plan, task).await
}

/// What becomes a client of the network.
fn builder(plan: &Plan) -> NodeBuilder {
    Node::builder().client(true).network(&plan.network)
}

async fn join_with(builder: NodeBuilder, plan: &Plan, task: &OneShot) -> Result<Node, Failure> {
    let connect = bootstrap::resolve(&plan.connect).await?;
    let listen = task.listen.map_or_else(|| bootstrap::any_port_for(&connect), |listen| listen.0);
    let connect = bootstrap::within_reach(listen, &connect)?;
    let mut builder = builder.listen(listen);
    for addr in connect {
        builder = builder.bootstrap(addr);
    }
    let node = builder.start().await?;
    debug!("Listening on {}", node.local_addr());
    let joined = node.joined().await?;
    debug!("Joined: {} node{} known", joined.contacts, plural(joined.contacts as u64));
    Ok(node)
}

/// All of stdin, if it is at most `limit` bytes. Of a longer one never more than that is read.
fn read_value(limit: usize) -> Result<Vec<u8>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        info!("Reading the value from the terminal; Ctrl-D on a line of its own ends it");
    }
    let mut value = Vec::new();
    let most = limit as u64 + 1;
    let read = stdin.lock().take(most).read_to_end(&mut value);
    read.context("cannot read the value from stdin").map_err(Failure::Internal)?;
    if value.len() <= limit {
        return Ok(value);
    }
    Err(Failure::Usage(match file_size() {
        Some(size) => anyhow!("value is {size} bytes, limit is {limit}"),
        None => anyhow!("value is more than {limit} bytes, which is the limit"),
    }))
}

/// Length of the file on stdin; `None` if it is a pipe or terminal, which do not tell.
#[cfg(unix)]
fn file_size() -> Option<u64> {
    use std::os::fd::AsFd as _;
    let descriptor = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let metadata = std::fs::File::from(descriptor).metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// Not told on this system.
#[cfg(not(unix))]
fn file_size() -> Option<u64> {
    None
}

/// Logs who holds the value.
fn tell(report: &StoreReport, size: usize, started: Instant) {
    let holders = report.holders.len() as u64;
    let shortfall = stored::shortfall(report);
    info!(
        "Stored {} on {holders} node{} in {}{}",
        show_bytes(size as u64),
        plural(holders),
        show_span(started.elapsed()),
        shortfall.map(|reason| format!(" ({reason})")).unwrap_or_default()
    );
}

/// Writes the value to stdout, unchanged.
async fn deliver(node: &Node, found: Found) -> Result<(), Failure> {
    debug!(
        "Fetched {} with {} request{}",
        show_bytes(found.value.len() as u64),
        found.requests,
        plural(u64::from(found.requests))
    );
    write(&found.into_bytes())?;
    node.stop().await;
    Ok(())
}

/// Says with which flag a value of another kind is fetched.
fn explain(error: FetchError, other: &str) -> Failure {
    match error {
        FetchError::OtherKind { kind } => Failure::NotFound(anyhow!(
            "only a {kind} value lives at this key: fetch it with `{other}`"
        )),
        error => error.into(),
    }
}

/// Writes data to stdout.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}
