//! Greetings: bare addresses whose identity is asked for, with repetition until an answer or the end.
//!
//! An answered greeting proves nothing about the node; it only tells which key to seal a request for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::Moment;

use crate::OperationId;

/// When a greeting is repeated, counted from the first: the whole stays below five seconds, the time in
/// which a command line tells that nobody answers.
const SCHEDULE: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_millis(1_750),
    Duration::from_millis(3_500),
];

#[derive(Debug, Clone)]
struct Greeting {
    operations: Vec<OperationId>,
    sent: Moment,
    repetitions: usize,
    due: Moment,
}

/// A greeting whose deadline passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// To be sent again.
    Again(SocketAddr),
    /// Given up; these operations waited for it.
    Silent(SocketAddr, Vec<OperationId>),
}

/// Greetings that wait for an answer, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Greetings {
    pending: BTreeMap<SocketAddr, Greeting>,
}

impl Greetings {
    /// `operation` wants to know who is at `addr`. Returns whether a greeting is to be sent now.
    pub(crate) fn greet(&mut self, now: Moment, addr: SocketAddr, operation: OperationId) -> bool {
        if let Some(greeting) = self.pending.get_mut(&addr) {
            if !greeting.operations.contains(&operation) {
                greeting.operations.push(operation);
            }
            return false;
        }
        let greeting = Greeting {
            operations: vec![operation],
            sent: now,
            repetitions: 0,
            due: now + SCHEDULE[0],
        };
        self.pending.insert(addr, greeting);
        true
    }

    /// Somebody answered from `addr`: who waited for it, and the round-trip time where it can be told.
    pub(crate) fn greeted(
        &mut self,
        now: Moment,
        addr: SocketAddr,
    ) -> Option<(Vec<OperationId>, Option<Duration>)> {
        let greeting = self.end(&addr)?;
        let rtt = (greeting.repetitions == 0).then(|| now.since(greeting.sent));
        Some((greeting.operations, rtt))
    }

    /// An operation ended: nothing is greeted for it any more.
    pub(crate) fn disown(&mut self, operation: OperationId) {
        self.pending.retain(|_, greeting| {
            greeting.operations.retain(|waiting| *waiting != operation);
            !greeting.operations.is_empty()
        });
        self.shrink();
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.pending.values().map(|greeting| greeting.due).min()
    }

    /// The next greeting whose deadline has passed at `now`.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Due> {
        let (addr, greeting) = self.pending.iter_mut().find(|(_, g)| g.due <= now)?;
        let addr = *addr;
        greeting.repetitions += 1;
        if let Some(next) = SCHEDULE.get(greeting.repetitions) {
            greeting.due = (greeting.sent + *next).max(now);
            return Some(Due::Again(addr));
        }
        let operations = self.end(&addr)?.operations;
        Some(Due::Silent(addr, operations))
    }

    fn end(&mut self, addr: &SocketAddr) -> Option<Greeting> {
        let greeting = self.pending.remove(addr);
        self.shrink();
        greeting
    }

    /// An emptied map keeps a node of eleven greetings; most peers greet nobody again once they have joined.
    fn shrink(&mut self) {
        if self.pending.is_empty() {
            self.pending = BTreeMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ONE: OperationId = OperationId(1);
    const TWO: OperationId = OperationId(2);

    fn addr() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 3_000))
    }

    #[test]
    fn a_silent_address_is_greeted_four_times_within_five_seconds() {
        let mut greetings = Greetings::default();
        assert!(greetings.greet(Moment::EPOCH, addr(), ONE));
        let mut sent = 1;
        loop {
            let due = greetings.next_due().unwrap();
            assert!(due < Moment::from_secs(5));
            match greetings.pop_due(due).unwrap() {
                Due::Again(_) => sent += 1,
                Due::Silent(silent, operations) => {
                    assert_eq!((silent, operations), (addr(), vec![ONE]));
                    break;
                }
            }
        }
        assert_eq!(sent, 4);
        assert_eq!(greetings.next_due(), None);
    }

    #[test]
    fn two_operations_share_one_greeting() {
        let mut greetings = Greetings::default();
        assert!(greetings.greet(Moment::EPOCH, addr(), ONE));
        assert!(!greetings.greet(Moment::EPOCH, addr(), TWO));
        greetings.disown(ONE);
        let (operations, rtt) = greetings.greeted(Moment::from_millis(7), addr()).unwrap();
        assert_eq!((operations, rtt), (vec![TWO], Some(Duration::from_millis(7))));
        assert!(greetings.greeted(Moment::from_millis(8), addr()).is_none());
    }
}
