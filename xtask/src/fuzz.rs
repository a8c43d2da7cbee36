//! `fuzz`: long runs of the fuzz targets, in the program of `dht-fuzz` or under libFuzzer.
//!
//! The program runs on any toolchain, in the profile `dev`: the crates that matter are optimised in it, and every
//! overflow is a panic. libFuzzer sees which code is covered, and finds more in a night; it needs `cargo-fuzz`,
//! and a nightly toolchain for the address sanitizer.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Which target; without one they are listed.
    target: Option<String>,
    /// How long to run, in minutes.
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u32,
    /// Where the mutations begin: the same number, the same inputs.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "libfuzzer")]
    seed: u64,
    /// Run this input once instead.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the seeds into a directory, a file each, instead of running.
    #[arg(long, value_name = "DIR", conflicts_with = "libfuzzer")]
    corpus: Option<PathBuf>,
    /// Run under libFuzzer, from the seeds and what earlier runs kept in fuzz/corpus.
    #[arg(long, requires = "target")]
    libfuzzer: bool,
}

/// Runs a target, writes its seeds, or lists all.
pub fn run(args: &Args) -> Result<()> {
    let root = crate::root();
    let target = args.target.as_deref();
    let Some(target) = target.filter(|_| args.libfuzzer) else {
        return cargo(&root, None, &program(args));
    };
    let corpus = root.join("fuzz/corpus").join(target);
    let seeds = Args { target: args.target.clone(), corpus: Some(corpus), ..Args::default() };
    cargo(&root, None, &program(&seeds))?;
    cargo(&root, Some("+nightly"), &libfuzzer(target, args))
}

/// What cargo is told to run the program of `dht-fuzz`.
fn program(args: &Args) -> Vec<String> {
    let mut command: Vec<_> =
        ["run", "--quiet", "--package", "dht-fuzz", "--"].map(str::to_owned).to_vec();
    command.extend(args.target.clone());
    command.extend([format!("--minutes={}", args.minutes), format!("--seed={}", args.seed)]);
    let path = |name: &str, path: &Path| format!("--{name}={}", path.display());
    command.extend(args.input.as_deref().map(|file| path("input", file)));
    command.extend(args.corpus.as_deref().map(|directory| path("corpus", directory)));
    command
}

/// What cargo is told to run a target under libFuzzer.
fn libfuzzer(target: &str, args: &Args) -> Vec<String> {
    let mut command = vec!["fuzz".to_owned(), "run".to_owned(), target.to_owned()];
    command.extend(args.input.as_deref().map(|file| file.display().to_string()));
    command.push("--".to_owned());
    command.extend([
        format!("-max_total_time={}", u64::from(args.minutes) * 60),
        // Far above what any input may take.
        "-timeout=20".to_owned(),
        "-max_len=8192".to_owned(),
    ]);
    command
}

fn cargo(root: &Path, toolchain: Option<&str>, args: &[String]) -> Result<()> {
    // A toolchain is chosen by the cargo of rustup, which is the one on the path.
    let own = std::env::var_os("CARGO").filter(|_| toolchain.is_none());
    let mut command = Command::new(own.unwrap_or_else(|| "cargo".into()));
    if toolchain.is_some() {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
    let status = command
        .args(toolchain)
        .args(args)
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", args.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> Args {
        Args { target: Some("decode".to_owned()), minutes: 3, seed: 7, ..Args::default() }
    }

    #[test]
    fn the_program_is_told_what_was_asked_for() {
        let args = Args { input: Some("some/file".into()), ..args() };
        let expected =
            "run --quiet --package dht-fuzz -- decode --minutes=3 --seed=7 --input=some/file";
        assert_eq!(program(&args).join(" "), expected);
    }

    #[test]
    fn libfuzzer_is_told_the_time_in_seconds() {
        let command = libfuzzer("decode", &args()).join(" ");
        assert!(command.starts_with("fuzz run decode -- -max_total_time=180 "), "{command}");
    }
}
