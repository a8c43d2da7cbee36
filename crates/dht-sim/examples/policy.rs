//! What happens to stores when every third node keeps nothing but JSON under 500 bytes, and takes its time?
//!
//! An application decides with `on_store` what its node keeps. Before a network runs such a policy, a
//! simulation tells what it does to it: `policy` below is asked exactly what `Node::builder().on_store(..)` asks
//! a node's application. `cargo run --release -p dht-sim --example policy`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use dht_proto::{KindSet, Record, Ttl, Value};
use dht_routing::{Command, Consultation, Outcome, Verdict};
use dht_sim::{Occurrence, Place, Samples, Simulation};

const NODES: usize = 500;
const VALUES: u64 = 200;

/// How long the application takes to decide.
const THINKING: Duration = Duration::from_millis(300);

/// The application of every third node.
fn policy(place: Place, consultation: &Consultation) -> Verdict {
    if !place.0.is_multiple_of(3) {
        return Verdict::Accept;
    }
    if consultation.size() > 500 {
        return Verdict::refuse("values above 500 bytes are not kept here");
    }
    // A value that is only offered so far is judged when it comes.
    match consultation.value() {
        Some(value) if !looks_like_json(value.as_bytes()) => Verdict::refuse("not JSON"),
        _ => Verdict::Accept,
    }
}

fn looks_like_json(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.starts_with(b"{") && text.ends_with(b"}")
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sim =
        Simulation::builder().nodes(NODES).seed(7).on_store(policy).thinking(THINKING).build()?;
    sim.settle(Duration::from_mins(2), |_, _| {});
    println!("{NODES} nodes have joined: {:?}", sim.table_health());

    // Timers drive the workload: one store every 200 ms, then one fetch every 200 ms.
    let start = sim.now();
    for number in 0..2 * VALUES {
        sim.set_timer(start + Duration::from_millis(200) * u32::try_from(number)?, number);
    }
    let mut keys = Vec::new();
    let (mut holders, mut refusals, mut lost) = (0, 0, 0);
    let mut fetches = Samples::default();
    while let Some(occurrence) = sim.next(start + Duration::from_mins(3)) {
        match occurrence {
            Occurrence::Timer(number) => {
                let Some(place) = sim.random_live() else { break };
                let index = number.checked_sub(VALUES).map(usize::try_from).transpose()?;
                let key = index.and_then(|index| keys.get(index));
                let command = if let Some(key) = key {
                    Command::Fetch { key: *key, kinds: KindSet::PROVEN }
                } else {
                    let text = format!("{{\"reading\": {number}}}");
                    let padding = if number % 2 == 0 { 0 } else { 600 };
                    let value = Value::new(format!("{text:>padding$}"))?;
                    let record = Record::content(value);
                    keys.push(record.key());
                    Command::Store { record, ttl: Ttl::default(), expected: None }
                };
                sim.start(place, command);
            }
            Occurrence::Finished(ended) => match ended.outcome {
                Outcome::Stored(report) => {
                    holders += report.holders.len();
                    refusals += report.refused.len();
                }
                Outcome::Fetched(Ok(_)) => fetches.push(ended.took),
                Outcome::Fetched(Err(_)) => lost += 1,
                _ => {}
            },
            _ => {}
        }
    }
    println!("{} values: {holders} copies kept, {refusals} refused", keys.len());
    println!(
        "{} fetched, median {:.0} ms; {lost} lost",
        fetches.len(),
        fetches.percentile_ms(50.0)
    );
    println!("trace {}", sim.trace());
    Ok(())
}
