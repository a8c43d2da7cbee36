//! Networks of peers in virtual time: what the parts do together.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up is to fail")]

#[path = "network/world.rs"]
mod world;

#[path = "network/fetching.rs"]
mod fetching;
#[path = "network/gathering.rs"]
mod gathering;
#[path = "network/joining.rs"]
mod joining;
#[path = "network/keeping.rs"]
mod keeping;
#[path = "network/liveness.rs"]
mod liveness;
#[path = "network/storing.rs"]
mod storing;
