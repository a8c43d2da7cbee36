//! Catching up on broadcasts after joining, and after our own network was down.

use dht_proto::{Contact, Moment, Reply, Request, Role};

use super::Peer;
use super::spread::{TRIES, route_of_pull};
use crate::broadcast::{Broadcasts, Head, HeardBroadcast, Way};
use crate::requests::Owner;
use crate::table::Entry;

impl Peer {
    /// Remembers that an earlier run took a broadcast, so that it is not taken again. Not if it would not be taken
    /// any more, if it is remembered already, or if more are than may be; returns whether it is remembered by this.
    pub fn recall_broadcast(&mut self, now: Moment, heard: HeardBroadcast) -> bool {
        if !heard.sent.is_current(now) {
            return false;
        }
        self.broadcasts.get_or_insert_with(|| Box::new(Broadcasts::new())).recall(heard)
    }

    /// The broadcasts that this peer has taken, made here included, and would take again if it forgot them: at most
    /// 8,192.
    pub fn heard_broadcasts(&self, now: Moment) -> impl Iterator<Item = HeardBroadcast> {
        let heard = self.broadcasts.iter().flat_map(|machine| machine.heard());
        heard.filter(move |heard| heard.sent.is_current(now))
    }

    /// We have come, or come back: what was sent shortly before has passed us by. Whoever has nobody to give
    /// broadcasts to does not miss them.
    pub(super) fn catch_up(&mut self, now: Moment) {
        if self.config.role == Role::Full && self.config.delivers_broadcasts {
            let machine = self.broadcasts.get_or_insert_with(|| Box::new(Broadcasts::new()));
            machine.catch_up(now);
            self.catch_up_due(now);
        }
    }

    /// Asks a few nodes which broadcasts they have, when it is time.
    pub(super) fn catch_up_due(&mut self, now: Moment) {
        let Some(machine) = &mut self.broadcasts else { return };
        let Some(count) = machine.catch_up_round(now, &mut self.random) else { return };
        let held = machine.ids_to_offer();
        for partner in self.informants(count) {
            if let Some(machine) = &mut self.broadcasts {
                machine.catch_up_asks(Head::of(&partner.id()));
            }
            let request = Request::CompareBroadcasts { held: held.clone(), skip: 0 };
            self.send_request(now, partner, request, Owner::CatchUp, TRIES);
        }
    }

    /// Nodes to ask: by turns one of those close to us, to whom the same came, and one of all that we know, where
    /// something lies that did not come to those.
    fn informants(&mut self, count: usize) -> Vec<Contact> {
        let local = self.local.id().to_key();
        let close = self.table.closest_entries(&local, self.config.k, |_| true);
        let mut close: Vec<Contact> = close.iter().map(Entry::contact).collect();
        let mut all: Vec<Contact> = self.contacts().collect();
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count && !all.is_empty() {
            let from =
                if chosen.len() % 2 == 0 && !close.is_empty() { &mut close } else { &mut all };
            let index = usize::try_from(self.random.below(from.len() as u64)).unwrap_or(0);
            let contact = from.swap_remove(index);
            all.retain(|other| *other != contact);
            close.retain(|other| *other != contact);
            chosen.push(contact);
        }
        chosen
    }

    /// A request of ours for the sake of catching up was answered.
    pub(super) fn catch_up_replied(
        &mut self,
        now: Moment,
        from: &Contact,
        request: &Request,
        reply: Reply,
    ) {
        match (request, reply) {
            (
                Request::CompareBroadcasts { held, .. },
                Reply::BroadcastsCompared { verdicts, more },
            ) => {
                for (id, verdict) in held.iter().zip(verdicts) {
                    self.compared(now, from, id, verdict);
                }
                let machine = self.broadcasts.as_mut();
                if let Some(skip) = machine.and_then(|machine| machine.catch_up_told(from, &more)) {
                    let request = Request::CompareBroadcasts { held: held.clone(), skip };
                    self.send_request(now, *from, request, Owner::CatchUp, TRIES);
                }
            }
            (
                Request::PullBroadcast { .. },
                Reply::BroadcastPulled { broadcast: Some(broadcast) },
            ) => {
                self.broadcast_came(now, &broadcast, Way::CatchUp, Head::of(&from.id()));
            }
            (request, _) => return self.catch_up_failed(now, from, request),
        }
        self.pull_what_is_lacked(now);
    }

    /// A request of ours for the sake of catching up was not answered.
    pub(super) fn catch_up_failed(&mut self, now: Moment, to: &Contact, request: &Request) {
        let Some(machine) = &mut self.broadcasts else { return };
        match request {
            Request::CompareBroadcasts { .. } => machine.catch_up_silent(Head::of(&to.id())),
            Request::PullBroadcast { id } => machine.did_not_come(id),
            _ => {}
        }
        self.pull_what_is_lacked(now);
    }

    fn pull_what_is_lacked(&mut self, now: Moment) {
        loop {
            let machine = self.broadcasts.as_mut();
            let Some((entry, from)) = machine.and_then(|machine| machine.next_pull()) else {
                return;
            };
            let request = Request::PullBroadcast { id: entry.id };
            self.send_request_by(now, route_of_pull(from, &entry), request, Owner::CatchUp, TRIES);
        }
    }
}
