//! Reputation: what is held against nodes, and with whom nothing is done for a while.
//!
//! Each offence adds points to its node, which fade with time; a node that has too many at once is banned: it is
//! not asked, not answered and not named to others. Each further ban is twice as long. A subnet whose nodes are
//! banned one after another is banned as a whole: whoever owns it can make identities at will.
//!
//! Nothing is held against a node that it did not do. Messages are sealed, so what one says of itself is its own
//! word; but what comes from an address that has not been proven says nothing about that address. Silence is no
//! offence: whom nobody can reach has lost its network, or we have lost ours.
//!
//! *Invariant:* bounded: when there is no room, those who have the least to answer for are forgotten first, and
//! whom the application bans never.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use dht_proto::{Moment, NodeId};

use crate::Subnet;

/// Points that lead to a ban.
const POINTS_MAX: u32 = 100;
/// Time in which one of them fades: all of them in ten minutes.
const POINT_LIFE: Duration = Duration::from_secs(6);
/// Points of a subnet for each ban of a node in it. They fade more slowly, all of them in an hour.
const POINTS_OF_BAN: u32 = 40;
const SUBNET_POINT_LIFE: Duration = Duration::from_secs(36);
/// The first ban of a node or subnet; the next ones are twice as long each, up to the longest.
const BAN_MIN: Duration = Duration::from_mins(10);
const BAN_MAX: Duration = Duration::from_hours(24);
/// How long after a ban it still counts as one before.
const MEMORY: Duration = Duration::from_hours(24);
/// Nodes, and subnets, that anything is held against, at most.
const HELD_MAX: usize = 1_024;
/// Bans by the application, at most.
const DECREED_MAX: usize = 4_096;

/// What a node did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// It passed off a record as another one, or as one that its author signed.
    WrongValue,
    /// It named nodes that cannot be.
    WrongContacts,
    /// What it sealed is no message, or no answer to what it was asked.
    Malformed,
    /// It said that it was at work on a request, and never answered.
    BrokenPromise,
    /// It went on sending far more than anybody may.
    Flood,
}

impl Offence {
    fn points(self) -> u32 {
        match self {
            Self::WrongValue => 50,
            Self::Flood => 25,
            Self::WrongContacts | Self::Malformed | Self::BrokenPromise => 10,
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongValue => "wrong value",
            Self::WrongContacts => "wrong contacts",
            Self::Malformed => "malformed messages",
            Self::BrokenPromise => "broken promise",
            Self::Flood => "flood",
        })
    }
}

/// Who can be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspect {
    /// A node, wherever it is.
    Node(NodeId),
    /// Whoever is at a public subnet.
    Subnet(Subnet),
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Subnet(subnet) => subnet.fmt(f),
        }
    }
}

/// A text that names nobody who can be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a node id of 64 hexadecimal digits, nor a public address or its /24 or /48")]
pub struct NoSuspect;

impl FromStr for Suspect {
    type Err = NoSuspect;

    /// Reads a node id, a public address, or a subnet as it is shown.
    fn from_str(text: &str) -> Result<Self, NoSuspect> {
        let node = text.parse().map(Self::Node);
        node.or_else(|_| text.parse().map(Self::Subnet)).map_err(|_| NoSuspect)
    }
}

/// A ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Whose.
    pub suspect: Suspect,
    /// When it ends.
    pub until: Moment,
    /// The last of the offences that led to it; `None` if the application decreed it.
    pub offence: Option<Offence>,
}

/// What is held against one.
#[derive(Debug, Clone, Copy)]
struct Record {
    points: u32,
    /// When they were counted.
    counted: Moment,
    /// When the last ban ends or ended.
    until: Moment,
    /// Bans so far.
    bans: u32,
    /// The last offence.
    offence: Offence,
}

impl Record {
    fn new(now: Moment, offence: Offence) -> Self {
        Self { points: 0, counted: now, until: Moment::EPOCH, bans: 0, offence }
    }

    fn is_banned(&self, now: Moment) -> bool {
        now < self.until
    }

    fn points(&self, now: Moment, life: Duration) -> u32 {
        let faded = now.since(self.counted).as_millis() / life.as_millis().max(1);
        self.points.saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
    }

    /// Adds points. Returns whether that led to a ban.
    fn add(&mut self, now: Moment, (points, life): (u32, Duration), offence: Offence) -> bool {
        if self.is_banned(now) {
            return false;
        }
        self.points = self.points(now, life).saturating_add(points);
        self.counted = now;
        self.offence = offence;
        if self.points < POINTS_MAX {
            return false;
        }
        if now >= self.until + MEMORY {
            self.bans = 0;
        }
        let doubled = BAN_MIN * 2_u32.saturating_pow(self.bans.min(16));
        self.until = now + doubled.min(BAN_MAX);
        self.bans += 1;
        self.points = 0;
        true
    }

    /// Whether there is nothing left of it.
    fn is_past(&self, now: Moment) -> bool {
        let faded = self.points(now, SUBNET_POINT_LIFE) == 0;
        faded && (self.bans == 0 || now >= self.until + MEMORY)
    }

