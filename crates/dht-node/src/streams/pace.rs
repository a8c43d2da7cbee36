//! The lowest rate at which a transfer may move before its stream is closed.

use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;

/// Requires `quota` bytes in each `span`: whoever sends a byte a second does not hold a stream for long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    span: Duration,
    quota: u64,
    moved: u64,
    deadline: Instant,
}

impl Pace {
    /// A transfer that starts now.
    pub(crate) fn start(limits: &Limits) -> Self {
        let span = limits.stream_stall;
        let quota = u64::from(limits.stream_rate).saturating_mul(span.as_secs().max(1));
        Self { span, quota, moved: 0, deadline: Instant::now() + span }
    }

    /// Bytes have moved. Each full quota gives another span.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        if self.moved >= self.quota {
            self.moved = 0;
            self.deadline = Instant::now() + self.span;
        }
    }

    /// When the transfer is too slow, unless more moves.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_full_quota_of_bytes_moves_the_deadline() {
        let limits = Limits::default().stream_stall(Duration::from_secs(10)).stream_rate(100);
        let start = Instant::now();
        let mut pace = Pace::start(&limits);
        tokio::time::advance(Duration::from_secs(4)).await;

        pace.moved(999);
        assert_eq!(pace.deadline(), start + Duration::from_secs(10));

        pace.moved(1);
        assert_eq!(pace.deadline(), start + Duration::from_secs(14));
    }
}
