//! Copies of what is in demand: noticing demand, asking for a copy, and leaving one with others.

use dht_proto::{
    Contact, Custody, Held, Key, Moment, Purpose, Record, Request, Role, Source, Terms, Ttl,
};

use super::{Audience, Peer};
use crate::OperationId;
use crate::application::{Intake, Whom};
use crate::caching::{self, LIFE};
use crate::operation::{Copy, Operation};
use crate::requests::Owner;
use crate::responder::{Asker, source};

impl Peer {
    /// A request is about to be answered. Whether we would keep a copy of what was asked for and not found.
    pub(super) fn is_wanted(
        &mut self,
        now: Moment,
        asker: &Asker,
        key: &Key,
        found: Option<&Held>,
    ) -> bool {
        let live = found.filter(|held| held.summary.expires > now);
        if let Some(held) = live {
            self.answers.served += 1;
            if !held.summary.custody.is_cached() {
                return false;
            }
            self.answers.from_copies += 1;
        }
        if !self.config.caches {
            return false;
        }
        let caching = self.caching.get_or_insert_default();
        caching.asked(now, *key, source::of(asker.source, &asker.node));
        live.is_none() && caching.wants(now, key) && self.responder(now).life(key).is_some()
    }

    /// A copy that we asked for is about to be kept.
    pub(super) fn copy_comes(&mut self, now: Moment, size: usize) {
        self.answers.copies += 1;
        if let Some(caching) = &mut self.caching {
            caching.took(now, size);
        }
    }

    /// Forgets what is not in demand any more.
    pub(super) fn forget_demand(&mut self, now: Moment) {
        if self.caching.as_mut().is_some_and(|caching| caching.forget(now)) {
            self.caching = None;
        }
    }

    /// A fetch of `id` got content from others. Who wants it again soon has it here, and a node on the way that wants
    /// a copy gets one.
    pub(super) fn spread_copies(
        &mut self,
        now: Moment,
        id: OperationId,
        (record, ttl): (Record, Ttl),
        to: Option<Contact>,
    ) {
        if !self.config.caches {
            return;
        }
        if let Some(to) = to {
            self.leave_copy(now, to, record.clone(), ttl);
        }
        if self.config.role == Role::Full {
            self.keep_copy(now, id, record, ttl);
        }
    }

    fn keep_copy(&mut self, now: Moment, id: OperationId, record: Record, ttl: Ttl) {
        let room = (record.size(), self.usage.capacity);
        let is_large = caching::is_large(&self.table, self.config.k);
        let caching = self.caching.get_or_insert_default();
        if !is_large || !caching.has_room(now, room) {
            return;
        }
        caching.took(now, record.size());
        let until = ttl.ends(now);
        let terms = Terms {
            expires: until.min(now + LIFE),
            purpose: Purpose::Cache,
            custody: Custody::Cache { until },
            source: Source::LOCAL,
            expected: None,
            replaces: false,
        };
        // The fetch is over: nobody waits for the result.
        self.keep(Intake { whom: Whom::Operation(id), record, terms });
    }

    /// A value that does not fit a datagram is offered first, and only so many are on their way at once.
    fn leave_copy(&mut self, now: Moment, to: Contact, record: Record, ttl: Ttl) {
        if record.is_inline() {
            let purpose = Purpose::Cache;
            let request = Request::Store { record, ttl, purpose, expected: None };
            return self.send_request(now, to, request, Owner::Table, 1);
        }
        // Whoever only asks is soon gone.
        if self.config.role == Role::Client {
            return;
        }
        let under_way = self.operations.values().filter(|running| running.is_copy()).count();
        if under_way < self.config.transfers {
            let copy = Operation::Copy(Box::new(Copy::new(to, record, ttl)));
            self.start(now, copy, Audience::Upkeep);
        }
    }
}
