//! Requests that were handed to the application, so that none is handed over twice.
//!
//! Invariants: bounded in number and bytes; each entry is in `ends` once. Past a bound the entry that would
//! end first is forgotten first.

use std::collections::{BTreeMap, BTreeSet};

use dht_proto::{Moment, NodeId, Record, Reply, RequestId};

/// Who asked, and under which id.
pub(super) type RequestKey = (NodeId, RequestId);

/// Requests remembered, at most.
const REQUESTS_MAX: usize = 16_384;
/// Bytes of answers remembered, at most.
const BYTES_MAX: usize = 8_000_000;

/// How far a request has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// The application has it.
    Working,
    /// It got this answer.
    Answered(Reply),
}

#[derive(Debug, Clone)]
struct Entry {
    end: Moment,
    standing: Standing,
    bytes: usize,
}

/// The requests remembered.
#[derive(Debug, Clone, Default)]
pub(super) struct Recollection {
    entries: BTreeMap<RequestKey, Entry>,
    ends: BTreeSet<(Moment, RequestKey)>,
    bytes: usize,
}

impl Recollection {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn recall(&self, key: &RequestKey) -> Option<&Standing> {
        self.entries.get(key).map(|entry| &entry.standing)
    }

    /// Notes that the application has a request, until `end` at most.
    pub(super) fn working(&mut self, end: Moment, key: RequestKey) {
        self.put(key, Entry { end, standing: Standing::Working, bytes: 0 });
    }

    /// Notes the answer to a request that the application has, until `end`. Any other is not remembered.
    pub(super) fn answered(&mut self, end: Moment, key: RequestKey, reply: &Reply) {
        if self.recall(&key) == Some(&Standing::Working) {
            let (standing, bytes) = (Standing::Answered(reply.clone()), bytes_of(reply));
            self.put(key, Entry { end, standing, bytes });
        }
    }

    /// Forgets what has ended.
    pub(super) fn forget(&mut self, now: Moment) {
        while let Some((_, key)) = self.ends.first().filter(|(end, _)| *end <= now).copied() {
            self.remove(&key);
        }
    }

    /// When there is something to forget.
    pub(super) fn next_due(&self) -> Option<Moment> {
        self.ends.first().map(|(end, _)| *end)
    }

    fn put(&mut self, key: RequestKey, entry: Entry) {
        self.remove(&key);
        self.bytes += entry.bytes;
        self.ends.insert((entry.end, key));
        self.entries.insert(key, entry);
        while self.entries.len() > REQUESTS_MAX || self.bytes > BYTES_MAX {
            let Some((_, first)) = self.ends.first().copied() else { return };
            self.remove(&first);
        }
    }

    fn remove(&mut self, key: &RequestKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.ends.remove(&(entry.end, *key));
            self.bytes -= entry.bytes;
        }
    }
}

/// About how much memory an answer takes beyond its entry.
fn bytes_of(reply: &Reply) -> usize {
    let value = match reply {
        Reply::Custom { payload } => payload.len(),
        Reply::Found { record, .. } => Record::size(record),
        Reply::Offered { answers } => size_of_val(answers.as_slice()),
        _ => 0,
    };
    value + size_of_val(reply.closer())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn key(number: u64) -> RequestKey {
        (NodeId::from_bytes([1; 32]), RequestId(number))
    }

    fn reply(length: usize) -> Reply {
        Reply::Custom { payload: Bytes::from(vec![1; length]) }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(seconds)
    }

    #[test]
    fn a_request_is_worked_on_then_answered_then_forgotten() {
        let mut requests = Recollection::default();
        requests.working(at(100), key(1));
        assert_eq!(requests.recall(&key(1)), Some(&Standing::Working));
        requests.answered(at(10), key(1), &reply(5));
        assert_eq!(requests.recall(&key(1)), Some(&Standing::Answered(reply(5))));
        assert_eq!(requests.next_due(), Some(at(10)));
        requests.forget(at(9));
        assert!(!requests.is_empty());
        requests.forget(at(10));
        assert!(requests.is_empty() && requests.next_due().is_none() && requests.bytes == 0);
    }

    #[test]
    fn only_what_the_application_had_a_part_in_is_remembered() {
        let mut requests = Recollection::default();
        requests.answered(at(10), key(1), &reply(5));
        assert!(requests.is_empty());
        requests.working(at(100), key(1));
        requests.answered(at(10), key(1), &reply(5));
        requests.answered(at(20), key(1), &reply(6));
        assert_eq!(requests.recall(&key(1)), Some(&Standing::Answered(reply(5))), "the first");
    }

    #[test]
    fn requests_and_bytes_are_bounded_and_the_oldest_is_forgotten_first() {
        let mut requests = Recollection::default();
        for number in 0..20_000 {
            requests.working(at(number), key(number));
        }
        assert_eq!(requests.entries.len(), REQUESTS_MAX);
        assert!(requests.recall(&key(0)).is_none() && requests.recall(&key(19_999)).is_some());

        let mut requests = Recollection::default();
        for number in 0..300 {
            requests.working(at(1_000), key(number));
            requests.answered(at(number), key(number), &reply(65_536));
        }
        assert!(requests.bytes <= BYTES_MAX && requests.entries.len() == BYTES_MAX / 65_536);
        assert_eq!(requests.entries.len(), requests.ends.len());
    }
}
