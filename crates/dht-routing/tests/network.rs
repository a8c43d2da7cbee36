//! Networks of peers in virtual time: what the parts do together.

#[path = "network/world.rs"]
mod world;

#[path = "network/fetching.rs"]
mod fetching;
#[path = "network/joining.rs"]
mod joining;
#[path = "network/liveness.rs"]
mod liveness;
#[path = "network/storing.rs"]
mod storing;
