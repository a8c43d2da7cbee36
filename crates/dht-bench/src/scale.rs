//! Very many nodes in one process: how long they take to find each other, and what each costs.

use std::time::Instant;

use crate::network::Network;
use crate::times::ms;
use crate::work::{Dice, VALUE_BYTES, fetch, store};
use crate::workload::{idle_cpu, memory_of_each};
use crate::{BenchError, Host, Plan, machine, runtime};

/// Values stored at a time; they are fetched one by one.
const AT_ONCE: usize = 64;

/// Figures of a network in one process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScaleReport {
    /// Nodes.
    pub n: usize,
    /// Seconds until the network was settled.
    pub join_s: f64,
    /// Processor time of that for each node, in ms.
    pub join_cpu_ms: f64,
    /// Memory a node takes then, in KiB.
    pub rss_per_node_kib: f64,
    /// Processor time of the idle network, in percent of one core.
    pub idle_cpu_pct: f64,
    /// Stores that succeeded, of all.
    pub put_ok: f64,
    /// Copies confirmed, for each value.
    pub copies: f64,
    /// Values that random nodes without a copy found, of all that were to be stored.
    pub get_ok: f64,
    /// Median time of a fetch, in ms.
    pub get_p50_ms: f64,
    /// 99th percentile, in ms.
    pub get_p99_ms: f64,
    /// Requests for a fetch.
    pub get_requests: f64,
    /// Memory of a node at the end, with what it holds, in KiB.
    pub rss_end_kib: f64,
}

/// Measures a network of `plan.nodes` nodes.
pub fn scale(plan: &Plan, host: &mut dyn Host) -> Result<ScaleReport, BenchError> {
    runtime(plan.threads)?.block_on(run(plan, host))
}

async fn run(plan: &Plan, host: &mut dyn Host) -> Result<ScaleReport, BenchError> {
    let (mut dice, mut askers) = (Dice::of(5), Dice::of(6));
    let values: Vec<_> = (0..plan.values).map(|_| dice.value(VALUE_BYTES)).collect();

    let (baseline, cpu) = (machine::resident(), machine::process_cpu());
    let began = Instant::now();
    let network = Network::start(plan.nodes, host).await?;
    network.settled(host).await?;
    let join_s = began.elapsed().as_secs_f64();
    let join_cpu = machine::process_cpu().saturating_sub(cpu);
    let rss_per_node_kib = memory_of_each(baseline, plan.nodes);

    let idle_cpu_pct = idle_cpu(plan, host).await;
    let (mut kept, put) = store(&network, values, AT_ONCE, host).await?;
    let get = fetch(&network, &mut kept, &mut askers, 1, host).await;
    let rss_end_kib = memory_of_each(baseline, plan.nodes);
    network.end().await;
    Ok(ScaleReport {
        n: plan.nodes,
        join_s,
        join_cpu_ms: ms(join_cpu / count(plan.nodes)),
        rss_per_node_kib,
        idle_cpu_pct,
        put_ok: crate::times::share(put.successes(), put.attempts),
        copies: put.each(put.copies),
        get_ok: crate::times::share(get.successes(), plan.values),
        get_p50_ms: ms(get.times.median()),
        get_p99_ms: ms(get.times.percentile(99)),
        get_requests: get.each(get.requests),
        rss_end_kib,
    })
}

fn count(nodes: usize) -> u32 {
    u32::try_from(nodes.max(1)).unwrap_or(u32::MAX)
}
