//! Rounds of comparing: with whom, and when.
//!
//! What a tree misses is a whole part of the space, where a delegate kept a broadcast to itself, or single nodes,
//! where packets were lost. So a node compares with somebody in each of its buckets, and with those close to it,
//! whose own neighbourhood it is. Nodes known to have the broadcast are left out: of two neighbours one compares.

use std::time::Duration;

use dht_proto::{Contact, NodeId};

use super::Head;
use crate::random::Random;
use crate::table::RoutingTable;

/// Rounds at most.
pub(crate) const ROUNDS: u8 = 6;

/// Time to the first round: most of the tree is done by then.
const FIRST: Duration = Duration::from_millis(1_200);

/// Time to the first round of a node that somebody else's comparing brought the broadcast to: where it lay
/// hidden, others around lack it too.
const FIRST_REPAIRED: Duration = Duration::from_millis(50);

/// How much longer the time to each further round is, as a fraction.
const GROWTH: (u32, u32) = (5, 2);

/// Those close to us that are compared with in the first round, and in each further one.
const CLOSE_PER_ROUND: (usize, usize) = (8, 4);

/// Buckets that somebody is compared with of in each round after the first, which goes to all of them.
const BUCKETS_PER_ROUND: usize = 1;

/// How long after a broadcast came, or after round `rounds`, the next one is; `None` after the last.
pub(crate) fn pause(rounds: u8, repaired: bool, random: &mut Random) -> Option<Duration> {
    let mut pause = if repaired && rounds == 0 { FIRST_REPAIRED } else { FIRST };
    for _ in 1..rounds {
        pause = pause * GROWTH.0 / GROWTH.1;
    }
    (rounds < ROUNDS).then(|| random.jitter(pause))
}

/// Whom to compare with in round `round`, but for those who have the broadcast.
pub(crate) fn partners(
    (table, local, k): (&RoutingTable, &NodeId, usize),
    round: u8,
    informed: &[Head],
    random: &mut Random,
) -> Vec<Contact> {
    let is_open = |head: Head| !informed.contains(&head);
    let close = table.closest_entries(&local.to_key(), k, |_| true);
    let mut near: Vec<_> = close.iter().filter(|entry| is_open(entry.head())).collect();
    let mut partners: Vec<Contact> = Vec::new();
    let most = if round == 0 { CLOSE_PER_ROUND.0 } else { CLOSE_PER_ROUND.1 };
    while partners.len() < most && !near.is_empty() {
        let index = draw(near.len(), random);
        partners.push(near.swap_remove(index).contact());
    }
    let full = |zeros: &usize| table.bucket(*zeros).len() >= k;
    let mut buckets: Vec<usize> = (0..table.depth()).filter(full).collect();
    while round > 0 && buckets.len() > BUCKETS_PER_ROUND {
        buckets.swap_remove(draw(buckets.len(), random));
    }
    for zeros in buckets {
        let open: Vec<_> = table.bucket(zeros).filter(|entry| is_open(entry.head())).collect();
        if let Some(entry) = open.get(draw(open.len(), random)) {
            partners.push(entry.contact());
        }
    }
    partners
}

fn draw(bound: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap_or(0)
}
