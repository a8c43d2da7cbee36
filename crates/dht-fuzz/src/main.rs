//! Long runs of the fuzz targets, on any toolchain: `cargo xtask fuzz`.
//!
//! Exit codes: 0 nothing found, 1 a target panicked or a file could not be used, 2 wrong usage.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dht_fuzz::{Campaign, Crash, Limit, Report, TARGETS, Target, find};

/// Run a fuzz target on mutations of its seeds.
#[derive(Parser)]
#[command(name = "dht-fuzz", version)]
struct CommandLine {
    /// Which target; without one they are listed.
    target: Option<String>,
    /// How long to run, in minutes.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    minutes: f64,
    /// Where the mutations begin: the same number, the same inputs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run this input once instead.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the seeds into a directory, a file each, instead of running.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Where an input that panics is written to.
    #[arg(long, value_name = "DIR", default_value = "fuzz/artifacts")]
    artifacts: PathBuf,
}

fn main() -> ExitCode {
    let args = CommandLine::parse();
    let Some(name) = &args.target else {
        list();
        return ExitCode::SUCCESS;
    };
    let Some(target) = find(name) else {
        eprintln!("error: no target `{name}`; there are:");
        list();
        return ExitCode::from(2);
    };
    match run(target, &args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    for Target { name, about, .. } in TARGETS {
        println!("{name:<10} {about}");
    }
}

/// Whether nothing was found.
fn run(target: &'static Target, args: &CommandLine) -> io::Result<bool> {
    if let Some(path) = &args.input {
        let features = target.run(&fs::read(path)?);
        println!("{}: {} features, no panic", target.name, features.len());
        return Ok(true);
    }
    if let Some(directory) = &args.corpus {
        let count = write_corpus(target, directory)?;
        println!("{}: {count} seeds in {}", target.name, directory.display());
        return Ok(true);
    }
    let limit = Limit::Time(Duration::from_secs_f64(args.minutes.max(0.0) * 60.0));
    let mut campaign = Campaign::new(target, args.seed);
    let mut told = Duration::ZERO;
    let result = campaign.run(limit, |report| {
        if report.elapsed >= told + Duration::from_secs(30) {
            told = report.elapsed;
            println!("{}", line(target, report));
        }
    });
    match result {
        Ok(report) => {
            println!("{}; nothing found", line(target, &report));
            Ok(true)
        }
        Err(crash) => {
            let path = keep(target, &crash, &args.artifacts)?;
            eprintln!(
                "{} panicked after {} executions: {}",
                target.name, crash.executions, crash.message
            );
            eprintln!("{} bytes of input in {}", crash.input.len(), path.display());
            Ok(false)
        }
    }
}

fn line(target: &Target, report: &Report) -> String {
    let Report { executions, elapsed, inputs, features, slowest } = report;
    let seconds = elapsed.as_secs_f64();
    format!(
        "{}: {executions} executions in {seconds:.0} s, {inputs} inputs kept, {features} features, \
         slowest {:.1} ms",
        target.name,
        slowest.as_secs_f64() * 1_000.0
    )
}

fn write_corpus(target: &Target, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    let seeds = target.seeds();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(seeds.len())
}

fn keep(target: &Target, crash: &Crash, artifacts: &Path) -> io::Result<PathBuf> {
    let directory = artifacts.join(target.name);
    fs::create_dir_all(&directory)?;
    let path = directory.join(format!("crash-{}", crash.executions));
    fs::write(&path, &crash.input)?;
    Ok(path)
}
