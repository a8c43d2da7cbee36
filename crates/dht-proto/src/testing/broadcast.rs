//! Arbitrary messages about broadcasts.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{NETWORK, number};
use crate::limits::{BROADCAST_MAX, BROADCASTS_MAX};
use crate::{
    AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, Reply, Request, SentAt,
};

fn broadcast() -> impl Strategy<Value = Arc<Broadcast>> {
    let size = prop_oneof![9 => 0..=1_000_usize, 1 => 0..=BROADCAST_MAX];
    let parts = (any::<[u8; 32]>(), number(), size, any::<u8>());
    parts.prop_filter_map("within the limit", |(seed, sent, size, byte)| {
        let payload = vec![byte; size].into();
        let secret = AuthorSecret::from_seed(&seed);
        Broadcast::sign(&secret, NETWORK, SentAt(sent), payload).ok().map(Arc::new)
    })
}

fn id() -> impl Strategy<Value = BroadcastId> {
    any::<[u8; 16]>().prop_map(BroadcastId::from_bytes)
}

fn verdict() -> impl Strategy<Value = BroadcastVerdict> {
    prop_oneof![
        Just(BroadcastVerdict::Have),
        Just(BroadcastVerdict::Wanted),
        Just(BroadcastVerdict::Expected),
        Just(BroadcastVerdict::Taken),
        Just(BroadcastVerdict::Refused),
    ]
}

pub(crate) fn entries() -> impl Strategy<Value = Vec<BroadcastEntry>> {
    let size = 0..=u32::try_from(BROADCAST_MAX).unwrap_or(u32::MAX);
    let entry = (id(), size).prop_map(|(id, size)| BroadcastEntry { id, size });
    vec(entry, 0..=BROADCASTS_MAX)
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (broadcast(), 0_u16..=256)
            .prop_map(|(broadcast, depth)| Request::Broadcast { broadcast, depth }),
        (vec(id(), 0..=BROADCASTS_MAX), prop_oneof![Just(0), any::<u32>()])
            .prop_map(|(held, skip)| Request::CompareBroadcasts { held, skip }),
        id().prop_map(|id| Request::PullBroadcast { id }),
    ]
}

pub(super) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        (vec(verdict(), 0..=BROADCASTS_MAX), entries())
            .prop_map(|(verdicts, more)| Reply::BroadcastsCompared { verdicts, more }),
        option::of(broadcast()).prop_map(|broadcast| Reply::BroadcastPulled { broadcast }),
    ]
}
