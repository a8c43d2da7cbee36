//! The project's own commands, as a library so that the gates also run inside `cargo test --workspace`.
//!
//! Each module is one command. They work from the root of the workspace, need no network, and fail with
//! a message that says what to do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "these are command-line tools")]

pub mod bench;
pub mod ci;
pub mod codegen;
pub mod fuzz;
mod host;
pub mod layers;
pub mod sim;
pub mod tidy;
pub mod vectors;

use std::path::{Path, PathBuf};

/// What was asked for cannot be done as asked: wrong usage, exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The root of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
