//! The command `layers`.

/// Runs the gate.
pub fn run() -> anyhow::Result<()> {
    Ok(())
}
