//! Attacks a node as fast as this machine can, while a client stores and fetches through it, and tells how the client
//! fared: `cargo run --release -p dht-node --example attacks`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people, made of parts of tests"
)]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[path = "../tests/attacks/arena.rs"]
mod arena;
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/attacks/weapons.rs"]
mod weapons;

use arena::{Arena, Fared};
use common::builder;
use weapons::{Weapon, launch, liars, other_contacts, other_values};

/// Stores before an attack and during it, each with a fetch.
const ROUNDS: usize = 200;

/// Bytes of values that a node under attack holds.
const CAPACITY: u64 = 50_000_000;

const WEAPONS: [Weapon; 11] = [
    Weapon::Garbage,
    Weapon::OneRequester,
    Weapon::ManyRequesters,
    Weapon::Strangers,
    Weapon::Recordings,
    Weapon::Spoofed,
    Weapon::SlowStreams,
    Weapon::HalfOpenStreams,
    Weapon::Forgeries,
    Weapon::Oversized,
    Weapon::Filling,
];

/// Time between bursts: none to speak of.
const PAUSE: Duration = Duration::from_micros(1);

#[tokio::main]
async fn main() {
    println!(
        "{:<16} {:>10} {:>9} {:>11} {:>11} {:>11} {:>10}",
        "attack", "a second", "success", "p99 before", "p50 during", "p99 during", "memory"
    );
    for weapon in WEAPONS {
        let mut arena = Arena::new(builder().capacity(CAPACITY)).await;
        let start = arena::resident();
        let before = arena.work(ROUNDS).await;
        let attack = launch(weapon, &arena.target, PAUSE);
        let count = || attack.sent.load(Ordering::Relaxed);
        common::until(&arena.target, "is attacked", |_| count() > 1_000).await;
        let (began, sent) = (Instant::now(), count());
        let during = arena.work(ROUNDS).await;
        let rate = rate(count() - sent, began.elapsed());
        tell(&format!("{weapon:?}"), Some(rate), start, &before, &during);
    }
    for (name, lie) in
        [("OtherValues", other_values as fn(&_) -> _), ("OtherContacts", other_contacts)]
    {
        let mut arena = Arena::new(builder().capacity(CAPACITY)).await;
        let start = arena::resident();
        let before = arena.work(ROUNDS).await;
        let _liars = liars(4, &arena.target, lie).await;
        let during = arena.work(ROUNDS).await;
        tell(name, None, start, &before, &during);
    }
}

/// How often something happened in a second.
fn rate(count: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000) / micros
}

/// The time that so many percent of the work did not exceed.
fn percentile(fared: &Fared, percent: usize) -> Duration {
    let last = fared.times.len().saturating_sub(1);
    fared.times.get(last * percent / 100).copied().unwrap_or_default()
}

fn tell(name: &str, rate: Option<u64>, start: u64, before: &Fared, during: &Fared) {
    let rate = rate.map_or_else(|| "4 liars".to_owned(), |rate| rate.to_string());
    let tenths = during.successes * 1_000 / during.attempts.max(1);
    println!(
        "{name:<16} {rate:>10} {:>7}.{} % {:>11.1?} {:>11.1?} {:>11.1?} {:>7} MB",
        tenths / 10,
        tenths % 10,
        percentile(before, 99),
        percentile(during, 50),
        percentile(during, 99),
        during.memory.saturating_sub(start) / 1_000_000,
    );
    for failure in during.failures.iter().take(3) {
        println!("    {failure}");
    }
}
