//! From the reports of `dht_bench` to named figures.

use std::time::Duration;

use dht_bench::bulk::{BulkReport, bulk};
use dht_bench::rpc::{RpcPoint, rpc};
use dht_bench::scale::{ScaleReport, scale};
use dht_bench::workload::{WorkloadReport, workload};
use dht_bench::{BenchError, Host, Plan};

use super::report::Row;
use super::{Args, Measurement, threads};

/// What is measured, as the command line says.
pub(super) fn plan(args: &Args, nodes: usize) -> Plan {
    let plan = Plan {
        nodes,
        threads: threads(args) as usize,
        values: args.values as usize,
        ..Plan::default()
    };
    match args.seconds {
        Some(seconds) => {
            let span = Duration::from_secs(seconds.into());
            Plan { idle: span, span, transfers: seconds.div_ceil(2) as usize, ..plan }
        }
        None => plan,
    }
}

pub(super) fn measure(
    measurement: Measurement,
    plan: &Plan,
    host: &mut dyn Host,
) -> Result<Vec<Row>, BenchError> {
    let rows = match measurement {
        Measurement::W => vec![of_workload(&workload(plan, host)?)],
        Measurement::Rpc => rpc(plan, host)?.iter().map(of_rpc).collect(),
        Measurement::Bulk => vec![of_bulk(&bulk(plan, host)?)],
        Measurement::Scale => vec![of_scale(&scale(plan, host)?)],
    };
    let named = |row: Vec<(&str, f64)>| {
        let nodes = ("nodes".to_owned(), number(plan.nodes));
        row.into_iter().map(|(key, value)| (key.to_owned(), value)).chain([nodes]).collect()
    };
    Ok(rows.into_iter().map(named).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts here need no more than 52 bits")]
fn number(count: usize) -> f64 {
    count as f64
}

fn of_workload(found: &WorkloadReport) -> Vec<(&'static str, f64)> {
    let WorkloadReport { put, get, put64, get64, churn, .. } = found;
    vec![
        ("n", number(found.n)),
        ("floor_rtt_us", found.floor_rtt_us),
        ("join_s", found.join_s),
        ("put_ops", put.ops),
        ("put_p50_ms", put.p50_ms),
        ("put_p99_ms", put.p99_ms),
        ("put_ok", put.ok),
        ("copies", put.copies),
        ("put_requests", put.requests),
        ("get_ops", get.ops),
        ("get_p50_ms", get.p50_ms),
        ("get_p99_ms", get.p99_ms),
        ("get_ok", get.ok),
        ("get_requests", get.requests),
        ("put64_ops", put64.ops),
        ("put64_p99_ms", put64.p99_ms),
        ("put64_ok", put64.ok),
        ("get64_ops", get64.ops),
        ("get64_p99_ms", get64.p99_ms),
        ("get64_ok", get64.ok),
        ("mb5_put_s", found.mb5_put_s),
        ("mb5_get_s", found.mb5_get_s),
        ("mb5_copies", number(found.mb5_copies)),
        ("rss_per_node_kib", found.rss_per_node_kib),
        ("cpu_s", found.cpu_s),
        ("idle_cpu_pct", found.idle_cpu_pct),
        ("churn_ok", churn.ok),
        ("churn_p50_ms", churn.p50_ms),
        ("churn_p99_ms", churn.p99_ms),
    ]
}

fn of_rpc(found: &RpcPoint) -> Vec<(&'static str, f64)> {
    vec![
        ("peers", number(found.peers)),
        ("requests_per_s", found.requests_per_s),
        ("echo_per_s", found.echo_per_s),
        ("ratio", found.ratio),
        ("cpu_us", found.cpu_us),
        ("echo_cpu_us", found.echo_cpu_us),
        ("busy", found.busy),
        ("p99_half_us", found.p99_half_us),
        ("echo_p99_half_us", found.echo_p99_half_us),
        ("lost", number(found.lost)),
        ("wrong", number(found.wrong)),
        ("request_bytes", number(found.request_bytes)),
        ("answer_bytes", number(found.answer_bytes)),
    ]
}

fn of_bulk(found: &BulkReport) -> Vec<(&'static str, f64)> {
    vec![
        ("put_s", found.put_s),
        ("get_s", found.get_s),
        ("copies", found.copies),
        ("ok", found.ok),
        ("tcp_s", found.tcp_s),
        ("blake3_s", found.blake3_s),
        ("put_over_copies", found.put_over_copies),
        ("get_over_tcp", found.get_over_tcp),
    ]
}

fn of_scale(found: &ScaleReport) -> Vec<(&'static str, f64)> {
    vec![
        ("n", number(found.n)),
        ("join_s", found.join_s),
        ("join_cpu_ms", found.join_cpu_ms),
        ("rss_per_node_kib", found.rss_per_node_kib),
        ("idle_cpu_pct", found.idle_cpu_pct),
        ("put_ok", found.put_ok),
        ("copies", found.copies),
        ("get_ok", found.get_ok),
        ("get_p50_ms", found.get_p50_ms),
        ("get_p99_ms", found.get_p99_ms),
        ("get_requests", found.get_requests),
        ("rss_end_kib", found.rss_end_kib),
    ]
}
