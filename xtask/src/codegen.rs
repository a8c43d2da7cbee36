//! `cargo xtask codegen`: Rust types of `proto/dht/v1/dht.proto`, committed so that no build needs a
//! protobuf compiler, a build script or a network.
//!
//! The file is the same for the same schema and the same versions in `Cargo.lock`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use prost_build::{Config, Module};

const SCHEMA: &str = "dht/v1/dht.proto";
const GENERATED: &str = "crates/dht-proto/src/codec/generated/dht_v1.rs";

/// Writes the generated file, or with `check` only tells whether it is what the schema says.
pub fn run(check: bool) -> Result<()> {
    let root = crate::root();
    let code = generate(&root.join("proto"))?;
    let path = root.join(GENERATED);
    let current = fs::read_to_string(&path).unwrap_or_default();
    if current == code {
        return Ok(());
    }
    if check {
        bail!("{GENERATED} does not match proto/{SCHEMA}: run `cargo xtask codegen`");
    }
    fs::create_dir_all(path.parent().context("the generated file has a directory")?)?;
    fs::write(&path, code).with_context(|| format!("writing {}", path.display()))
}

fn generate(schemas: &Path) -> Result<String> {
    let descriptors = protox::compile([SCHEMA], [schemas])?;
    let requests = descriptors
        .file
        .into_iter()
        .map(|file| (Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let mut config = Config::new();
    // Zero-copy slices of the plaintext instead of one allocation a field.
    config.bytes(["."]);
    // The comments are written for readers of the schema; Rust readers have the domain types.
    config.disable_comments(["."]);
    let mut modules = config.generate(requests)?;
    ensure!(modules.len() == 1, "expected one package, found {}", modules.len());
    modules.drain().map(|(_, code)| code).next().context("no code was generated")
}