    /// Who has the least to answer for is less.
    fn weight(&self, now: Moment) -> (Moment, u32) {
        let ban = if self.is_banned(now) { self.until } else { Moment::EPOCH };
        (ban, self.points(now, POINT_LIFE))
    }
}

/// What is held against whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reputation {
    held: BTreeMap<Suspect, Record>,
    /// Until when the application wants somebody banned.
    decreed: BTreeMap<Suspect, Moment>,
}

impl Reputation {
    /// Holds an offence against a node, and a ban of it against the subnet of `ip`, the proven address it
    /// committed the offence at. Returns the bans that this led to.
    pub(crate) fn blame(
        &mut self,
        now: Moment,
        node: NodeId,
        ip: Option<IpAddr>,
        offence: Offence,
    ) -> Vec<Ban> {
        let mut bans = Vec::new();
        bans.extend(self.add(now, Suspect::Node(node), offence));
        if let (false, Some(subnet)) = (bans.is_empty(), ip.and_then(Subnet::of)) {
            bans.extend(self.add(now, Suspect::Subnet(subnet), offence));
        }
        bans
    }

    fn add(&mut self, now: Moment, suspect: Suspect, offence: Offence) -> Option<Ban> {
        let price = match suspect {
            Suspect::Node(_) => (offence.points(), POINT_LIFE),
            Suspect::Subnet(_) => (POINTS_OF_BAN, SUBNET_POINT_LIFE),
        };
        self.make_room(now, &suspect);
        let record = self.held.entry(suspect).or_insert_with(|| Record::new(now, offence));
        let until = record.add(now, price, offence).then_some(record.until)?;
        Some(Ban { suspect, until, offence: Some(offence) })
    }

    /// Bans whom the application wants banned, or restores a ban of an earlier run. Returns whether there was
    /// room.
    pub(crate) fn decree(&mut self, now: Moment, ban: Ban) -> bool {
        let Ban { suspect, until, offence } = ban;
        if let Some(offence) = offence {
            self.make_room(now, &suspect);
            let record = self.held.entry(suspect).or_insert_with(|| Record::new(now, offence));
            (record.until, record.bans) = (until.min(now + BAN_MAX), record.bans.max(1));
            return true;
        }
        self.decreed.retain(|_, until| now < *until);
        if self.decreed.len() >= DECREED_MAX && !self.decreed.contains_key(&suspect) {
            return false;
        }
        self.decreed.insert(suspect, until);
        true
    }

    /// Forgets all that is held against one. Returns whether it was banned.
    pub(crate) fn lift(&mut self, now: Moment, suspect: &Suspect) -> bool {
        let was_banned = self.bans(now, *suspect);
        self.held.remove(suspect);
        self.decreed.remove(suspect);
        was_banned
    }

    /// Whether a node is banned, wherever it is.
    pub(crate) fn bans_node(&self, now: Moment, node: &NodeId) -> bool {
        self.bans(now, Suspect::Node(*node))
    }

    /// Whether the subnet of `ip` is banned.
    pub(crate) fn bans_address(&self, now: Moment, ip: IpAddr) -> bool {
        Subnet::of(ip).is_some_and(|subnet| self.bans(now, Suspect::Subnet(subnet)))
    }

    fn bans(&self, now: Moment, suspect: Suspect) -> bool {
        self.held.get(&suspect).is_some_and(|record| record.is_banned(now))
            || self.decreed.get(&suspect).is_some_and(|until| now < *until)
    }

    /// The bans in force, those that the application wants first.
    pub(crate) fn in_force(&self, now: Moment) -> impl Iterator<Item = Ban> {
        let decreed = self.decreed.iter().filter(move |(_, until)| now < **until);
        let decreed =
            decreed.map(|(suspect, until)| Ban { suspect: *suspect, until: *until, offence: None });
        let held = self.held.iter().filter(move |(_, record)| record.is_banned(now));
        decreed.chain(held.map(|(suspect, Record { until, offence, .. })| Ban {
            suspect: *suspect,
            until: *until,
            offence: Some(*offence),
        }))
    }

    /// Whether nothing is held against anybody any more.
    pub(crate) fn is_clean(&self, now: Moment) -> bool {
        self.held.values().all(|record| record.is_past(now))
            && self.decreed.values().all(|until| *until <= now)
    }

    /// Sees to it that there is room for what `suspect` did.
    fn make_room(&mut self, now: Moment, suspect: &Suspect) {
        if self.held.len() < HELD_MAX || self.held.contains_key(suspect) {
            return;
        }
        self.held.retain(|_, record| !record.is_past(now));
        if self.held.len() >= HELD_MAX {
            let least = self.held.iter().min_by_key(|(_, record)| record.weight(now));
            if let Some(least) = least.map(|(suspect, _)| *suspect) {
                self.held.remove(&least);
            }
        }
    }
}

#[cfg(test)]
mod tests;
