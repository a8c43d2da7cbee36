//! Messages to every node: which are known, which are kept for others, who is told, and when.
//!
//! A broadcast travels down a tree over the buckets (Kadcast, Rohrer and Tschorsch, AFT 2019): whoever gets it
//! with a depth hands it on to delegates in its own buckets from that depth on, each of which is given the part of
//! the space that its bucket stands for ([`tree`]). Delegates acknowledge; one that does not is replaced. What the
//! tree misses, because packets were lost or delegates kept a message to themselves, is repaired: whoever has it
//! compares what it has with others, near and far, in a few rounds ([`round`]), and nodes that lack it get it. Who came
//! too late for all of that catches up ([`catch_up`]).
//!
//! It owns what is remembered of each broadcast; it sends nothing and calls nobody.
//!
//! *Invariant:* a broadcast is remembered for as long as it would be taken, so it is taken once.
//! *Invariant:* payloads are kept within bounds of number, bytes and time.

use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    AuthorKey, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, Contact, Moment, NodeId,
    SentAt,
};

use crate::random::Random;
use crate::table::RoutingTable;
use crate::{OperationId, Ticket};

mod allowance;
mod catch_up;
mod expectation;
mod memory;
pub(crate) mod round;
mod sending;
pub(crate) mod tree;

pub(crate) use allowance::{AUTHOR_LIVE_MAX, AUTHOR_RATE};
pub(crate) use memory::Kept;
pub(crate) use sending::Sending;

use allowance::Allowances;
use catch_up::CatchUp;
use expectation::Expectations;
use memory::Memory;

/// How long the application may take to say whether a broadcast is forwarded.
pub(crate) const VERDICT_PATIENCE: Duration = Duration::from_secs(1);

/// The first bytes of a node's id: enough to tell apart the few that a broadcast was exchanged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head(pub(crate) u64);

impl Head {
    pub(crate) fn of(id: &NodeId) -> Self {
        Self(id.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes))
    }
}

/// A broadcast that was taken, without its payload: what is to outlive a process, so that the next one does not give
/// it to the application again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardBroadcast {
    /// Which it is.
    pub id: BroadcastId,
    /// Whose it is: of one author only so many live at a time.
    pub author: AuthorKey,
    /// When it was sent: so it is known when it would not be taken any more, and can be forgotten.
    pub sent: SentAt,
}

/// How a broadcast comes to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From its sender, or by the tree, to be handed on to those who share so many bits with us.
    Tree {
        /// Leading bits.
        depth: u16,
    },
    /// We were found to lack it: it lay hidden from us, and so perhaps from others around.
    Repair,
    /// It was sent before we came. Others have it.
    CatchUp,
}

/// What a peer knows of broadcasts. Made for the first one, dropped after the last.
#[derive(Debug, Clone)]
pub(crate) struct Broadcasts {
    memory: Memory,
    allowances: Allowances,
    expectations: Expectations,
    catching_up: Option<Box<CatchUp>>,
    last_sent: SentAt,
}

