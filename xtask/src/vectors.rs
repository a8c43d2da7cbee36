//! The command `vectors`.

/// Makes the committed files, or with `check` fails if they differ.
pub fn run(_check: bool) -> anyhow::Result<()> {
    anyhow::bail!("vectors is not available")
}
