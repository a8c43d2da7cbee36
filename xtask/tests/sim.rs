//! The command `sim`, run as people run it: its figures have their names, and what cannot be done is refused
//! with the reason and exit code 2.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("sim").args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = sim(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn scratch(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn assert_has(object: &Value, keys: &[&str]) {
    for key in [&["nodes", "seed", "wall_s"], keys].concat() {
        assert!(!object[key].is_null(), "{key} is missing in {object}");
    }
}

#[test]
fn every_experiment_prints_the_figures_it_is_known_by() {
    let lookups = [
        "get_p50_ms",
        "get_p90_ms",
        "get_p99_ms",
        "get_requests",
        "find_p50_ms",
        "find_p99_ms",
        "find_requests",
        "success",
        "recall",
    ];
    assert_has(&json(&["latency", "--nodes", "40"]), &lookups);
    assert_has(&json(&["stale", "--nodes", "40"]), &lookups);
    let cost = ["lookup_p50_ms", "failures", "bytes_per_node_s"];
    let found = json(&["cost", "--nodes", "40"]);
    assert_has(&found, &cost);
    found["rows"].as_array().unwrap().iter().for_each(|row| assert_has(row, &cost));
    let hot = ["max_over_mean", "cached_share", "busiest_over_mean", "answered_by_copies"];
    assert_has(&json(&["hot", "--nodes", "40"]), &hot);
    let speed = ["times_real_time", "events_per_s", "bytes_per_node", "trace_hash"];
    assert_has(&json(&["speed", "--nodes", "40"]), &speed);
}

#[test]
fn churn_prints_the_point_of_10000_s_at_top_level_and_all_four_as_rows() {
    let found = json(&["churn", "--nodes", "40", "--seed", "5"]);
    let keys = ["mean_s", "lookup_mean_ms", "bytes_per_node_s", "success", "stale_share"];
    assert_has(&found, &keys);
    assert_eq!(found["mean_s"], 10_000.0);
    assert_eq!((&found["nodes"], &found["seed"]), (&Value::from(40), &Value::from(5)));
    let rows = found["rows"].as_array().unwrap();
    let means: Vec<_> = rows.iter().map(|row| row["mean_s"].as_f64().unwrap()).collect();
    assert_eq!(means, [1_000.0, 3_000.0, 10_000.0, 30_000.0]);
    for row in rows {
        assert_has(row, &keys);
    }
}

#[test]
fn broadcast_prints_a_row_for_each_share_of_loss_and_droppers() {
    let found = json(&["broadcast", "--nodes", "40", "--runs", "1"]);
    let keys =
        ["loss", "droppers", "coverage", "complete_runs", "payloads_per_node", "time_p99_ms"];
    assert_has(&found, &keys);
    assert_eq!((found["loss"].as_f64(), found["droppers"].as_f64()), (Some(0.1), Some(0.1)));
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        assert_has(row, &keys);
        assert_eq!(row["runs"], 1.0);
    }
}

#[test]
fn one_point_of_broadcast_is_measured_alone() {
    let point = ["--loss", "0.1", "--droppers", "0.1"];
    let found = json(&[&["broadcast", "--nodes", "30", "--runs", "2"], &point[..]].concat());
    assert_has(&found, &["coverage", "complete_runs", "payloads_per_node"]);
    assert_eq!((found["loss"].as_f64(), found["runs"].as_f64()), (Some(0.1), Some(2.0)));
}

#[test]
fn one_point_of_durability_is_measured_alone_and_told_as_it_ends() {
    let output = sim(&["durability", "--nodes", "20", "--copies", "8", "--model", "3", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_has(&found, &["lost", "repair_lookups_per_record_hour", "bytes_per_node_s"]);
    let point = (&found["copies"], &found["shape"], &found["mean_s"]);
    assert_eq!(point, (&Value::from(8.0), &Value::from(0.518), &Value::from(6_948.0)));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("8 copies, sessions 0.518, 6948 s: "), "{told}");
}

#[test]
fn points_are_chosen_only_of_experiments_that_have_them() {
    for wrong in [
        &["latency", "--copies", "8"][..],
        &["broadcast", "--model", "1"],
        &["durability", "--loss", "0.1", "--droppers", "0.1"],
        &["durability", "--model", "4"],
        &["durability", "--model", "0"],
        &["durability", "--copies", "21"],
    ] {
        let output = sim(&[wrong, &["--nodes", "20"]].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {output:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_hash_and_several_seeds_their_medians() {
    let hash = |seed| json(&["speed", "--nodes", "30", "--seed", seed])["trace_hash"].clone();
    assert_eq!(hash("7"), hash("7"));
    assert_ne!(hash("7"), hash("8"));
    let found = json(&["latency", "--nodes", "30", "--seeds", "1,2,3"]);
    assert_eq!(found["seeds"], serde_json::json!([1, 2, 3]));
}

#[test]
fn a_matrix_of_ones_own_is_used_and_a_plot_drawn() {
    let matrix = scratch("matrix.txt", "0 400\n400 0\n");
    let plot = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("latency.svg");
    let found = json(&[
        "latency",
        "--nodes",
        "40",
        "--latency",
        matrix.to_str().unwrap(),
        "--plot",
        plot.to_str().unwrap(),
    ]);
    assert!(found["find_p99_ms"].as_f64().unwrap() > 350.0, "{found}");
    assert!(std::fs::read_to_string(plot).unwrap().contains("</svg>"));
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason_and_exit_code_2() {
    let matrix = |name, content| scratch(name, content).to_str().unwrap().to_owned();
    let tall = matrix("tall.txt", "0 1\n2 3\n4 5\n");
    let negative = matrix("negative.txt", "0 -4\n1 0\n");
    let empty = matrix("empty.txt", "");
    let words = matrix("words.txt", "0 near\n1 0\n");
    for (arguments, reason) in [
        (&["latncy"][..], "invalid value 'latncy'"),
        (&["latency", "--nodes", "0"], "0 is not in 1.."),
        (&["latency", "--nodes", "-5"], "unexpected argument '-5'"),
        (&["latency", "--seeds", "1,x"], "invalid value 'x'"),
        (&["speed", "--nodes", "4000000000"], "there are addresses for"),
        (&["speed", "--plot", "speed.svg"], "no distribution of times"),
        (&["latency", "--plot", "/does/not/exist.svg"], "cannot write /does/not/exist.svg"),
        (&["latency", "--latency", "/does/not/exist"], "cannot read /does/not/exist"),
        (&["latency", "--latency", &tall], "it must be square"),
        (&["latency", "--latency", &negative], "-4 ms is not between 0 and 60000 ms"),
        (&["latency", "--latency", &empty], "the matrix is empty"),
        (&["latency", "--latency", &words], "`near` is not a number"),
    ] {
        let output = sim(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
