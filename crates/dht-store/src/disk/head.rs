//! A row of the table of heads: all of a record but its value.
//!
//! ```text
//! expires      8 bytes, microseconds of the node's clock, big-endian as all numbers
//! custody      1 byte: 0 own, 1 holder, 2 mirror, 3 cache
//! ttl          4 bytes, seconds that an own record is renewed for; 0 for others
//! source      16 bytes
//! size         4 bytes, length of the value
//! value        8 bytes, number under which the parts of the value are found
//! named:       digest 32 bytes
//! signed:      digest 32 bytes, sequence 8 bytes, form 1 byte (0 value, 1 deleted), author 32 bytes,
//!              signature 64 bytes, salt, what is left
//! checksum     8 bytes: the first of BLAKE3 over the key of the row and the bytes before
//! ```
//!
//! The key of a content record is its digest; its kind is part of the key of the row.

use bytes::Bytes;
use dht_proto::limits::VALUE_MAX;
use dht_proto::{
    AuthorKey, Custody, Digest, Kind, Moment, Record, Salt, Sequence, Signature, Signed,
    SignedBody, Slot, Source, Summary, Ttl, Value,
};

use super::error::Problem;
use super::table::slot_key;
use crate::eviction::Candidate;
use crate::quota::Quota;

const CHECKSUM_LEN: usize = 8;

/// A row. The summary is what a reader is told; the rest is what finds and proves the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) summary: Summary,
    pub(super) source: Source,
    pub(super) value: u64,
    signed: Option<Proof>,
}

/// What proves a signed record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Proof {
    deleted: bool,
    author: AuthorKey,
    signature: Signature,
    salt: Salt,
}

impl Proof {
    fn of(signed: &Signed) -> Self {
        Self {
            deleted: matches!(signed.body(), SignedBody::Deleted),
            author: *signed.author(),
            signature: *signed.signature(),
            salt: signed.salt().clone(),
        }
    }
}

impl Head {
    /// The head of `record`, whose value is kept under the number `value`.
    pub(super) fn new(record: &Record, summary: Summary, source: Source, value: u64) -> Self {
        Self { summary, source, value, signed: record.as_signed().map(Proof::of) }
    }

    /// The head of the same record, kept on other terms.
    pub(super) fn changed(&self, expires: Moment, custody: Custody, source: Source) -> Self {
        let summary = Summary { expires, custody, ..self.summary };
        Self { summary, source, ..self.clone() }
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            place: (self.summary.expires, self.summary.slot),
            source: self.source,
            cost: Quota::cost(self.summary.size),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let summary = &self.summary;
        let (custody, ttl) = match summary.custody {
            Custody::Own { ttl } => (0_u8, ttl.as_secs()),
            Custody::Holder => (1, 0),
            Custody::Mirror => (2, 0),
            Custody::Cache { .. } => (3, 0),
        };
        let mut row = Vec::with_capacity(256);
        row.extend_from_slice(&summary.expires.as_micros().to_be_bytes());
        row.push(custody);
        row.extend_from_slice(&ttl.to_be_bytes());
        if let Custody::Cache { until } = summary.custody {
            row.extend_from_slice(&until.as_micros().to_be_bytes());
        }
        row.extend_from_slice(self.source.as_bytes());
        row.extend_from_slice(&u32::try_from(summary.size).unwrap_or(u32::MAX).to_be_bytes());
        row.extend_from_slice(&self.value.to_be_bytes());
        if summary.slot.kind != Kind::Content {
            row.extend_from_slice(summary.digest.as_bytes());
        }
        if let Some(Proof { deleted, author, signature, salt }) = &self.signed {
            row.extend_from_slice(&summary.sequence.0.to_be_bytes());
            row.push(u8::from(*deleted));
            row.extend_from_slice(author.as_bytes());
            row.extend_from_slice(signature.as_bytes());
            row.extend_from_slice(salt.as_bytes());
        }
        let checksum = checksum(summary.slot, &row);
        row.extend_from_slice(&checksum);
        row
    }

    /// Reads the row of `slot`.
    pub(super) fn decode(slot: Slot, row: &[u8]) -> Result<Self, Problem> {
        let (row, stored) = row.split_last_chunk::<CHECKSUM_LEN>().ok_or(Problem::Record(slot))?;
        if *stored != checksum(slot, row) {
            return Err(Problem::Record(slot));
        }
        Self::decode_checked(slot, row).ok_or(Problem::Record(slot))
    }

