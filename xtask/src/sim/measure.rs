//! From the reports of the experiments to figures with the names everybody uses.

use dht_sim::experiment::{
    self, BroadcastPoint, ChurnPoint, CostPoint, DurabilityPoint, HARSH, Hardship, HotReport,
    LookupReport, Plan, RepublishReport, RestartReport, SpeedReport,
};
use dht_sim::{BuildError, MessageKind, Samples, Traffic};

mod hostile;

use super::Experiment;
use super::figure::{Curve, Findings, Row, first, number, number_of, text};
use super::host::Terminal;

/// The mean session whose point stands for `churn`.
const CHURN_TOP_S: f64 = 10_000.0;

/// Failures below which a point of `cost` may stand for the experiment.
const FAILURES_MAX: f64 = 0.01;

/// Which points are measured, of experiments that have several.
pub(super) struct Points {
    /// Of `broadcast`.
    pub(super) hardships: Vec<Hardship>,
    /// For each hardship; `None` for as many as the experiment thinks right.
    pub(super) runs: Option<usize>,
    /// Of `durability`: each number of copies with each model.
    pub(super) copies: Vec<usize>,
    pub(super) models: Vec<(f64, u64)>,
}

pub(super) fn measure(
    experiment: Experiment,
    plans: &[Plan],
    points: &Points,
    host: &mut Terminal,
) -> Result<Findings, BuildError> {
    let [.., plan] = plans else { return Err(BuildError::NoNodes) };
    let (rows, choose, curves): Parts = match experiment {
        Experiment::Latency => of_lookups(&experiment::latency(plan, host)?),
        Experiment::Stale => of_lookups(&experiment::stale(plan, host)?),
        Experiment::Cost => of_cost(&experiment::cost(plan, &experiment::REFRESHES, host)?),
        Experiment::Churn => of_churn(&experiment::churn(plan, &experiment::MEANS, host)?),
        Experiment::Speed => of_speed(&experiment::speed(plan, host)?),
        Experiment::Durability => {
            let Points { copies, models, .. } = points;
            of_durability(&experiment::durability(plan, copies, models, host)?)
        }
        Experiment::Republish => of_republish(&experiment::republish(plan, host)?),
        Experiment::Restart => of_restart(&experiment::restart(plan, host)?),
        Experiment::Broadcast => {
            let Points { hardships, runs, .. } = points;
            let mut points = Vec::new();
            for plan in plans {
                points.extend(experiment::broadcast(plan, hardships, *runs, host)?);
            }
            of_broadcast(&points)
        }
        Experiment::Hot => of_hot(&experiment::hot(plan, host)?),
        Experiment::Adversary => hostile::of_adversary(&experiment::adversary(plan, host)?),
        Experiment::Eclipse => hostile::of_eclipse(&experiment::eclipse(plan, host)?),
        Experiment::TableEclipse => {
            hostile::of_table_eclipse(&experiment::table_eclipse(plan, host)?)
        }
    };
    Ok(Findings { nodes: plan.nodes, wall_s: 0.0, rows, choose, curves })
}

type Parts = (Vec<Row>, fn(&[Row]) -> usize, Vec<Curve>);

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
    (vec![row], first, curves)
}

fn bytes(cost: dht_sim::Cost) -> u64 {
    cost.bytes_sent + cost.bytes_received
}

#[expect(clippy::cast_precision_loss, reason = "an average, not a count")]
fn average(sum: u64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}

fn of_cost(points: &[CostPoint]) -> Parts {
    let curves = points
        .iter()
        .map(|point| curve(&format!("refresh every {} s", point.refresh_s), &point.reached))
        .collect();
    (points.iter().map(cost_row).collect(), cheapest, curves)
}

