//! `ci`: every gate, the quick ones first, with a table of how long each took.
//!
//! Stops at the first gate that fails and names it, with the command that repeats it alone.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::{codegen, layers, tidy, vectors};

/// Arguments of `cargo xtask ci`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Run these gates only; default: all.
    #[arg(value_name = "GATE", value_parser = PossibleValuesParser::new(GATES.map(|gate| gate.name)))]
    only: Vec<String>,
    /// Leave a gate out; may be repeated.
    #[arg(long, value_name = "GATE", value_parser = PossibleValuesParser::new(GATES.map(|gate| gate.name)))]
    skip: Vec<String>,
}

#[derive(Clone, Copy)]
struct Gate {
    name: &'static str,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    /// A function of this program.
    Call(fn() -> Result<()>),
    /// Arguments of `cargo`, and variables of its environment.
    Cargo(&'static [&'static str], &'static [(&'static str, &'static str)]),
}

/// Every gate, in the order that fails soonest.
const GATES: [Gate; 8] = [
    Gate { name: "fmt", action: Action::Cargo(&["fmt", "--all", "--check"], &[]) },
    Gate { name: "tidy", action: Action::Call(tidy::run) },
    Gate { name: "layers", action: Action::Call(layers::run) },
    Gate { name: "codegen", action: Action::Call(|| codegen::run(true)) },
    Gate { name: "vectors", action: Action::Call(|| vectors::run(true)) },
    Gate { name: "clippy", action: Action::Cargo(CLIPPY, &[]) },
    Gate { name: "doc", action: Action::Cargo(DOC, &[("RUSTDOCFLAGS", "--deny warnings")]) },
    Gate { name: "test", action: Action::Cargo(&["test", "--workspace"], &[]) },
];

const CLIPPY: &[&str] =
    &["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"];

const DOC: &[&str] = &["doc", "--workspace", "--no-deps", "--all-features"];

/// Runs the gates that were asked for.
pub fn run(args: &Args) -> Result<()> {
    let root = crate::root();
    run_all(&chosen(args), |gate| gate.run(&root))
}

fn chosen(args: &Args) -> Vec<Gate> {
    let named = |names: &[String], gate: &Gate| names.iter().any(|name| name == gate.name);
    let is_chosen =
        |gate: &Gate| (args.only.is_empty() || named(&args.only, gate)) && !named(&args.skip, gate);
    GATES.into_iter().filter(is_chosen).collect()
}

fn run_all(gates: &[Gate], mut run: impl FnMut(&Gate) -> Result<()>) -> Result<()> {
    let mut durations = Vec::new();
    for gate in gates {
        eprintln!("\n== {}: {}", gate.name, gate.describe());
        let start = Instant::now();
        let result = run(gate);
        durations.push((gate.name, start.elapsed()));
        if let Err(error) = result {
            eprint!("{}", table(&durations));
            return Err(error.context(format!("gate `{}` failed", gate.name)));
        }
    }
    eprint!("{}", table(&durations));
    Ok(())
}

impl Gate {
    fn describe(&self) -> String {
        match self.action {
            Action::Call(_) => format!("cargo xtask ci {}", self.name),
            Action::Cargo(args, variables) => {
                let variables = variables.iter().map(|(name, value)| format!("{name}='{value}' "));
                format!("{}cargo {}", variables.collect::<String>(), args.join(" "))
            }
        }
    }

    fn run(&self, root: &Path) -> Result<()> {
        let (args, variables) = match self.action {
            Action::Call(function) => return function(),
            Action::Cargo(args, variables) => (args, variables),
        };
        // The cargo that runs us, so that one toolchain does everything.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(args)
            .envs(variables.iter().copied())
            .current_dir(root)
            .status()
            .context("cannot start cargo")?;
        if !status.success() {
            bail!("cargo {} ended with {status}", args.first().unwrap_or(&""));
        }
        Ok(())
    }
}

fn table(durations: &[(&str, Duration)]) -> String {
    let total = durations.iter().map(|(_, duration)| *duration).sum();
    let rows = durations.iter().copied().chain([("total", total)]);
    let mut text = String::from("\n");
    for (name, duration) in rows {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name:<10} {:>8.1} s", duration.as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(only: &[&str], skip: &[&str]) -> Args {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Args { only: owned(only), skip: owned(skip) }
    }

    fn names(args: &Args) -> Vec<&'static str> {
        chosen(args).iter().map(|gate| gate.name).collect()
    }

    #[test]
    fn all_gates_run_unless_some_are_named() {
        assert_eq!(names(&args(&[], &[])).len(), GATES.len());
        assert_eq!(names(&args(&["layers", "fmt"], &[])), ["fmt", "layers"]);
        assert!(!names(&args(&[], &["test"])).contains(&"test"));
    }

    #[test]
    fn the_first_gate_that_fails_is_named_and_ends_the_run() {
        let mut seen = Vec::new();
        let result = run_all(&GATES, |gate| {
            seen.push(gate.name);
            anyhow::ensure!(gate.name != "layers", "one edge too many");
            Ok(())
        });
        let error = result.map_err(|error| format!("{error:#}"));
        assert_eq!(error, Err("gate `layers` failed: one edge too many".to_owned()));
        assert_eq!(seen, ["fmt", "tidy", "layers"]);
    }

    #[test]
    fn a_gate_is_described_as_the_command_that_repeats_it() {
        let description = |name| GATES.iter().find(|gate| gate.name == name).map(Gate::describe);
        assert_eq!(description("tidy").as_deref(), Some("cargo xtask ci tidy"));
        assert_eq!(description("test").as_deref(), Some("cargo test --workspace"));
        assert_eq!(
            description("doc").as_deref(),
            Some("RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --all-features")
        );
    }

    #[test]
    fn durations_come_in_a_table_with_their_sum() {
        let durations = [("fmt", Duration::from_millis(1_500)), ("test", Duration::from_mins(1))];
        let expected = "\nfmt             1.5 s\ntest           60.0 s\ntotal          61.5 s\n";
        assert_eq!(table(&durations), expected);
    }
}
