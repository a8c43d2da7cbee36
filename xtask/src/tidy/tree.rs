//! Rules about the workspace as a whole: files that must exist, and files that must agree.

use super::finding::{Finding, Severity};
use super::size::file_length;
use super::source::Source;

/// What every clone of the project has.
const REQUIRED: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "proto/PROTOCOL.md",
    "proto/dht/v1/dht.proto",
    ".ci/run",
];

/// The command that passes the tests: what README tells is what runs before a change is taken.
const TEST_COMMAND: &str = "cargo test --workspace";

/// Lines that half of the files outside tests stay under.
const MEDIAN_LENGTH: usize = 200;

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    required(sources, &mut findings);
    test_command(sources, &mut findings);
    lints(sources, &mut findings);
    clippy(sources, &mut findings);
    median(sources, &mut findings);
    findings
}

fn error(path: &str, rule: &'static str, message: String) -> Finding {
    Finding { path: path.to_owned(), line: 0, rule, severity: Severity::Error, message }
}

fn text_of<'a>(sources: &'a [Source], path: &str) -> &'a str {
    sources.iter().find(|source| source.path == path).map_or("", |source| &source.text)
}

fn required(sources: &[Source], findings: &mut Vec<Finding>) {
    for path in REQUIRED {
        if text_of(sources, path).is_empty() {
            findings.push(error(path, "required", "is missing or empty".into()));
        }
    }
}

fn test_command(sources: &[Source], findings: &mut Vec<Finding>) {
    for path in ["README.md", ".ci/run"] {
        if !text_of(sources, path).contains(TEST_COMMAND) {
            let message = format!("does not say `{TEST_COMMAND}`");
            findings.push(error(path, "test-command", message));
        }
    }
}

/// A crate that does not inherit the lints has none.
fn lints(sources: &[Source], findings: &mut Vec<Finding>) {
    let is_member = |path: &str| {
        path.ends_with("/Cargo.toml") && (path.starts_with("crates/") || path.starts_with("xtask/"))
    };
    for source in sources.iter().filter(|source| is_member(&source.path)) {
        if !source.text.contains("[lints]\nworkspace = true") {
            let message = "does not inherit the lints of the workspace".into();
            findings.push(error(&source.path, "lints", message));
        }
    }
}

/// Clippy reads one file and does not merge, so the narrower one repeats the wider one.
fn clippy(sources: &[Source], findings: &mut Vec<Finding>) {
    let path = "crates/dht-routing/clippy.toml";
    let (root, crates) = (text_of(sources, "clippy.toml"), text_of(sources, path));
    for line in root.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if !crates.lines().any(|other| other == line) {
            findings.push(error(path, "clippy", format!("does not repeat `{}`", line.trim())));
        }
    }
}

fn median(sources: &[Source], findings: &mut Vec<Finding>) {
    let mut lengths: Vec<_> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(file_length)
        .filter(|length| *length > 0)
        .collect();
    lengths.sort_unstable();
    if let Some(length) = lengths.get(lengths.len() / 2).filter(|median| **median > MEDIAN_LENGTH) {
        let message = format!("half of the files have {length} lines or more, not {MEDIAN_LENGTH}");
        findings.push(error("Cargo.toml", "median-length", message));
    }
}