/// The point with the fewest bytes of those with few failures, or with the fewest failures of all.
fn cheapest(rows: &[Row]) -> usize {
    let figure = |row: &Row, key| number_of(row, key).unwrap_or(f64::MAX);
    let rank = |row: &Row| {
        let failures = figure(row, "failures");
        let affordable = failures < FAILURES_MAX;
        (!affordable, if affordable { figure(row, "bytes_per_node_s") } else { failures })
    };
    let order = |a: &Row, b: &Row| {
        let (a, b) = (rank(a), rank(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    rows.iter().enumerate().min_by(|a, b| order(a.1, b.1)).map_or(0, |(index, _)| index)
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
    let curves = points
        .iter()
        .map(|point| curve(&format!("mean session {} s", point.mean_s), &point.reached))
        .collect();
    (points.iter().map(churn_row).collect(), usual, curves)
}

/// The point of the mean session that others report.
fn usual(rows: &[Row]) -> usize {
    let is_usual = |row: &Row| number_of(row, "mean_s") == Some(CHURN_TOP_S);
    rows.iter().position(is_usual).unwrap_or(0)
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
    (vec![row], first, Vec::new())
}

fn of_durability(points: &[DurabilityPoint]) -> Parts {
    (points.iter().map(durability_row).collect(), worst, Vec::new())
}

/// The point that lost the most, or sent the most of those.
fn worst(rows: &[Row]) -> usize {
    let figure = |row: &Row, key| number_of(row, key).unwrap_or_default();
    let order = |a: &Row, b: &Row| {
        let by = |key| figure(a, key).total_cmp(&figure(b, key));
        by("lost").then(by("bytes_per_node_s"))
    };
    rows.iter().enumerate().max_by(|a, b| order(a.1, b.1)).map_or(0, |(index, _)| index)
}

fn durability_row(point: &DurabilityPoint) -> Row {
    vec![
        number("shape", point.shape),
        number("mean_s", as_number(point.mean_s)),
        number("copies", as_number(point.copies as u64)),
        number("lost", as_number(point.lost as u64)),
        number("repair_lookups_per_record_hour", point.repair_lookups_per_record_hour()),
        number("comparisons_per_record_hour", point.comparisons_per_record_hour()),
        number("bytes_per_node_s", point.bytes_per_node_s()),
        number("records", as_number(point.records as u64)),
        number("departures", as_number(point.departures)),
        text("bytes_by_kind", &by_kind(&point.sent, point.node_seconds)),
    ]
}

fn of_republish(report: &RepublishReport) -> Parts {
    let row = vec![
        number("lookups", as_number(report.lookups)),
        number("requests", as_number(report.requests)),
        number("bytes", as_number(report.bytes)),
        number("records", as_number(report.records as u64)),
        number("renewed", as_number(report.renewed)),
        number("took_s", report.took.as_secs_f64()),
    ];
    (vec![row], first, Vec::new())
}

fn of_restart(report: &RestartReport) -> Parts {
    let row = vec![
        number("settle_s", report.settled.as_secs_f64()),
        number("peak_over_steady", report.peak_over_steady()),
        number("lost", as_number(report.lost as u64)),
        number("records", as_number(report.records as u64)),
        number("steady_bytes_per_node_s", report.steady_bytes_per_node_s),
        number("peak_bytes_per_node_s", report.peak_bytes_per_node_s),
    ];
    (vec![row], first, Vec::new())
}

fn of_broadcast(points: &[BroadcastPoint]) -> Parts {
    let curves = points
        .iter()
        .map(|point| {
            let Hardship { loss, droppers } = point.hardship;
            curve(&format!("{} nodes, loss {loss}, droppers {droppers}", point.nodes), &point.times)
        })
        .collect();
    (points.iter().map(broadcast_row).collect(), harshest, curves)
}

/// The point with the hardship that goals are set for, and the fewest complete runs.
fn harshest(rows: &[Row]) -> usize {
    let figure = |row: &Row, key| number_of(row, key).unwrap_or_default();
    let is_harsh = |row: &Row| {
        (figure(row, "loss") - HARSH.loss).abs() + (figure(row, "droppers") - HARSH.droppers).abs()
            < 1e-9
    };
    let harsh = rows.iter().enumerate().filter(|(_, row)| is_harsh(row));
    let fewest =
        harsh.min_by(|a, b| figure(a.1, "complete_runs").total_cmp(&figure(b.1, "complete_runs")));
    fewest.map_or(0, |(index, _)| index)
}

fn broadcast_row(point: &BroadcastPoint) -> Row {
    let times = point.times.sorted();
    vec![
        number("nodes", as_number(point.nodes as u64)),
        number("loss", point.hardship.loss),
        number("droppers", point.hardship.droppers),
        number("coverage", point.coverage()),
        number("complete_runs", point.complete_runs()),
        number("payloads_per_node", point.payloads_per_node()),
        number("time_p99_ms", times.percentile_ms(99.0)),
        number("time_p50_ms", times.percentile_ms(50.0)),
        number("last_p50_ms", point.completions.percentile_ms(50.0)),
        number("last_p99_ms", point.completions.percentile_ms(99.0)),
        number("runs", as_number(point.runs as u64)),
        number("repeated", as_number(point.repeated as u64)),
        number("messages_per_node", point.messages_per_node()),
        number("bytes_per_node", point.bytes_per_node()),
        number("estimated_reach", point.estimate()),
    ]
}

fn of_hot(reports: &[HotReport]) -> Parts {
    let with = |report: &HotReport| if report.caches { "copies" } else { "no copies" };
    let curves = reports.iter().map(|report| curve(with(report), &report.took)).collect();
    let rows = reports.iter().map(|report| hot_row(report, with(report))).collect();
    (rows, last, curves)
}

/// The point of the shipping peers.
fn last(rows: &[Row]) -> usize {
    rows.len().saturating_sub(1)
}

fn hot_row(report: &HotReport, with: &str) -> Row {
    vec![
        text("with", &with),
        number("max_over_mean", report.max_over_mean()),
        number("cached_share", report.cached_share()),
        number("cached", as_number(report.copies as u64)),
        number("cached_after", as_number(report.copies_after as u64)),
        number("busiest_over_mean", report.busiest_over_mean()),
        number("answered_by_copies", report.copies_answered()),
        number("get_requests", average(report.requests, report.fetches)),
        number("get_p50_ms", report.took.percentile_ms(50.0)),
        number("get_p99_ms", report.took.percentile_ms(99.0)),
        number("success", report.success()),
        number("local", report.local_share()),
        number("fetches", as_number(report.fetches as u64)),
    ]
}

fn curve(name: &str, samples: &Samples) -> Curve {
    Curve { name: name.to_owned(), points: samples.sorted().distribution(400) }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_point_with_few_failures_stands_for_cost() {
        let row =
            |failures, bytes| vec![number("failures", failures), number("bytes_per_node_s", bytes)];
        assert_eq!(cheapest(&[row(0.001, 90.0), row(0.009, 20.0), row(0.02, 10.0)]), 1);
        assert_eq!(cheapest(&[row(0.04, 10.0), row(0.02, 90.0)]), 1);
    }
}
