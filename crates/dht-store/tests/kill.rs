//! A process that stores records is killed at random moments, again and again on the same file. Whatever it
//! acknowledged is there afterwards, and nothing of what it had not finished is there in part.
#![cfg(feature = "disk")]
#![allow(
    clippy::unwrap_used,
    reason = "a test ends in a panic where something is not as it must be"
)]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use dht_proto::{
    AuthorSecret, Custody, KindSet, Moment, Purpose, Record, Salt, Sequence, SignedBody, Slot,
    Source, Terms, Value,
};
use dht_store::{DiskOptions, DiskStore, RecordStore};

/// How often the process is killed.
const KILLS: u32 = 200;
/// The test that is the child.
const CHILD: &str = "a_child_stores_and_acknowledges_until_it_is_killed";
/// Where the child finds its file, and the number of the batch to begin with.
const FILE: &str = "DHT_STORE_KILL_FILE";
const FIRST: &str = "DHT_STORE_KILL_FIRST";

const NOW: Moment = Moment::from_secs(1_000);
const CALLS_PER_BATCH: u64 = 12;

/// Slots in use; each call concerns one of them.
const SLOTS: u64 = 400;

fn mixed(number: u64) -> u64 {
    // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014 (SplitMix64).
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The value that call `number` stores: mostly short, sometimes a megabyte.
fn value(number: u64) -> Value {
    let random = mixed(number);
    let length = match random % 100 {
        0 => 1_000_000,
        1..5 => 100_000,
        5..20 => 5_000,
        20..30 => 0,
        _ => 900,
    };
    let mut bytes = vec![0; length];
    for (position, bytes) in bytes.chunks_mut(8).enumerate() {
        let random = mixed(random ^ position as u64).to_le_bytes();
        bytes.copy_from_slice(&random[..bytes.len()]);
    }
    Value::new(bytes).unwrap()
}

enum Call {
    Save(Record),
    Remove(Slot),
}

/// Call `number`: the same in the parent and in every child.
fn call(number: u64) -> Call {
    let name = mixed(number ^ 0x5eed) % SLOTS;
    let name_bytes = name.to_le_bytes();
    let record = match name % 3 {
        0 => Record::content(value(number)),
        1 => {
            let author = AuthorSecret::from_seed(&[7; 32]);
            let salt = Salt::new(name_bytes.to_vec()).unwrap();
            let is_deleted = mixed(number).is_multiple_of(7);
            let body =
                if is_deleted { SignedBody::Deleted } else { SignedBody::Value(value(number)) };
            Record::sign(&author, salt, Sequence(number), body)
        }
        _ => Record::named(&name_bytes, value(number)),
    };
    // Named records have to go before others can come; content is never replaced, so it goes as well.
    match name % 3 {
        0 if number.is_multiple_of(2) => Call::Remove(Record::content(value(number - 1)).slot()),
        2 if number.is_multiple_of(2) => Call::Remove(record.slot()),
        _ => Call::Save(record),
    }
}

fn terms(number: u64) -> Terms {
    let sources = 5;
    Terms {
        expires: NOW + Duration::from_secs(100 + number),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::from_bytes([u8::try_from(number % sources).unwrap(); 16]),
        expected: None,
        replaces: false,
    }
}

fn options() -> DiskOptions {
    DiskOptions::new().capacity(1_000_000_000)
}

fn calls_of(batch: u64) -> std::ops::Range<u64> {
    batch * CALLS_PER_BATCH..(batch + 1) * CALLS_PER_BATCH
}

/// What the store holds after some batches: the digest in each slot, and when it ends.
type Model = BTreeMap<Slot, (Record, Moment)>;

fn apply(model: &mut Model, batch: u64) {
    for number in calls_of(batch) {
        match call(number) {
            Call::Remove(slot) => drop(model.remove(&slot)),
            Call::Save(record) => {
                let expires = terms(number).expires;
                let is_taken = model.get(&record.slot()).is_some_and(|(held, _)| {
                    held.as_signed().is_none() && held.digest() != record.digest()
                });
                if !is_taken {
                    model.insert(record.slot(), (record, expires));
                }
            }
        }
    }
}

/// What a child does: batch after batch, each told on stdout once it is flushed.
#[test]
fn a_child_stores_and_acknowledges_until_it_is_killed() {
    let (Ok(file), Ok(first)) = (env::var(FILE), env::var(FIRST)) else {
        // Run among the other tests, which is not meant.
        return;
    };
    let mut store = DiskStore::open(Path::new(&file), options()).unwrap();
    let mut stdout = std::io::stdout();
    for batch in first.parse::<u64>().unwrap().. {
        for number in calls_of(batch) {
            match call(number) {
                Call::Remove(slot) => drop(store.remove(NOW, slot).unwrap()),
                // A name may be taken; the model knows.
                Call::Save(record) => drop(store.save(NOW, record, terms(number))),
            }
        }
        store.flush().unwrap();
        if writeln!(stdout, "acknowledged {batch}").and_then(|()| stdout.flush()).is_err() {
            return;
        }
    }
}

/// Runs a child from batch `first` on, and kills it some time after it acknowledged `patience` batches. Returns
/// the number of the batch after the last one acknowledged.
fn run_and_kill(file: &Path, first: u64, patience: u64, rounds: u64) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // More words than a child says before it is killed.
    let (heard, hear) = mpsc::sync_channel(10_000);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = stdout.lines().map_while(Result::ok);
        let batches = lines.filter_map(|line| {
            line.split_once("acknowledged ").and_then(|(_, batch)| batch.trim().parse::<u64>().ok())
        });
        for batch in batches {
            if heard.send(batch).is_err() {
                return;
            }
        }
    });
    let mut done = first;
    for _ in 0..patience {
        done = hear.recv_timeout(Duration::from_mins(1)).unwrap() + 1;
    }
    // So that the end comes at any point of the work, not always right after a word.
    std::hint::black_box((0..rounds).fold(0, |last, _| mixed(last)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    hear.try_iter().last().map_or(done, |batch| batch + 1)
}

fn matches(store: &DiskStore, model: &Model) -> Result<(), String> {
    let listed = store.list(NOW, Slot::FIRST, usize::MAX).unwrap();
    let slots: Vec<_> = listed.iter().map(|summary| summary.slot).collect();
    if !slots.iter().eq(model.keys()) {
        return Err(format!("{} records are listed, {} expected", slots.len(), model.len()));
    }
    for (summary, (record, expires)) in listed.iter().zip(model.values()) {
        let same = summary.digest == record.digest() && summary.sequence == record.sequence();
        if !same || summary.expires != *expires {
            return Err(format!("{summary:?} instead of {record:?}"));
        }
    }
    Ok(())
}

#[test]
fn nothing_acknowledged_is_lost_or_torn_however_often_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.redb");
    let mut model = Model::new();
    let mut done = 0;
    for kill in 0..KILLS {
        let random = mixed(u64::from(kill));
        let acknowledged = run_and_kill(&file, done, random % 6, random / 6 % 1_000_000);
        (done..acknowledged).for_each(|batch| apply(&mut model, batch));
        done = acknowledged;

        let store = DiskStore::open(&file, options()).unwrap();
        if let Err(difference) = matches(&store, &model) {
            // The batch under way may have been flushed and not told of; then all of it is there.
            apply(&mut model, done);
            done += 1;
            matches(&store, &model).unwrap_or_else(|with_it| {
                panic!("kill {kill}, batch {done}: {difference}; with the next batch: {with_it}")
            });
        }
        for (slot, (record, _)) in &model {
            let held = store.load(NOW, slot.key, KindSet::only(slot.kind), usize::MAX).unwrap();
            assert_eq!(held.unwrap().record.as_ref(), Some(record), "kill {kill}");
        }
    }
    assert!(done > 200, "{done} batches were acknowledged");
    assert!(model.len() > 100, "{} records are held", model.len());
}
