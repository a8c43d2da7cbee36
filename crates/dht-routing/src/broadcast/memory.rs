//! Which broadcasts are known, and which of them are kept for others.
//!
//! *Invariant:* what is known is forgotten only once it would not be taken any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{AuthorKey, Broadcast, BroadcastId, Moment, SentAt};

use super::{Due, Head, HeardBroadcast, Sending, round};
use crate::{OperationId, Ticket};

/// Broadcasts known, at most.
const KNOWN_MAX: usize = 8_192;

/// Broadcasts kept for others, at most.
pub(super) const KEPT_MAX: usize = 256;

/// Bytes of payloads kept for others, at most.
pub(super) const KEPT_BYTES_MAX: usize = 4_194_304;

/// How long a payload is kept for others.
const KEPT_FOR: Duration = Duration::from_mins(4);

/// Nodes remembered to have a broadcast, at most: as many as a node has close to it, and more than it compares with.
const INFORMED_MAX: usize = 96;

/// Nodes that are asked whether they lack a broadcast before its bytes are sent, at most.
const ASKED_MAX: usize = 64;

/// Whether a broadcast goes to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The application has still to say.
    Judged(Ticket),
    /// Yes. So many rounds of comparing were made.
    Spreading(u8),
}

/// A broadcast kept for others.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    broadcast: Arc<Broadcast>,
    /// Leading bits of those it is to be handed on to.
    depth: u16,
    stage: Stage,
    due: Moment,
    until: Moment,
    /// Those who have it.
    informed: Vec<Head>,
    /// Those who were asked whether they lack it, with the depth they are to get it with.
    asked: Vec<(Head, u16)>,
    /// Delegates that were replaced.
    replaced: u8,
    /// Set where it was made here.
    pub(crate) sending: Option<Box<Sending>>,
}

impl Kept {
    pub(crate) fn broadcast(&self) -> &Arc<Broadcast> {
        &self.broadcast
    }

    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    pub(crate) fn is_spreading(&self) -> bool {
        matches!(self.stage, Stage::Spreading(_))
    }

    pub(crate) fn informed(&self) -> &[Head] {
        &self.informed
    }

    pub(super) fn inform(&mut self, node: Head) {
        if !self.informed.contains(&node) && self.informed.len() < INFORMED_MAX {
            self.informed.push(node);
        }
    }

    /// A delegate is asked first whether it lacks the broadcast.
    pub(crate) fn ask(&mut self, node: Head, depth: u16) {
        if self.asked.len() < ASKED_MAX {
            self.asked.push((node, depth));
        }
    }

    /// The delegate answered, or did not: with which depth it is to get the broadcast.
    pub(crate) fn asked(&mut self, node: Head) -> Option<u16> {
        let index = self.asked.iter().position(|(asked, _)| *asked == node)?;
        Some(self.asked.swap_remove(index).1)
    }

    /// Whether one more delegate may be replaced.
    pub(crate) fn may_replace(&mut self, most: u8) -> bool {
        let may = self.replaced < most;
        self.replaced = self.replaced.saturating_add(1);
        may
    }
}

#[derive(Debug, Clone)]
struct Known {
    author: AuthorKey,
    sent: SentAt,
    kept: Option<Box<Kept>>,
}

/// All that is remembered of broadcasts.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    known: BTreeMap<BroadcastId, Known>,
    /// Those kept, oldest first.
    kept: Vec<BroadcastId>,
    bytes: usize,
    /// When the last one known will be forgotten.
    last: Moment,
    /// Made here, and dropped before all of their delegates had answered.
    abandoned: Vec<(BroadcastId, Box<Sending>)>,
}

