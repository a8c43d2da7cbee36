//! Nodes that misbehave: wrappers around a machine that answers in its stead.
//!
//! A misbehaving node joins and keeps its table like any other, and answers pings, or it would never be in
//! anybody's table; what it does to requests is up to its role.

use std::time::Duration;

use dht_proto::{
    Body, BroadcastVerdict, Contact, Families, Key, Load, Mention, Message, NodeId, NodeIdentity,
    Nonce, PublicKey, Record, Reply, Request, RequestId, Role as Part, RoughRtt, Ttl, Value,
};

use super::builder::draw_identity;
use super::{Place, Simulation};
use crate::machine::Machine;
use crate::{Random, address};

/// How a node behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Role {
    /// As its machine says.
    #[default]
    Honest,
    /// Answers pings and drops every other request.
    Dropping,
    /// Routes as its machine says, but claims to store and holds nothing.
    Hiding,
    /// Names only other colluders, those closest to what is asked for; claims to store and holds nothing.
    Colluding,
    /// Names nodes that do not exist, as close to what is asked for as a little hashing makes them.
    Inventing,
    /// Answers every fetch with a valid record of another key.
    Forging,
    /// Behaves, but keeps broadcasts to itself: it acknowledges them, says that it has every one, and hands none
    /// on.
    Swallowing,
    /// Behaves, but sends this many requests a second to random nodes.
    Flooding {
        /// Requests a second, at least 1.
        per_second: u32,
    },
}

/// What becomes of a request.
pub(crate) enum Verdict {
    Pass,
    Drop,
    Answer(Reply),
}

/// Identities hashed for each invented contact, of which the closest is named.
const GRINDING: usize = 16;

impl<M: Machine> Simulation<M> {
    /// Gives whoever lives at `place`, now and later, a role. Set it before the place's first arrival to have it
    /// join with that role already.
    pub fn set_role(&mut self, place: Place, role: Role) {
        let Some(node) = self.nodes.get_mut(place.index()) else { return };
        node.role = role;
        let (id, live, epoch) = (node.identity.id(), node.machine.is_some(), node.epoch);
        if role == Role::Colluding && live {
            self.accomplices.insert(id, place);
        } else {
            self.accomplices.remove(id);
        }
        if live {
            self.flood(place, epoch);
        }
    }

    /// The role at `place`.
    pub fn role(&self, place: Place) -> Role {
        self.nodes.get(place.index()).map_or(Role::Honest, |node| node.role)
    }

    /// Draws identities until the id of one is `wanted`. In the network of a simulation they cost no work.
    pub fn grind(&mut self, wanted: impl Fn(NodeId) -> bool) -> NodeIdentity {
        loop {
            let identity = draw_identity(&mut self.random.adversaries);
            if wanted(identity.id()) {
                return identity;
            }
        }
    }

    pub(crate) fn judge_request(&mut self, place: Place, request: &Request) -> Verdict {
        let role = self.nodes[place.index()].role;
        match (role, request) {
            (Role::Honest | Role::Flooding { .. }, _) | (_, Request::Ping) => Verdict::Pass,
            (Role::Dropping, _) => Verdict::Drop,
            (Role::Colluding, Request::FindNode { target: key } | Request::Fetch { key, .. }) => {
                let me = self.nodes[place.index()].identity.id();
                let found = self.accomplices.closest(key.as_bytes(), self.k, Some(me));
                let contacts = found.into_iter().map(|(_, place)| self.contact(place));
                let closer = contacts.map(praised).collect();
                Verdict::Answer(Reply::Nodes { closer })
            }
            (Role::Colluding | Role::Hiding, Request::Offer { .. }) => {
                Verdict::Answer(Reply::Have { closer: Vec::new() })
            }
            (Role::Colluding | Role::Hiding, Request::Store { .. }) => {
                Verdict::Answer(Reply::Stored { closer: Vec::new() })
            }
            (Role::Inventing, Request::FindNode { target: key } | Request::Fetch { key, .. }) => {
                let random = &mut self.random.adversaries;
                let closer = (0..self.k).map(|_| praised(invent(*key, random))).collect();
                Verdict::Answer(Reply::Nodes { closer })
            }
            (Role::Forging, Request::Fetch { .. } | Request::Download { .. }) => {
                let bytes = self.random.adversaries.bytes32().to_vec();
                let record = Record::content(Value::new(bytes).unwrap_or_default());
                Verdict::Answer(Reply::Found { record, ttl: Ttl::default(), closer: Vec::new() })
            }
            (Role::Swallowing, Request::Broadcast { .. }) => {
                let verdicts = vec![BroadcastVerdict::Taken];
                Verdict::Answer(Reply::BroadcastsCompared { verdicts, more: Vec::new() })
            }
            (Role::Swallowing, Request::CompareBroadcasts { held, .. }) => {
                let verdicts = vec![BroadcastVerdict::Have; held.len()];
                Verdict::Answer(Reply::BroadcastsCompared { verdicts, more: Vec::new() })
            }
            (
                Role::Hiding | Role::Colluding | Role::Inventing | Role::Forging | Role::Swallowing,
                _,
            ) => Verdict::Pass,
        }
    }

    /// One request of a flooding node, and the next one planned.
    pub(crate) fn flood(&mut self, place: Place, epoch: u32) {
        let node = &self.nodes[place.index()];
        let Role::Flooding { per_second } = node.role else { return };
        if node.epoch != epoch || node.machine.is_none() {
            return;
        }
        let random = &mut self.random.adversaries;
        let index = random.below(self.roster.len());
        let (target, id) = (random.key(), RequestId(random.bits()));
        let victim = self.contact(self.roster[index]);
        let body = Body::Request(Request::FindNode { target });
        let message =
            Message { role: Part::Full, families: Families::V4, load: Load::NONE, id, body };
        self.send_datagram(place, victim, message);
        let pause = Duration::from_secs(1) / per_second.max(1);
        self.plan_flood(place, epoch, pause);
    }
}

/// Named as a liar does it: said to be as near as can be, so that it is asked first.
fn praised(contact: Contact) -> Mention {
    Mention { rtt: Some(RoughRtt::new(Duration::ZERO)), ..contact.into() }
}

fn invent(key: Key, random: &mut Random) -> Contact {
    let mut draw = || NodeIdentity::new(PublicKey::from_bytes(random.bytes32()), Nonce(0));
    let first = draw();
    let node = (1..GRINDING).map(|_| draw()).fold(first, |best, other| {
        if key.distance(&other.id()) < key.distance(&best.id()) { other } else { best }
    });
    Contact::new(node, address::nowhere(random.bits()))
}
