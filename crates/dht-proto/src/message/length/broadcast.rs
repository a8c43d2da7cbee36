//! Lengths of messages about broadcasts.

use super::{LONG_TAG, bytes, number, sealed_len};
use crate::limits::{BROADCASTS_MAX, DATAGRAM_MAX};
use crate::message::{Body, Message, Reply};
use crate::protobuf::delimited_len;
use crate::{Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict};

impl Message {
    /// How many of `entries`, from the first on, fit the `more` of this answer about broadcasts, which is empty,
    /// within `budget` bytes and [`DATAGRAM_MAX`]. At most [`BROADCASTS_MAX`]; 0 for other messages.
    pub fn broadcasts_that_fit(&self, entries: &[BroadcastEntry], budget: usize) -> usize {
        let Body::Reply(Reply::BroadcastsCompared { verdicts, .. }) = &self.body else { return 0 };
        let budget = budget.min(DATAGRAM_MAX);
        let mut body = bytes(verdicts.len());
        entries
            .iter()
            .take(BROADCASTS_MAX)
            .take_while(|entry| {
                body += entry_len(entry);
                let reply = LONG_TAG + delimited_len(body);
                sealed_len(self.head_len() + delimited_len(reply), false) <= budget
            })
            .count()
    }
}

pub(super) fn broadcast_len(broadcast: &Broadcast, depth: u16) -> usize {
    delimited_len(signed_len(broadcast)) + number(u64::from(depth))
}

pub(super) fn compare_len(held: &[BroadcastId], skip: u32) -> usize {
    held.len() * delimited_len(BroadcastId::LEN) + number(u64::from(skip))
}

pub(super) const fn pull_len() -> usize {
    delimited_len(BroadcastId::LEN)
}

pub(super) fn compared_len(verdicts: &[BroadcastVerdict], more: &[BroadcastEntry]) -> usize {
    bytes(verdicts.len()) + more.iter().map(entry_len).sum::<usize>()
}

pub(super) fn pulled_len(broadcast: Option<&Broadcast>) -> usize {
    broadcast.map_or(0, |broadcast| delimited_len(signed_len(broadcast)))
}

fn signed_len(broadcast: &Broadcast) -> usize {
    let (author, signature) = (delimited_len(32), delimited_len(64));
    author + number(broadcast.sent().0) + signature + bytes(broadcast.payload().len())
}

fn entry_len(entry: &BroadcastEntry) -> usize {
    delimited_len(delimited_len(BroadcastId::LEN) + number(u64::from(entry.size)))
}