impl Memory {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.known.len() < KNOWN_MAX
    }

    pub(super) fn knows(&self, id: &BroadcastId) -> bool {
        self.known.contains_key(id)
    }

    pub(super) fn kept(&self, id: &BroadcastId) -> Option<&Kept> {
        self.known.get(id)?.kept.as_deref()
    }

    pub(super) fn kept_mut(&mut self, id: &BroadcastId) -> Option<&mut Kept> {
        self.known.get_mut(id)?.kept.as_deref_mut()
    }

    /// Those that may be given to others, newest first.
    pub(super) fn spreading(&self) -> impl Iterator<Item = &Kept> {
        let kept = self.kept.iter().rev().filter_map(|id| self.kept(id));
        kept.filter(|kept| kept.is_spreading())
    }

    /// A new one. It does not spread before [`spreading_from`](Self::spreading_from).
    pub(super) fn keep(&mut self, now: Moment, broadcast: Arc<Broadcast>, depth: u16) {
        let (id, size) = (broadcast.id(), broadcast.payload().len());
        while self.kept.len() >= KEPT_MAX || self.bytes.saturating_add(size) > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.first().copied() else { break };
            self.drop_payload(&oldest);
        }
        let known = Known {
            author: *broadcast.author(),
            sent: broadcast.sent(),
            kept: Some(Box::new(Kept {
                broadcast,
                depth,
                stage: Stage::Spreading(0),
                due: Moment::NEVER,
                until: now + KEPT_FOR,
                informed: Vec::new(),
                asked: Vec::new(),
                replaced: 0,
                sending: None,
            })),
        };
        self.last = self.last.max(known.sent.expires());
        self.known.insert(id, known);
        self.kept.push(id);
        self.bytes += size;
    }

    /// One that is known from an earlier run. Its payload is not kept.
    pub(super) fn recall(&mut self, HeardBroadcast { id, author, sent }: HeardBroadcast) {
        self.last = self.last.max(sent.expires());
        self.known.insert(id, Known { author, sent, kept: None });
    }

    /// All that are known.
    pub(super) fn heard(&self) -> impl Iterator<Item = HeardBroadcast> {
        let heard = |(id, known): (&BroadcastId, &Known)| HeardBroadcast {
            id: *id,
            author: known.author,
            sent: known.sent,
        };
        self.known.iter().map(heard)
    }

    /// The outcome of an operation is not waited for any more.
    pub(super) fn give_up(&mut self, operation: OperationId) {
        for id in self.kept.clone() {
            if let Some(kept) = self.kept_mut(&id)
                && kept.sending.as_ref().is_some_and(|sending| sending.operation() == operation)
            {
                kept.sending = None;
            }
        }
    }

    pub(super) fn judging(&mut self, id: &BroadcastId, ticket: Ticket, until: Moment) {
        if let Some(kept) = self.kept_mut(id) {
            (kept.stage, kept.due) = (Stage::Judged(ticket), until);
        }
    }

    pub(super) fn spreading_from(&mut self, id: &BroadcastId, due: Moment) {
        if let Some(kept) = self.kept_mut(id) {
            kept.stage = Stage::Spreading(match kept.stage {
                Stage::Judged(_) => 0,
                Stage::Spreading(rounds) => rounds,
            });
            kept.due = due;
        }
    }

    /// The broadcast is known, and no more than that.
    pub(super) fn drop_payload(&mut self, id: &BroadcastId) {
        if let Some(kept) = self.known.get_mut(id).and_then(|known| known.kept.take()) {
            self.bytes = self.bytes.saturating_sub(kept.broadcast.payload().len());
            self.kept.retain(|other| other != id);
            self.abandoned.extend(kept.sending.map(|sending| (*id, sending)));
        }
    }

    /// Broadcasts made here whose delegates will not be waited for any more. Each is told once.
    pub(super) fn take_abandoned(&mut self) -> Vec<(BroadcastId, Box<Sending>)> {
        std::mem::take(&mut self.abandoned)
    }

    pub(super) fn next_due(&self) -> Moment {
        let of_kept = |id| self.kept(id).map(|kept| kept.due.min(kept.until));
        // Only once nothing is kept any more does it matter when the last is forgotten.
        self.kept.iter().filter_map(of_kept).min().unwrap_or(self.last)
    }

    /// What is due at `now`. A round moves on to the next one.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Due> {
        let mut due = Vec::new();
        for index in 0..self.kept.len() {
            let Some(id) = self.kept.get(index).copied() else { break };
            let Some(kept) = self.kept_mut(&id).filter(|kept| kept.due <= now) else { continue };
            kept.due = Moment::NEVER;
            due.push(match kept.stage {
                Stage::Judged(ticket) => Due::Unjudged(id, ticket),
                Stage::Spreading(rounds) => {
                    kept.stage = Stage::Spreading(rounds.saturating_add(1).min(round::ROUNDS));
                    Due::Round(id, rounds)
                }
            });
        }
        due
    }

    /// Drops payloads whose time is up, and forgets what is not current any more; `forgotten` is told of whom.
    pub(super) fn forget(&mut self, now: Moment, mut forgotten: impl FnMut(&AuthorKey)) {
        let is_over = |id: &&BroadcastId| self.kept(id).is_none_or(|kept| kept.until <= now);
        let over: Vec<BroadcastId> = self.kept.iter().filter(is_over).copied().collect();
        for id in &over {
            self.drop_payload(id);
        }
        let is_known = |id: &BroadcastId, known: &mut Known| {
            let is_known = known.sent.expires() > now || self.kept.contains(id);
            if !is_known {
                forgotten(&known.author);
            }
            is_known
        };
        self.known.retain(is_known);
    }
}

