//! Spending no more than a budget: requests of the upkeep of records wait here until there is one for them.
//!
//! A bucket of requests and one of bytes fill up with time, to a second's worth each. What waits goes by
//! priority, then in the order it came. A value longer than what is in the bucket goes all the same once
//! the bucket is not empty, and leaves a debt.

use std::collections::BTreeMap;
use std::time::Duration;

use dht_proto::{Contact, Moment, Request};

use crate::OperationId;

/// How much more may be spent while we leave: there is no later, and it takes ten seconds at most.
const HURRY: u32 = 10;
/// Requests that wait, at most; operations have so few at once that they do not come near.
const WAITING_MAX: usize = 1_024;

/// What goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Handing over before we leave.
    Leave,
    /// Handing over to a node that has come.
    Newcomer,
    /// Records that another holder wants.
    Bytes,
    /// Comparing.
    Sweep,
    /// Renewing what we published.
    Publication,
    /// Learning of everything there is, for a mirror.
    Mirror,
}

/// How much may be spent in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) requests: u32,
    pub(crate) bytes: u32,
}

/// What is left to spend. Counted in millionths of a request or byte.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    rate: Rate,
    requests: i64,
    bytes: i64,
    at: Moment,
}

const UNIT: i64 = 1_000_000;

impl Budget {
    pub(crate) fn new(rate: Rate) -> Self {
        let full = |rate: u32| i64::from(rate) * UNIT;
        Self { rate, requests: full(rate.requests), bytes: full(rate.bytes), at: Moment::EPOCH }
    }

    /// Spends one request of so many bytes, if there is anything left.
    pub(crate) fn spend(&mut self, now: Moment, bytes: usize) -> bool {
        self.fill(now);
        if self.requests < UNIT || self.bytes <= 0 {
            return false;
        }
        self.requests -= UNIT;
        self.bytes -= i64::try_from(bytes).unwrap_or(i64::MAX / UNIT).saturating_mul(UNIT);
        true
    }

    /// When there is something left again.
    pub(crate) fn ready_at(&self) -> Moment {
        let wait = |missing: i64, rate: u32| {
            let missing = u64::try_from(missing).unwrap_or(0);
            Duration::from_micros(missing.div_ceil(u64::from(rate.max(1))))
        };
        let requests = wait(UNIT - self.requests, self.rate.requests);
        self.at + requests.max(wait(1 - self.bytes, self.rate.bytes))
    }

    fn fill(&mut self, now: Moment) {
        let micros = i64::try_from(now.since(self.at).as_micros()).unwrap_or(i64::MAX);
        let filled = |level: i64, rate: u32| {
            let full = i64::from(rate) * UNIT;
            level.saturating_add(micros.saturating_mul(i64::from(rate))).min(full)
        };
        self.requests = filled(self.requests, self.rate.requests);
        self.bytes = filled(self.bytes, self.rate.bytes);
        self.at = self.at.max(now);
    }
}

/// A request that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) operation: OperationId,
    pub(crate) to: Contact,
    pub(crate) request: Request,
    pub(crate) tries: u8,
    /// About how many bytes it takes.
    pub(crate) bytes: usize,
}

/// Requests that wait for their share of the budget.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    rate: Rate,
    budget: Budget,
    waiting: BTreeMap<(Priority, u64), Box<Waiting>>,
    next: u64,
}

