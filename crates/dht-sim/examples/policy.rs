//! What happens to stores when every third node keeps no record above 500 bytes?
//!
//! An application decides with `on_store` what its nodes keep. Before a network runs such a policy, a
//! simulation tells what it does to it. `cargo run --release -p dht-sim --example policy`
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::time::Duration;

use dht_proto::{KindSet, Record, Refusal, Ttl, Value};
use dht_routing::{Command, Outcome};
use dht_sim::{Occurrence, Place, Samples, Simulation};

const NODES: usize = 500;
const VALUES: u64 = 200;

fn policy(place: Place, record: &Record) -> Result<(), Refusal> {
    if place.0.is_multiple_of(3) && record.size() > 500 {
        return Err(Refusal::Policy { reason: "records above 500 bytes are not kept here".into() });
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sim = Simulation::builder().nodes(NODES).seed(7).on_save(policy).build()?;
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
                    let value = Value::new(sim.random().bytes32().repeat(20))?;
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
