//! What is held against nodes, and what follows from it.

use std::net::IpAddr;

use dht_proto::{Contact, Kind, Moment, NodeIdentity, Reply, Request, RequestId};

use super::Peer;
use crate::reputation::Reputation;
use crate::requests::{InFlight, Owner};
use crate::table::Failed;
use crate::{Ban, Event, Offence, Suspect};

impl Peer {
    /// Bans a node or a subnet until a moment, or lengthens or shortens such a ban. Returns whether it is in force:
    /// there are 4,096 at most.
    pub fn ban(&mut self, now: Moment, suspect: Suspect, until: Moment) -> bool {
        self.decree(now, Ban { suspect, until, offence: None })
    }

    /// Restores a ban of an earlier run.
    pub fn decree(&mut self, now: Moment, ban: Ban) -> bool {
        let is_kept = now < ban.until && self.reputation_mut().decree(now, ban);
        if is_kept {
            self.part_with_banned(now);
        }
        is_kept
    }

    /// Lifts a ban, and forgets what led to it. Returns whether there was one.
    pub fn lift_ban(&mut self, now: Moment, suspect: &Suspect) -> bool {
        let was_banned = self.reputation.as_mut().is_some_and(|held| held.lift(now, suspect));
        if self.reputation.as_ref().is_some_and(|held| held.is_clean(now)) {
            self.reputation = None;
        }
        was_banned
    }

    /// The bans in force, those that the application wants first.
    pub fn bans(&self, now: Moment) -> impl Iterator<Item = Ban> {
        self.reputation.iter().flat_map(move |held| held.in_force(now))
    }

    /// Whether nobody at all is banned: then nothing need be asked of those below.
    pub fn bans_nobody(&self) -> bool {
        self.reputation.is_none()
    }

    /// Whether nothing is to be done with a node. Drivers may ask before they open what it sealed; what they do not
    /// drop the peer ignores.
    pub fn bans_node(&self, now: Moment, node: &NodeIdentity) -> bool {
        self.reputation.as_ref().is_some_and(|held| held.bans_node(now, &node.id()))
    }

    /// Whether nothing is to be done with whoever is at `ip`.
    pub fn bans_address(&self, now: Moment, ip: IpAddr) -> bool {
        self.reputation.as_ref().is_some_and(|held| held.bans_address(now, ip))
    }

    pub(super) fn is_banned(&self, now: Moment, node: &NodeIdentity, ip: IpAddr) -> bool {
        self.bans_node(now, node) || self.bans_address(now, ip)
    }

    /// Whether the id of a node cost what ids cost here. Those in the table are known to have.
    pub(super) fn pays(&self, node: &NodeIdentity) -> bool {
        self.table.entry_of(node).is_some() || node.meets(self.config.difficulty)
    }

    /// Holds an offence against a node. `proven` is the address that it has been proven to be at, if it has.
    pub(super) fn blame(
        &mut self,
        now: Moment,
        node: &NodeIdentity,
        proven: Option<IpAddr>,
        offence: Offence,
    ) {
        let bans = self.reputation_mut().blame(now, node.id(), proven, offence);
        if bans.is_empty() {
            return;
        }
        self.part_with_banned(now);
        for ban in bans {
            self.event(Event::Banned(ban));
        }
    }

    /// Looks whether the answer to a request is one that an honest node may give, and holds it against its sender
    /// if it is not; `all_pay` if every node it names [does](Self::pays).
    pub(super) fn judge(&mut self, now: Moment, request: &InFlight, reply: &Reply, all_pay: bool) {
        let to = request.to;
        if is_about_something_else(&request.request, reply) {
            self.blame(now, &to.node, Some(to.addr.ip()), Offence::WrongValue);
        }
        if !all_pay {
            self.blame(now, &to.node, Some(to.addr.ip()), Offence::WrongContacts);
        }
    }

    /// A node that said it was at work has fallen silent. It is its fault only if our own network works, and if
    /// somebody still wants to know.
    pub(super) fn promise_overdue(&mut self, now: Moment, id: RequestId) {
        let Some(request) = self.requests.get(id) else { return };
        let is_awaited = matches!(request.owner, Owner::Operation(_));
        if request.is_promised() && is_awaited && self.hearing.worked_at(request.sent) {
            let to = request.to;
            self.blame(now, &to.node, Some(to.addr.ip()), Offence::BrokenPromise);
        }
    }

    fn reputation_mut(&mut self) -> &mut Reputation {
        self.reputation.get_or_insert_default()
    }

    /// Takes those who are banned out of the table.
    fn part_with_banned(&mut self, now: Moment) {
        let banned = |contact: &Contact| self.is_banned(now, &contact.node, contact.addr.ip());
        let banned: Vec<Contact> = self.contacts().filter(banned).collect();
        for contact in banned {
            if let Failed::Evicted { candidate } = self.table.expel(&contact.node) {
                self.event(Event::Left(contact));
                self.bereaved(now, &contact);
                if let Some(candidate) = candidate {
                    self.check(now, candidate);
                }
            }
        }
    }
}

/// Whether a reply passes something off as what was asked for.
fn is_about_something_else(request: &Request, reply: &Reply) -> bool {
    match (request, reply) {
        (Request::Fetch { key, .. }, Reply::Found { record, .. }) => record.key() != *key,
        (Request::Fetch { key, .. }, Reply::Held { details, .. }) => {
            let proves =
                details.kind() != Kind::Content || details.digest.as_bytes() == key.as_bytes();
            details.slot.key != *key || !proves
        }
        (Request::Download { slot, .. }, Reply::Found { record, .. }) => record.slot() != *slot,
        _ => false,
    }
}
