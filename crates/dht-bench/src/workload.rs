//! The workload W: what any table of values does all day, in seven phases.
//!
//! - W1: nodes join through the first. It ends when 99 % of the sixteen nodes closest to each node, as far as its table has
//!   room for them, are in its table, taken over all nodes.
//! - W2: 900-byte content values are stored through the first node, one after another.
//! - W3: each is fetched once from a random other node that holds no copy, one after another.
//! - W4: as many fresh ones are stored with 64 under way at a time, and fetched with 64 under way.
//! - W5: one value of 5,000,000 bytes is stored, with all copies confirmed, and fetched.
//! - W6: memory of a node after W1, processor time of W2 and W3, load of the idle network after W5.
//! - W7: half of the nodes vanish, and the values of W2 are fetched from the others, 64 at a time, at once.

use std::time::Instant;

use crate::network::Network;
use crate::times::{ms, share};
use crate::work::{Dice, Score, VALUE_BYTES, fetch, store};
use crate::{BenchError, Host, Plan, floor, machine, runtime};

/// Operations under way at a time in W4 and W7.
const AT_ONCE: usize = 64;

/// Length of the value of W5.
const LONG_BYTES: usize = dht_node::VALUE_MAX;

/// Figures of the workload. Shares are 0..1.
#[derive(Debug, Clone, Default)]
pub struct WorkloadReport {
    /// Nodes.
    pub n: usize,
    /// Median round trip of a datagram echoed on the same runtime, in µs.
    pub floor_rtt_us: f64,
    /// Seconds until the network was settled.
    pub join_s: f64,
    /// Stores one after another.
    pub put: Stored,
    /// Fetches one after another.
    pub get: Fetched,
    /// Stores with 64 under way.
    pub put64: Stored,
    /// Fetches with 64 under way.
    pub get64: Fetched,
    /// Seconds until a value of 5 MB was stored.
    pub mb5_put_s: f64,
    /// Seconds until it was fetched; 0 if it was not.
    pub mb5_get_s: f64,
    /// Copies of it that were confirmed.
    pub mb5_copies: usize,
    /// Memory a node takes once the network has settled, in KiB.
    pub rss_per_node_kib: f64,
    /// Processor time of W2 and W3, in seconds.
    pub cpu_s: f64,
    /// Processor time of the idle network, in percent of one core.
    pub idle_cpu_pct: f64,
    /// Fetches after half of the nodes are gone.
    pub churn: Fetched,
}

/// How stores went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stored {
    /// Stores in a second.
    pub ops: f64,
    /// Median time in ms.
    pub p50_ms: f64,
    /// 99th percentile in ms.
    pub p99_ms: f64,
    /// Share of successes.
    pub ok: f64,
    /// Copies confirmed, for each success.
    pub copies: f64,
    /// Requests, for each success.
    pub requests: f64,
}

/// How fetches went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fetched {
    /// Fetches in a second.
    pub ops: f64,
    /// Median time in ms.
    pub p50_ms: f64,
    /// 99th percentile in ms.
    pub p99_ms: f64,
    /// Share that gave the value that was stored.
    pub ok: f64,
    /// Requests, for each success.
    pub requests: f64,
}

impl Stored {
    pub(crate) fn of(score: &Score) -> Self {
        Self {
            ops: score.rate(),
            p50_ms: ms(score.times.median()),
            p99_ms: ms(score.times.percentile(99)),
            ok: share(score.successes(), score.attempts),
            copies: score.each(score.copies),
            requests: score.each(score.requests),
        }
    }
}

impl Fetched {
    pub(crate) fn of(score: &Score) -> Self {
        Self {
            ops: score.rate(),
            p50_ms: ms(score.times.median()),
            p99_ms: ms(score.times.percentile(99)),
            ok: share(score.successes(), score.attempts),
            requests: score.each(score.requests),
        }
    }
}

/// Runs the workload.
pub fn workload(plan: &Plan, host: &mut dyn Host) -> Result<WorkloadReport, BenchError> {
    runtime(plan.threads)?.block_on(run(plan, host))
}

async fn run(plan: &Plan, host: &mut dyn Host) -> Result<WorkloadReport, BenchError> {
    let mut dice = Dice::of(0);
    let mut values = |count| (0..count).map(|_| dice.value(VALUE_BYTES)).collect::<Vec<_>>();
    let (one_by_one, at_once) = (values(plan.values), values(plan.values));
    let mut askers = Dice::of(1);
    let floor_rtt = floor::round_trip().await?;

    let baseline = machine::resident();
    let began = Instant::now();
    let mut network = Network::start(plan.nodes, host).await?;
    network.settled(host).await?;
    let join_s = began.elapsed().as_secs_f64();
    let rss_per_node_kib = memory_of_each(baseline, plan.nodes);

    let cpu = machine::process_cpu();
    let (mut kept, put) = store(&network, one_by_one, 1, host).await?;
    let get = fetch(&network, &mut kept, &mut askers, 1, host).await;
    let cpu_s = machine::process_cpu().saturating_sub(cpu).as_secs_f64();

    let (mut fresh, put64) = store(&network, at_once, AT_ONCE, host).await?;
    let get64 = fetch(&network, &mut fresh, &mut askers, AT_ONCE, host).await;

    let long = Dice::of(2).value(LONG_BYTES);
    let (mut long, mb5_put) = store(&network, vec![long], 1, host).await?;
    let mb5_get = fetch(&network, &mut long, &mut askers, 1, host).await;

    let idle_cpu_pct = idle_cpu(plan, host).await;

    network.halve().await;
    let churn = fetch(&network, &mut kept, &mut askers, AT_ONCE, host).await;
    network.end().await;
    Ok(WorkloadReport {
        n: plan.nodes,
        floor_rtt_us: crate::times::us(floor_rtt),
        join_s,
        put: Stored::of(&put),
        get: Fetched::of(&get),
        put64: Stored::of(&put64),
        get64: Fetched::of(&get64),
        mb5_put_s: mb5_put.times.median().as_secs_f64(),
        mb5_get_s: mb5_get.times.median().as_secs_f64(),
        mb5_copies: mb5_put.copies,
        rss_per_node_kib,
        cpu_s,
        idle_cpu_pct,
        churn: Fetched { ok: share(churn.successes(), plan.values), ..Fetched::of(&churn) },
    })
}

/// Memory beyond `baseline` for each of `nodes`, in KiB.
#[expect(clippy::cast_precision_loss, reason = "memory in KiB needs no more than 52 bits")]
pub(crate) fn memory_of_each(baseline: u64, nodes: usize) -> f64 {
    machine::resident().saturating_sub(baseline) as f64 / 1_024.0 / nodes.max(1) as f64
}

/// Processor time of a network that is left alone, in percent of one core.
pub(crate) async fn idle_cpu(plan: &Plan, host: &mut dyn Host) -> f64 {
    host.phase("idle", 2);
    let began = tokio::time::Instant::now();
    tokio::time::sleep_until(began + plan.idle).await;
    host.advance(1);
    let (cpu, began) = (machine::process_cpu(), tokio::time::Instant::now());
    tokio::time::sleep_until(began + plan.idle).await;
    let (cpu, span) = (machine::process_cpu().saturating_sub(cpu), began.elapsed());
    if span.is_zero() { 0.0 } else { 100.0 * cpu.as_secs_f64() / span.as_secs_f64() }
}
