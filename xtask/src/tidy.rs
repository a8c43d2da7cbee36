//! The command `tidy`.

/// Runs the gate.
pub fn run() -> anyhow::Result<()> {
    Ok(())
}
