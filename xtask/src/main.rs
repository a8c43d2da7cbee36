//! The command line of the project's own commands: `cargo xtask COMMAND`.
//!
//! Exit codes: 0 done, 1 the command failed or found something, 2 wrong usage.
#![expect(clippy::print_stderr, reason = "a command line reports its failure on stderr")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, ci, codegen, fuzz, layers, sim, tidy, vectors};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the protobuf types of dht-proto from proto/dht/v1/dht.proto.
    Codegen {
        /// Write nothing; fail if the committed code differs.
        #[arg(long)]
        check: bool,
    },
    /// Make the golden vectors in proto/vectors.
    Vectors {
        /// Write nothing; fail if the committed vectors differ.
        #[arg(long)]
        check: bool,
    },
    /// Check the house rules over every source file.
    Tidy,
    /// Check which of our crates depends on which.
    Layers,
    /// Run every gate, in the order that fails soonest.
    Ci(ci::Args),
    /// Run a fuzz target for as long as wanted.
    Fuzz(fuzz::Args),
    /// Run a simulated network.
    Sim(sim::Args),
    /// Measure nodes on real sockets.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match CommandLine::parse().command {
        Command::Codegen { check } => codegen::run(check),
        Command::Vectors { check } => vectors::run(check),
        Command::Tidy => tidy::run(),
        Command::Layers => layers::run(),
        Command::Ci(args) => ci::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<xtask::Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
