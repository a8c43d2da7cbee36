//! Which versions of a record were seen, at which holders.

use std::collections::{BTreeMap, BTreeSet};

use dht_proto::{Contact, Digest, Kind, NodeId, OfferDetails, Record, Sequence, Ttl};

/// One version of the record at a key. Ordered so that the newest signed one is the greatest of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) kind: Kind,
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
    /// Length of the value, in bytes: whoever tells another one means another value, or lies.
    pub(super) size: usize,
}

impl Version {
    pub(super) fn of(record: &Record) -> Self {
        let (kind, sequence) = (record.kind(), record.sequence());
        Self { kind, sequence, digest: record.digest(), size: record.size() }
    }

    pub(super) fn described(details: &OfferDetails) -> Self {
        let size = usize::try_from(details.size).unwrap_or(usize::MAX);
        Self { kind: details.kind(), sequence: details.sequence, digest: details.digest, size }
    }
}

/// Where a version was seen.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Everybody who has it.
    holders: BTreeSet<NodeId>,
    /// Those of them that may be asked for its bytes.
    sources: Vec<Contact>,
    /// The bytes, with what is left of their life.
    record: Option<(Record, Ttl)>,
}

/// Versions and their holders.
#[derive(Debug, Clone, Default)]
pub(super) struct Ballot {
    versions: BTreeMap<Version, Seen>,
    /// Nodes that said they hold it and did not deliver.
    failed: BTreeSet<NodeId>,
}

impl Ballot {
    /// `from` delivered `record`.
    pub(super) fn delivered(&mut self, from: NodeId, record: Record, ttl: Ttl) {
        let seen = self.versions.entry(Version::of(&record)).or_default();
        seen.holders.insert(from);
        seen.record.get_or_insert((record, ttl));
    }

    /// The record came from several of those that hold it.
    pub(super) fn collected(&mut self, version: Version, record: Record, ttl: Ttl) {
        self.versions.entry(version).or_default().record.get_or_insert((record, ttl));
    }

    /// `from` says it holds `version`.
    pub(super) fn held(&mut self, from: Contact, version: Version) {
        let seen = self.versions.entry(version).or_default();
        if seen.holders.insert(from.id()) {
            seen.sources.push(from);
        }
    }

    /// `from` did not deliver what it said it holds.
    pub(super) fn failed(&mut self, from: &NodeId) {
        self.failed.insert(*from);
        for seen in self.versions.values_mut() {
            seen.sources.retain(|source| source.id() != *from);
            if seen.record.is_none() {
                seen.holders.remove(from);
            }
        }
    }

    /// Nobody delivers this version.
    pub(super) fn discard(&mut self, version: Version) {
        self.versions.remove(&version);
    }

    /// Whether no version was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// How many nodes failed to deliver.
    pub(super) fn liars(&self) -> usize {
        self.failed.len()
    }

    /// The content record, if anybody has it.
    pub(super) fn content(&self) -> Option<Version> {
        self.versions.keys().find(|version| version.kind == Kind::Content).copied()
    }

    /// The newest signed version, once `quorum` nodes have told theirs.
    pub(super) fn newest_signed(&self, quorum: usize) -> Option<Version> {
        let signed = || self.versions.iter().filter(|(version, _)| version.kind == Kind::Signed);
        let voters: usize = signed().map(|(_, seen)| seen.holders.len()).sum();
        (voters >= quorum).then(|| signed().map(|(version, _)| *version).max()).flatten()
    }

    /// The named value that the most nodes hold, once `quorum` of them agree.
    pub(super) fn agreed_name(&self, quorum: usize) -> Option<Version> {
        let named = self.versions.iter().filter(|(version, _)| version.kind == Kind::Named);
        let (version, seen) = named.max_by_key(|(_, seen)| seen.holders.len())?;
        (seen.holders.len() >= quorum).then_some(*version)
    }

    /// The bytes of a version, what is left of their life, and how many nodes hold it.
    pub(super) fn record(&self, version: Version) -> Option<(Record, Ttl, usize)> {
        let seen = self.versions.get(&version)?;
        let (record, ttl) = seen.record.clone()?;
        Some((record, ttl, seen.holders.len()))
    }

    /// These may be asked for the bytes of a version once more.
    pub(super) fn ask_again(&mut self, version: Version, holders: Vec<Contact>) {
        self.versions.entry(version).or_default().sources.extend(holders);
    }

    /// Whether there is a node that was not asked yet for the bytes of a version.
    pub(super) fn has_holder(&self, version: Version) -> bool {
        self.versions.get(&version).is_some_and(|seen| !seen.sources.is_empty())
    }

    /// The next node to ask for the bytes of a version.
    pub(super) fn next_holder(&mut self, version: Version) -> Option<Contact> {
        let seen = self.versions.get_mut(&version)?;
        if seen.sources.is_empty() { None } else { Some(seen.sources.remove(0)) }
    }
}
