//! The command `bench`: measures nodes on real sockets and prints the figures beside what others reach and what is to
//! be reached here.
//!
//! Figures go to standard output, everything else to standard error. What is measured, and how, is told in
//! `dht_bench`. Every run is a process of its own, so that none finds the memory that another one left.

mod measure;
mod report;
mod yardstick;

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::Value as Json;

use crate::Usage;
use crate::host::Terminal;
use report::{Findings, Row};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench w
  cargo xtask bench rpc --runs 1
  cargo xtask bench scale --nodes 200,1000,5000
  cargo xtask bench bulk --json > bulk.json")]
pub struct Args {
    /// What to measure.
    #[arg(value_enum)]
    measurement: Measurement,
    /// Numbers of nodes, one measurement each; default as the measurement defines it.
    #[arg(long, value_delimiter = ',', value_name = "N,N,..", value_parser = clap::value_parser!(u32).range(2..=50_000))]
    nodes: Vec<u32>,
    /// Runs of each measurement, each in a process of its own: figures are the medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Threads that the nodes run on; default as the measurement defines it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    threads: Option<u32>,
    /// Values stored and fetched.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    values: u32,
    /// Seconds for each rate and for each idle time, and half as many transfers of a long value.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: Option<u32>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Measurement {
    /// The workload W: joins, stores, fetches, a long value, memory, and half of the nodes gone.
    W,
    /// One node on one core that answers, beside an echo of datagrams.
    Rpc,
    /// Values of 5 MB, beside a raw copy and the bare hash.
    Bulk,
    /// Very many nodes in one process.
    Scale,
}

impl Measurement {
    fn name(self) -> &'static str {
        match self {
            Self::W => "w",
            Self::Rpc => "rpc",
            Self::Bulk => "bulk",
            Self::Scale => "scale",
        }
    }

    fn default_nodes(self) -> &'static [u32] {
        match self {
            Self::W | Self::Bulk | Self::Rpc => &[50],
            Self::Scale => &[200, 1_000, 5_000],
        }
    }

    /// On one thread a message needs no other thread to wake, which takes five times as long as to deliver it; many
    /// nodes, and the ends of a long transfer, have enough to do for two.
    fn default_threads(self) -> u32 {
        match self {
            Self::W | Self::Rpc => 1,
            Self::Bulk | Self::Scale => 2,
        }
    }
}

/// Runs a measurement.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Args { measurement, .. } = *args;
    let counts = if args.nodes.is_empty() { measurement.default_nodes() } else { &args.nodes };
    let started = Instant::now();
    let mut rows = Vec::new();
    for nodes in counts {
        let runs = match (counts.len(), args.runs) {
            (1, 1) => vec![here(args, *nodes)?],
            _ => {
                (1..=args.runs).map(|run| elsewhere(args, *nodes, run)).collect::<Result<_, _>>()?
            }
        };
        rows.extend(report::medians(&runs));
    }
    let wall_s = started.elapsed().as_secs_f64();
    let findings = Findings { measurement, runs: args.runs, threads: threads(args), wall_s, rows };
    if args.json {
        println!("{}", report::json(&findings));
    } else {
        print!("{}", report::table(&findings));
    }
    Ok(())
}

fn threads(args: &Args) -> u32 {
    args.threads.unwrap_or(args.measurement.default_threads())
}

/// Measures in this process.
fn here(args: &Args, nodes: u32) -> anyhow::Result<Vec<Row>> {
    if cfg!(debug_assertions) {
        eprintln!("this is no release build: the figures are those of unoptimised code");
    }
    let plan = measure::plan(args, nodes as usize);
    let mut host = Terminal::new(args.measurement.name().to_owned(), 0);
    let found = measure::measure(args.measurement, &plan, &mut host);
    host.finish();
    found.map_err(|error| match error {
        dht_bench::BenchError::OpenFiles { .. } => Usage(error.to_string()).into(),
        error => error.into(),
    })
}

/// Measures in a process of its own.
fn elsewhere(args: &Args, nodes: u32, run: u32) -> anyhow::Result<Vec<Row>> {
    let name = args.measurement.name();
    eprintln!("{name}: {nodes} nodes, run {run} of {}", args.runs);
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.args(["bench", name, "--json", "--runs", "1", "--nodes", &nodes.to_string()]);
    command.args(["--threads", &threads(args).to_string(), "--values", &args.values.to_string()]);
    if let Some(seconds) = args.seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start a run")?;
    if !output.status.success() {
        bail!("run {run} of {name} with {nodes} nodes ended with {}", output.status);
    }
    let printed: Json = serde_json::from_slice(&output.stdout).context("a run printed no JSON")?;
    report::rows_of(&printed).context("a run printed no figures")
}
