//! Lookups that every live node starts again and again, for the experiments with churn.

use std::time::Duration;

use dht_proto::{Key, Moment, NodeId};
use dht_routing::Command;

use super::Host;
use crate::simulation::{Finished, Occurrence, OperationKind, Place, Simulation};

/// When a node looks something up again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rhythm {
    /// After exactly this time.
    Every(Duration),
    /// After exponentially distributed times with this mean.
    Mean(Duration),
}

/// What is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Targets {
    /// The id of a random live node.
    LiveIds,
    /// A random point.
    Points,
}

/// Has every live node look something up in the given rhythm until `until`, and shows each lookup that ends.
pub(super) fn run(
    sim: &mut Simulation,
    rhythm: Rhythm,
    targets: Targets,
    until: Moment,
    host: &mut dyn Host,
    mut ended: impl FnMut(&mut Simulation, &Finished),
) {
    let start = sim.now();
    for place in 0..sim.places() {
        let pause = first_pause(sim, rhythm);
        sim.set_timer(start + pause, place as u64);
    }
    let mut told = 0;
    while let Some(occurrence) = sim.next(until) {
        match occurrence {
            Occurrence::Timer(token) => {
                let place = Place(u32::try_from(token).unwrap_or(u32::MAX));
                let pause = match rhythm {
                    Rhythm::Every(pause) => pause,
                    Rhythm::Mean(mean) => mean.mul_f64(sim.random().exponential(1.0)),
                };
                let again = sim.now() + pause;
                sim.set_timer(again, token);
                if sim.is_live(place)
                    && let Some(target) = draw_target(sim, place, targets)
                {
                    let id = NodeId::from_bytes(*target.as_bytes());
                    sim.start(
                        place,
                        match targets {
                            Targets::Points => Command::FindNode { target },
                            Targets::LiveIds => Command::Locate { id },
                        },
                    );
                }
            }
            Occurrence::Finished(finished)
                if matches!(finished.kind, OperationKind::FindNode | OperationKind::Locate) =>
            {
                ended(sim, &finished);
            }
            _ => {}
        }
        let passed = sim.now().since(start).as_secs();
        if passed > told {
            told = passed;
            host.advance(passed);
        }
    }
    // Timers that are left in the queue would start lookups in a later run of other targets.
    sim.drop_timers();
}

/// Nodes are spread over the rhythm from the beginning.
fn first_pause(sim: &mut Simulation, rhythm: Rhythm) -> Duration {
    match rhythm {
        Rhythm::Every(pause) => pause.mul_f64(sim.random().unit()),
        Rhythm::Mean(mean) => mean.mul_f64(sim.random().exponential(1.0)),
    }
}

fn draw_target(sim: &mut Simulation, asker: Place, targets: Targets) -> Option<Key> {
    match targets {
        Targets::Points => Some(sim.random().key()),
        Targets::LiveIds => {
            let other = (0..8).find_map(|_| sim.random_live().filter(|place| *place != asker))?;
            sim.identity(other).map(|node| node.id().to_key())
        }
    }
}
