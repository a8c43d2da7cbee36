//! The event queue: what happens next in virtual time.
//!
//! A calendar queue (Brown, CACM 1988): near events lie in a ring of buckets of four milliseconds, far ones in
//! a heap; only the bucket under the cursor is kept in order. Events of one instant come out in the order
//! they were pushed.
//!
//! Invariant: every event in the ring is later than every event that could be in `current`, and every
//! event in `far` is later than every event in the ring.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use dht_proto::Moment;

/// Microseconds in a bucket, as a power of two.
const BUCKET_SHIFT: u32 = 12;
/// Buckets in the ring: sixteen virtual seconds, more than nearly every delivery, timeout and check is away.
const BUCKETS: usize = 4_096;

/// Events ordered by time, then by the order they were pushed.
#[derive(Debug, Clone)]
pub(crate) struct Queue<T> {
    pushed: u64,
    length: usize,
    /// Bucket number that `current` stands for.
    cursor: u64,
    current: BinaryHeap<Entry<T>>,
    ring: Vec<Vec<Entry<T>>>,
    /// One bit for each bucket of the ring that is not empty.
    occupied: [u64; BUCKETS / 64],
    far: BinaryHeap<Entry<T>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    at: u64,
    sequence: u64,
    event: T,
}

impl<T> Entry<T> {
    fn bucket(&self) -> u64 {
        self.at >> BUCKET_SHIFT
    }
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            pushed: 0,
            length: 0,
            cursor: 0,
            current: BinaryHeap::new(),
            ring: (0..BUCKETS).map(|_| Vec::new()).collect(),
            occupied: [0; BUCKETS / 64],
            far: BinaryHeap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, at: Moment, event: T) {
        let entry = Entry { at: at.as_micros(), sequence: self.pushed, event };
        self.pushed += 1;
        self.length += 1;
        self.place(entry);
    }

    /// Time of the next event.
    pub(crate) fn next_at(&mut self) -> Option<Moment> {
        if self.current.is_empty() {
            self.advance();
        }
        self.current.peek().map(|entry| Moment::from_micros(entry.at))
    }

    pub(crate) fn pop(&mut self) -> Option<(Moment, T)> {
        if self.current.is_empty() {
            self.advance();
        }
        let entry = self.current.pop()?;
        self.length -= 1;
        Some((Moment::from_micros(entry.at), entry.event))
    }

    fn place(&mut self, entry: Entry<T>) {
        let bucket = entry.bucket();
        if bucket <= self.cursor {
            self.current.push(entry);
        } else if bucket - self.cursor < BUCKETS as u64 {
            let index = ring_index(bucket);
            self.occupied[index / 64] |= 1 << (index % 64);
            self.ring[index].push(entry);
        } else {
            self.far.push(entry);
        }
    }

    /// Moves the cursor to the next bucket that has events.
    fn advance(&mut self) {
        let Some(next) = self.next_in_ring().or_else(|| self.far.peek().map(Entry::bucket)) else {
            return;
        };
        self.cursor = next;
        let index = ring_index(next);
        self.occupied[index / 64] &= !(1 << (index % 64));
        // The buffer goes, too: kept for the next round, four thousand would hold what the largest burst took.
        self.current.extend(std::mem::take(&mut self.ring[index]));
        let horizon = self.cursor + BUCKETS as u64;
        while self.far.peek().is_some_and(|entry| entry.bucket() < horizon) {
            if let Some(entry) = self.far.pop() {
                self.place(entry);
            }
        }
    }

    fn next_in_ring(&self) -> Option<u64> {
        let start = ring_index(self.cursor + 1);
        let words = self.occupied.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == words {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (index + BUCKETS - start) % BUCKETS;
                return Some(self.cursor + 1 + ahead as u64);
            }
        }
        None
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below BUCKETS")]
fn ring_index(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}

impl<T> Ord for Entry<T> {
    /// The earliest is the greatest, because the heap gives out the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    #[test]
    fn events_come_out_by_time_and_then_by_order_of_pushing() {
        let mut queue = Queue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (9_000_000_000, 'e'), (1, 'b')] {
            queue.push(Moment::from_micros(at), event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, "abcde");
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn it_agrees_with_sorting_whatever_the_spread_and_the_interleaving() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut queue = Queue::new();
            let mut expected = Vec::new();
            let mut popped = Vec::new();
            let mut now = 0;
            for number in 0..5_000_u64 {
                let spread = [10, 2_000, 500_000, 4_194_304, 60_000_000][random.below(5)];
                let at = now + random.below(spread) as u64;
                queue.push(Moment::from_micros(at), number);
                expected.push((at, number));
                if random.chance(0.5)
                    && let Some((at, event)) = queue.pop()
                {
                    now = at.as_micros();
                    popped.push((now, event));
                }
                if random.chance(0.1) {
                    queue.next_at();
                }
            }
            popped.extend(
                std::iter::from_fn(|| queue.pop()).map(|(at, event)| (at.as_micros(), event)),
            );
            expected.sort_unstable();
            assert_eq!(popped, expected, "seed {seed}");
        }
    }

    #[test]
    fn an_event_before_the_cursor_still_comes_first() {
        let mut queue = Queue::new();
        queue.push(Moment::from_secs(10), 2);
        assert_eq!(queue.next_at(), Some(Moment::from_secs(10)));
        queue.push(Moment::from_secs(1), 1);
        assert_eq!(queue.pop(), Some((Moment::from_secs(1), 1)));
        assert_eq!(queue.pop(), Some((Moment::from_secs(10), 2)));
    }
}
