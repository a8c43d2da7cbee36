//! What nodes told of a part of the space: which versions of which records, by whom, and how long they live.
//!
//! What they tell is hearsay. A version that nobody delivers is taken out again, and a life counts once a
//! second node tells of it, if there is one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dht_proto::{BatchedOffer, Custody, Digest, Kind, Moment, NodeId, Sequence, Slot, Summary};

/// A record that ends so soon is not worth keeping, in seconds.
const WORTH_SECONDS: u32 = 10;
/// By how much a life told must be longer than that of our own copy to be taken over: those who tell round it
/// down, and their clocks drift.
const LONGER: Duration = Duration::from_secs(30);
/// Nodes that tell of another value under a name before it takes the place of the one that we mirror.
const AGREED: usize = 2;

/// A version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
}

/// A version that nodes say they hold.
#[derive(Debug, Clone)]
struct Claim {
    version: Version,
    size: u32,
    /// With the end of life that each told.
    tellers: Vec<(NodeId, Moment)>,
}

impl Claim {
    /// The longest life that two nodes tell of, or the only one told.
    fn expires(&self) -> Moment {
        let mut told: Vec<Moment> = self.tellers.iter().map(|(_, expires)| *expires).collect();
        told.sort_unstable();
        let second = told.len().saturating_sub(2);
        told.get(second).copied().unwrap_or(Moment::EPOCH)
    }
}

/// What is told of one slot.
#[derive(Debug, Clone, Default)]
struct Told {
    claims: Vec<Claim>,
    /// Whether our own store has it, or something better.
    held: bool,
    /// Whether it is to be fetched, unless it is held.
    unwanted: bool,
}

impl Told {
    /// The version to go for: of a signed record the newest, else the one that the most nodes tell of.
    fn best(&self, kind: Kind) -> Option<&Claim> {
        match kind {
            Kind::Signed => self.claims.iter().max_by_key(|claim| claim.version),
            Kind::Content | Kind::Named => {
                self.claims.iter().max_by_key(|claim| (claim.tellers.len(), claim.version))
            }
        }
    }

    fn want(&self, slot: Slot) -> Option<Want> {
        let claim = self.best(slot.kind).filter(|_| !self.held && !self.unwanted)?;
        let tellers = claim.tellers.iter().map(|(teller, _)| *teller).collect();
        let (version, size, expires) = (claim.version, claim.size, claim.expires());
        Some(Want { slot, version, size, expires, tellers })
    }
}

/// A version to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) slot: Slot,
    pub(super) version: Version,
    /// Length of the value, in bytes, as it was told.
    pub(super) size: u32,
    pub(super) expires: Moment,
    /// Whom to ask, in this order.
    pub(super) tellers: VecDeque<NodeId>,
}

/// Our own copy is to live longer, or to be kept for longer than a cached one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) slot: Slot,
    pub(super) digest: Digest,
    pub(super) expires: Moment,
}

/// What is told of the records of a part.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    told: BTreeMap<Slot, Told>,
}

impl Tally {
    /// `teller` says that it holds a record.
    pub(super) fn add(&mut self, now: Moment, teller: NodeId, entry: &BatchedOffer) {
        let details = &entry.details;
        let slot = details.slot;
        let is_possible =
            slot.kind != Kind::Content || details.digest.as_bytes() == slot.key.as_bytes();
        if !is_possible || entry.ttl.as_secs() < WORTH_SECONDS {
            return;
        }
        let version = Version { sequence: details.sequence, digest: details.digest };
        let told = self.told.entry(slot).or_default();
        let found = told
            .claims
            .iter_mut()
            .find(|claim| (claim.version, claim.size) == (version, details.size));
        let expires = entry.ttl.ends(now);
        match found {
            Some(claim) if claim.tellers.iter().any(|(known, _)| *known == teller) => {}
            Some(claim) => claim.tellers.push((teller, expires)),
            None => {
                let tellers = vec![(teller, expires)];
                told.claims.push(Claim { version, size: details.size, tellers });
            }
        }
    }

    /// What `teller` told counts no more.
    pub(super) fn forget(&mut self, teller: &NodeId) {
        self.told.retain(|_, told| {
            for claim in &mut told.claims {
                claim.tellers.retain(|(known, _)| known != teller);
            }
            told.claims.retain(|claim| !claim.tellers.is_empty());
            told.held || !told.claims.is_empty()
        });
    }

    /// Our own store has this. Returns what is to be changed of it.
    pub(super) fn compare(&mut self, own: &Summary) -> Option<Extension> {
        let slot = own.slot;
        let told = self.told.get_mut(&slot)?;
        let best = told.best(slot.kind)?;
        let version = Version { sequence: own.sequence, digest: own.digest };
        if best.version == version {
            let expires = best.expires();
            told.held = true;
            let is_longer = own.custody == Custody::Mirror && expires > own.expires + LONGER;
            let is_due = is_longer || own.custody.is_cached();
            return is_due.then_some(Extension { slot, digest: own.digest, expires });
        }
        match slot.kind {
            Kind::Signed => told.held = version > best.version,
            // An application may have its nodes replace what lives under a name, which a mirror learns of from
            // those who did. As a holder it stays with the first value while that lives.
            Kind::Named => {
                let count = best.tellers.len();
                let ours = told.claims.iter().find(|claim| claim.version == version);
                let as_many = ours.is_some_and(|claim| claim.tellers.len() >= count);
                let is_agreed = count >= AGREED;
                told.held = as_many;
                told.unwanted = match own.custody {
                    Custody::Cache { .. } => false,
                    Custody::Mirror => !is_agreed,
                    Custody::Own { .. } | Custody::Holder => true,
                };
            }
            Kind::Content => {}
        }
        None
    }

    /// What is to be fetched of the slots before `until`, in their order.
    pub(super) fn wants(&self, until: Option<Slot>) -> VecDeque<Want> {
        let before = self.told.iter().take_while(|(slot, _)| until.is_none_or(|end| **slot < end));
        before.filter_map(|(slot, told)| told.want(*slot)).collect()
    }

    /// How many slots before `until` are to be left as they are in our own store, whatever is told of them.
    pub(super) fn unwanted(&self, until: Option<Slot>) -> usize {
        let before = self.told.iter().take_while(|(slot, _)| until.is_none_or(|end| **slot < end));
        before.filter(|(_, told)| told.unwanted).count()
    }

    /// Our own store has a record of the slot now.
    pub(super) fn keep(&mut self, slot: &Slot) {
        if let Some(told) = self.told.get_mut(slot) {
            told.held = true;
        }
    }

    /// Nobody delivers this version. Returns the next best one of the slot.
    pub(super) fn discard(&mut self, want: &Want) -> Option<Want> {
        let told = self.told.get_mut(&want.slot)?;
        let is_it = |claim: &Claim| (claim.version, claim.size) == (want.version, want.size);
        told.claims.retain(|claim| !is_it(claim));
        let next = told.want(want.slot);
        if told.claims.is_empty() && !told.held {
            self.told.remove(&want.slot);
        }
        next
    }

    /// Takes out the slots before `until`. Returns how many were told of, and how many of these we hold.
    pub(super) fn settle(&mut self, until: Option<Slot>) -> (usize, usize) {
        let rest = until.map(|until| self.told.split_off(&until)).unwrap_or_default();
        let settled = std::mem::replace(&mut self.told, rest);
        (settled.len(), settled.values().filter(|told| told.held).count())
    }
}

#[cfg(test)]
mod tests;
