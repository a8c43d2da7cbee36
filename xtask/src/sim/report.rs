//! Figures as a table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::figure::{Figure, Findings, Row, Value};
use super::{Experiment, name};

/// What a figure is held against.
struct Yardstick {
    key: &'static str,
    baseline: &'static str,
    goal: &'static str,
    is_met: fn(f64) -> bool,
}

const fn yardstick(
    key: &'static str,
    baseline: &'static str,
    goal: &'static str,
    is_met: fn(f64) -> bool,
) -> Yardstick {
    Yardstick { key, baseline, goal, is_met }
}

/// Baselines of `latency` are ideal tables with k = 20 and alpha = 3.
const LATENCY: &[Yardstick] = &[
    yardstick("get_p50_ms", "163", "<= 120", |ms| ms <= 120.0),
    yardstick("get_p90_ms", "363", "", |_| true),
    yardstick("get_p99_ms", "557", "<= 450", |ms| ms <= 450.0),
    yardstick("get_requests", "5.1", "<= 8", |requests| requests <= 8.0),
    yardstick("find_p50_ms", "1054", "<= 500", |ms| ms <= 500.0),
    yardstick("find_p90_ms", "1991", "", |_| true),
    yardstick("find_p99_ms", "2572", "", |_| true),
    yardstick("find_requests", "23", "<= 26", |requests| requests <= 26.0),
    yardstick("success", "1", "1", |share| share >= 1.0),
];

/// Baselines of `stale` have a fixed timeout of 500 ms.
const STALE: &[Yardstick] = &[
    yardstick("get_p99_ms", "1075", "<= 900", |ms| ms <= 900.0),
    yardstick("find_p50_ms", "2999", "<= 1500", |ms| ms <= 1_500.0),
    yardstick("success", "", "1", |share| share >= 1.0),
];

/// The baseline is Kademlia in Li et al., INFOCOM 2005.
const COST: &[Yardstick] = &[
    yardstick("lookup_p50_ms", "450 at 10 B/s", "<= 350", |ms| ms <= 350.0),
    yardstick("failures", ".036-.122 at 80 B/s", "< 0.01", |share| share < 0.01),
];

/// The baseline is iterative with 5 parallel requests in Heep, ATNAC 2010.
const CHURN: &[Yardstick] = &[
    yardstick("lookup_mean_ms", "~630", "<= 350", |ms| ms <= 350.0),
    yardstick("bytes_per_node_s", "~300", "<= 200", |bytes| bytes <= 200.0),
    yardstick("success", "", ">= 0.999", |share| share >= 0.999),
];

/// The baseline is `OverSim`.
const SPEED: &[Yardstick] = &[
    yardstick("times_real_time", "1", ">= 60", |times| times >= 60.0),
    yardstick("bytes_per_node", "", "<= 20000", |bytes| bytes <= 20_000.0),
];

/// The baseline repairs nothing, with 8 copies.
const DURABILITY: &[Yardstick] = &[
    yardstick("lost", "6.5-15 % in 12 h", "0", |lost| lost <= 0.0),
    yardstick("repair_lookups_per_record_hour", "1", "<= 1", |lookups| lookups <= 1.0),
];

/// The baseline is one lookup for each record.
const REPUBLISH: &[Yardstick] =
    &[yardstick("lookups", "100000", "<= 1500", |lookups| lookups <= 1_500.0)];

/// The baseline is `OpenDHT`.
const RESTART: &[Yardstick] = &[
    yardstick("settle_s", "hours", "<= 300", |seconds| seconds <= 300.0),
    yardstick("peak_over_steady", "", "<= 10", |ratio| ratio <= 10.0),
    yardstick("lost", "", "0", |lost| lost <= 0.0),
];

/// The baseline is Kadcast with three delegates a bucket and 5 % loss.
const BROADCAST: &[Yardstick] = &[
    yardstick("complete_runs", "0.21", ">= 0.999", |share| share >= 0.999),
    yardstick("payloads_per_node", "7.9", "<= 4", |payloads| payloads <= 4.0),
];

/// The baseline is the same network without copies; eleven surveyed networks leave this unsolved.
const HOT: &[Yardstick] = &[
    yardstick("max_over_mean", "", "<= 5", |ratio| ratio <= 5.0),
    yardstick("cached_share", "", "0", |share| share <= 0.0),
    yardstick("success", "", "1", |share| share >= 1.0),
];

/// The baseline is a replica of the paper with ideal tables; the point is the one with the most liars.
const ADVERSARY: &[Yardstick] =
    &[yardstick("success", ".952 (d = 8)", ">= 0.93", |share| share >= 0.93)];

/// The baseline is a plain lookup with k = 20; the point is the one with the fewest fetches.
const ECLIPSE: &[Yardstick] = &[yardstick("success", "0", ">= 0.999", |share| share >= 0.999)];

/// The baseline is a plain table; the point is the one with the most Sybils.
const TABLE_ECLIPSE: &[Yardstick] =
    &[yardstick("eclipsed", ".597", "< 0.02", |share| share < 0.02)];

