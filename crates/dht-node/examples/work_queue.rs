//! A work queue: one node has the jobs, others ask it for them by custom requests.
//!
//! Workers know nothing but the name of the queue: under it they find the id of the node that has it, and that
//! node wherever it is. A job that is handed out and not done in time is handed out again.
//! `cargo run -p dht-node --example work_queue`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dht_node::{Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

/// The name under which the id of the queue's node is found.
const QUEUE: &str = "example/queue";

/// How long a worker has for a job.
const LEASE: Duration = Duration::from_secs(30);

/// What workers ask.
#[derive(Serialize, Deserialize)]
pub(crate) enum Request {
    /// For a job.
    Next,
    /// To note the result of one. Noted once, whoever tells it how often.
    Done { job: u64, result: u64 },
}

/// What they are told.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Work on this number.
    Job(u64),
    /// Others are at work on the last jobs.
    Wait,
    /// Everything is done; also the answer to a result that was noted last.
    Finished,
    /// The result was noted.
    Noted,
}

/// Requests and answers as JSON.
struct Queue;

fn encode(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a Bytes) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

impl Protocol for Queue {
    type Request = Request;
    type Answer = Answer;

    fn encode_request(request: &Request) -> Bytes {
        encode(request)
    }
    fn decode_request(bytes: &Bytes) -> Result<Request, String> {
        decode(bytes)
    }
    fn encode_answer(answer: &Answer) -> Bytes {
        encode(answer)
    }
    fn decode_answer(bytes: &Bytes) -> Result<Answer, String> {
        decode(bytes)
    }
}

/// Jobs to do, under way and done.
struct Jobs {
    waiting: VecDeque<u64>,
    leased: BTreeMap<u64, Instant>,
    done: BTreeMap<u64, u64>,
}

impl Jobs {
    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Next => self.next(),
            Request::Done { job, result } => {
                if self.leased.remove(job).is_some() {
                    self.done.insert(*job, *result);
                }
                Answer::Noted
            }
        }
    }

    fn next(&mut self) -> Answer {
        let overdue = self.leased.iter().find(|(_, since)| since.elapsed() > LEASE);
        let job = self.waiting.pop_front().or(overdue.map(|(job, _)| *job));
        match job {
            Some(job) => {
                self.leased.insert(job, Instant::now());
                Answer::Job(job)
            }
            None if self.leased.is_empty() => Answer::Finished,
            None => Answer::Wait,
        }
    }
}

/// The job: how many steps the Collatz sequence of a number takes to reach 1.
fn work(job: u64) -> u64 {
    let step = |n: &u64| Some(if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    std::iter::successors(Some(job), step).take_while(|n| *n != 1).count() as u64
}

/// Finds the queue by its name, and works until there is nothing left to do. Returns the jobs done.
async fn worker(through: SocketAddr) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    let node = Node::builder().listen(listen).bootstrap(through).start().await?;
    node.joined().await?;
    let id = node.fetch_at(QUEUE).await?.into_bytes();
    let queue: NodeId = std::str::from_utf8(&id)?.parse()?;
    let mut done = 0;
    loop {
        match node.request::<Queue>(queue, &Request::Next).await? {
            Answer::Job(job) => {
                let result = work(job);
                node.request::<Queue>(queue, &Request::Done { job, result }).await?;
                done += 1;
            }
            Answer::Wait | Answer::Noted => tokio::task::yield_now().await,
            Answer::Finished => break,
        }
    }
    node.stop().await;
    Ok(done)
}

/// Has three workers do all jobs up to `count`, and returns the results.
pub(crate) async fn run(count: u64) -> Result<BTreeMap<u64, u64>, Box<dyn Error + Send + Sync>> {
    let jobs =
        Jobs { waiting: (1..=count).collect(), leased: BTreeMap::new(), done: BTreeMap::new() };
    let jobs = Arc::new(Mutex::new(jobs));
    let shared = Arc::clone(&jobs);
    let queue = Node::builder()
        .listen((Ipv4Addr::LOCALHOST, 0).into())
        .on_request::<Queue, _>(move |request, _from| {
            let answer = shared.lock().unwrap_or_else(PoisonError::into_inner).answer(&request);
            async move { Ok(answer) }
        })
        .start()
        .await?;
    queue.store_at(QUEUE, queue.id().to_string()).await?;

    let workers: Vec<_> = (0..3).map(|_| tokio::spawn(worker(queue.local_addr()))).collect();
    for (number, worker) in workers.into_iter().enumerate() {
        println!("worker {number} did {} jobs", worker.await??);
    }
    let done = jobs.lock().unwrap_or_else(PoisonError::into_inner).done.clone();
    let longest = done.iter().max_by_key(|(_, steps)| **steps);
    println!("{} jobs are done; the longest way from {longest:?}", done.len());
    Ok(done)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    run(100).await.map(drop)
}
