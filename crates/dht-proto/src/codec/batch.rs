//! Messages about many records without their bytes: offers, what becomes of them, listings.

use super::field::{count, known, present, ttl};
use super::record::{self, details_from_wire, details_to_wire, slot_from_wire, slot_to_wire};
use super::{reply, wire};
use crate::limits::BATCH_MAX;
use crate::{
    BatchedOffer, DecodeError, OfferAnswer, Problem, Purpose, Refusal, Reply, Request, Slot,
};

pub(super) fn offer_many_to_wire(purpose: Purpose, offers: &[BatchedOffer]) -> wire::OfferMany {
    wire::OfferMany {
        purpose: record::purpose_to_wire(purpose),
        offers: offers.iter().map(entry_to_wire).collect(),
    }
}

pub(super) fn offer_many_from_wire(body: wire::OfferMany) -> Result<Request, DecodeError> {
    let purpose = record::purpose_from_wire("offer_many.purpose", body.purpose)?;
    count("offer_many.offers", body.offers.len(), 1..=BATCH_MAX)?;
    Ok(Request::OfferMany { purpose, offers: entries_from_wire(body.offers)? })
}

fn entry_to_wire(entry: &BatchedOffer) -> wire::BatchedOffer {
    wire::BatchedOffer { details: Some(details_to_wire(&entry.details)), ttl: entry.ttl.as_secs() }
}

fn entries_from_wire(entries: Vec<wire::BatchedOffer>) -> Result<Vec<BatchedOffer>, DecodeError> {
    let entry = |entry: wire::BatchedOffer| {
        Ok(BatchedOffer {
            details: details_from_wire(entry.details)?,
            ttl: ttl("batched_offer.ttl", entry.ttl)?,
        })
    };
    entries.into_iter().map(entry).collect()
}

pub(super) fn offered_to_wire(answers: &[OfferAnswer]) -> wire::Offered {
    let verdict = |answer: &OfferAnswer| {
        let verdict = match answer {
            OfferAnswer::Wanted => wire::Verdict::Wanted,
            OfferAnswer::Have => wire::Verdict::Have,
            OfferAnswer::Refused(_) => wire::Verdict::Refused,
        };
        verdict.into()
    };
    let refused = |answer: &OfferAnswer| match answer {
        OfferAnswer::Wanted | OfferAnswer::Have => None,
        // Texts could make the reply longer than a datagram.
        OfferAnswer::Refused(Refusal::Policy { .. }) => {
            Some(reply::refusal_to_wire(&Refusal::Policy { reason: String::new() }))
        }
        OfferAnswer::Refused(refusal) => Some(reply::refusal_to_wire(refusal)),
    };
    wire::Offered {
        verdicts: answers.iter().map(verdict).collect(),
        refused: answers.iter().filter_map(refused).collect(),
    }
}

pub(super) fn offered_from_wire(offered: &wire::Offered) -> Result<Vec<OfferAnswer>, DecodeError> {
    count("offered.verdicts", offered.verdicts.len(), 1..=BATCH_MAX)?;
    let inconsistent = DecodeError::new("offered.refused", Problem::Inconsistent);
    let mut refused = offered.refused.iter();
    let mut answer = |number: &i32| {
        let verdict = match wire::Verdict::try_from(*number) {
            Ok(wire::Verdict::Wanted) => Some(OfferAnswer::Wanted),
            Ok(wire::Verdict::Have) => Some(OfferAnswer::Have),
            Ok(wire::Verdict::Refused) => {
                let refusal = reply::refusal_from_wire(refused.next().ok_or(inconsistent)?)?;
                Some(OfferAnswer::Refused(match refusal {
                    Refusal::Policy { .. } => Refusal::Policy { reason: String::new() },
                    refusal => refusal,
                }))
            }
            Ok(wire::Verdict::Unspecified) | Err(_) => None,
        };
        known("offered.verdicts", *number, verdict)
    };
    let answers = offered.verdicts.iter().map(&mut answer).collect::<Result<Vec<_>, _>>()?;
    if refused.next().is_some() {
        return Err(inconsistent);
    }
    Ok(answers)
}

pub(super) fn list_to_wire(from: Slot) -> wire::List {
    wire::List { from: Some(slot_to_wire(from)) }
}

pub(super) fn list_from_wire(list: wire::List) -> Result<Request, DecodeError> {
    let from = present("list.from", list.from)?;
    Ok(Request::List { from: slot_from_wire("slot.key", &from.key, "slot.kind", from.kind)? })
}

pub(super) fn listing_to_wire(entries: &[BatchedOffer], next: Option<Slot>) -> wire::Listing {
    wire::Listing {
        entries: entries.iter().map(entry_to_wire).collect(),
        next: next.map(slot_to_wire),
    }
}

/// Slots ascend, up to where the listing goes on: whoever follows it gets to the end.
pub(super) fn listing_from_wire(listing: wire::Listing) -> Result<Reply, DecodeError> {
    count("listing.entries", listing.entries.len(), 0..=BATCH_MAX)?;
    let entries = entries_from_wire(listing.entries)?;
    let next = listing
        .next
        .map(|next| slot_from_wire("slot.key", &next.key, "slot.kind", next.kind))
        .transpose()?;
    let slots = entries.iter().map(|entry| entry.details.slot).chain(next);
    if !slots.is_sorted_by(|slot, after| slot < after) {
        return Err(DecodeError::new("listing.entries", Problem::Inconsistent));
    }
    Ok(Reply::Listing { entries, next })
}