fn yardsticks(experiment: Experiment) -> &'static [Yardstick] {
    match experiment {
        Experiment::Latency => LATENCY,
        Experiment::Stale => STALE,
        Experiment::Cost => COST,
        Experiment::Churn => CHURN,
        Experiment::Speed => SPEED,
        Experiment::Durability => DURABILITY,
        Experiment::Republish => REPUBLISH,
        Experiment::Restart => RESTART,
        Experiment::Broadcast => BROADCAST,
        Experiment::Hot => HOT,
        Experiment::Adversary => ADVERSARY,
        Experiment::Eclipse => ECLIPSE,
        Experiment::TableEclipse => TABLE_ECLIPSE,
    }
}

/// A table: one line a figure of the point that stands for the experiment, then every point in a line.
pub(super) fn table(experiment: Experiment, findings: &Findings, seeds: &[u64]) -> String {
    let mut out = String::new();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let (title, nodes) = (name(experiment), findings.nodes);
    let kind = if seeds.len() > 1 { "medians of seeds" } else { "seed" };
    let list = seeds.join(", ");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{title}: {nodes} nodes, {kind} {list}, {:.1} s", findings.wall_s);
    let _ = writeln!(out, "{:<22} {:>14}  {:<20} goal", "figure", "here", "baseline");
    for figure in findings.top() {
        let stick = yardsticks(experiment).iter().find(|stick| stick.key == figure.key);
        let (baseline, goal) = stick.map_or(("", ""), |stick| (stick.baseline, stick.goal));
        let verdict =
            match (stick, &figure.value) {
                (Some(stick), Value::Number(value)) if !goal.is_empty() => {
                    if (stick.is_met)(*value) { "met" } else { "missed" }
                }
                _ => "",
            };
        let shown = show(figure);
        let line = format!("{:<22} {shown:>14}  {baseline:<20} {goal:<10} {verdict}", figure.key);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if findings.rows.len() > 1 {
        let _ = write!(out, "\n{}", points(&findings.rows));
    }
    out
}

fn points(rows: &[Row]) -> String {
    let mut out = String::new();
    let Some(first) = rows.first() else { return out };
    let heads: Vec<String> = first.iter().map(|figure| format!("{:>17}", figure.key)).collect();
    let _ = writeln!(out, "{}", heads.join(" "));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|figure| format!("{:>17}", show(figure))).collect();
        let _ = writeln!(out, "{}", cells.join(" "));
    }
    out
}

fn show(figure: &Figure) -> String {
    match &figure.value {
        Value::Text(text) => text.clone(),
        Value::Number(number) if is_share(figure.key) => format!("{number:.4}"),
        Value::Number(number) if number.abs() >= 100.0 => format!("{number:.0}"),
        Value::Number(number) => format!("{number:.1}"),
    }
}

fn is_share(key: &str) -> bool {
    matches!(
        key,
        "success"
            | "recall"
            | "failures"
            | "stale_share"
            | "table_fill"
            | "unanswered"
            | "coverage"
            | "complete_runs"
            | "estimated_reach"
            | "cached_share"
            | "eclipsed"
            | "outnumbered"
            | "sybil_share"
    )
}

/// One object: the point that stands for the experiment at top level, every point in `rows` if there are
/// several. Every object has `nodes`, `seed` and `wall_s`; with several seeds, `seed` is the first of `seeds`.
pub(super) fn json(findings: &Findings, seeds: &[u64]) -> Json {
    let object = |row: &[Figure]| {
        let mut object = Map::new();
        object.insert("nodes".into(), json!(findings.nodes));
        object.insert("seed".into(), json!(seeds.first()));
        if seeds.len() > 1 {
            object.insert("seeds".into(), json!(seeds));
        }
        object.insert("wall_s".into(), json!(round(findings.wall_s)));
        for figure in row {
            let value = match &figure.value {
                Value::Number(number) => json!(round(*number)),
                Value::Text(text) => json!(text),
            };
            object.insert(figure.key.into(), value);
        }
        object
    };
    let mut top = object(findings.top());
    if findings.rows.len() > 1 {
        let rows: Vec<Json> = findings.rows.iter().map(|row| Json::Object(object(row))).collect();
        top.insert("rows".into(), Json::Array(rows));
    }
    Json::Object(top)
}

/// To six decimals: what is below is noise.
fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::super::figure::number;
    use super::*;

    fn findings() -> Findings {
        Findings {
            nodes: 500,
            wall_s: 1.25,
            rows: vec![
                vec![number("mean_s", 1_000.0), number("success", 0.9)],
                vec![number("mean_s", 10_000.0), number("success", 0.998)],
            ],
            choose: |rows| rows.len() - 1,
            curves: Vec::new(),
        }
    }

    #[test]
    fn json_has_the_top_point_at_top_level_and_every_point_in_rows() {
        let json = json(&findings(), &[7]);
        assert_eq!(json["success"], 0.998);
        assert_eq!(json["rows"][0]["mean_s"], 1_000.0);
        for object in [&json, &json["rows"][0], &json["rows"][1]] {
            assert_eq!(
                (&object["nodes"], &object["seed"], &object["wall_s"]),
                (&json!(500), &json!(7), &json!(1.25))
            );
        }
    }

    #[test]
    fn a_table_tells_which_goals_are_met() {
        let table = table(Experiment::Churn, &findings(), &[1, 2, 3]);
        assert!(table.contains("500 nodes, medians of seeds 1, 2, 3, 1.2 s"), "{table}");
        let line = table.lines().find(|line| line.starts_with("success")).unwrap_or_default();
        assert!(line.contains("0.9980") && line.ends_with("missed"), "{line}");
    }
}
