//! Whether a request is new, or a recording of one: what changes something is taken once.
//!
//! Every seal nonce tells when it was made. What is older than the window, or from the future, or from before this
//! node started, is not taken unless a cookie proves that it was sealed just now; what is younger is remembered for
//! longer than it stays acceptable.
//!
//! Invariant: bounded: when there is no more room nothing is taken until some of it is free.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dht_proto::Moment;
use dht_proto::envelope::SealNonce;
use dht_proto::limits::FRESH_SECONDS;

use crate::Drops;

/// How far a stamp may be from our clock.
const FRESH_FOR: Duration = Duration::from_secs(FRESH_SECONDS);

/// How long a nonce is remembered, at least: a cookie lives for twice the window, and so does a stamp from the future.
const MEMORY: Duration = FRESH_FOR.saturating_mul(2);

/// Nonces remembered in that time.
const NONCES: usize = 1 << 20;

/// What a request is, by its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// New.
    Fresh,
    /// Too old, or by another clock.
    Stale,
    /// Taken before, or there is no room to tell.
    Repeated,
}

/// What was taken lately, known to the node's task and its streams alike: what came by one way must not come again
/// by the other.
#[derive(Debug, Clone)]
pub(crate) struct Freshness(Arc<Mutex<Nonces>>);

impl Freshness {
    /// Of a node that starts at `now`.
    pub(crate) fn new(now: Moment) -> Self {
        Self(Arc::new(Mutex::new(Nonces::new(now))))
    }

    /// Judges a request, and remembers it if it is fresh. `proven` if a cookie came with it.
    pub(crate) fn take(&self, now: Moment, nonce: &SealNonce, proven: bool) -> Age {
        self.nonces().take(now, nonce, proven)
    }

    /// Adds what was not taken.
    pub(crate) fn count(&self, drops: &mut Drops) {
        let nonces = self.nonces();
        drops.stale += nonces.stale;
        drops.replayed += nonces.replayed;
    }

    fn nonces(&self) -> MutexGuard<'_, Nonces> {
        // Whatever panicked, a set of numbers is still one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nonces of what was taken.
#[derive(Debug)]
struct Nonces {
    started: Moment,
    since: Moment,
    /// Parts of the nonces of the present time span, and of the one before.
    recent: HashSet<u64>,
    before: HashSet<u64>,
    stale: u64,
    replayed: u64,
}

impl Nonces {
    fn new(now: Moment) -> Self {
        // Stamps are cut to the millisecond.
        let started = Moment::from_millis(now.as_micros() / 1_000);
        let (recent, before) = (HashSet::new(), HashSet::new());
        Self { started, since: now, recent, before, stale: 0, replayed: 0 }
    }

    fn take(&mut self, now: Moment, nonce: &SealNonce, proven: bool) -> Age {
        let sealed = nonce.sealed_at();
        let is_recent = sealed >= self.started
            && now.since(sealed) <= FRESH_FOR
            && sealed.since(now) <= FRESH_FOR;
        if !is_recent && !proven {
            self.stale += 1;
            return Age::Stale;
        }
        self.turn(now);
        let part = u64::from_le_bytes(nonce.tag().0);
        if self.before.contains(&part) || self.recent.len() >= NONCES || !self.recent.insert(part) {
            self.replayed += 1;
            return Age::Repeated;
        }
        Age::Fresh
    }

    fn turn(&mut self, now: Moment) {
        let elapsed = now.since(self.since);
        if elapsed < MEMORY {
            return;
        }
        self.before = std::mem::take(&mut self.recent);
        if elapsed >= MEMORY * 2 {
            self.before = HashSet::new();
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::from_secs(1_000_000);
    const NOW: Moment = Moment::from_secs(1_001_000);

    fn nonce(number: u64, sealed: Moment) -> SealNonce {
        let mut random = [0; 18];
        random[..8].copy_from_slice(&number.to_le_bytes());
        SealNonce::new(random, sealed)
    }

    #[test]
    fn a_request_is_taken_once_for_as_long_as_it_could_be_taken() {
        let mut nonces = Nonces::new(START);
        for (number, sealed) in [(1, NOW), (2, NOW - FRESH_FOR), (3, NOW + FRESH_FOR)] {
            let nonce = nonce(number, sealed);
            assert_eq!(nonces.take(NOW, &nonce, false), Age::Fresh);
            for seconds in 0..1_000 {
                let now = NOW + Duration::from_secs(seconds);
                assert_ne!(nonces.take(now, &nonce, false), Age::Fresh, "{seconds} s");
            }
        }
    }

    #[test]
    fn what_is_old_or_from_the_future_or_older_than_the_node_is_stale() {
        let mut nonces = Nonces::new(START);
        let moment = Duration::from_millis(1);
        let mut age = |now, sealed| nonces.take(now, &nonce(1, sealed), false);
        assert_eq!(age(NOW, NOW - FRESH_FOR - moment), Age::Stale);
        assert_eq!(age(NOW, NOW + FRESH_FOR + moment), Age::Stale);
        assert_eq!(age(START, START - moment), Age::Stale);
    }

    #[test]
    fn a_cookie_makes_up_for_another_clock_and_that_once() {
        let mut nonces = Nonces::new(START);
        for sealed in [Moment::EPOCH, NOW + Duration::from_hours(10_000)] {
            let nonce = nonce(sealed.as_micros(), sealed);
            assert_eq!(nonces.take(NOW, &nonce, true), Age::Fresh);
            // As long as the cookie may live.
            for seconds in 0..=240 {
                let now = NOW + Duration::from_secs(seconds);
                assert_eq!(nonces.take(now, &nonce, true), Age::Repeated, "{seconds} s");
            }
        }
    }

    #[test]
    fn very_many_requests_take_no_more_room_and_none_is_taken_twice() {
        let mut nonces = Nonces::new(START);
        for number in 0..NONCES as u64 {
            assert_eq!(nonces.take(NOW, &nonce(number, NOW), false), Age::Fresh);
        }
        assert_eq!(nonces.take(NOW, &nonce(u64::MAX, NOW), false), Age::Repeated);
        let later = NOW + MEMORY;
        assert_eq!(nonces.take(later, &nonce(u64::MAX, later), false), Age::Fresh);
        assert_eq!(nonces.take(later, &nonce(7, later), false), Age::Repeated);
        assert_eq!(nonces.recent.len() + nonces.before.len(), NONCES + 1);
    }
}