    fn decode_checked(slot: Slot, mut row: &[u8]) -> Option<Self> {
        let expires = Moment::from_micros(u64::from_be_bytes(take(&mut row)?));
        let [custody] = take(&mut row)?;
        let ttl = u32::from_be_bytes(take(&mut row)?);
        let custody = match custody {
            0 => Custody::Own { ttl: Ttl::from_secs(ttl)? },
            1 => Custody::Holder,
            2 => Custody::Mirror,
            3 => Custody::Cache { until: Moment::from_micros(u64::from_be_bytes(take(&mut row)?)) },
            _ => return None,
        };
        let source = Source::from_bytes(take(&mut row)?);
        let size = usize::try_from(u32::from_be_bytes(take(&mut row)?)).ok()?;
        let value = u64::from_be_bytes(take(&mut row)?);
        let digest = match slot.kind {
            Kind::Content => *slot.key.as_bytes(),
            Kind::Signed | Kind::Named => take(&mut row)?,
        };
        let mut sequence = Sequence(0);
        let mut signed = None;
        if slot.kind == Kind::Signed {
            sequence = Sequence(u64::from_be_bytes(take(&mut row)?));
            let [form] = take(&mut row)?;
            signed = Some(Proof {
                deleted: form == 1,
                author: AuthorKey::from_bytes(take(&mut row)?),
                signature: Signature::from_bytes(take(&mut row)?),
                salt: Salt::new(Bytes::copy_from_slice(std::mem::take(&mut row))).ok()?,
            });
        }
        if !row.is_empty() || size > VALUE_MAX {
            return None;
        }
        let digest = Digest::from_bytes(digest);
        let summary = Summary { slot, size, digest, sequence, expires, custody };
        Some(Self { summary, source, value, signed })
    }

    /// The record that the head and these bytes make, if it is the one that was kept: content is hashed,
    /// signatures are verified, and the hash of any value is compared.
    pub(super) fn record(&self, bytes: Bytes) -> Result<Record, Problem> {
        let Summary { slot, size, digest, sequence, .. } = self.summary;
        self.assembled(bytes)
            .filter(|record| {
                record.slot() == slot
                    && record.size() == size
                    && record.digest() == digest
                    && record.sequence() == sequence
            })
            .ok_or(Problem::Record(slot))
    }

    fn assembled(&self, bytes: Bytes) -> Option<Record> {
        let Summary { slot, sequence, .. } = self.summary;
        let value = Value::new(bytes).ok()?;
        match (&self.signed, slot.kind) {
            (None, Kind::Content) => Some(Record::content(value)),
            (None, Kind::Named) => Some(Record::at(slot.key, value)),
            (Some(Proof { deleted, author, signature, salt }), Kind::Signed) => {
                let body = if *deleted { SignedBody::Deleted } else { SignedBody::Value(value) };
                Record::signed(*author, salt.clone(), sequence, body, *signature).ok()
            }
            _ => None,
        }
    }
}

fn take<const N: usize>(row: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = row.split_first_chunk::<N>()?;
    *row = rest;
    Some(*first)
}

pub(super) fn checksum(slot: Slot, row: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&slot_key(slot));
    hasher.update(row);
    let mut checksum = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut checksum);
    checksum
}

#[cfg(test)]
mod tests {
    use dht_proto::{AuthorSecret, Purpose, Terms};

    use super::*;

    fn samples() -> Vec<(Record, Head)> {
        let author = AuthorSecret::from_seed(&[3; 32]);
        let value = || Value::new("value").unwrap();
        let salts = ["", "salt", "thirty-two bytes of a long salt."].map(|s| Salt::new(s).unwrap());
        let records = [
            Record::content(value()),
            Record::named(b"name", value()),
            Record::named(b"name", Value::default()),
            Record::sign(&author, salts[0].clone(), Sequence(1), SignedBody::Value(value())),
            Record::sign(&author, salts[1].clone(), Sequence(u64::MAX), SignedBody::Deleted),
            Record::sign(&author, salts[2].clone(), Sequence(2), SignedBody::Value(value())),
        ];
        let custodies = [
            Custody::Own { ttl: Ttl::MAX },
            Custody::Holder,
            Custody::Mirror,
            Custody::Cache { until: Moment::NEVER },
        ];
        let head = |(number, record): (usize, &Record)| {
            let terms = Terms {
                expires: Moment::from_micros(u64::MAX - 1),
                purpose: Purpose::Publish,
                custody: custodies[number % 4],
                source: Source::from_bytes([9; 16]),
                expected: None,
                replaces: false,
            };
            let summary = Summary::of(record, &terms);
            (record.clone(), Head::new(record, summary, terms.source, 77))
        };
        records.iter().enumerate().map(head).collect()
    }

    fn bytes_of(record: &Record) -> Bytes {
        record.value().cloned().unwrap_or_default().into_bytes()
    }

    #[test]
    fn a_row_reads_back_and_makes_the_record_again() {
        for (record, head) in samples() {
            let decoded = Head::decode(record.slot(), &head.encode()).unwrap();
            assert_eq!(decoded, head);
            assert_eq!(decoded.record(bytes_of(&record)).unwrap(), record);
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        for (record, head) in samples() {
            let row = head.encode();
            for bit in 0..row.len() * 8 {
                let mut damaged = row.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(Head::decode(record.slot(), &damaged).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_row_cut_anywhere_or_moved_to_another_slot_is_noticed() {
        for (record, head) in samples() {
            let row = head.encode();
            for length in 0..row.len() {
                assert!(Head::decode(record.slot(), &row[..length]).is_err(), "{length} bytes");
            }
            let elsewhere = Record::named(b"elsewhere", Value::default()).slot();
            assert!(Head::decode(elsewhere, &row).is_err());
        }
    }

    #[test]
    fn another_value_makes_no_record() {
        for (record, head) in samples() {
            let mut other = bytes_of(&record).to_vec();
            other.push(b'!');
            if record.value().is_some() {
                assert!(head.record(Bytes::from(other)).is_err());
            }
        }
    }
}
