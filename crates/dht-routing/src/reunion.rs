//! Nodes known from an earlier run, to be pinged one by one: after a restart a table is only a list of whom
//! to ask. The first ones, our neighbours, are met at once; the others within about two minutes, so that a
//! network that restarts as a whole does not do all of it in the same seconds.

use std::collections::VecDeque;
use std::time::Duration;

use dht_proto::{Contact, Moment};

/// Nodes that wait to be pinged, at most.
pub(crate) const KNOWN_MAX: usize = 8_192;
/// Shortest time between two pings, and that between the first ones.
const SPACING_MIN: Duration = Duration::from_millis(50);
/// Longest time between two pings.
const SPACING_MAX: Duration = Duration::from_secs(1);
/// Time within which all are pinged, where the shortest spacing allows it.
const SPAN: Duration = Duration::from_mins(2);

/// Who is still to be pinged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reunion {
    waiting: VecDeque<Contact>,
    due: Moment,
    /// How many are still to be pinged at once.
    hurried: usize,
    spacing: Duration,
}

impl Reunion {
    /// Adds nodes, as many as there is room for. The first `hurried` of them will not be kept waiting.
    pub(crate) fn add(&mut self, now: Moment, known: Vec<Contact>, hurried: usize) {
        if self.waiting.is_empty() {
            self.due = now + SPACING_MIN;
            self.hurried = hurried;
        }
        let room = KNOWN_MAX.saturating_sub(self.waiting.len());
        self.waiting.extend(known.into_iter().take(room));
        let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).max(1);
        self.spacing = (SPAN / count).clamp(SPACING_MIN, SPACING_MAX);
    }

    /// Until when nodes are pinged, at most, if there are any left.
    pub(crate) fn ends(&self) -> Option<Moment> {
        let count = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        (count > 0).then(|| self.due + self.spacing * count)
    }

    pub(crate) fn next_due(&self) -> Option<Moment> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    /// The next node to ping at `now`.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Contact> {
        if self.due > now {
            return None;
        }
        let contact = self.waiting.pop_front()?;
        self.due = now + if self.hurried > 0 { SPACING_MIN } else { self.spacing };
        self.hurried = self.hurried.saturating_sub(1);
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(contact)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dht_proto::{NodeIdentity, Nonce, PublicKey};

    use super::*;

    fn contacts(count: u32) -> Vec<Contact> {
        let node = |nonce| NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        (0..count).map(|nonce| Contact::new(node(nonce), addr)).collect()
    }

    #[test]
    fn nodes_are_pinged_one_by_one_in_the_order_they_came() {
        let (mut reunion, known) = (Reunion::default(), contacts(3));
        assert_eq!(reunion.next_due(), None);
        reunion.add(Moment::EPOCH, known.clone(), 0);
        let mut pinged = Vec::new();
        while let Some(due) = reunion.next_due() {
            pinged.push(reunion.pop_due(due).unwrap());
            assert_eq!(reunion.pop_due(due), None, "only one at a time");
        }
        assert_eq!(pinged, known);
    }

    #[test]
    fn only_so_many_wait() {
        let mut reunion = Reunion::default();
        reunion.add(Moment::EPOCH, contacts(10_000), 16);
        assert_eq!(reunion.waiting.len(), KNOWN_MAX);
    }

    #[test]
    fn neighbours_are_met_at_once_and_the_others_within_two_minutes() {
        for (count, most) in [(30, Duration::from_secs(30)), (300, SPAN), (2_400, SPAN)] {
            let mut reunion = Reunion::default();
            reunion.add(Moment::EPOCH, contacts(count), 16);
            let mut pinged = Vec::new();
            while let Some(due) = reunion.next_due() {
                assert!(reunion.ends().is_some_and(|ends| ends > due));
                pinged.push(due);
                reunion.pop_due(due);
            }
            assert!(pinged[15] <= Moment::EPOCH + Duration::from_secs(1));
            let last = pinged.last().map(|last| last.since(Moment::EPOCH)).unwrap();
            assert!(last <= most && last > most / 3, "{count}: {last:?}");
            assert_eq!(reunion.ends(), None);
        }
    }
}
