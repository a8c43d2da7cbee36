//! Values of 5 MB, beside a raw copy of as many bytes and their bare hash.
//!
//! A value is stored with sixteen copies, each sent, verified and confirmed; then a node without a copy fetches it.

use std::time::Duration;

use crate::network::Network;
use crate::times::Times;
use crate::work::{Dice, Score, fetch, store};
use crate::{BenchError, Host, Plan, floor, runtime};

/// Length of the values.
const BYTES: usize = dht_node::VALUE_MAX;

/// Figures of long values. Times are medians.
#[derive(Debug, Clone, Copy, Default)]
pub struct BulkReport {
    /// Seconds until a value was stored, all copies confirmed.
    pub put_s: f64,
    /// Seconds until one was fetched and verified.
    pub get_s: f64,
    /// Copies confirmed, for each value.
    pub copies: f64,
    /// Share of stores and fetches that succeeded.
    pub ok: f64,
    /// Seconds for a raw copy by TCP on the same runtime.
    pub tcp_s: f64,
    /// Seconds for the bare hash.
    pub blake3_s: f64,
    /// A store over as many raw copies as it made.
    pub put_over_copies: f64,
    /// A fetch over a raw copy.
    pub get_over_tcp: f64,
}

/// Measures stores and fetches of values of 5 MB.
pub fn bulk(plan: &Plan, host: &mut dyn Host) -> Result<BulkReport, BenchError> {
    runtime(plan.threads)?.block_on(run(plan, host))
}

async fn run(plan: &Plan, host: &mut dyn Host) -> Result<BulkReport, BenchError> {
    let (mut dice, mut askers) = (Dice::of(3), Dice::of(4));
    let sample = dice.value(BYTES);
    let tcp = floor::tcp_copy(&sample, plan.transfers.max(1)).await?;
    let hashed = floor::hash(&sample, plan.transfers.max(1));

    let network = Network::start(plan.nodes, host).await?;
    network.settled(host).await?;
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for _ in 0..plan.transfers {
        // One at a time, so that no more than one is in memory besides what the nodes hold.
        let (mut kept, put) = store(&network, vec![dice.value(BYTES)], 1, host).await?;
        gets.push(fetch(&network, &mut kept, &mut askers, 1, host).await);
        puts.push(put);
    }
    network.end().await;

    let successes: usize = puts.iter().chain(&gets).map(Score::successes).sum();
    let copies: usize = puts.iter().map(|put| put.copies).sum();
    let copies = crate::times::share(copies, puts.len());
    let (put, get) = (middle(&puts), middle(&gets));
    let over =
        |time: Duration, whole: f64| if whole > 0.0 { time.as_secs_f64() / whole } else { 0.0 };
    Ok(BulkReport {
        put_s: put.as_secs_f64(),
        get_s: get.as_secs_f64(),
        copies,
        ok: crate::times::share(successes, puts.len() + gets.len()),
        tcp_s: tcp.as_secs_f64(),
        blake3_s: hashed.as_secs_f64(),
        put_over_copies: over(put, tcp.as_secs_f64() * copies),
        get_over_tcp: over(get, tcp.as_secs_f64()),
    })
}

fn middle(scores: &[Score]) -> Duration {
    let done = scores.iter().filter(|score| score.successes() > 0);
    done.map(|score| score.times.median()).collect::<Times>().median()
}
