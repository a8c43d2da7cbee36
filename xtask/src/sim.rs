//! The command `sim`.

/// Arguments of `cargo xtask sim`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs a simulated network.
pub fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("sim is not available")
}
