//! What a node on disk takes and costs: acknowledged stores of 900 bytes a second, and the memory of its
//! process as the store grows.
//!
//! ```sh
//! cargo run --release -p dht-node --example disk             # 500 MB
//! cargo run --release -p dht-node --example disk -- 50       # 50 MB
//! ```
//!
//! The node is a process of its own, so that nothing else is counted; this one stores as a client, over
//! loopback. Every store counts once it is acknowledged, which is after the disk was synced.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dht_node::Node;
use tokio::task::JoinSet;

/// Length of the values, in bytes.
const SIZE: usize = 900;

/// Stores under way at a time.
const AT_ONCE: u64 = 256;

/// Bytes stored between two lines of the report.
const STEP: u64 = 50_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(mode), Some(path)) if mode == "--hold" => hold(Path::new(&path)).await,
        (megabytes, _) => {
            let megabytes: u64 = megabytes.map_or(Ok(500), |text| text.parse())?;
            measure(megabytes * 1_000_000).await
        }
    }
}

/// Runs the node until its input ends.
async fn hold(path: &Path) -> Result<(), Box<dyn Error>> {
    let node = Node::builder()
        .listen("127.0.0.1:0".parse()?)
        .data_dir(path)
        // A single source may use half of it.
        .capacity(2_000_000_000)
        .start()
        .await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", node.local_addr())?;
    stdout.flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await?;
    node.stop().await;
    Ok(())
}

/// The process of the node. Ends with this one.
struct Holder {
    child: Child,
    _stdin: Option<ChildStdin>,
    addr: SocketAddr,
}

impl Holder {
    fn start(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--hold")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { _stdin: child.stdin.take(), child, addr: line.trim().parse()? })
    }

    /// Its own memory and its part of the page cache, in bytes, where the system tells.
    fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1_024)
        };
        Some((field("RssAnon:")?, field("RssFile:")?))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn measure(total: u64) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let holder = Holder::start(directory.path())?;
    let client = Node::builder()
        .client(true)
        .listen("127.0.0.1:0".parse()?)
        .bootstrap(holder.addr)
        .start()
        .await?;
    client.joined().await?;

    let mut stdout = std::io::stdout();
    let (count, next) = (total / SIZE as u64, Arc::new(AtomicU64::new(0)));
    let mut begun = 0;
    while begun < count {
        let part = (STEP / SIZE as u64).min(count - begun);
        let started = Instant::now();
        let refused = store(&client, &next, begun + part).await?;
        let took = started.elapsed();
        begun += part;
        report(&mut stdout, &holder, (begun, part, refused), took)?;
    }
    client.stop().await;

    drop(holder);
    let started = Instant::now();
    let holder = Holder::start(directory.path())?;
    writeln!(stdout, "restarted after {:.0?}", started.elapsed())?;
    drop(holder);
    Ok(())
}

/// Stores values up to number `end`, of which `next` is the next. Gives how many were refused.
async fn store(client: &Node, next: &Arc<AtomicU64>, end: u64) -> Result<u64, Box<dyn Error>> {
    let mut tasks: JoinSet<u64> = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, next) = (client.clone(), Arc::clone(next));
        tasks.spawn(async move {
            let mut refused = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    next.fetch_min(end, Ordering::Relaxed);
                    return refused;
                }
                let mut value = vec![0; SIZE];
                value[..8].copy_from_slice(&number.to_le_bytes());
                refused += u64::from(client.store(value).await.is_err());
            }
        });
    }
    let mut refused = 0;
    while let Some(ended) = tasks.join_next().await {
        refused += ended?;
    }
    Ok(refused)
}

fn report(
    out: &mut impl std::io::Write,
    holder: &Holder,
    (total, part, refused): (u64, u64, u64),
    took: Duration,
) -> std::io::Result<()> {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = (part - refused) as f64 / took.as_secs_f64();
    let bytes = total * SIZE as u64 / 1_000_000;
    write!(out, "{bytes:>5} MB in store  {rate:>7.0} stores/s acknowledged, {refused} refused")?;
    match holder.memory() {
        Some((own, file)) => writeln!(
            out,
            "  {:>4} MB of memory, {} MB of files mapped",
            own / 1_000_000,
            file / 1_000_000
        ),
        None => writeln!(out),
    }
}
