//! The `dht` binary as people and programs meet it: spawned processes, pipes and terminals.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod application;
mod console_pipe;
#[cfg(unix)]
mod console_terminal;
mod data_dir;
mod harness;
mod help;
mod network;
#[cfg(unix)]
mod signals;
mod signed;
mod usage;
mod values;
