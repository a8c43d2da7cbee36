//! From the reports of the experiments to figures with the names everybody uses.

use dht_sim::experiment::{self, ChurnPoint, CostPoint, LookupReport, Plan, SpeedReport};
use dht_sim::{BuildError, MessageKind, Samples, Traffic};

use super::Experiment;
use super::figure::{Curve, Findings, Row, number, text};
use super::host::Terminal;

/// The mean session whose point stands for `churn`.
const CHURN_TOP_S: u64 = 10_000;

/// Failures below which a point of `cost` may stand for the experiment.
const FAILURES_MAX: f64 = 0.01;

pub(super) fn measure(
    experiment: Experiment,
    plan: &Plan,
    host: &mut Terminal,
) -> Result<Findings, BuildError> {
    let (top, rows, curves) = match experiment {
        Experiment::Latency => of_lookups(&experiment::latency(plan, host)?),
        Experiment::Stale => of_lookups(&experiment::stale(plan, host)?),
        Experiment::Cost => of_cost(&experiment::cost(plan, &experiment::REFRESHES, host)?),
        Experiment::Churn => of_churn(&experiment::churn(plan, &experiment::MEANS, host)?),
        Experiment::Speed => of_speed(&experiment::speed(plan, host)?),
    };
    Ok(Findings { nodes: plan.nodes, wall_s: 0.0, top, rows, curves })
}

type Parts = (Row, Vec<Row>, Vec<Curve>);

fn of_lookups(report: &LookupReport) -> Parts {
    let (get, find) = (report.get.sorted(), report.find.sorted());
    let per_find = |bytes: u64| average(bytes, report.finds);
    let row = vec![
        number("get_p50_ms", get.percentile_ms(50.0)),
        number("get_p90_ms", get.percentile_ms(90.0)),
        number("get_p99_ms", get.percentile_ms(99.0)),
        number("get_requests", report.fetch_requests()),
        number("find_p50_ms", find.percentile_ms(50.0)),
        number("find_p90_ms", find.percentile_ms(90.0)),
        number("find_p99_ms", find.percentile_ms(99.0)),
        number("find_requests", report.find_requests()),
        number("success", report.success()),
        number("recall", report.recall),
        number("find_reached_p50_ms", report.reached.percentile_ms(50.0)),
        number("unanswered", report.unanswered()),
        number("get_bytes", average(bytes(report.get_cost), report.gets)),
        number("find_bytes", per_find(bytes(report.find_cost))),
        number("holders", report.holders),
    ];
    let curves = vec![
        curve("fetch", &report.get),
        curve("find-node, closest has answered", &report.reached),
        curve("find-node", &report.find),
    ];
    (row, Vec::new(), curves)
}

fn bytes(cost: dht_sim::Cost) -> u64 {
    cost.bytes_sent + cost.bytes_received
}

#[expect(clippy::cast_precision_loss, reason = "an average, not a count")]
fn average(sum: u64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

fn of_cost(points: &[CostPoint]) -> Parts {
    let affordable = points.iter().filter(|point| point.failures() < FAILURES_MAX);
    let cheapest = affordable.min_by(|a, b| a.bytes_per_node_s().total_cmp(&b.bytes_per_node_s()));
    let surest = || points.iter().min_by(|a, b| a.failures().total_cmp(&b.failures()));
    let top = cheapest.or_else(surest).map(cost_row).unwrap_or_default();
    let curves = points
        .iter()
        .map(|point| curve(&format!("refresh every {} s", point.refresh_s), &point.reached))
        .collect();
    (top, points.iter().map(cost_row).collect(), curves)
}

fn cost_row(point: &CostPoint) -> Row {
    vec![
        number("refresh_s", as_number(point.refresh_s)),
        number("lookup_p50_ms", point.reached.percentile_ms(50.0)),
        number("failures", point.failures()),
        number("bytes_per_node_s", point.bytes_per_node_s()),
        number("ended_p50_ms", point.ended.percentile_ms(50.0)),
        number("requests", point.requests),
        number("stale_share", point.health.stale),
        number("table_fill", point.health.fill),
        text("bytes_by_kind", &by_kind(&point.sent, point.node_seconds)),
    ]
}

fn of_churn(points: &[ChurnPoint]) -> Parts {
    let top = points.iter().find(|point| point.mean_s == CHURN_TOP_S).or(points.first());
    let curves = points
        .iter()
        .map(|point| curve(&format!("mean session {} s", point.mean_s), &point.reached))
        .collect();
    (top.map(churn_row).unwrap_or_default(), points.iter().map(churn_row).collect(), curves)
}

fn churn_row(point: &ChurnPoint) -> Row {
    vec![
        number("mean_s", as_number(point.mean_s)),
        number("lookup_mean_ms", point.reached.mean_ms()),
        number("bytes_per_node_s", point.bytes_per_node_s()),
        number("success", point.success()),
        number("stale_share", point.health.stale),
        number("lookup_p50_ms", point.reached.percentile_ms(50.0)),
        number("lookup_p99_ms", point.reached.percentile_ms(99.0)),
        number("ended_mean_ms", point.ended.mean_ms()),
        number("requests", point.requests),
        number("all_requests", point.all_requests),
        number("table_fill", point.health.fill),
        text("bytes_by_kind", &by_kind(&point.sent, point.node_seconds)),
    ]
}

/// Bytes a second and node of each kind of message that matters, most first.
fn by_kind(sent: &Traffic, node_seconds: f64) -> String {
    let rate = |kind| as_number(sent.of(kind).bytes) / node_seconds.max(1.0);
    let mut kinds: Vec<(&str, f64)> =
        MessageKind::ALL.into_iter().map(|kind| (kind.name(), rate(kind))).collect();
    kinds.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = kinds.into_iter().filter(|(_, rate)| *rate >= 0.1);
    shown.map(|(name, rate)| format!("{name} {rate:.1}")).collect::<Vec<_>>().join(", ")
}

fn of_speed(report: &SpeedReport) -> Parts {
    let row = vec![
        number("times_real_time", report.times_real_time),
        number("events_per_s", report.events_per_s),
        number("bytes_per_node", report.bytes_per_node),
        text("trace_hash", &report.trace),
        number("events", as_number(report.events)),
        number("resident_mb", as_number(report.resident) / 1e6),
        number("joining_s", report.joining.as_secs_f64()),
    ];
    (row, Vec::new(), Vec::new())
}

fn curve(name: &str, samples: &Samples) -> Curve {
    Curve { name: name.to_owned(), points: samples.sorted().distribution(400) }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_number(count: u64) -> f64 {
    count as f64
}
