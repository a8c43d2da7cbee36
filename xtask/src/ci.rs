//! The command `ci`.

/// Arguments of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs every gate.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    Ok(())
}
