//! Records for experiments: storing many, and finding out which are still there.

use std::collections::BTreeSet;
use std::time::Duration;

use dht_proto::{Key, Record, Slot, Ttl, Value};
use dht_routing::{Command, Outcome};
use dht_store::RecordStore;

use super::Host;
use crate::Simulation;
use crate::simulation::{Occurrence, OperationKind, Place};

/// Stores under way at once for each publisher.
const AT_ONCE: usize = 4;
/// Time within which a store must have ended.
const PATIENCE: Duration = Duration::from_mins(2);

/// Has `publishers` store `count` small records of content, each its own. Returns the keys of those that at
/// least one node confirmed to hold.
pub(super) fn store(
    sim: &mut Simulation,
    count: usize,
    publishers: &[Place],
    host: &mut dyn Host,
) -> Vec<Key> {
    store_with(sim, count, publishers, (Ttl::default(), AT_ONCE), host)
}

/// The same with this life, and so many stores under way at once for each publisher.
pub(super) fn store_with(
    sim: &mut Simulation,
    count: usize,
    publishers: &[Place],
    (ttl, at_once): (Ttl, usize),
    host: &mut dyn Host,
) -> Vec<Key> {
    host.phase("storing", count as u64);
    let mut keys = Vec::with_capacity(count);
    let (mut started, mut ended) = (0, 0);
    let mut next = publishers.iter().copied().cycle();
    let mut begin = |sim: &mut Simulation, started: &mut usize| {
        let bytes = [sim.random().bytes32(), sim.random().bytes32()].concat();
        let record = Record::content(Value::new(bytes).unwrap_or_default());
        let command = Command::Store { record, ttl, expected: None };
        if let Some(place) = next.next().filter(|_| *started < count) {
            *started += 1;
            sim.start(place, command);
        }
    };
    for _ in 0..publishers.len() * at_once {
        begin(sim, &mut started);
    }
    let mut until = sim.now() + PATIENCE;
    while ended < count
        && let Some(occurrence) = sim.next(until)
    {
        if let Occurrence::Finished(finished) = occurrence
            && finished.kind == OperationKind::Store
        {
            ended += 1;
            host.advance(ended as u64);
            if let Outcome::Stored(report) = finished.outcome
                && !report.holders.is_empty()
            {
                keys.push(report.key);
            }
            begin(sim, &mut started);
            until = sim.now() + PATIENCE;
        }
    }
    keys
}

/// The keys of all records that a live node holds.
pub(super) fn keys_held(sim: &Simulation) -> BTreeSet<Key> {
    let places = (0..).map(Place).take(sim.places()).filter(|place| sim.is_live(*place));
    let stores = places.filter_map(|place| sim.store(place));
    let held = stores.flat_map(|store| {
        // A store in memory does not fail.
        store.list(sim.now(), Slot::FIRST, usize::MAX).unwrap_or_default()
    });
    held.map(|summary| summary.slot.key).collect()
}
