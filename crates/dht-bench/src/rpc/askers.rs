//! Peers that ask one node, and know an answer to them when they see one.

use std::cell::RefCell;

use bytes::BytesMut;
use dht_node::{Difficulty, Families, Key, LocalIdentity, Moment, NetworkId, NodeIdentity};
use dht_proto::envelope::{Envelope, SealNonce};
use dht_proto::seal::Sealer;
use dht_proto::{Body, Load, Message, Reply, Request, RequestId, Role};

use crate::BenchError;

/// Different requests, in turn by each peer.
const REQUESTS: usize = 4_096;

/// Peers that are tried, as many as can have requests under way.
const OTHERS: usize = 64;

/// Peers of one node.
pub(super) struct Askers {
    sealers: RefCell<Vec<Sealer>>,
    datagrams: Vec<Vec<u8>>,
    node: NodeIdentity,
}

impl Askers {
    /// So many peers of `node`, with requests for random places in the space.
    pub(super) fn new(count: usize, node: NodeIdentity) -> Result<Self, BenchError> {
        let sealer = |index: usize| {
            let secret = *Key::content(format!("asker {index}").as_bytes()).as_bytes();
            let local = LocalIdentity::search(secret, Difficulty::NONE);
            Sealer::new(local, NetworkId::default(), 1)
        };
        let mut sealers: Vec<Sealer> = (0..count.max(1)).map(sealer).collect();
        let peers = sealers.len();
        let mut datagrams = Vec::with_capacity(REQUESTS);
        for index in 0..REQUESTS.next_multiple_of(peers) {
            let target = Key::content(format!("target {index}").as_bytes());
            let (role, families) = (Role::Client, Families::V4);
            let body = Body::Request(Request::FindNode { target });
            let message =
                Message { role, families, load: Load::NONE, id: RequestId(index as u64), body };
            let mut random = [0; 18];
            random.copy_from_slice(&target.as_bytes()[..18]);
            let nonce = SealNonce::new(random, Moment::EPOCH);
            let mut datagram = BytesMut::new();
            let made = sealers
                .get_mut(index % peers)
                .map(|sealer| sealer.seal(&node.public(), &message, nonce, None, &mut datagram));
            let Some(Ok(())) = made else {
                return Err(BenchError::Broken("a request is too long"));
            };
            datagrams.push(datagram.to_vec());
        }
        Ok(Self { sealers: RefCell::new(sealers), datagrams, node })
    }

    /// Their requests, in the order in which they take turns.
    pub(super) fn datagrams(&self) -> &[Vec<u8>] {
        &self.datagrams
    }

    /// Which request `answer` is the right answer to: sealed for who asked, and naming nodes. `index` is the one it
    /// should be to.
    pub(super) fn answered(&self, index: usize, answer: &mut [u8]) -> Option<usize> {
        let mut sealers = self.sealers.borrow_mut();
        let peers = sealers.len();
        // Whoever asked next, if an answer in between was lost.
        for sealer in (0..peers.min(OTHERS)).map(|step| (index + step) % peers) {
            let mut copy = answer.to_vec();
            let Ok(Envelope::Sealed(datagram)) = Envelope::parse(&mut copy, NetworkId::default())
            else {
                return None;
            };
            let Some(Ok((from, message))) = sealers.get_mut(sealer).map(|s| s.open(datagram))
            else {
                continue;
            };
            let names =
                matches!(&message.body, Body::Reply(Reply::Nodes { closer }) if !closer.is_empty());
            let id = usize::try_from(message.id.0).ok()?;
            return (from == self.node && names && id % peers == sealer).then_some(id);
        }
        None
    }
}
