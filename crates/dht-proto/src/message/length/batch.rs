//! Lengths of messages about many records, and how much of one fits a datagram.

use super::{KEY_FIELD, bytes, details_len, number, refusal_len, sealed_len};
use crate::limits::{BATCH_MAX, CELLS_MAX, COOKIE_LEN, DATAGRAM_MAX, FINGERPRINTS_MAX};
use crate::message::{BatchedOffer, Body, Message, OfferAnswer, Reply, Request};
use crate::protobuf::{delimited_len, varint_len};
use crate::{Cell, CellAnswer, Refusal, Slot};

/// An enum's number of one byte, with its tag.
const ENUM_FIELD: usize = 2;

/// A slot in a field.
const SLOT_FIELD: usize = delimited_len(KEY_FIELD + ENUM_FIELD);

/// What a request may take of a datagram that may also have to carry a cookie.
const REQUEST_MAX: usize = DATAGRAM_MAX - delimited_len(COOKIE_LEN);

impl Message {
    /// How many of `batch`, from the first on, fit this offer of many records or listing, whatever it has
    /// so far: a request with a cookie within [`DATAGRAM_MAX`], a reply, with its `next`, within `budget`
    /// bytes and [`DATAGRAM_MAX`]. At most [`BATCH_MAX`]; 0 for other messages.
    pub fn batch_that_fits(&self, batch: &[BatchedOffer], budget: usize) -> usize {
        let (rest, limit) = match &self.body {
            Body::Request(Request::OfferMany { .. }) => (ENUM_FIELD, REQUEST_MAX),
            Body::Reply(Reply::Listing { .. }) => (SLOT_FIELD, DATAGRAM_MAX.min(budget)),
            Body::Request(_) | Body::Reply(_) => return 0,
        };
        let lengths = batch.iter().take(BATCH_MAX).map(entry_len);
        self.count_that_fit(rest, lengths, limit)
    }

    /// How many of `cells`, from the first on, fit this request to reconcile, whatever it has so far, so
    /// that it travels by datagram. At most [`CELLS_MAX`]; 0 for other messages.
    pub fn cells_that_fit(&self, cells: &[Cell]) -> usize {
        if !matches!(self.body, Body::Request(Request::Reconcile { .. })) {
            return 0;
        }
        self.count_that_fit(0, cells.iter().take(CELLS_MAX).map(cell_len), REQUEST_MAX)
    }

    /// Makes the answers to a request to reconcile fit `budget` bytes, and [`DATAGRAM_MAX`]: lists of
    /// fingerprints are replaced by their count, the longest first; so is any with more than
    /// [`FINGERPRINTS_MAX`]. Other messages stay as they are.
    pub fn shorten_cells(&mut self, budget: usize) {
        let budget = budget.min(DATAGRAM_MAX);
        while self.longest_cell().is_some_and(|cell| told(cell) > FINGERPRINTS_MAX)
            || self.datagram_len() > budget
        {
            let Some(longest) = self.longest_cell() else { return };
            let count = u32::try_from(told(longest)).unwrap_or(u32::MAX);
            *longest = CellAnswer::TooMany { count };
        }
    }

    /// The answer that tells the most fingerprints, if any tells some.
    fn longest_cell(&mut self) -> Option<&mut CellAnswer> {
        let Body::Reply(Reply::Reconciled { cells }) = &mut self.body else { return None };
        cells.iter_mut().max_by_key(|cell| told(cell)).filter(|cell| told(cell) > 0)
    }

    /// How many entries of these lengths fit a body that has `rest` bytes without them.
    fn count_that_fit(
        &self,
        rest: usize,
        lengths: impl Iterator<Item = usize>,
        limit: usize,
    ) -> usize {
        let head = self.head_len();
        let mut body = rest;
        lengths
            .take_while(|length| {
                body += length;
                sealed_len(head + delimited_len(delimited_len(body)), false) <= limit
            })
            .count()
    }
}

/// How many fingerprints an answer tells.
fn told(cell: &CellAnswer) -> usize {
    match cell {
        CellAnswer::Differs { held } => held.len(),
        CellAnswer::Same | CellAnswer::TooMany { .. } => 0,
    }
}

pub(super) fn offer_many_len(offers: &[BatchedOffer]) -> usize {
    ENUM_FIELD + offers.iter().map(entry_len).sum::<usize>()
}

pub(super) fn reconcile_len(cells: &[Cell]) -> usize {
    cells.iter().map(cell_len).sum()
}

pub(super) fn list_len() -> usize {
    SLOT_FIELD
}

pub(super) fn offered_len(answers: &[OfferAnswer]) -> usize {
    let refused = answers.iter().map(|answer| match answer {
        OfferAnswer::Wanted | OfferAnswer::Have => 0,
        OfferAnswer::Refused(Refusal::Policy { .. }) => delimited_len(ENUM_FIELD),
        OfferAnswer::Refused(refusal) => delimited_len(refusal_len(refusal)),
    });
    bytes(answers.len()) + refused.sum::<usize>()
}

pub(super) fn reconciled_len(cells: &[CellAnswer]) -> usize {
    let length = |cell: &CellAnswer| match cell {
        CellAnswer::Same => delimited_len(0),
        CellAnswer::Differs { held } => delimited_len(8 * held.len()),
        CellAnswer::TooMany { count } => 1 + varint_len(u64::from(*count)),
    };
    cells.iter().map(|cell| delimited_len(length(cell))).sum()
}

pub(super) fn listing_len(entries: &[BatchedOffer], next: Option<Slot>) -> usize {
    entries.iter().map(entry_len).sum::<usize>() + next.map_or(0, |_| SLOT_FIELD)
}

fn entry_len(entry: &BatchedOffer) -> usize {
    let details = delimited_len(details_len(&entry.details));
    delimited_len(details + number(u64::from(entry.ttl.as_secs())))
}

fn cell_len(cell: &Cell) -> usize {
    let prefix = bytes(cell.prefix.as_bytes().len()) + number(u64::from(cell.prefix.bits()));
    delimited_len(prefix + delimited_len(cell.digest.as_bytes().len()))
}
