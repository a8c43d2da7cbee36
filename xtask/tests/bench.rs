//! The command `bench`, run as people run it, with as little to do as it can have: its figures have their names, and
//! what cannot be done is refused with the reason and exit code 2.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("bench").args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let least = ["--values", "4", "--seconds", "1", "--json"];
    let output = bench(&[arguments, &least].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_has(object: &Value, keys: &[&str]) {
    for key in [&["nodes", "runs", "threads", "wall_s"], keys].concat() {
        assert!(object[key].is_number(), "{key} is missing in {object}");
    }
}

#[test]
fn the_workload_prints_every_figure_it_is_compared_by() {
    let found = json(&["w", "--nodes", "4", "--runs", "1"]);
    let text = "n join_s put_ops put_p50_ms put_p99_ms put_ok copies put_requests get_ops get_p50_ms get_p99_ms \
                get_ok get_requests put64_ops put64_p99_ms put64_ok get64_ops get64_p99_ms get64_ok mb5_put_s \
                mb5_get_s mb5_copies rss_per_node_kib cpu_s idle_cpu_pct churn_ok churn_p50_ms churn_p99_ms";
    assert_has(&found, &text.split_whitespace().collect::<Vec<_>>());
    assert_eq!((&found["n"], &found["runs"]), (&4.into(), &1.into()));
}

#[test]
fn several_points_of_several_runs_are_rows_of_medians() {
    let found = json(&["scale", "--nodes", "3,4", "--runs", "2"]);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["nodes"]).collect::<Vec<_>>(), [3, 4]);
    for row in rows {
        assert_has(
            row,
            &["n", "join_s", "rss_per_node_kib", "idle_cpu_pct", "get_ok", "get_p50_ms"],
        );
        assert_eq!(row["runs"], 2);
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (arguments, reason) in [
        (&["w", "--nodes", "1"][..], "1 is not in 2..=50000"),
        (&["speed"], "invalid value 'speed'"),
        (&["w", "--runs", "0"], "0 is not in"),
    ] {
        let output = bench(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
    }
}
