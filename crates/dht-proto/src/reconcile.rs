//! How two holders find out in a few bytes whether they hold the same records: prefixes of keys,
//! fingerprints of records, and digests of all the fingerprints in a part of the space.

use std::fmt;
use std::ops::RangeInclusive;

use blake3::hazmat::{ContextKey, HasherExt};

use crate::{Key, Kind, Slot, Summary};

/// `BLAKE3 hash_derive_key_context("dht v1 fingerprint")`: spares a third of the work for each record.
const FINGERPRINT_CONTEXT: ContextKey = [
    0x5e, 0x99, 0xf2, 0x07, 0x4c, 0x4c, 0xb1, 0x06, 0x17, 0x68, 0x25, 0xda, 0xa7, 0xc0, 0xa6, 0xae,
    0x4d, 0x47, 0x67, 0x1e, 0x36, 0xdd, 0x47, 0x61, 0x2a, 0xaf, 0xe4, 0xec, 0x8a, 0x90, 0xd1, 0x91,
];

/// All keys that start with the same bits: a part of the space, from all of it to one key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The first key of the part: the bits, followed by zeros.
    first: Key,
    bits: u16,
}

impl Prefix {
    /// Every key there is.
    pub const ALL: Self = Self { first: Key::from_bytes([0; 32]), bits: 0 };

    /// Most bits a prefix has: those of a whole key.
    pub const BITS_MAX: u16 = 256;

    /// The first `bits` of `key`; all of them where `bits` is 256 or more.
    pub fn of(key: &Key, bits: u16) -> Self {
        let bits = bits.min(Self::BITS_MAX);
        Self { first: fill(key, bits, 0), bits }
    }

    /// How many bits: 0..=256.
    pub const fn bits(&self) -> u16 {
        self.bits
    }

    /// The first key that starts with them.
    pub const fn first(&self) -> Key {
        self.first
    }

    /// The last key that starts with them.
    pub fn last(&self) -> Key {
        fill(&self.first, self.bits, 0xff)
    }

    /// Every slot at a key that starts with them.
    pub fn slots(&self) -> RangeInclusive<Slot> {
        Slot { key: self.first, kind: Kind::Content }..=Slot { key: self.last(), kind: Kind::Named }
    }

    /// Whether `key` starts with them.
    pub fn contains(&self, key: &Key) -> bool {
        Self::of(key, self.bits).first == self.first
    }

    /// The half of the part whose next bit is `bit`; `None` if the part is a single key.
    pub fn child(&self, bit: bool) -> Option<Self> {
        if self.bits >= Self::BITS_MAX {
            return None;
        }
        let mut bytes = *self.first.as_bytes();
        if let Some(byte) = bytes.get_mut(usize::from(self.bits / 8)) {
            *byte |= u8::from(bit) << (7 - self.bits % 8);
        }
        Some(Self { first: Key::from_bytes(bytes), bits: self.bits + 1 })
    }

    /// The bits in as few bytes as hold them, followed by zeros up to the last byte.
    pub fn as_bytes(&self) -> &[u8] {
        self.first.as_bytes().get(..Self::length(self.bits)).unwrap_or_default()
    }

    /// How many bytes hold `bits`.
    pub(crate) const fn length(bits: u16) -> usize {
        bits.div_ceil(8) as usize
    }
}

/// `key` with all bits after the first `bits` replaced by those of `filler`, repeated.
fn fill(key: &Key, bits: u16, filler: u8) -> Key {
    let mut bytes = *key.as_bytes();
    for (byte, position) in bytes.iter_mut().zip((0_u16..).step_by(8)) {
        let kept = bits.saturating_sub(position).min(8);
        let mask = u8::MAX.checked_shr(u32::from(kept)).unwrap_or(0);
        *byte = *byte & !mask | filler & mask;
    }
    Key::from_bytes(bytes)
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prefix(")?;
        crate::hex::write(self.as_bytes(), f)?;
        write!(f, "/{})", self.bits)
    }
}

/// Stands for one version of one record, whoever holds it and however long. Two different records have the
/// same by chance once in 2^64 times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// First 8 bytes of `BLAKE3 derive_key("dht v1 fingerprint", key || kind (1 byte: 1 content, 2 signed,
    /// 3 named) || sequence (8 bytes, little-endian) || digest)`.
    pub fn of(record: &Summary) -> Self {
        let Slot { key, kind } = record.slot;
        let kind = match kind {
            Kind::Content => 1,
            Kind::Signed => 2,
            Kind::Named => 3,
        };
        let mut input = [0; 73];
        input[..32].copy_from_slice(key.as_bytes());
        input[32] = kind;
        input[33..41].copy_from_slice(&record.sequence.0.to_le_bytes());
        input[41..].copy_from_slice(record.digest.as_bytes());
        let mut hasher = blake3::Hasher::new_from_context_key(&FINGERPRINT_CONTEXT);
        hasher.update(&input);
        Self(first_bytes(&hasher))
    }

    /// Wraps 8 bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The 8 bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        crate::hex::write(&self.0, f)?;
        f.write_str(")")
    }
}

/// Stands for all the records held in a part of the space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellDigest([u8; 16]);

impl CellDigest {
    /// First 16 bytes of the BLAKE3 hash of the fingerprints, one after another, which must come in
    /// ascending order of the slots of their records. An empty cell has the hash of no bytes.
    pub fn of(fingerprints: impl IntoIterator<Item = Fingerprint>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for fingerprint in fingerprints {
            hasher.update(fingerprint.as_bytes());
        }
        Self(first_bytes(&hasher))
    }

    /// Wraps 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for CellDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CellDigest(")?;
        crate::hex::write(&self.0[..4], f)?;
        f.write_str("..)")
    }
}

fn first_bytes<const N: usize>(hasher: &blake3::Hasher) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..N]);
    bytes
}

/// What one node holds in a part of the space, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The part.
    pub prefix: Prefix,
    /// Of the records held there, cached copies left out.
    pub digest: CellDigest,
}

/// What a store tells of a part of the space, cached copies left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// It has looked at all of it.
    Whole {
        /// Of the records held there.
        digest: CellDigest,
        /// How many they are.
        records: usize,
    },
    /// There is more than it has looked at so far.
    AtLeast {
        /// Records that it has seen.
        records: usize,
    },
}

impl Stock {
    /// Of all the records that live in a part, in ascending order of slots. Cached copies are left out.
    pub fn of(listed: &[Summary]) -> Self {
        let held = || listed.iter().filter(|summary| !summary.custody.is_cached());
        let digest = CellDigest::of(held().map(Fingerprint::of));
        Self::Whole { digest, records: held().count() }
    }

    /// How many records were seen.
    pub const fn records(&self) -> usize {
        match self {
            Self::Whole { records, .. } | Self::AtLeast { records } => *records,
        }
    }
}

/// How what the answering node holds in a cell compares with what the asker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellAnswer {
    /// The same.
    Same,
    /// Something else.
    Differs {
        /// What it holds there, cached copies left out, in ascending order of slots. At most
        /// [`FINGERPRINTS_MAX`](crate::limits::FINGERPRINTS_MAX).
        held: Vec<Fingerprint>,
    },
    /// Something else, and more than it tells: longer prefixes can be asked about.
    TooMany {
        /// How many records it holds there.
        count: u32,
    },
}

#[cfg(test)]
mod tests;
