//! Arbitrary offers of many records, listings and cells.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{details, key, kind, purpose, refusal, small_number, ttl};
use crate::limits::{BATCH_MAX, CELLS_MAX, FINGERPRINTS_MAX};
use crate::{
    BatchedOffer, Cell, CellAnswer, CellDigest, Fingerprint, OfferAnswer, Prefix, Refusal, Reply,
    Request, Slot,
};

pub(crate) fn batched_offer() -> impl Strategy<Value = BatchedOffer> {
    (details(), ttl()).prop_map(|(details, ttl)| BatchedOffer { details, ttl })
}

/// Different slots, ascending.
pub(crate) fn batch(most: usize) -> impl Strategy<Value = Vec<BatchedOffer>> {
    vec(batched_offer(), 0..=most).prop_map(|offers| {
        let by_slot = offers.into_iter().map(|offer| (offer.details.slot, offer));
        by_slot.collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

/// Ascending, without overlap.
pub(crate) fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let bits = prop_oneof![4 => 0_u16..24, 1 => 0_u16..=256];
    vec((key(), bits, any::<[u8; 16]>()), 1..=CELLS_MAX).prop_map(|cells| {
        let mut cells: Vec<_> = cells
            .into_iter()
            .map(|(key, bits, digest)| Cell {
                prefix: Prefix::of(&key, bits),
                digest: CellDigest::from_bytes(digest),
            })
            .collect();
        cells.sort_by_key(|cell| cell.prefix);
        cells.dedup_by(|after, before| before.prefix.contains(&after.prefix.first()));
        cells
    })
}

fn offer_answer() -> impl Strategy<Value = OfferAnswer> {
    prop_oneof![
        Just(OfferAnswer::Wanted),
        Just(OfferAnswer::Have),
        refusal().prop_map(|refusal| OfferAnswer::Refused(match refusal {
            Refusal::Policy { .. } => Refusal::Policy { reason: String::new() },
            refusal => refusal,
        })),
    ]
}

pub(crate) fn cell_answers() -> impl Strategy<Value = Vec<CellAnswer>> {
    let held = vec(any::<[u8; 8]>().prop_map(Fingerprint::from_bytes), 0..=FINGERPRINTS_MAX);
    let answer = prop_oneof![
        Just(CellAnswer::Same),
        held.prop_map(|held| CellAnswer::Differs { held }),
        small_number().prop_map(|count| CellAnswer::TooMany { count }),
    ];
    vec(answer, 1..=CELLS_MAX)
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let offers = vec(batched_offer(), 1..=BATCH_MAX);
    prop_oneof![
        (purpose(), offers).prop_map(|(purpose, offers)| Request::OfferMany { purpose, offers }),
        cells().prop_map(|cells| Request::Reconcile { cells }),
        (key(), kind()).prop_map(|(key, kind)| Request::List { from: Slot { key, kind } }),
    ]
}

pub(super) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        vec(offer_answer(), 1..=BATCH_MAX).prop_map(|answers| Reply::Offered { answers }),
        cell_answers().prop_map(|cells| Reply::Reconciled { cells }),
        (batch(BATCH_MAX), option::of((key(), kind()))).prop_map(|(entries, next)| {
            let next = next.map(|(key, kind)| Slot { key, kind });
            let last = entries.last().map(|entry| entry.details.slot);
            Reply::Listing {
                entries,
                next: next.filter(|next| last.is_none_or(|last| *next > last)),
            }
        }),
    ]
}
