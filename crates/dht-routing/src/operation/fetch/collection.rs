//! A long value on its way from several holders: what is gathered, and who of the holders can send parts at all.

use std::ops::Range;
use std::sync::Arc;

use dht_proto::{Contact, Key, Mosaic, NodeId, Outline, Record, Request, Slot, Ttl, ValueRange};

use super::ballot::Version;
use crate::Gathered;
use crate::gather::{Gather, Step};
use crate::operation::{Order, Scene};

/// A value that comes part by part.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    version: Version,
    mosaic: Arc<Mosaic>,
    gather: Gather,
    /// The least life that a holder told.
    ttl: Option<Ttl>,
    /// Holders that can send the value as a whole only.
    unoutlined: Vec<Contact>,
}

impl Collection {
    /// Whether a version is long enough to come part by part.
    pub(super) fn suits(version: &Version) -> bool {
        Outline::suits(version.size)
    }

    pub(super) fn new(key: Key, version: Version) -> Self {
        let slot = Slot { key, kind: version.kind };
        let mosaic = Mosaic::of(slot, version.sequence, version.digest, version.size);
        let gather = Gather::new(mosaic.parts());
        Self { version, mosaic: Arc::new(mosaic), gather, ttl: None, unoutlined: Vec::new() }
    }

    /// What is collected.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Whether a node is counted on for parts.
    pub(super) fn has(&self, id: &NodeId) -> bool {
        self.gather.has(id)
    }

    /// Takes a holder.
    pub(super) fn add(&mut self, holder: Contact) {
        self.gather.add(holder);
    }

    /// A node has not got the value after all, or lies.
    pub(super) fn remove(&mut self, id: &NodeId) {
        self.gather.remove(id);
    }

    /// A node will not send any more of what it was asked for. Returns whether it is not counted on any more.
    pub(super) fn lost(&mut self, scene: &Scene<'_>, id: &NodeId) -> bool {
        self.gather.lost(scene.now, id)
    }

    /// Whether one more holder would be of use.
    pub(super) fn wants_more(&self, scene: &Scene<'_>) -> bool {
        !self.gather.is_complete() && self.gather.wants_more(scene.now)
    }

    /// Whether nobody brings anything.
    pub(super) fn is_stranded(&self) -> bool {
        self.gather.is_stranded()
    }

    /// Whether all of the value is here.
    pub(super) fn is_complete(&self) -> bool {
        self.gather.is_complete()
    }

    /// The holders that can send the value as a whole.
    pub(super) fn take_unoutlined(&mut self) -> Vec<Contact> {
        std::mem::take(&mut self.unoutlined)
    }

    /// Something came. Returns whether the node turned out to lie.
    pub(super) fn take(&mut self, scene: &Scene<'_>, from: &NodeId, news: Gathered) -> bool {
        match news {
            Gathered::Part { part, ttl, is_last } => {
                self.ttl = Some(self.ttl.map_or(ttl, |known| known.min(ttl)));
                self.gather.arrived(scene.now, from, part);
                if is_last {
                    self.gather.delivered(scene.now, from);
                }
            }
            Gathered::Unoutlined => {
                self.unoutlined.extend(self.gather.contact(from));
                self.gather.remove(from);
            }
            Gathered::False => self.gather.remove(from),
        }
        news == Gathered::False
    }

    /// Orders what is to be done. Returns how many requests that were.
    pub(super) fn proceed(&mut self, scene: &mut Scene<'_>, expects_more: bool) -> u32 {
        let mut requests = 0;
        while let Some(step) = self.gather.poll(scene.now, expects_more) {
            match step {
                Step::Ask { to, parts } => {
                    requests += 1;
                    let (request, mosaic) = (self.request(parts), Arc::clone(&self.mosaic));
                    scene.order(Order::Gather { to, request, mosaic });
                }
                Step::Drop { from } => scene.order(Order::Drop { from }),
            }
        }
        let at = self.gather.next_due(scene.now);
        scene.order(Order::Wake { at });
        requests
    }

    /// The record, once all of it is here.
    pub(super) fn finish(&self) -> Option<(Record, Ttl)> {
        let record = self.gather.is_complete().then(|| self.mosaic.finish())??;
        Some((record, self.ttl?))
    }

    fn request(&self, parts: Range<u32>) -> Request {
        let range = ValueRange::of_parts(parts);
        Request::Download { slot: self.mosaic.slot(), range, outlined: true }
    }
}
