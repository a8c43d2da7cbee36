//! The gates over this very tree, so that `cargo test --workspace` does not pass without them.
#![allow(
    clippy::unwrap_used,
    reason = "a test ends in a panic where something is not as it must be"
)]

use xtask::tidy::Severity;
use xtask::{layers, tidy};

#[test]
fn the_tree_keeps_the_house_rules() {
    let mut findings = tidy::check_tree(&xtask::root()).unwrap();
    findings.retain(|finding| finding.severity == Severity::Error);
    let lines: Vec<_> = findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(lines.is_empty(), "\n{}", lines.concat());
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let violations = layers::check_workspace(&xtask::root()).unwrap();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}
