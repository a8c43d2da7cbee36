//! The one clock of a node.
//!
//! Invariant: it never jumps. The wall clock is read once, at the start; from then on the monotonic clock
//! is added to it, so that lives of records count from the Unix epoch while corrections of the wall clock
//! end none of them early.

use std::time::{SystemTime, UNIX_EPOCH};

use dht_proto::Moment;
use tokio::time::Instant;

/// Turns instants of the runtime into [`Moment`]s since the Unix epoch, and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall: Moment,
    started: Instant,
}

impl Clock {
    /// Reads both clocks.
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: Moment::EPOCH + wall, started: Instant::now() }
    }

    /// The present.
    pub(crate) fn now(&self) -> Moment {
        self.wall + self.started.elapsed()
    }

    /// When the clock was started.
    pub(crate) fn started(&self) -> Moment {
        self.wall
    }

    /// The instant to sleep until for `moment` to have come.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.started + moment.since(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moment_has_come_once_its_instant_has() {
        let clock = Clock::start();
        let moment = clock.now() + Duration::from_micros(1_500);

        tokio::time::sleep_until(clock.instant(moment)).await;

        assert!(clock.now() >= moment);
        assert!(clock.now().since(moment) < Duration::from_millis(3));
    }
}
