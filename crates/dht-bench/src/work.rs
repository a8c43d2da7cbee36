//! Stores and fetches, one after another or many at a time, and how they went.

use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dht_node::{FetchError, Found, Key, Node, NodeId, StoreError, StoreReport};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::network::Network;
use crate::times::Times;
use crate::{BenchError, Host};

/// Length of the values of most measurements, in bytes.
pub(crate) const VALUE_BYTES: usize = 900;

/// Nodes that are asked for a value until one had no copy.
const STRANGERS: usize = 3;

/// Numbers that look random, the same in every run.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// A sequence of its own for each purpose.
    pub(crate) fn of(purpose: u64) -> Self {
        let mut generator = ChaCha8Rng::from_seed([7; 32]);
        generator.set_stream(purpose);
        Self(generator)
    }

    /// A value of so many bytes.
    pub(crate) fn value(&mut self, length: usize) -> Bytes {
        let mut value = vec![0; length];
        self.0.fill_bytes(&mut value);
        value.into()
    }

    /// One of `choices`, if there are any.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let count = choices.len() as u64;
        let index = self.0.next_u64().checked_rem(count)?;
        choices.get(usize::try_from(index).ok()?)
    }
}

/// A value of the network.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) key: Key,
    pub(crate) value: Bytes,
    /// Who has a copy: holders, and those that fetched it.
    pub(crate) with: Vec<NodeId>,
}

/// How a piece of work went.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// What was tried.
    pub(crate) attempts: usize,
    /// What each success took.
    pub(crate) times: Times,
    /// What all took together.
    pub(crate) span: Duration,
    /// Requests sent on behalf of the successes.
    pub(crate) requests: usize,
    /// Copies that were confirmed.
    pub(crate) copies: usize,
}

impl Score {
    /// `sum` for each success.
    pub(crate) fn each(&self, sum: usize) -> f64 {
        crate::times::share(sum, self.times.len())
    }

    /// Successes.
    pub(crate) fn successes(&self) -> usize {
        self.times.len()
    }

    /// Successes in a second.
    pub(crate) fn rate(&self) -> f64 {
        crate::times::rate(self.times.len(), self.span)
    }
}

/// Stores `values` through the first node, `at_once` at a time. Gives what at least one node holds now.
pub(crate) async fn store(
    network: &Network,
    values: Vec<Bytes>,
    at_once: usize,
    host: &mut dyn Host,
) -> Result<(Vec<Kept>, Score), BenchError> {
    let first = network.first()?.clone();
    let mut score = Score { attempts: values.len(), ..Score::default() };
    host.phase("storing", values.len() as u64);
    let (mut kept, mut done) = (Vec::with_capacity(values.len()), 0);
    let jobs = values.into_iter().map(|value| put(first.clone(), value));
    let began = Instant::now();
    each(jobs, at_once, |(value, took, result): Put| {
        done += 1;
        host.advance(done);
        let Ok(report) = result else { return };
        score.times.push(took);
        score.requests += report.requests as usize;
        score.copies += report.holders.len();
        kept.push(Kept { key: report.key, value, with: report.holders });
    })
    .await;
    score.span = began.elapsed();
    Ok((kept, score))
}

/// Fetches each of `kept` through a node, chosen by `dice`, that has no copy, `at_once` at a time. A value counts if
/// it is the one that was stored.
pub(crate) async fn fetch(
    network: &Network,
    kept: &mut [Kept],
    dice: &mut Dice,
    at_once: usize,
    host: &mut dyn Host,
) -> Score {
    let mut score = Score { attempts: kept.len(), ..Score::default() };
    host.phase("fetching", kept.len() as u64);
    let mut done = 0;
    let asked: Vec<(Vec<Node>, Key, Bytes)> = kept
        .iter_mut()
        .map(|kept| {
            let nodes = strangers(network.nodes(), &kept.with, dice);
            kept.with.extend(nodes.iter().map(Node::id));
            (nodes, kept.key, kept.value.clone())
        })
        .collect();
    let jobs = asked.into_iter().map(|(nodes, key, value)| get(nodes, key, value));
    let began = Instant::now();
    each(jobs, at_once, |(value, took, result): Got| {
        done += 1;
        host.advance(done);
        let Ok(found) = result else { return };
        if found.value.as_bytes() == &value[..] {
            score.times.push(took);
            score.requests += found.requests as usize;
        }
    })
    .await;
    score.span = began.elapsed();
    score
}

/// Nodes that have no copy as far as anybody has told, in random order: one, and others in case it has one all the same,
/// as a holder whose confirmation was late. Anybody if all have one. Not the first node: it stored them.
fn strangers(nodes: &[Node], with: &[NodeId], dice: &mut Dice) -> Vec<Node> {
    let others = nodes.get(1..).unwrap_or_default();
    let mut without: Vec<&Node> = others.iter().filter(|node| !with.contains(&node.id())).collect();
    if without.is_empty() {
        without = others.iter().collect();
    }
    (0..STRANGERS).filter_map(|_| dice.pick(&without).copied().cloned()).collect()
}

type Put = (Bytes, Duration, Result<StoreReport, StoreError>);
type Got = (Bytes, Duration, Result<Found, FetchError>);

async fn put(node: Node, value: Bytes) -> Put {
    let began = Instant::now();
    let result = node.store(value.clone()).await;
    (value, began.elapsed(), result)
}

/// Fetches through the first of `nodes` that has no copy of its own.
async fn get(nodes: Vec<Node>, key: Key, value: Bytes) -> Got {
    let mut got = (value, Duration::ZERO, Err(FetchError::NotFound));
    for node in nodes {
        let began = Instant::now();
        let result = node.fetch(key).await;
        let has_copy = result.as_ref().is_ok_and(|found| found.requests == 0);
        (got.1, got.2) = (began.elapsed(), result);
        if !has_copy {
            break;
        }
    }
    got
}

/// Runs `jobs`, `at_once` at a time, and gives the result of each to `done`. One at a time they run in the task of the
/// caller, as a program that waits for each would have it.
async fn each<T: Send + 'static>(
    jobs: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    at_once: usize,
    mut done: impl FnMut(T),
) {
    if at_once <= 1 {
        for job in jobs {
            done(job.await);
        }
        return;
    }
    let mut running = JoinSet::new();
    for job in jobs {
        running.spawn(job);
        while running.len() >= at_once {
            running.join_next().await.into_iter().flatten().for_each(&mut done);
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.into_iter().for_each(&mut done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_job_is_done_once_however_many_run_at_a_time() {
        for at_once in [1, 3, 100] {
            let mut results = Vec::new();
            each((0..20).map(std::future::ready), at_once, |result| results.push(result)).await;
            results.sort_unstable();
            assert_eq!(results, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn values_are_the_same_in_every_run_and_differ_from_each_other() {
        let (mut one, mut same, mut other) = (Dice::of(1), Dice::of(1), Dice::of(2));
        let value = one.value(100);
        assert_eq!(value, same.value(100));
        assert_ne!(value, one.value(100));
        assert_ne!(value, other.value(100));
        assert_eq!(one.pick::<u8>(&[]), None);
    }
}
