//! The two ends of a stream: frames sealed for one node, and opened from it.

use bytes::{BufMut, BytesMut};

use super::frame::Frame;
use crate::envelope::{ClearFields, SealNonce, Sealed};
use crate::limits::FRAME_MAX;
use crate::message::length::{FRAME_PREFIX_LEN, sealed_len};
use crate::seal::{OpenError, PairKey, Rejected, SealError, WeakKey};
use crate::{LocalIdentity, NetworkId, NodeIdentity};

/// Seals and opens the frames of one stream. Needs nothing of the node but its identity, so each stream
/// can have a task of its own.
#[derive(Debug, Clone)]
pub struct Channel {
    network: NetworkId,
    local: NodeIdentity,
    peer: NodeIdentity,
    key: PairKey,
}

impl Channel {
    /// A channel of `local` with `peer`. Makes a key exchange: tens of microseconds.
    pub fn new(
        local: &LocalIdentity,
        network: NetworkId,
        peer: NodeIdentity,
    ) -> Result<Self, WeakKey> {
        let key = PairKey::derive(local, &peer.public())?;
        Ok(Self::with_key(local.node(), network, peer, key))
    }

    /// A channel under a key that is known already, see [`Sealer::channel`](crate::seal::Sealer::channel).
    pub(crate) fn with_key(
        local: NodeIdentity,
        network: NetworkId,
        peer: NodeIdentity,
        key: PairKey,
    ) -> Self {
        Self { network, local, peer, key }
    }

    /// A channel with whoever sealed the first frame of a stream that was opened to us. The frame, without
    /// the length before it, is only looked at: the peer is proven once [`open`](Self::open) opens it.
    pub fn accept(
        local: &LocalIdentity,
        network: NetworkId,
        first_frame: &mut [u8],
    ) -> Result<Self, OpenError> {
        let sealed = Sealed::parse_frame(first_frame, network)?;
        Ok(Self::new(local, network, sealed.claimed_node())?)
    }

    /// The node at the other end.
    pub fn peer(&self) -> NodeIdentity {
        self.peer
    }

    /// Writes `frame`, its length before it, to the end of `out`. `seal_nonce` must be a new one.
    pub fn seal(
        &self,
        frame: &Frame,
        seal_nonce: SealNonce,
        out: &mut BytesMut,
    ) -> Result<(), SealError> {
        let plaintext = frame.plaintext();
        let size = sealed_len(plaintext.len(), false);
        let too_long = SealError::TooLong { size, limit: FRAME_MAX };
        let length = u32::try_from(size).map_err(|_| too_long)?;
        let fields = ClearFields {
            network: self.network,
            sender: self.local.public(),
            nonce: self.local.nonce(),
            seal_nonce,
            cookie: None,
        };
        out.reserve(FRAME_PREFIX_LEN + size);
        let before = out.len();
        out.put_u32(length);
        let sealed = self.key.seal(&fields, &plaintext, FRAME_MAX, out);
        if sealed.is_err() {
            out.truncate(before);
        }
        sealed
    }

    /// What a frame, given without the length before it, was sealed with. Proven once [`open`](Self::open) opens it.
    pub fn seal_nonce(&self, frame: &mut [u8]) -> Result<SealNonce, OpenError> {
        Ok(Sealed::parse_frame(frame, self.network)?.seal_nonce())
    }

    /// Opens one frame, given without the length before it. Its memory is used for what comes out.
    pub fn open(&self, mut frame: BytesMut) -> Result<Frame, OpenError> {
        let sealed = Sealed::parse_frame(&mut frame, self.network)?;
        let from = (sealed.fields.sender, sealed.fields.nonce);
        if from != (self.peer.public(), self.peer.nonce()) {
            return Err(OpenError::OtherSender);
        }
        let place = sealed.place.clone();
        let length = self.key.open(sealed)?.len();
        let plaintext = frame.split_off(place.start).split_to(length).freeze();
        Frame::decode(self.network, plaintext).map_err(|undecodable| {
            OpenError::Rejected(Box::new(Rejected { from: self.peer, undecodable }))
        })
    }
}
