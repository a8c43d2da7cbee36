//! Whom a broadcast is handed on to: delegates in the buckets that a node answers for.
//!
//! The nodes that share at least `depth` leading bits with us lie in our buckets from `depth` on. Of a bucket with
//! more nodes than we know, two delegates get the broadcast for all of them, with a depth of one bit more. Where we
//! know everybody, everybody gets it, and has nobody to hand it on to.

use dht_proto::Contact;

use super::{Head, expected_in};
use crate::random::Random;
use crate::table::{Entry, RoutingTable};

/// The depth that leaves nobody to hand a broadcast on to.
pub(crate) const LEAF: u16 = 256;

/// Delegates of a bucket. If there were only one, and it kept a broadcast to itself, a whole part of the network would
/// have to wait for the repair.
const DELEGATES: usize = 2;

/// Delegates that are replaced because they did not answer, at most.
pub(crate) const REPLACED_MAX: u8 = 8;

/// Somebody who is to get a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delegate {
    pub(crate) contact: Contact,
    pub(crate) depth: u16,
}

/// Who gets a broadcast that came with `depth`, but for those who have it.
pub(crate) fn delegates(
    table: &RoutingTable,
    k: usize,
    depth: u16,
    informed: &[Head],
    random: &mut Random,
) -> Vec<Delegate> {
    let mut delegates = Vec::new();
    for zeros in usize::from(depth)..table.depth() {
        let bucket = table.bucket(zeros);
        if is_complete(table, k, zeros) {
            let members = bucket.filter(|entry| !informed.contains(&entry.head()));
            delegates.extend(members.map(|e| Delegate { contact: e.contact(), depth: LEAF }));
            continue;
        }
        let depth = depth_within(zeros);
        let chosen = pick(bucket, DELEGATES, informed, random);
        delegates.extend(chosen.into_iter().map(|contact| Delegate { contact, depth }));
    }
    delegates
}

/// Another delegate in the place of one that did not answer, given the depth that it had. Nobody where it had
/// nobody to hand the broadcast on to.
pub(crate) fn replacement(
    table: &RoutingTable,
    depth: u16,
    informed: &[Head],
    random: &mut Random,
) -> Option<Delegate> {
    let zeros = usize::from(depth.checked_sub(1)?);
    if depth == LEAF {
        return None;
    }
    let contact = pick(table.bucket(zeros), 1, informed, random).pop()?;
    Some(Delegate { contact, depth })
}

/// How large a part of the network a delegate with `depth` answers for, in nodes.
pub(crate) fn share(table: &RoutingTable, depth: u16) -> u64 {
    match depth.checked_sub(1) {
        Some(zeros) if depth < LEAF => expected_in(table, usize::from(zeros)).max(1),
        _ => 1,
    }
}

fn depth_within(zeros: usize) -> u16 {
    u16::try_from(zeros + 1).unwrap_or(LEAF)
}

/// Whether we know about everybody in a bucket's part of the space.
fn is_complete(table: &RoutingTable, k: usize, zeros: usize) -> bool {
    table.bucket(zeros).len() < k && expected_in(table, zeros) < 2 * k as u64
}

/// Random entries of a bucket.
fn pick<'a>(
    bucket: impl Iterator<Item = Entry<'a>>,
    count: usize,
    informed: &[Head],
    random: &mut Random,
) -> Vec<Contact> {
    let mut candidates: Vec<Entry<'_>> =
        bucket.filter(|entry| !informed.contains(&entry.head())).collect();
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count && !candidates.is_empty() {
        let index = usize::try_from(random.below(candidates.len() as u64)).unwrap_or(0);
        chosen.push(candidates.swap_remove(index).contact());
    }
    chosen
}
