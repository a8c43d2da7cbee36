//! Figures as a table for people and as JSON for programs, and their medians over several runs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::{Measurement, yardstick};

/// The figures of one point of a measurement, by name; `nodes` among them.
pub(super) type Row = BTreeMap<String, f64>;

/// All that a measurement found.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) measurement: Measurement,
    pub(super) runs: u32,
    pub(super) threads: u32,
    pub(super) wall_s: f64,
    pub(super) rows: Vec<Row>,
}

/// Medians, point by point and figure by figure, of runs of the same measurement.
pub(super) fn medians(runs: &[Vec<Row>]) -> Vec<Row> {
    let points = runs.iter().map(Vec::len).min().unwrap_or(0);
    let of_point = |point: usize| -> Row {
        let rows: Vec<&Row> = runs.iter().filter_map(|run| run.get(point)).collect();
        let Some(first) = rows.first() else { return Row::new() };
        let middle_of = |key: &String| {
            let mut values: Vec<f64> =
                rows.iter().filter_map(|row| row.get(key).copied()).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        first.keys().filter_map(|key| Some((key.clone(), middle_of(key)?))).collect()
    };
    (0..points).map(of_point).collect()
}

/// The points that a run printed as JSON.
pub(super) fn rows_of(printed: &Json) -> Option<Vec<Row>> {
    let row = |object: &Json| -> Option<Row> {
        let figures = object.as_object()?.iter();
        let own = |key: &str| matches!(key, "runs" | "threads" | "wall_s" | "rows");
        Some(
            figures
                .filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)))
                .filter(|(key, _)| !own(key))
                .collect(),
        )
    };
    match printed.get("rows") {
        Some(rows) => rows.as_array()?.iter().map(row).collect(),
        None => Some(vec![row(printed)?]),
    }
}

/// A table for each point: every figure beside the best of the others and the goal.
pub(super) fn table(findings: &Findings) -> String {
    let mut out = String::new();
    let Findings { measurement, runs, threads, wall_s, rows } = findings;
    for row in rows {
        let nodes = nodes_of(row);
        let (name, threads) = (
            measurement.name(),
            match threads {
                1 => "1 thread".to_owned(),
                more => format!("{more} threads"),
            },
        );
        let kind = if *runs > 1 { format!("medians of {runs} runs") } else { "one run".to_owned() };
        let space = if out.is_empty() { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{space}{name}: {nodes} nodes, {threads}, {kind}");
        let _ = writeln!(out, "{:<18} {:>12}  {:<16} goal", "figure", "here", "best of others");
        for stick in yardstick::of(*measurement, nodes) {
            let Some(value) = row.get(stick.key).copied() else { continue };
            let goal = stick.goal.map_or(String::new(), |goal| goal.to_string());
            let verdict = match stick.goal {
                Some(goal) if goal.is_met(value) => "met",
                Some(_) => "missed",
                None => "",
            };
            let (key, shown, others) = (stick.key, show(value), stick.others);
            let line = format!("{key:<18} {shown:>12}  {others:<16} {goal:<10} {verdict}");
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    let _ = writeln!(out, "\n{wall_s:.0} s in all");
    out
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u32 before")]
fn nodes_of(row: &Row) -> u32 {
    row.get("nodes").map_or(0, |nodes| *nodes as u32)
}

fn show(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

/// One object: a single point at top level, several in `rows`.
pub(super) fn json(findings: &Findings) -> Json {
    let object = |row: &Row| -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("runs".to_owned(), json!(findings.runs));
        object.insert("threads".to_owned(), json!(findings.threads));
        object.insert("wall_s".to_owned(), json!(round(findings.wall_s)));
        object.extend(row.iter().map(|(key, value)| (key.clone(), exact(*value))));
        object
    };
    match findings.rows.as_slice() {
        [row] => Json::Object(object(row)),
        rows => json!({ "rows": rows.iter().map(object).collect::<Vec<_>>() }),
    }
}

/// Whole numbers as such, others to six decimals: what is below is noise.
#[expect(clippy::cast_possible_truncation, reason = "a number below 2^53 that is whole")]
fn exact(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(round(value))
    }
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figures: &[(&str, f64)]) -> Row {
        figures.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    fn findings(rows: Vec<Row>) -> Findings {
        Findings { measurement: Measurement::Scale, runs: 3, threads: 2, wall_s: 1.5, rows }
    }

    #[test]
    fn medians_are_taken_point_by_point_and_figure_by_figure() {
        let run =
            |a, b, c| vec![row(&[("join_s", a), ("n", b)]), row(&[("join_s", c), ("n", 9.0)])];
        let found = medians(&[run(5.0, 1.0, 0.1), run(2.0, 3.0, 0.3), run(3.0, 2.0, 0.2)]);
        let expected = [row(&[("join_s", 3.0), ("n", 2.0)]), row(&[("join_s", 0.2), ("n", 9.0)])];
        assert_eq!(found, expected);
        assert_eq!(medians(&[]), Vec::<Row>::new());
    }

    #[test]
    fn what_is_printed_as_json_is_read_back() {
        let one = vec![row(&[("nodes", 50.0), ("join_s", 0.125)])];
        let printed = json(&findings(one.clone()));
        assert_eq!((&printed["nodes"], &printed["runs"]), (&json!(50), &json!(3)));
        assert_eq!(rows_of(&printed), Some(one.clone()));
        let two = [one.clone(), vec![row(&[("nodes", 200.0), ("join_s", 0.5)])]].concat();
        let printed = json(&findings(two.clone()));
        assert_eq!(printed["rows"][1]["join_s"], 0.5);
        assert_eq!(rows_of(&printed), Some(two));
    }

    #[test]
    fn a_table_tells_which_goals_are_met_at_this_number_of_nodes() {
        let rows = [(200.0, 0.6), (1_000.0, 2.9)];
        let rows =
            rows.map(|(nodes, join)| row(&[("nodes", nodes), ("n", nodes), ("join_s", join)]));
        let table = table(&findings(rows.to_vec()));
        let verdicts: Vec<bool> = table
            .lines()
            .filter(|line| line.starts_with("join_s"))
            .map(|line| line.ends_with(" met"))
            .collect();
        assert_eq!(verdicts, [false, true], "{table}");
        assert!(table.contains("scale: 1000 nodes, 2 threads, medians of 3 runs"), "{table}");
    }
}
