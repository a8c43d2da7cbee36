//! Vectors of outlines: the chaining values of the parts of a value, and the hash that they give.

use anyhow::{Context, Result, ensure};
use dht_proto::{Outline, Value as Bytes};
use serde_json::{Value, json};

use super::hex;

/// Two parts to eight, with and without a short one at the end, and the longest value.
const SIZES: &[usize] = &[
    65_537, 66_561, 131_071, 131_072, 131_073, 196_608, 196_609, 262_144, 262_145, 327_680,
    458_752, 458_753, 5_000_000,
];

pub(super) fn outlines() -> Result<Vec<Value>> {
    SIZES.iter().map(|size| vector(*size)).collect()
}

fn vector(size: usize) -> Result<Value> {
    let value = Bytes::new((0..=250).cycle().take(size).collect::<Vec<u8>>())?;
    let outline = Outline::of(value.as_bytes()).context("a value of one part")?;
    ensure!(outline.digest() == value.digest(), "the outline of {size} bytes is of another value");
    let chaining_values = outline.as_bytes().chunks(32).map(hex).collect::<Vec<_>>();
    Ok(json!({
        "size": size,
        "chaining_values": chaining_values,
        "digest": value.digest().to_string(),
    }))
}
