//! Greetings under way: which addresses were asked who is there, and with which token.
//!
//! Invariant: only the answer that carries the token sent to its very address counts, and once. Greetings
//! that wait are bounded in number and time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::Moment;
use dht_proto::envelope::HelloToken;

/// Greetings that may wait for their answer.
const WAITING: usize = 1_024;

/// How long an answer is waited for. The peer gives up, or greets again, long before.
const PATIENCE: Duration = Duration::from_secs(10);

/// The greetings of a node.
#[derive(Debug, Default)]
pub(crate) struct Greetings {
    sent: BTreeMap<SocketAddr, Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    token: HelloToken,
    at: Moment,
}

impl Greetings {
    /// The token to greet `addr` with: `fresh`, or the one of an earlier greeting that still waits, so
    /// that a late answer to it counts too. `None` if too many wait.
    pub(crate) fn greet(
        &mut self,
        now: Moment,
        addr: SocketAddr,
        fresh: HelloToken,
    ) -> Option<HelloToken> {
        if self.sent.len() >= WAITING && !self.sent.contains_key(&addr) {
            self.sent.retain(|_, sent| now.since(sent.at) < PATIENCE);
            if self.sent.len() >= WAITING {
                return None;
            }
        }
        let sent = self.sent.entry(addr).or_insert(Sent { token: fresh, at: now });
        sent.at = now;
        Some(sent.token)
    }

    /// Whether an answer from `addr` was waited for. It is not any more.
    pub(crate) fn answered(&mut self, now: Moment, addr: SocketAddr, token: HelloToken) -> bool {
        let Some(sent) = self.sent.get(&addr).copied() else { return false };
        if sent.token != token {
            return false;
        }
        self.sent.remove(&addr);
        now.since(sent.at) < PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_secs(100);

    fn addr(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn an_answer_counts_once_with_its_token_from_its_address() {
        let mut greetings = Greetings::default();
        assert_eq!(greetings.greet(NOW, addr(1), HelloToken(77)), Some(HelloToken(77)));

        assert!(!greetings.answered(NOW, addr(1), HelloToken(78)));
        assert!(!greetings.answered(NOW, addr(2), HelloToken(77)));
        assert!(greetings.answered(NOW, addr(1), HelloToken(77)));
        assert!(!greetings.answered(NOW, addr(1), HelloToken(77)));
    }

    #[test]
    fn greeting_again_keeps_the_token() {
        let mut greetings = Greetings::default();
        greetings.greet(NOW, addr(1), HelloToken(77));

        assert_eq!(
            greetings.greet(NOW + Duration::from_secs(1), addr(1), HelloToken(78)),
            Some(HelloToken(77))
        );
    }

    #[test]
    fn an_answer_that_comes_too_late_does_not_count() {
        let mut greetings = Greetings::default();
        greetings.greet(NOW, addr(1), HelloToken(77));

        assert!(!greetings.answered(NOW + PATIENCE, addr(1), HelloToken(77)));
    }

    #[test]
    fn greetings_that_wait_are_bounded_until_they_are_old() {
        let mut greetings = Greetings::default();
        for port in 0..u16::try_from(WAITING).unwrap() {
            assert!(greetings.greet(NOW, addr(port), HelloToken(1)).is_some());
        }

        assert_eq!(greetings.greet(NOW, addr(60_000), HelloToken(1)), None);
        assert_eq!(
            greetings.greet(NOW + PATIENCE, addr(60_000), HelloToken(1)),
            Some(HelloToken(1))
        );
    }
}