#[cfg(test)]
mod tests {
    use dht_proto::{AuthorSecret, NetworkId, SentAt};

    use super::*;

    fn broadcast(number: u64, size: usize) -> Arc<Broadcast> {
        let secret = AuthorSecret::from_seed(&[1; 32]);
        let payload = vec![0; size].into();
        Arc::new(
            Broadcast::sign(&secret, NetworkId::default(), SentAt(1_000 + number), payload)
                .unwrap(),
        )
    }

    #[test]
    fn payloads_are_kept_within_bounds_of_number_and_bytes_and_stay_known() {
        let mut memory = Memory::default();
        let now = Moment::from_secs(1);
        (0..300).for_each(|number| memory.keep(now, broadcast(number, 10), 0));
        assert_eq!((memory.kept.len(), memory.bytes), (KEPT_MAX, 10 * KEPT_MAX));
        assert!(memory.kept(&broadcast(0, 10).id()).is_none());
        (1_000..1_070).for_each(|number| memory.keep(now, broadcast(number, 65_536), 0));
        assert!(memory.bytes <= KEPT_BYTES_MAX && memory.kept.len() == 64, "{}", memory.bytes);
        assert!((0..300).all(|number| memory.knows(&broadcast(number, 10).id())));
    }

    #[test]
    fn a_payload_is_dropped_before_the_broadcast_is_forgotten() {
        let mut memory = Memory::default();
        let now = Moment::from_secs(1);
        let one = broadcast(0, 10);
        memory.keep(now, one.clone(), 0);
        memory.forget(now + KEPT_FOR, |_| panic!("not yet"));
        assert!(memory.knows(&one.id()) && memory.kept(&one.id()).is_none());
        assert_eq!(memory.bytes, 0);
        assert_eq!(memory.next_due(), one.sent().expires());
        let mut forgotten = Vec::new();
        memory.forget(one.sent().expires(), |author| forgotten.push(*author));
        assert_eq!(forgotten, [*one.author()]);
        assert!(memory.is_empty());
    }

    #[test]
    fn rounds_are_told_once_each() {
        let mut memory = Memory::default();
        let now = Moment::from_secs(1);
        let id = broadcast(0, 10).id();
        memory.keep(now, broadcast(0, 10), 0);
        assert!(memory.due(now).is_empty());
        memory.spreading_from(&id, now);
        assert_eq!(memory.due(now), [Due::Round(id, 0)]);
        assert!(memory.due(now).is_empty());
        memory.spreading_from(&id, now);
        assert_eq!(memory.due(now), [Due::Round(id, 1)]);
    }
}
