//! Broadcasts: messages of an author to every node of the network.
//!
//! A [`Broadcast`] cannot be invalid: it is signed here, or its signature has been verified, for one network.
//! What was signed in another network verifies in none but that, so no value of this type comes of it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::limits::{BROADCAST_LIFE_SECONDS, BROADCAST_MAX};
use crate::{AuthorKey, AuthorSecret, Moment, NetworkId, RecordError, Signature};

/// What an author's signature begins with.
const SIGNED: &[u8; 16] = b"dht v1 broadcast";

/// What the id of a broadcast is derived under.
const ID_CONTEXT: &str = "dht v1 broadcast id";

/// Bytes that are signed: a text, the network, when it was sent, the hash of the payload.
const SIGNED_LEN: usize = 16 + 4 + 8 + 32;

/// Names a broadcast: 16 bytes that follow from its network, its author, the time it was sent and its payload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastId([u8; 16]);

impl BroadcastId {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Wraps 16 bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write(&self.0, f)
    }
}

impl fmt::Debug for BroadcastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BroadcastId(")?;
        crate::hex::write(&self.0[..4], f)?;
        f.write_str("..)")
    }
}

/// When a broadcast was sent, by the clock of whoever signed it: milliseconds since the Unix epoch, or since
/// the epoch that all nodes of a simulation count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SentAt(pub u64);

impl SentAt {
    /// How far the clocks of author and reader may be apart, and how long a broadcast lives.
    pub const LIFE: Duration = Duration::from_secs(BROADCAST_LIFE_SECONDS);

    /// The instant, to the millisecond below.
    pub const fn of(now: Moment) -> Self {
        Self(now.as_micros() / 1_000)
    }

    /// As an instant.
    pub const fn moment(self) -> Moment {
        Moment::from_millis(self.0)
    }

    /// When its life ends.
    pub fn expires(self) -> Moment {
        self.moment() + Self::LIFE
    }

    /// Whether a reader takes it at `now`: not a life ago, and not more than a life ahead.
    pub fn is_current(self, now: Moment) -> bool {
        now < self.expires() && self.moment() < now + Self::LIFE
    }
}

/// A payload exceeds [`BROADCAST_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("broadcast is {size} bytes, limit is {limit}")]
pub struct BroadcastTooLarge {
    /// Length of the payload, in bytes.
    pub size: usize,
    /// Longest payload, in bytes.
    pub limit: usize,
}

/// A signed message to every node.
#[derive(Clone, PartialEq, Eq)]
pub struct Broadcast {
    id: BroadcastId,
    author: AuthorKey,
    sent: SentAt,
    signature: Signature,
    payload: Bytes,
}

impl Broadcast {
    /// Signs `payload`, at most [`BROADCAST_MAX`] bytes, as sent in `network` at `sent`. The same payload of the
    /// same author in the same network at the same time is the same broadcast.
    pub fn sign(
        secret: &AuthorSecret,
        network: NetworkId,
        sent: SentAt,
        payload: Bytes,
    ) -> Result<Self, BroadcastTooLarge> {
        check_size(payload.len())?;
        let author = secret.author();
        let message = signed_bytes(network, sent, &payload);
        let signature = secret.sign(&message);
        Ok(Self { id: id_of(&author, &message), author, sent, signature, payload })
    }

    /// Takes a broadcast from elsewhere, if its signature verifies (RFC 8032, strict) as one made for `network`.
    /// The payload has at most [`BROADCAST_MAX`] bytes, else the signature counts as one that does not verify.
    pub fn signed(
        author: AuthorKey,
        network: NetworkId,
        sent: SentAt,
        payload: Bytes,
        signature: Signature,
    ) -> Result<Self, RecordError> {
        check_size(payload.len()).map_err(|_| RecordError::BadSignature)?;
        let message = signed_bytes(network, sent, &payload);
        author.verify(&message, &signature)?;
        Ok(Self { id: id_of(&author, &message), author, sent, signature, payload })
    }

    /// Its name.
    pub fn id(&self) -> BroadcastId {
        self.id
    }

    /// Whose it is.
    pub fn author(&self) -> &AuthorKey {
        &self.author
    }

    /// When it was sent, as its author says.
    pub fn sent(&self) -> SentAt {
        self.sent
    }

    /// The author's signature over the network, the time and the hash of the payload.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What it says, 0 to [`BROADCAST_MAX`] bytes.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast({:?}, {:?}, {} bytes)", self.id, self.author, self.payload.len())
    }
}

/// What the reader of a broadcast says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroadcastVerdict {
    /// It is known here already.
    Have,
    /// To its id: send it.
    Wanted,
    /// To its id: somebody else was told to send it.
    Expected,
    /// To the broadcast itself: it is new here, and taken.
    Taken,
    /// It is not taken: its life is over, its author sends too much, or the node has too much to do.
    Refused,
}

