//! What a store on disk does a second, and how long it takes to open.
//!
//! `acknowledged` stores 900 bytes a record, each batch flushed as a node flushes what came while it wrote the
//! last one; the goal for a node is 2,000 a second. `open` opens 500 MB of such records, closed well and
//! after a crash; the file is made once, in the directory for temporary files.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark ends in a panic where something is not as it must be"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dht_proto::{Custody, KindSet, Moment, Purpose, Record, Slot, Source, Summary, Terms, Value};
use dht_store::{DiskOptions, DiskStore, RecordStore};

const NOW: Moment = Moment::from_secs(1_000_000);

/// Record `number`, of `length` bytes.
fn record(number: u64, length: usize) -> Record {
    let mut bytes = vec![0x5a; length];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Record::content(Value::new(bytes).unwrap())
}

/// From one of two hundred senders, for an hour or two.
fn terms(number: u64) -> Terms {
    let sender = u8::try_from(1 + number % 200).unwrap();
    Terms {
        expires: NOW + Duration::from_secs(3_600 + number % 3_600),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::from_bytes([sender; 16]),
        expected: None,
        replaces: false,
    }
}

fn open(path: &Path) -> DiskStore {
    DiskStore::open(path, DiskOptions::new().capacity(2_000_000_000)).unwrap()
}

fn acknowledged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("acknowledged");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    for batch in [1_u64, 16, 64, 256] {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(&directory.path().join("records.redb"));
        let mut next = 0;
        group.throughput(Throughput::Elements(batch));
        group.bench_function(format!("900_bytes_in_batches_of_{batch}"), |bencher| {
            bencher.iter_batched(
                || {
                    next += batch;
                    (next - batch..next).map(|n| (n, record(n, 900))).collect::<Vec<_>>()
                },
                |records| {
                    for (number, record) in records {
                        store.save(NOW, record, terms(number)).unwrap();
                    }
                    store.flush().unwrap();
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Fills a store with 500 MB of records of 900 bytes.
fn fill(path: &Path) {
    let mut store = open(path);
    let mut number = 0;
    while store.usage().bytes < 500_000_000 {
        store.save(NOW, record(number, 900), terms(number)).unwrap();
        number += 1;
    }
    store.flush().unwrap();
}

fn large(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records.redb");
    fill(&path);
    let mut group = criterion.benchmark_group("500_MB");
    group.sample_size(10);
    group.bench_function("open", |bencher| {
        bencher.iter_custom(|times| {
            let timed = |_| {
                let start = Instant::now();
                let store = open(&path);
                let taken = start.elapsed();
                drop(store);
                taken
            };
            (0..times).map(timed).sum()
        });
    });
    let crashed = directory.path().join("crashed.redb");
    let mut store = open(&path);
    store.save(NOW, record(u64::MAX, 900), terms(0)).unwrap();
    store.flush().unwrap();
    group.bench_function("open_after_a_crash", |bencher| {
        bencher.iter_custom(|times| {
            let timed = |_| {
                // A copy of an open file is what a crash leaves.
                std::fs::copy(&path, &crashed).unwrap();
                let start = Instant::now();
                let store = open(&crashed);
                let taken = start.elapsed();
                drop(store);
                taken
            };
            (0..times).map(timed).sum()
        });
    });
    let listed = store.list(NOW, Slot::FIRST, usize::MAX).unwrap();
    let mut wanted = listed.iter().step_by(997).cycle();
    group.bench_function("load", |bencher| {
        bencher.iter(|| {
            let Summary { slot, .. } = wanted.next().unwrap();
            store.load(NOW, slot.key, KindSet::ALL, 900).unwrap().unwrap()
        });
    });
    group.bench_function("list_a_page_of_1000", |bencher| {
        let mut from = listed.iter().step_by(1_009).cycle();
        bencher.iter(|| store.list(NOW, from.next().unwrap().slot, 1_000).unwrap());
    });
    group.finish();
}

criterion_group!(benches, acknowledged, large);
criterion_main!(benches);
