//! What the fuzz targets of the project do, in one place for three users: ordinary tests, which run the seeds
//! and some thousand mutations of them; long runs on any toolchain (`cargo xtask fuzz`); and libFuzzer, by
//! the programs in `fuzz/`, which are a line each.
//!
//! A [`Target`] is a function of bytes that panics where something is not as it must be. It also tells what it
//! saw, as [`Features`]; a [`Campaign`] keeps inputs that showed something new and mutates those, so that it
//! gets on where it cannot see what code is covered. Seeds are made of `proto/vectors` as they are read,
//! and by the crates themselves: none are kept beside them. Inputs that once made a target panic are, in
//! `regressions`.
//!
//! The same seed gives the same inputs on every machine.
//!
//! What it deliberately is not: a part of what ships. No other crate depends on it.
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "to panic is how a target says that something is wrong"
)]

mod campaign;
mod chance;
mod cursor;
mod features;
mod mutation;
mod target;
mod targets;
mod vectors;

pub use campaign::{Campaign, Crash, Limit, Report};
pub use chance::Chance;
pub use features::Features;
pub use mutation::{Shape, mutate};
pub use target::{TARGETS, Target, find, mutate_in_place, run};
