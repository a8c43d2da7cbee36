//! A network of twenty processes, all killed at once and started again: what was stored is there.
//!
//! A test program of its own, since twenty nodes leave nothing of the machine to other tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dht_node::{AuthorSecret, Key, Node, Salt, Sequence};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "made for the other test program")]
mod harness;

use harness::{PATIENCE, Process, bytes};

/// Processes in the network.
const NODES: usize = 20;

/// Records stored.
const RECORDS: u32 = 1_000;

/// Operations under way at a time.
const AT_ONCE: usize = 16;

/// One of the records. Every tenth travels by stream, one is as long as a value may be.
#[derive(Debug, Clone)]
struct Sample {
    number: u32,
    value: Vec<u8>,
}

impl Sample {
    fn new(number: u32) -> Self {
        let length = match number {
            7 => 5_000_000,
            number if number.is_multiple_of(100) => 300_000,
            number if number.is_multiple_of(10) => 20_000,
            number => number as usize % 13 * 70,
        };
        let mut value = bytes(&number.to_string(), length);
        // No two have the same key, though they be short.
        value.extend_from_slice(&number.to_le_bytes());
        value.truncate(5_000_000);
        Self { number, value }
    }

    fn author(&self) -> (AuthorSecret, Salt) {
        let salt = Salt::new(self.number.to_le_bytes().to_vec()).unwrap();
        (AuthorSecret::from_seed(&[self.number.to_le_bytes()[0]; 32]), salt)
    }

    fn name(&self) -> String {
        format!("name {}", self.number)
    }

    /// Stores it: as content, by name, or signed. Gives the number of holders.
    async fn store(&self, node: &Node) -> Result<usize, String> {
        let value = self.value.clone();
        let stored = match self.number % 3 {
            0 => node.store(value).await,
            1 => node.store_at(self.name(), value).await,
            _ => {
                let (secret, salt) = self.author();
                node.publish(&secret, salt, Sequence(1), value, None).await
            }
        };
        stored.map(|report| report.holders.len()).map_err(|error| error.to_string())
    }

    /// Whether the network has it, unchanged.
    async fn is_there(&self, node: &Node) -> bool {
        let found = match self.number % 3 {
            0 => node.fetch(Key::content(&self.value)).await,
            1 => node.fetch_at(self.name()).await,
            _ => {
                let (secret, salt) = self.author();
                node.resolve(&secret.author(), &salt).await
            }
        };
        found.is_ok_and(|found| found.into_bytes() == self.value)
    }
}

/// Ports that are free for both protocols, below those that the system gives out by itself: nobody else
/// takes them while the nodes are down.
fn ports() -> Vec<u16> {
    let is_free = |port: u16| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    let begin = 10_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    (begin..).filter(|port| is_free(*port)).take(NODES).collect()
}

fn start(directory: &Path, port: u16, connect: Option<u16>) -> Process {
    let path = directory.join(port.to_string());
    let (listen, path) = (format!("127.0.0.1:{port}"), path.to_str().unwrap());
    let connect = connect.map(|port| format!(":{port}"));
    let mut args = vec!["-l", &listen, "--data-dir", path];
    args.extend(connect.iter().flat_map(|connect| ["-c", connect]));
    Process::start(&args)
}

/// A client of the network, once it can see most of it.
async fn client(port: u16) -> Node {
    let node = Node::builder()
        .client(true)
        .listen("127.0.0.1:0".parse().unwrap())
        .bootstrap(SocketAddr::from(([127, 0, 0, 1], port)))
        .start()
        .await
        .unwrap();
    node.joined().await.unwrap();
    within("sees the network", async {
        while node.find_node(Key::content(b"")).await.unwrap().len() < 16 {}
    })
    .await;
    node
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never {what}"))
}

/// Does something with every sample, a few at a time.
async fn each<T, F>(node: &Node, act: impl Fn(Node, Sample) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for number in 0..RECORDS {
        let permits = Arc::clone(&permits);
        let task = act(node.clone(), Sample::new(number));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            task.await
        });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_records_survive_the_end_of_every_process() {
    let directory = tempfile::tempdir().unwrap();
    let ports = ports();
    let mut processes = vec![start(directory.path(), ports[0], None)];
    processes[0].wait_for_addr();
    for port in &ports[1..] {
        processes.push(start(directory.path(), *port, Some(ports[0])));
    }
    for process in &mut processes[1..] {
        process.wait_for("Joined the network");
    }
    let node = client(ports[0]).await;
    let stored = each(&node, |node, sample| async move { sample.store(&node).await }).await;
    for result in &stored {
        assert!(result.as_ref().is_ok_and(|holders| *holders > 0), "{result:?}");
    }
    node.stop().await;

    for process in &mut processes {
        process.kill();
    }
    // Nobody is told of anybody: each has its routing table.
    let started = Instant::now();
    let mut processes: Vec<Process> =
        ports.iter().map(|port| start(directory.path(), *port, None)).collect();
    for process in &mut processes {
        process.wait_for_addr();
    }
    let node = client(ports[NODES / 2]).await;
    let back = started.elapsed();
    assert!(back < Duration::from_secs(30), "the network took {back:?} to come back");

    let lost = each(&node, |node, sample| async move {
        (!sample.is_there(&node).await).then_some((sample.number, sample.value.len()))
    });
    let lost: Vec<_> = lost.await.into_iter().flatten().collect();
    assert_eq!(lost, [], "{} of {RECORDS} are lost", lost.len());
    node.stop().await;
}
