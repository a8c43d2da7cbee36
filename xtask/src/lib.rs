//! The project's own commands, as a library so that the gates also run inside `cargo test --workspace`.
//!
//! Each module is one command. They work from the root of the workspace, need no network, and fail with
//! a message that says what to do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "these are command-line tools")]

pub mod ci;
pub mod codegen;
pub mod layers;
pub mod sim;
pub mod tidy;
pub mod vectors;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