impl Broadcasts {
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::default(),
            allowances: Allowances::new(),
            expectations: Expectations::default(),
            catching_up: None,
            last_sent: SentAt(0),
        }
    }

    /// When a broadcast that is signed at `now` is said to be sent: never twice the same.
    pub(crate) fn stamp(&mut self, now: Moment) -> SentAt {
        self.last_sent = SentAt::of(now).max(SentAt(self.last_sent.0.saturating_add(1)));
        self.last_sent
    }

    /// Takes a broadcast that came in, or was made here, if it is new, current and its author may send it.
    /// Then it is kept, and waits to be spread.
    pub(crate) fn take(
        &mut self,
        now: Moment,
        broadcast: &Arc<Broadcast>,
        way: Way,
    ) -> BroadcastVerdict {
        let id = broadcast.id();
        if self.memory.knows(&id) {
            return BroadcastVerdict::Have;
        }
        let (author, size) = (*broadcast.author(), broadcast.payload().len());
        let is_taken = broadcast.sent().is_current(now)
            && self.memory.has_room()
            // What was sent over minutes comes at once here.
            && match way {
                Way::CatchUp => self.allowances.allow_late(&author),
                Way::Tree { .. } | Way::Repair => self.allowances.allow(now, &author, size),
            };
        if !is_taken {
            return BroadcastVerdict::Refused;
        }
        let depth = match way {
            Way::Tree { depth } => depth,
            Way::Repair | Way::CatchUp => tree::LEAF,
        };
        self.memory.keep(now, broadcast.clone(), depth);
        BroadcastVerdict::Taken
    }

    /// Remembers a broadcast of an earlier run, if it would be taken otherwise. Returns whether it is remembered.
    pub(crate) fn recall(&mut self, heard: HeardBroadcast) -> bool {
        let is_new = !self.memory.knows(&heard.id);
        let has_room = || self.memory.has_room();
        let is_recalled = is_new && has_room() && self.allowances.allow_late(&heard.author);
        if is_recalled {
            self.memory.recall(heard);
        }
        is_recalled
    }

    /// All that are remembered.
    pub(crate) fn heard(&self) -> impl Iterator<Item = HeardBroadcast> {
        self.memory.heard()
    }

    /// What to say of an id that `source` has, and whether it is to be sent here.
    pub(crate) fn compare(
        &mut self,
        now: Moment,
        id: BroadcastId,
        source: Head,
    ) -> BroadcastVerdict {
        if self.memory.knows(&id) {
            self.informed(&id, source);
            return BroadcastVerdict::Have;
        }
        self.expectations.expect(now, id, source)
    }

    /// Whether an id that another node has is to be pulled from it, as `size` bytes.
    pub(crate) fn lacks(&mut self, now: Moment, id: BroadcastId, source: Head) -> bool {
        self.compare(now, id, source) == BroadcastVerdict::Wanted
    }

    /// A broadcast came. Whether it was waited for: somebody had told us of it.
    pub(crate) fn came(&mut self, id: &BroadcastId) -> bool {
        if let Some(catch_up) = &mut self.catching_up {
            catch_up.came(id);
        }
        self.expectations.met(id)
    }

    /// Whoever was to send a broadcast does not.
    pub(crate) fn did_not_come(&mut self, id: &BroadcastId) {
        if let Some(catch_up) = &mut self.catching_up {
            catch_up.did_not_come(id);
        }
        self.expectations.met(id);
    }

    /// A node has a broadcast, or is told of it by us: it needs no comparing for its sake any more.
    pub(crate) fn informed(&mut self, id: &BroadcastId, node: Head) {
        if let Some(kept) = self.memory.kept_mut(id) {
            kept.inform(node);
        }
    }

    pub(crate) fn kept(&self, id: &BroadcastId) -> Option<&Kept> {
        self.memory.kept(id)
    }

    pub(crate) fn kept_mut(&mut self, id: &BroadcastId) -> Option<&mut Kept> {
        self.memory.kept_mut(id)
    }

    /// A broadcast that may be given to others.
    pub(crate) fn to_give(&self, id: &BroadcastId) -> Option<Arc<Broadcast>> {
        let kept = self.memory.kept(id).filter(|kept| kept.is_spreading())?;
        Some(kept.broadcast().clone())
    }

    /// Broadcasts that may be given to others, newest first, but for those in `told`, and the first of the others.
    pub(crate) fn entries_besides(&self, told: &[BroadcastId], skip: u32) -> Vec<BroadcastEntry> {
        let others = self.memory.spreading().filter(|kept| !told.contains(&kept.broadcast().id()));
        let others = others.skip(usize::try_from(skip).unwrap_or(usize::MAX));
        others.take(dht_proto::limits::BROADCASTS_MAX).map(entry_of).collect()
    }

    /// The application is asked whether the broadcast is forwarded.
    pub(crate) fn judging(&mut self, now: Moment, id: &BroadcastId, ticket: Ticket) {
        self.memory.judging(id, ticket, now + VERDICT_PATIENCE);
    }

    /// The application does not want the broadcast to be forwarded: it is remembered, and no more than that.
    pub(crate) fn withhold(&mut self, id: &BroadcastId) {
        self.memory.drop_payload(id);
    }

    /// The broadcast is spread from now on; its first round of comparing is at `due`.
    pub(crate) fn spreading(&mut self, id: &BroadcastId, due: Moment) {
        self.memory.spreading_from(id, due);
    }

    /// When [`due`](Self::due) or [`forget`](Self::forget) has something to do.
    pub(crate) fn next_due(&self) -> Moment {
        match &self.catching_up {
            None if self.memory.is_empty() => self.expectations.last(),
            None => self.memory.next_due(),
            Some(catch_up) if self.memory.is_empty() => catch_up.next_due(),
            Some(catch_up) => self.memory.next_due().min(catch_up.next_due()),
        }
    }

    /// The broadcasts whose time has come at `now`, and what for. Each is told once.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<Due> {
        self.memory.due(now)
    }

    /// Ids to compare with others, `lead` first, then the newest.
    pub(crate) fn ids_to_compare(&self, lead: BroadcastId) -> Vec<BroadcastId> {
        let others = self.memory.spreading().map(|kept| kept.broadcast().id());
        let others = others.filter(|id| *id != lead);
        let ids = std::iter::once(lead).chain(others);
        ids.take(dht_proto::limits::BROADCASTS_MAX).collect()
    }

    /// All that may be given to others, the newest first, as many as one message names.
    pub(crate) fn ids_to_offer(&self) -> Vec<BroadcastId> {
        let ids = self.memory.spreading().map(|kept| kept.broadcast().id());
        ids.take(dht_proto::limits::BROADCASTS_MAX).collect()
    }

    /// We have come, or come back.
    pub(crate) fn catch_up(&mut self, now: Moment) {
        if !self.catching_up.as_ref().is_some_and(|catch_up| catch_up.goes_on()) {
            self.catching_up = Some(Box::new(CatchUp::new(now)));
        }
    }

    /// Begins a round of catching up if its time has come. Returns how many nodes to ask.
    pub(crate) fn catch_up_round(&mut self, now: Moment, random: &mut Random) -> Option<usize> {
        self.catching_up.as_mut()?.round(now, random)
    }

    /// A node is asked what it has.
    pub(crate) fn catch_up_asks(&mut self, head: Head) {
        if let Some(catch_up) = &mut self.catching_up {
            catch_up.asks(head);
        }
    }

    /// It told. Returns how many to skip on its next page, if there is one to ask for.
    pub(crate) fn catch_up_told(&mut self, by: &Contact, more: &[BroadcastEntry]) -> Option<u32> {
        let memory = &self.memory;
        self.catching_up.as_mut()?.told(by, more, |id| memory.knows(id))
    }

    /// It did not.
    pub(crate) fn catch_up_silent(&mut self, head: Head) {
        if let Some(catch_up) = &mut self.catching_up {
            catch_up.silent(head);
        }
    }

    /// The next broadcast to pull in order to catch up, and from whom.
    pub(crate) fn next_pull(&mut self) -> Option<(BroadcastEntry, Contact)> {
        let memory = &self.memory;
        self.catching_up.as_mut()?.next_pull(|id| memory.knows(id))
    }

    /// Drops payloads that were kept long enough, and forgets what would not be taken again. Returns whether
    /// anything is left.
    pub(crate) fn forget(&mut self, now: Moment) -> bool {
        let allowances = &mut self.allowances;
        self.memory.forget(now, |author| allowances.forget(author));
        if self.catching_up.as_ref().is_some_and(|catch_up| catch_up.is_over(now)) {
            self.catching_up = None;
        }
        !self.memory.is_empty() || self.catching_up.is_some() || self.expectations.last() > now
    }

    /// Broadcasts made here whose payload is not kept any more though not all delegates have answered: time leapt, or
    /// others needed the room. Each is told once.
    pub(crate) fn take_abandoned(&mut self) -> Vec<(BroadcastId, Box<Sending>)> {
        self.memory.take_abandoned()
    }

    /// The outcome of an operation is not waited for any more.
    pub(crate) fn give_up(&mut self, operation: OperationId) {
        self.memory.give_up(operation);
    }
}

/// What is to be done with a broadcast whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// The application took too long to say whether it is forwarded.
    Unjudged(BroadcastId, Ticket),
    /// The next round of comparing: its number, from 0 on.
    Round(BroadcastId, u8),
}

fn entry_of(kept: &Kept) -> BroadcastEntry {
    BroadcastEntry::of(kept.broadcast())
}

/// About how many nodes there are in a bucket's part of the space.
pub(crate) fn expected_in(table: &RoutingTable, zeros: usize) -> u64 {
    let bits = u32::try_from(zeros + 1).unwrap_or(u32::MAX);
    table.network_size().checked_shr(bits).unwrap_or(0)
}
