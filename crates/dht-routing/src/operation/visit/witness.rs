//! One node that tells what it holds, and delivers what it told of.

use dht_proto::limits::BATCH_MAX;
use dht_proto::{BatchedOffer, Contact, Slot};

use super::tally::Want;

/// Pages that a node tells before it waits for the others: it may make up records without end.
pub(super) const PAGES_MAX: u32 = 64;
/// Records that a node told of and did not deliver before nothing more is believed or asked of it.
const FAILURES_MAX: u32 = 3;

/// What it is asked.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Nothing,
    /// What it holds from a slot on.
    List,
    /// A record, `whole` if by stream.
    Record {
        want: Want,
        whole: bool,
    },
}

/// A node that tells.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) contact: Contact,
    pub(super) asked: Asked,
    /// The first slot that it has not told of; `None` if it told all.
    reached: Option<Slot>,
    pages: u32,
    failures: u32,
    /// Whether it has told enough for now.
    resting: bool,
}

impl Witness {
    pub(super) fn new(contact: Contact, from: Slot) -> Self {
        let (reached, asked) = (Some(from), Asked::Nothing);
        Self { contact, asked, reached, pages: 0, failures: 0, resting: false }
    }

    /// The first slot that it has not told of; `None` if it told all.
    pub(super) fn reached(&self) -> Option<Slot> {
        self.reached
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.asked, Asked::Nothing)
    }

    pub(super) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Where it is to go on telling, if it is to.
    pub(super) fn next_page(&self) -> Option<Slot> {
        self.reached.filter(|_| !self.resting && self.is_idle())
    }

    /// It told a page of what it holds up to `last`. Returns the entries that count.
    pub(super) fn told<'a>(
        &mut self,
        (entries, next): (&'a [BatchedOffer], Option<Slot>),
        last: Slot,
    ) -> impl Iterator<Item = &'a BatchedOffer> + use<'a> {
        self.pages += 1;
        self.reached = next.filter(|next| *next <= last);
        self.resting = self.reached.is_none() || self.pages >= PAGES_MAX;
        let entries = entries.iter().take(BATCH_MAX);
        entries.take_while(move |entry| entry.details.slot <= last)
    }

    /// What was told up to `until` is done with. Whoever has told more than that rests on.
    pub(super) fn go_on(&mut self, until: Slot) {
        if let Some(reached) = self.reached
            && reached <= until
        {
            self.reached = Some(until);
            (self.pages, self.resting) = (0, false);
        }
    }

    /// It did not deliver what it told of. Returns whether it is to be believed further on.
    pub(super) fn failed(&mut self) -> bool {
        self.failures += 1;
        self.failures < FAILURES_MAX
    }
}
