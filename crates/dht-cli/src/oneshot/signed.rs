//! Signing a version of a record and storing it.

use std::time::Instant;

use dht_node::{AuthorSecret, Node, Record, SignedBody, StoreOptions, Value};
use tracing::info;

use super::{join, read_value, tell, write};
use crate::args::{OneShot, Plan, SignTask, Version};
use crate::failure::Failure;
use crate::key_file;
use crate::stored;

/// Publishes stdin.
pub(super) async fn publish(
    plan: &Plan,
    one_shot: &OneShot,
    task: &SignTask,
    limit: usize,
) -> Result<(), Failure> {
    let secret = key_file::read(&task.key_file)?;
    let value = Value::new(read_value(limit)?).map_err(|error| Failure::Usage(error.into()))?;
    let node = join(plan, one_shot).await?;
    store(&node, task, &secret, SignedBody::Value(value)).await
}

/// Publishes a deletion.
pub(super) async fn retract(
    plan: &Plan,
    one_shot: &OneShot,
    task: &SignTask,
) -> Result<(), Failure> {
    let secret = key_file::read(&task.key_file)?;
    let node = join(plan, one_shot).await?;
    store(&node, task, &secret, SignedBody::Deleted).await
}

/// Signs, stores, tells and leaves.
async fn store(
    node: &Node,
    task: &SignTask,
    secret: &AuthorSecret,
    body: SignedBody,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut options = StoreOptions::default().ttl(task.ttl);
    let sequence = match task.version {
        Version::Exactly(sequence) => sequence,
        Version::Next => node.next_sequence(&secret.author(), &task.salt).await?,
        Version::Swap { sequence, expected } => {
            options = options.expected(expected);
            sequence
        }
    };
    let record = Record::sign(secret, task.salt.clone(), sequence, body);
    let size = record.size();
    let report = node.store_record(record, options).await?;
    tell(&report, size, started);
    info!("Sequence {sequence}");
    let line = if task.json {
        stored::to_json(&report, size, Some(sequence))
    } else {
        report.key.to_string()
    };
    write(format!("{line}\n").as_bytes())?;
    node.stop().await;
    Ok(())
}