impl Pacer {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, budget: Budget::new(rate), waiting: BTreeMap::new(), next: 0 }
    }

    /// Has a request wait; gives it back where there is no room.
    pub(crate) fn add(
        &mut self,
        priority: Priority,
        waiting: Box<Waiting>,
    ) -> Result<(), Box<Waiting>> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(waiting);
        }
        self.waiting.insert((priority, self.next), waiting);
        self.next += 1;
        Ok(())
    }

    /// We leave: from now on ten times as much may be spent.
    pub(crate) fn hurry(&mut self) {
        let Rate { requests, bytes } = self.rate;
        self.budget.rate =
            Rate { requests: requests.saturating_mul(HURRY), bytes: bytes.saturating_mul(HURRY) };
    }

    /// What waits for an operation that has ended is not sent any more.
    pub(crate) fn disown(&mut self, operation: OperationId) {
        if !self.waiting.is_empty() {
            self.waiting.retain(|_, waiting| waiting.operation != operation);
        }
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.waiting.is_empty()).then(|| self.budget.ready_at())
    }

    /// The next request that there is a budget for at `now`.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<Box<Waiting>> {
        let bytes = self.waiting.first_key_value()?.1.bytes;
        if !self.budget.spend(now, bytes) {
            return None;
        }
        let (_, waiting) = self.waiting.pop_first()?;
        if self.waiting.is_empty() {
            self.waiting = BTreeMap::new();
        }
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    const RATE: Rate = Rate { requests: 10, bytes: 1_000 };

    fn waiting(operation: u64, bytes: usize) -> Box<Waiting> {
        let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(0));
        let to = Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        let operation = OperationId(operation);
        Box::new(Waiting { operation, to, request: Request::Ping, tries: 1, bytes })
    }

    /// Lets everything go, and tells when each request went.
    fn run(pacer: &mut Pacer, mut now: Moment) -> Vec<(u64, Moment)> {
        let mut gone = Vec::new();
        while let Some(due) = pacer.next_due() {
            now = now.max(due);
            gone.push((pacer.pop(now).unwrap().operation.0, now));
        }
        gone
    }

    #[test]
    fn no_more_requests_go_than_the_rate_after_a_second_s_worth() {
        let mut pacer = Pacer::new(RATE);
        let start = Moment::from_secs(5);
        (0..30).for_each(|n| pacer.add(Priority::Sweep, waiting(n, 1)).unwrap());
        let gone = run(&mut pacer, start);
        assert!(gone[9].1 == start && gone[10].1 > start);
        assert_eq!(gone[29].1.since(start), Duration::from_secs(2));
    }

    #[test]
    fn ten_times_as_much_goes_while_we_leave() {
        let mut pacer = Pacer::new(RATE);
        let start = Moment::from_secs(5);
        pacer.hurry();
        pacer.hurry();
        (0..150).for_each(|n| pacer.add(Priority::Leave, waiting(n, 1)).unwrap());
        let gone = run(&mut pacer, start);
        assert!(gone[99].1 == start && gone[100].1 > start);
        assert_eq!(gone[149].1.since(start), Duration::from_millis(500));
    }

    #[test]
    fn a_long_value_goes_and_leaves_a_debt() {
        let mut pacer = Pacer::new(RATE);
        let start = Moment::from_secs(5);
        pacer.add(Priority::Bytes, waiting(1, 5_000)).unwrap();
        pacer.add(Priority::Bytes, waiting(2, 1)).unwrap();
        let gone = run(&mut pacer, start);
        assert_eq!(gone[0], (1, start));
        assert_eq!(gone[1].1.since(start).as_secs(), 4);
    }

    #[test]
    fn what_matters_more_goes_first_and_ended_operations_do_not_go() {
        let mut pacer = Pacer::new(RATE);
        pacer.add(Priority::Publication, waiting(1, 1)).unwrap();
        pacer.add(Priority::Sweep, waiting(2, 1)).unwrap();
        pacer.add(Priority::Leave, waiting(3, 1)).unwrap();
        pacer.add(Priority::Sweep, waiting(4, 1)).unwrap();
        pacer.disown(OperationId(4));
        let gone: Vec<u64> = run(&mut pacer, Moment::EPOCH).iter().map(|(n, _)| *n).collect();
        assert_eq!(gone, [3, 2, 1]);
    }

    #[test]
    fn only_so_many_wait() {
        let mut pacer = Pacer::new(RATE);
        let added =
            (0..2_000).filter(|n| pacer.add(Priority::Sweep, waiting(*n, 1)).is_ok()).count();
        assert_eq!(added, WAITING_MAX);
    }
}
