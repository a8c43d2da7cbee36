//! Signed records and broadcasts as they come from others.
//!
//! What is taken is what its author signed: it has the key that follows from the author, is signed again with the
//! same bytes where the author is one of ours, and with one bit changed anywhere it is not taken.

use bytes::Bytes;
use dht_proto::limits::SALT_MAX;
use dht_proto::{
    AuthorKey, AuthorSecret, Broadcast, Key, NetworkId, Record, RecordError, Salt, SentAt,
    Sequence, Signature, SignedBody, Value,
};

use crate::cursor::Cursor;
use crate::vectors::{Vectors, array, bytes, number};
use crate::{Features, Shape, Target};

pub(crate) const TARGET: Target = Target {
    name: "record",
    about: "signatures of records and broadcasts",
    shape: Shape::Bytes,
    longest: 1_200,
    body: run,
    seeds,
};

/// What is claimed to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim<'a> {
    /// 0 a value, 1 a deletion, 2 a broadcast.
    form: u8,
    author: [u8; 32],
    signature: [u8; 64],
    /// Sequence of a record, time of a broadcast.
    number: u64,
    /// Of a broadcast; 0 else.
    network: u32,
    /// At most 32 bytes are one.
    salt: &'a [u8],
    payload: &'a [u8],
}

/// Something that a signature holds for.
#[derive(Debug, Clone, PartialEq)]
enum Taken {
    Record(Record),
    Broadcast(Broadcast),
}

fn run(input: &[u8], seen: &mut Features) {
    let mut cursor = Cursor::new(input);
    let (at, flip) = (usize::from(cursor.short()), cursor.byte());
    let claim = Claim::read(cursor.rest());
    match claim.take() {
        Ok(taken) => {
            check(&claim, &taken);
            seen.note("taken", (claim.form, claim.salt.len().min(1), claim.payload.len().min(1)));
            let changed = changed(&cursor_of(input), at, flip);
            let other = Claim::read(&changed);
            if other != claim {
                let result = other.take();
                assert!(result.is_err(), "{other:?} was taken for {claim:?}");
            }
        }
        Err(error) => seen.note("refused", (claim.form, std::mem::discriminant(&error))),
    }
}

/// The claim of an input.
fn cursor_of(input: &[u8]) -> Vec<u8> {
    input.get(3..).unwrap_or_default().to_vec()
}

/// `bytes` with one bit changed, if `flip` says so.
fn changed(bytes: &[u8], at: usize, flip: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let at = at % changed.len().max(1);
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= 1 << (flip % 8);
    }
    changed
}

impl<'a> Claim<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut cursor = Cursor::new(bytes);
        let (form, author, signature) = (cursor.byte() % 3, cursor.array(), cursor.array());
        let number = cursor.number();
        let network = if form == 2 { u32::from_le_bytes(cursor.array()) } else { 0 };
        // A broadcast has no salt.
        let salt = if form == 2 { 0 } else { usize::from(cursor.byte()) % (SALT_MAX + 2) };
        let salt = cursor.take(salt);
        // Nor has a deletion a value.
        let payload = if form == 1 { &[] } else { cursor.rest() };
        Self { form, author, signature, number, network, salt, payload }
    }

    fn bytes(&self) -> Vec<u8> {
        let salt = u8::try_from(self.salt.len()).unwrap();
        let network = self.network.to_le_bytes();
        let (network, salt_len): (&[u8], &[u8]) =
            if self.form == 2 { (&network, &[]) } else { (&[], &[salt]) };
        let number = self.number.to_le_bytes();
        [
            &[self.form],
            &self.author[..],
            &self.signature,
            &number,
            network,
            salt_len,
            self.salt,
            self.payload,
        ]
        .concat()
    }

    fn take(&self) -> Result<Taken, RecordError> {
        let author = AuthorKey::from_bytes(self.author);
        let signature = Signature::from_bytes(self.signature);
        let payload = Bytes::copy_from_slice(self.payload);
        if self.form == 2 {
            let (network, sent) = (NetworkId(self.network), SentAt(self.number));
            let broadcast = Broadcast::signed(author, network, sent, payload, signature);
            return broadcast.map(Taken::Broadcast);
        }
        let salt = Salt::new(Bytes::copy_from_slice(self.salt))?;
        let sequence = Sequence(self.number);
        Record::signed(author, salt, sequence, self.body(payload), signature).map(Taken::Record)
    }

    fn body(&self, payload: Bytes) -> SignedBody {
        match self.form {
            1 => SignedBody::Deleted,
            _ => SignedBody::Value(Value::new(payload).unwrap()),
        }
    }
}

fn check(claim: &Claim<'_>, taken: &Taken) {
    let secret = [1, 2, 3].map(|seed| AuthorSecret::from_seed(&[seed; 32]));
    let author = AuthorKey::from_bytes(claim.author);
    let own = secret.iter().find(|secret| secret.author() == author);
    let payload = Bytes::copy_from_slice(claim.payload);
    match taken {
        Taken::Record(record) => {
            let salt = Salt::new(Bytes::copy_from_slice(claim.salt)).unwrap();
            assert_eq!(record.key(), Key::signed(&author, &salt));
            assert_eq!(record.sequence(), Sequence(claim.number));
            assert_eq!(record.value().map_or(0, Value::len), claim.payload.len());
            assert_eq!(record.detached(), *record);
            if let Some(secret) = own {
                let sequence = Sequence(claim.number);
                let signed = Record::sign(secret, salt, sequence, claim.body(payload));
                assert_eq!(signed, *record, "Ed25519 signs the same bytes the same way");
            }
        }
        Taken::Broadcast(broadcast) => {
            if let Some(secret) = own {
                let network = NetworkId(claim.network);
                let signed =
                    Broadcast::sign(secret, network, SentAt(claim.number), payload).unwrap();
                assert_eq!((signed.id(), &signed), (broadcast.id(), broadcast));
            }
            // However far off, a time is one.
            let _ = broadcast.sent().is_current(dht_proto::Moment::from_secs(1_000_000));
        }
    }
}

fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for vector in vectors.of("signed_records") {
        let (salt, value) = (bytes(&vector["salt"]), &vector["value"]);
        let value = if value.is_null() { Vec::new() } else { bytes(value) };
        let claim = Claim {
            form: u8::from(vector["value"].is_null()),
            author: array(&vector["author"]),
            signature: array(&vector["signature"]),
            number: number(&vector["sequence"]),
            network: 0,
            salt: &salt,
            payload: &value,
        };
        seeds.push(claim.bytes());
    }
    for vector in vectors.of("broadcasts") {
        let payload = bytes(&vector["payload"]);
        let claim = Claim {
            form: 2,
            author: array(&vector["author"]),
            signature: array(&vector["signature"]),
            number: number(&vector["sent"]),
            network: u32::try_from(number(&vector["network"])).unwrap(),
            salt: &[],
            payload: &payload,
        };
        seeds.push(claim.bytes());
    }
    let head = |(number, seed): (usize, Vec<u8>)| {
        // Another byte is changed in each.
        let at = u16::try_from(number * 37).unwrap_or_default().to_le_bytes();
        [&[at[0], at[1], 1][..], &seed].concat()
    };
    seeds.into_iter().enumerate().map(head).collect()
}
