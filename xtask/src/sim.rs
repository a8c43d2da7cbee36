//! The command `sim`: runs an experiment on a simulated network and prints its figures beside what others
//! reach and what is to be reached here.
//!
//! Figures go to standard output, everything else to standard error. What an experiment is and how its
//! figures are defined is told in `dht_sim::experiment`.

mod figure;
mod measure;
mod plot;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use dht_sim::Latencies;
use dht_sim::experiment::{COPIES, HARDSHIPS, Hardship, MODELS, Plan};

use crate::Usage;
use crate::host::{self, Terminal};
use figure::Findings;
use measure::Points;

/// Arguments of `cargo xtask sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sim latency
  cargo xtask sim stale --nodes 1000 --seeds 1,2,3
  cargo xtask sim churn --json > churn.json
  cargo xtask sim broadcast --nodes 10000 --loss 0.1 --droppers 0.1 --seeds 1,2,3
  cargo xtask sim durability --copies 8 --model 2
  cargo xtask sim latency --latency round-trips.txt --plot latency.svg")]
pub struct Args {
    /// What to measure.
    #[arg(value_enum)]
    experiment: Experiment,
    /// Number of nodes; default as the experiment defines it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    nodes: Option<u32>,
    /// What every random choice follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Several seeds, one run each: figures are the medians.
    #[arg(long, value_delimiter = ',', conflicts_with = "seed", value_name = "SEED,SEED,..")]
    seeds: Vec<u64>,
    /// Square matrix of round trips between sites, in ms; default: generated from the seed.
    #[arg(long, value_name = "FILE")]
    latency: Option<PathBuf>,
    /// Broadcasts for each point of `broadcast`; default: as many as make some hundred thousand deliveries.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Only the point of `broadcast` with this share of packets lost, 0 to 0.9, and these droppers.
    #[arg(long, value_parser = share, requires = "droppers", value_name = "SHARE")]
    loss: Option<f64>,
    /// Only the point of `broadcast` with this share of nodes that keep messages to themselves, and this loss.
    #[arg(long, value_parser = share, requires = "loss", value_name = "SHARE")]
    droppers: Option<f64>,
    /// Only the points of `durability` with so many copies, 1 to 20; default: 8 and 16.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=20), value_name = "K")]
    copies: Option<u8>,
    /// Only the points of `durability` with this model of Weibull sessions: 1 has shape 0.5 and a mean of 5,000 s,
    /// 2 has 0.608 and 13,176 s, 3 has 0.518 and 6,948 s; default: all of them.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=MODELS.len() as i64), value_name = "NUMBER")]
    model: Option<u8>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Draw the distributions of the measured times.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// The experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Experiment {
    /// Fetches and find-nodes in a settled network.
    Latency,
    /// The same with 30 % of the nodes killed as the lookups begin.
    Stale,
    /// What lookups cost in bytes while nodes come and go.
    Cost,
    /// Requests to live nodes while nodes come and go, for four mean sessions.
    Churn,
    /// The simulator itself: virtual over real time, memory of a node.
    Speed,
    /// Whether records outlive everybody who held them, for three session models, 8 and 16 copies.
    Durability,
    /// One node renews very many records.
    Republish,
    /// All nodes of a network that holds records are restarted at once.
    Restart,
    /// Messages to every node where packets are lost and nodes keep messages to themselves; with 1,000 and
    /// 10,000 nodes unless told otherwise.
    Broadcast,
    /// Some values are wanted by everybody.
    Hot,
    /// Lookups where a share of all nodes name only each other.
    Adversary,
    /// Values whose keys are surrounded by nodes that hide them.
    Eclipse,
    /// Tables where a share of all nodes are Sybils of few owners.
    TableEclipse,
}

/// Runs an experiment.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let seeds = if args.seeds.is_empty() { vec![args.seed] } else { args.seeds.clone() };
    let latencies = args.latency.as_ref().map(read_matrix).transpose()?;
    check_plot(args)?;
    let baseline = host::resident();
    let points = points(args)?;
    let mut found = Vec::with_capacity(seeds.len());
    for seed in &seeds {
        let plan = plan(args, *seed, latencies.clone());
        let plans = smaller(args).map(|nodes| Plan { nodes, ..plan.clone() }).into_iter();
        let plans: Vec<Plan> = plans.chain([plan]).collect();
        let mut host = Terminal::new(format!("{} seed {seed}", name(args.experiment)), baseline);
        let started = Instant::now();
        let measured = measure::measure(args.experiment, &plans, &points, &mut host);
        host.finish();
        let mut measured = measured.map_err(|error| Usage(error.to_string()))?;
        measured.wall_s = started.elapsed().as_secs_f64();
        found.push(measured);
    }
    let findings = Findings::median(found);
    if let Some(path) = &args.plot {
        plot::draw(path, name(args.experiment), &findings.curves)
            .with_context(|| format!("cannot draw {}", path.display()))?;
    }
    if args.json {
        println!("{}", report::json(&findings, &seeds));
    } else {
        print!("{}", report::table(args.experiment, &findings, &seeds));
    }
    Ok(())
}

