//! `speed`: how fast the simulator itself is, and how small.

use std::time::Duration;

use super::churn::per;
use super::requests::{self, Rhythm, Targets};
use super::{Host, Plan, settled};
use crate::{BuildError, Churn, Rejoin, Sessions, TraceHash};

const HOUR: Duration = Duration::from_hours(1);

/// How one run of the simulator went.
#[derive(Debug, Clone, Copy)]
pub struct SpeedReport {
    /// Virtual time over real time, of the hour under churn.
    pub times_real_time: f64,
    /// Events a real second, of the same hour.
    pub events_per_s: f64,
    /// Events of that hour.
    pub events: u64,
    /// Resident memory of the settled network, by node. Holes that joining left in it are counted.
    pub bytes_per_node: f64,
    /// Resident memory at the end, in bytes.
    pub resident: u64,
    /// Real time the joining took.
    pub joining: Duration,
    /// Hash over every event from the first node on.
    pub trace: TraceHash,
}

/// A network under churn (Weibull sessions of shape 0.5 and 10,000 s on average, strangers take the places of
/// those who left) in which every node looks up a random point every 10 minutes: one hour of it.
pub fn speed(plan: &Plan, host: &mut dyn Host) -> Result<SpeedReport, BuildError> {
    let start = host.wall();
    let mut sim = settled(plan.builder(), host)?;
    let joining = host.wall().saturating_sub(start);
    let bytes_per_node = per(host.resident(), super::share(sim.live(), 1));
    sim.set_churn(Churn {
        sessions: Sessions::Weibull { shape: 0.5, mean: Duration::from_secs(10_000) },
        absences: None,
        rejoin: Rejoin::Fresh,
        orderly: 0.0,
    });
    let (start, events) = (host.wall(), sim.events());
    host.phase("an hour of churn", HOUR.as_secs());
    let until = sim.now() + HOUR;
    let rhythm = Rhythm::Mean(Duration::from_mins(10));
    requests::run(&mut sim, rhythm, Targets::Points, until, host, |_, _| {});
    let took = host.wall().saturating_sub(start).as_secs_f64();
    let events = sim.events() - events;
    Ok(SpeedReport {
        times_real_time: if took > 0.0 { HOUR.as_secs_f64() / took } else { 0.0 },
        events_per_s: per(events, took),
        events,
        bytes_per_node,
        resident: host.resident(),
        joining,
        trace: sim.trace(),
    })
}
