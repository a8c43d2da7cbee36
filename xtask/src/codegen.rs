//! The command `codegen`.

/// Makes the committed files, or with `check` fails if they differ.
pub fn run(_check: bool) -> anyhow::Result<()> {
    anyhow::bail!("codegen is not available")
}
