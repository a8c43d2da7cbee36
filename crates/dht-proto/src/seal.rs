//! Sealing: every message is authenticated and private, with no handshake and no session.
//!
//! Two nodes share a key, made of their X25519 keys; each datagram and each frame is sealed with
//! XChaCha20-Poly1305 under that key and a random nonce. There is no forward secrecy: whoever gets hold
//! of a node's secret key can open what was recorded before. `proto/PROTOCOL.md`, section 6.
//!
//! ```
//! use bytes::BytesMut;
//! use dht_proto::envelope::{Envelope, SealNonce};
//! use dht_proto::seal::Sealer;
//! use dht_proto::*;
//!
//! // Of a real node: 32 random bytes, and the difficulty of its network.
//! let alice = LocalIdentity::search([1; 32], Difficulty::NONE);
//! let bob = LocalIdentity::search([2; 32], Difficulty::NONE);
//! let network = NetworkId::default();
//! let (mut alice, mut bob) = (Sealer::new(alice, network, 256), Sealer::new(bob, network, 256));
//!
//! let ping = Message {
//!     role: Role::Full,
//!     families: Families::V4,
//!     load: Load::NONE,
//!     id: RequestId(42), // random, too
//!     body: Body::Request(Request::Ping),
//! };
//! let mut datagram = BytesMut::new();
//! let fresh = SealNonce::new([3; 18], Moment::EPOCH); // random bytes, and the time
//! alice.seal(&bob.node().public(), &ping, fresh, None, &mut datagram)?;
//!
//! match Envelope::parse(&mut datagram, network)? {
//!     Envelope::Sealed(sealed) => assert_eq!(bob.open(sealed)?, (alice.node(), ping)),
//!     other => panic!("{other:?} is not sealed"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::{Bytes, BytesMut};

use crate::codec::{self, Plaintext, Undecodable};
use crate::envelope::{ClearFields, SealNonce, Sealed};
use crate::limits::DATAGRAM_MAX;
use crate::message::length::padding;
use crate::stream::Channel;
use crate::{Cookie, DecodeError, LocalIdentity, Message, NetworkId, NodeIdentity, PublicKey};

mod aead;
mod cache;
mod pair;

use cache::KeyCache;
pub use pair::{PairKey, WeakKey};

/// Seals what a node sends and opens what it receives, and remembers the keys it shares with its peers.
///
/// A key exchange takes tens of microseconds, everything else less than one. So the shared keys of the
/// peers seen last are kept: memory grows with their number up to the capacity, some 50 bytes each.
pub struct Sealer {
    local: LocalIdentity,
    network: NetworkId,
    keys: KeyCache,
}

/// Why a message cannot be sealed. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The receiver's key is one that nothing can be sealed for.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// The message does not fit; it has to travel by stream.
    #[error("datagram would be {size} bytes, limit is {limit}")]
    TooLong {
        /// Length of the datagram, in bytes.
        size: usize,
        /// Longest datagram, in bytes.
        limit: usize,
    },
}

/// Why a datagram or frame does not become a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A frame whose clear part is not ours. Nothing is known about the sender.
    #[error(transparent)]
    Envelope(#[from] DecodeError),
    /// The sender's key is our own, or one that everybody shares. Nothing is known about the sender.
    #[error(transparent)]
    WeakKey(#[from] WeakKey),
    /// It was not sealed for us by the sender it names, or was changed on the way.
    #[error("does not open: not sealed for this node, or changed on the way")]
    Forged,
    /// A frame from another node than the stream's.
    #[error("frame of another node than the stream's")]
    OtherSender,
    /// The sender is proven, but what it sent is no message.
    #[error(transparent)]
    Rejected(Box<Rejected>),
}

/// What a proven sender sent, if it is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("from {from:?}: {undecodable}")]
pub struct Rejected {
    /// Who sealed it.
    pub from: NodeIdentity,
    /// What is wrong with it, and how it is answered.
    pub undecodable: Undecodable,
}

impl Sealer {
    /// A sealer of `local`'s messages in `network` that remembers at most `capacity` shared keys (at
    /// least one).
    pub fn new(local: LocalIdentity, network: NetworkId, capacity: usize) -> Self {
        let keys = KeyCache::new(capacity, local.secret_bytes());
        Self { local, network, keys }
    }

    /// Who we are.
    pub fn node(&self) -> NodeIdentity {
        self.local.node()
    }

    /// The network messages are sealed for.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// Whether opening a datagram of `peer` costs no key exchange.
    pub fn knows(&self, peer: &PublicKey) -> bool {
        self.keys.contains(peer)
    }

    /// Writes `message`, sealed for `to`, to the end of `out` as one datagram, padded if its answer may be
    /// long. `seal_nonce` must be a new one. Use `cookie` when a retry asked for it.
    pub fn seal(
        &mut self,
        to: &PublicKey,
        message: &Message,
        seal_nonce: SealNonce,
        cookie: Option<Cookie>,
        out: &mut BytesMut,
    ) -> Result<(), SealError> {
        let padding = padding(message, message.plaintext_len(), cookie.is_some());
        let plaintext = Plaintext::of_message(message, padding);
        let node = self.local.node();
        let fields = ClearFields {
            network: self.network,
            sender: node.public(),
            nonce: node.nonce(),
            seal_nonce,
            cookie,
        };
        if let Some(key) = self.keys.find(to) {
            return key.seal(&fields, &plaintext, DATAGRAM_MAX, out);
        }
        let key = PairKey::derive(&self.local, to)?;
        key.seal(&fields, &plaintext, DATAGRAM_MAX, out)?;
        self.keys.insert(*to, key);
        Ok(())
    }

    /// Opens a datagram. A key exchange is made if the sender is not [known](Self::knows); its result is
    /// kept only if the datagram opens.
    pub fn open(&mut self, sealed: Sealed<'_>) -> Result<(NodeIdentity, Message), OpenError> {
        let ClearFields { sender, nonce, .. } = sealed.fields;
        let plaintext = if let Some(key) = self.keys.find(&sender) {
            key.open(sealed)?
        } else {
            let key = PairKey::derive(&self.local, &sender)?;
            let plaintext = key.open(sealed)?;
            self.keys.insert(sender, key);
            plaintext
        };
        let from = NodeIdentity::new(sender, nonce);
        match codec::decode(self.network, Bytes::copy_from_slice(plaintext)) {
            Ok(message) => Ok((from, message)),
            Err(undecodable) => Err(OpenError::Rejected(Box::new(Rejected { from, undecodable }))),
        }
    }

    /// The sealing of a stream with `peer`, free of a key exchange if the peer is known.
    pub fn channel(&mut self, peer: NodeIdentity) -> Result<Channel, WeakKey> {
        let key = if let Some(key) = self.keys.find(&peer.public()) {
            key.clone()
        } else {
            let key = PairKey::derive(&self.local, &peer.public())?;
            self.keys.insert(peer.public(), key.clone());
            key
        };
        Ok(Channel::with_key(self.local.node(), self.network, peer, key))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({:?})", self.local.node())
    }
}

#[cfg(test)]
mod tests;