fn plan(args: &Args, seed: u64, latencies: Option<Arc<Latencies>>) -> Plan {
    let nodes = args.nodes.map_or(default_nodes(args.experiment), |nodes| nodes as usize);
    Plan { latencies, memory: host::available_memory(), ..Plan::new(nodes, seed) }
}

/// Which points of experiments that have several are measured.
fn points(args: &Args) -> anyhow::Result<Points> {
    let hardships = match (args.loss, args.droppers) {
        (Some(loss), Some(droppers)) => vec![Hardship { loss, droppers }],
        _ => HARDSHIPS.to_vec(),
    };
    if args.loss.is_some() && args.experiment != Experiment::Broadcast {
        return Err(Usage("--loss and --droppers choose a point of broadcast".to_owned()).into());
    }
    let chooses_of_durability = args.copies.is_some() || args.model.is_some();
    if chooses_of_durability && args.experiment != Experiment::Durability {
        return Err(Usage("--copies and --model choose points of durability".to_owned()).into());
    }
    let model = args.model.and_then(|number| MODELS.get(usize::from(number).checked_sub(1)?));
    Ok(Points {
        hardships,
        runs: args.runs.map(|runs| runs as usize),
        copies: args.copies.map_or(COPIES.to_vec(), |copies| vec![copies.into()]),
        models: model.map_or(MODELS.to_vec(), |model| vec![*model]),
    })
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.0..=0.9).contains(&share) { Ok(share) } else { Err("must be 0 to 0.9".to_owned()) }
}

/// A smaller network that is measured, too, if no number of nodes was named.
fn smaller(args: &Args) -> Option<usize> {
    (args.experiment == Experiment::Broadcast && args.nodes.is_none()).then_some(1_000)
}

fn read_matrix(path: &PathBuf) -> anyhow::Result<Arc<Latencies>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Usage(format!("cannot read {shown}: {error}")))?;
    let latencies = Latencies::parse(&text).map_err(|error| Usage(format!("{shown}: {error}")))?;
    Ok(Arc::new(latencies))
}

/// What cannot be drawn in the end is said at the beginning.
fn check_plot(args: &Args) -> anyhow::Result<()> {
    let Some(path) = &args.plot else { return Ok(()) };
    let is_timeless = matches!(
        args.experiment,
        Experiment::Speed
            | Experiment::Durability
            | Experiment::Republish
            | Experiment::Restart
            | Experiment::TableEclipse
    );
    if is_timeless {
        let experiment = name(args.experiment);
        let problem = format!("{experiment} measures no distribution of times to draw");
        return Err(Usage(problem).into());
    }
    let shown = path.display();
    std::fs::File::create(path).map_err(|error| Usage(format!("cannot write {shown}: {error}")))?;
    Ok(())
}

fn default_nodes(experiment: Experiment) -> usize {
    match experiment {
        Experiment::Latency
        | Experiment::Stale
        | Experiment::Speed
        | Experiment::Durability
        | Experiment::Republish
        | Experiment::Broadcast
        | Experiment::Hot
        | Experiment::Adversary
        | Experiment::Eclipse => 10_000,
        Experiment::TableEclipse => 25_000,
        Experiment::Restart => 500,
        Experiment::Cost => 1_024,
        Experiment::Churn => 5_000,
    }
}

fn name(experiment: Experiment) -> &'static str {
    match experiment {
        Experiment::Latency => "latency",
        Experiment::Stale => "stale",
        Experiment::Cost => "cost",
        Experiment::Churn => "churn",
        Experiment::Speed => "speed",
        Experiment::Durability => "durability",
        Experiment::Republish => "republish",
        Experiment::Restart => "restart",
        Experiment::Broadcast => "broadcast",
        Experiment::Hot => "hot",
        Experiment::Adversary => "adversary",
        Experiment::Eclipse => "eclipse",
        Experiment::TableEclipse => "table-eclipse",
    }
}