/// A broadcast that can be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BroadcastEntry {
    /// Its name.
    pub id: BroadcastId,
    /// Length of its payload, in bytes.
    pub size: u32,
}

impl BroadcastEntry {
    /// Describes `broadcast`.
    pub fn of(broadcast: &Broadcast) -> Self {
        let size = u32::try_from(broadcast.payload.len()).unwrap_or(u32::MAX);
        Self { id: broadcast.id, size }
    }
}

fn check_size(size: usize) -> Result<(), BroadcastTooLarge> {
    let limit = BROADCAST_MAX;
    if size > limit { Err(BroadcastTooLarge { size, limit }) } else { Ok(()) }
}

fn signed_bytes(network: NetworkId, sent: SentAt, payload: &[u8]) -> [u8; SIGNED_LEN] {
    let mut message = [0; SIGNED_LEN];
    let (network, sent) = (network.0.to_le_bytes(), sent.0.to_le_bytes());
    let parts = [&SIGNED[..], &network, &sent, blake3::hash(payload).as_bytes()].concat();
    message.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
    message
}

fn id_of(author: &AuthorKey, message: &[u8; SIGNED_LEN]) -> BroadcastId {
    let mut hasher = blake3::Hasher::new_derive_key(ID_CONTEXT);
    hasher.update(author.as_bytes()).update(message);
    let hash = hasher.finalize();
    BroadcastId(hash.as_bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkId = NetworkId(7);

    fn secret() -> AuthorSecret {
        AuthorSecret::from_seed(&[7; 32])
    }

    fn signed(sent: u64, payload: &'static str) -> Broadcast {
        Broadcast::sign(&secret(), NETWORK, SentAt(sent), payload.into()).unwrap()
    }

    #[test]
    fn an_id_follows_from_network_author_time_and_payload() {
        let broadcast = signed(5, "hello");
        assert_eq!(broadcast.id(), signed(5, "hello").id());
        assert_ne!(broadcast.id(), signed(6, "hello").id());
        assert_ne!(broadcast.id(), signed(5, "hallo").id());
        let other = AuthorSecret::from_seed(&[8; 32]);
        let other = Broadcast::sign(&other, NETWORK, SentAt(5), "hello".into()).unwrap();
        assert_ne!(broadcast.id(), other.id());
        let elsewhere = Broadcast::sign(&secret(), NetworkId(8), SentAt(5), "hello".into());
        assert_ne!(broadcast.id(), elsewhere.unwrap().id());
    }

    #[test]
    fn a_broadcast_is_taken_from_elsewhere_only_with_its_signature() {
        let broadcast = signed(5, "hello");
        let take = |sent, payload: &'static str, signature| {
            Broadcast::signed(secret().author(), NETWORK, sent, payload.into(), signature)
        };
        let signature = *broadcast.signature();
        assert_eq!(take(SentAt(5), "hello", signature).as_ref(), Ok(&broadcast));
        for forged in [
            take(SentAt(6), "hello", signature),
            take(SentAt(5), "hallo", signature),
            take(SentAt(5), "hello", Signature::from_bytes([1; 64])),
        ] {
            assert_eq!(forged, Err(RecordError::BadSignature));
        }
    }

    #[test]
    fn a_broadcast_of_one_network_is_none_in_another() {
        let broadcast = signed(5, "hello");
        let take = |network| {
            let (author, signature) = (*broadcast.author(), *broadcast.signature());
            Broadcast::signed(author, network, SentAt(5), "hello".into(), signature)
        };
        assert_eq!(take(NETWORK).as_ref(), Ok(&broadcast));
        for network in [NetworkId(0), NetworkId(8), NetworkId(7 << 24), NetworkId::default()] {
            assert_eq!(take(network), Err(RecordError::BadSignature), "{network:?}");
        }
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_with_the_limit() {
        let sign = |size| Broadcast::sign(&secret(), NETWORK, SentAt(5), vec![1; size].into());
        assert!(sign(BROADCAST_MAX).is_ok());
        let error = sign(BROADCAST_MAX + 1).unwrap_err();
        assert_eq!(error.to_string(), "broadcast is 65537 bytes, limit is 65536");
    }

    #[test]
    fn a_broadcast_is_current_for_a_life_before_and_after_it_was_sent() {
        let sent = SentAt(1_000_000);
        let (at, life) = (sent.moment(), SentAt::LIFE);
        let moment = Duration::from_micros(1);
        assert!(sent.is_current(at) && sent.is_current(at + life - moment));
        assert!(!sent.is_current(at + life));
        assert!(sent.is_current(at - life + moment) && !sent.is_current(at - life));
        assert!(!SentAt(u64::MAX).is_current(at));
    }
}
