//! Every target on its seeds and on some thousand mutations of them, always the same ones.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends in a panic where something is not as it must be"
)]

use std::fs;
use std::path::Path;

use dht_fuzz::{Campaign, Limit, TARGETS, find};

/// Runs a target; inputs that panic are told in hex, so that they can be run again.
fn run(name: &str, executions: u64) {
    let target = find(name).unwrap();
    let seeds = target.seeds().len() as u64;
    let mut campaign = Campaign::new(target, 1);
    match campaign.run(Limit::Executions(executions), |_| ()) {
        Ok(report) => {
            assert!(report.executions >= executions && report.inputs as u64 > seeds, "{report:?}");
        }
        Err(crash) => panic!("{}\ninput, as bytes: {:?}", crash.message, crash.input),
    }
}

#[test]
fn messages_are_decoded_within_limits_and_written_again_as_they_were() {
    run("decode", 30_000);
}

#[test]
fn datagrams_open_to_what_was_sealed_or_not_at_all() {
    run("sealed", 5_000);
}

#[test]
fn streams_come_to_the_same_frames_however_they_are_cut() {
    run("frames", 10_000);
}

#[test]
fn records_and_broadcasts_are_taken_only_as_they_were_signed() {
    run("record", 5_000);
}

#[test]
fn files_are_read_back_as_they_were_written_or_not_at_all() {
    run("files", 10_000);
}

#[test]
fn whatever_happens_a_peer_keeps_its_bounds_and_ends_what_it_began() {
    run("machine", 2_000);
}

#[test]
fn inputs_that_once_made_a_target_panic_do_not_any_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut inputs = 0;
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let target = find(&name).unwrap_or_else(|| panic!("no target `{name}`"));
        for input in fs::read_dir(folder.path()).unwrap() {
            target.run(&fs::read(input.unwrap().path()).unwrap());
            inputs += 1;
        }
    }
    assert!(inputs > 0);
}

#[test]
fn every_target_has_a_program_for_libfuzzer_and_a_line_in_its_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for target in TARGETS {
        let path = format!("fuzz_targets/{}.rs", target.name);
        let program = fs::read_to_string(root.join(&path)).unwrap();
        assert!(program.contains(&format!("const NAME: &str = \"{}\";", target.name)), "{path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is not in Cargo.toml");
        assert!(readme.contains(&format!("| `{}` |", target.name)), "{} in README.md", target.name);
    }
    assert_eq!(fs::read_dir(root.join("fuzz_targets")).unwrap().count(), TARGETS.len());
}
