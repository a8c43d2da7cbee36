//! What the pure parts cost: the closest contacts of a full table, and a lookup in a network of thousands.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dht_proto::{Contact, Key, Moment, NodeIdentity, Nonce, PublicKey};
use dht_routing::{Lookup, RoutingTable};

/// Nodes of the network.
const NODES: u32 = 10_000;

fn contact(number: u32) -> Contact {
    let public = PublicKey::from_bytes(*Key::content(&number.to_le_bytes()).as_bytes());
    let [_, a, b, c] = number.to_be_bytes();
    Contact::new(NodeIdentity::new(public, Nonce(0)), ([10, a, b, c], 3_000).into())
}

fn target(number: u32) -> Key {
    Key::named(&number.to_le_bytes())
}

/// A table that was told of everybody.
fn full_table(own: u32) -> RoutingTable {
    let mut table = RoutingTable::new(contact(own).id(), 16);
    for number in (0..NODES).filter(|number| *number != own) {
        table.answered(Moment::EPOCH, contact(number), Duration::from_millis(50));
    }
    table
}

fn closest(criterion: &mut Criterion) {
    let table = full_table(0);
    let mut number = 0;
    criterion.bench_function(&format!("closest 16 of {} in a table", table.len()), |bencher| {
        bencher.iter(|| {
            number += 1;
            black_box(table.closest(&target(number), 16, |_| true))
        });
    });
}

/// A lookup with what sixteen tables answer, from the first question to the last.
fn lookup(criterion: &mut Criterion) {
    let tables: Vec<RoutingTable> = (0..16).map(full_table).collect();
    let mut number = 0;
    let mut run = || {
        number += 1;
        let target = target(number);
        let seeds = tables.first().map(|table| table.closest(&target, 16, |_| true));
        let mut lookup = Lookup::new(target, 16, 3, None, seeds.into_iter().flatten());
        let mut steps = 0;
        while let Some(next) = lookup.next_to_ask() {
            steps += 1;
            for found in tables
                .iter()
                .cycle()
                .nth(steps)
                .iter()
                .flat_map(|t| t.closest(&target, 16, |_| true))
            {
                lookup.add(found);
            }
            lookup.answered(&next.id());
        }
        steps
    };
    let steps = run();
    criterion.bench_function(
        &format!("a lookup of about {steps} steps, tables included"),
        |bencher| {
            bencher.iter(|| black_box(run()));
        },
    );
}

criterion_group!(benches, closest, lookup);
criterion_main!(benches);
