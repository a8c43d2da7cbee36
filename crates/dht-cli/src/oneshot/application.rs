//! What is said to other nodes: to all of them, or to an application.

use anyhow::anyhow;
use dht_node::{BROADCAST_MAX, CustomOptions, PAYLOAD_MAX, Recipient};
use tracing::info;

use super::{builder, join_with, read_value, write};
use crate::args::{OneShot, Plan};
use crate::console::{lines, reached};
use crate::failure::Failure;
use crate::key_file;
use crate::whom::Whom;

/// Says stdin to every node.
pub(super) async fn broadcast(
    plan: &Plan,
    task: &OneShot,
    key_file: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let author = key_file.map(key_file::read).transpose()?;
    let message = read_value(BROADCAST_MAX)?;
    let mut builder = builder(plan);
    if let Some(author) = author {
        builder = builder.author(author);
    }
    let node = join_with(builder, plan, task).await?;
    let report = node.broadcast(message).await?;
    info!("{}", reached(&report));
    write(format!("{}\n", report.id).as_bytes())?;
    node.stop().await;
    if report.acknowledged == 0 {
        return Err(Failure::Network(anyhow!("no node confirmed it")));
    }
    Ok(())
}

/// Asks an application stdin.
pub(super) async fn custom(plan: &Plan, task: &OneShot, whom: &Whom) -> Result<(), Failure> {
    let request = read_value(PAYLOAD_MAX)?;
    let node = join_with(builder(plan), plan, task).await?;
    let to = whom.clone().recipient(&node).await;
    let to = to.map_err(|error| Failure::Usage(anyhow!(error)))?;
    if let Recipient::Closest(_) = to {
        let lines = lines(node.custom_all(to, request, CustomOptions::default()).await?).await;
        if lines.is_empty() {
            return Err(Failure::NotFound(anyhow!("no node was found")));
        }
        write(format!("{}\n", lines.join("\n")).as_bytes())?;
    } else {
        write(&node.custom(to, request).await?)?;
    }
    node.stop().await;
    Ok(())
}
