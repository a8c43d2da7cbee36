//! Messages about broadcasts.

use std::sync::Arc;

use bytes::Bytes;

use super::field::{array, count, known, present};
use super::wire;
use crate::limits::{BROADCAST_MAX, BROADCASTS_MAX};
use crate::{
    AuthorKey, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, DecodeError, NetworkId,
    Problem, Reply, Request, SentAt, Signature,
};

/// Bits of a prefix, at most.
const DEPTH_MAX: u16 = 256;

pub(super) fn to_wire(broadcast: &Broadcast, depth: u16) -> wire::Broadcast {
    wire::Broadcast { broadcast: Some(signed_to_wire(broadcast)), depth: u32::from(depth) }
}

/// The cheap field is looked at first: the signature has to be verified.
pub(super) fn from_wire(network: NetworkId, body: wire::Broadcast) -> Result<Request, DecodeError> {
    let depth = u16::try_from(body.depth).ok().filter(|depth| *depth <= DEPTH_MAX);
    let problem = Problem::OutOfRange { found: u64::from(body.depth) };
    let depth = depth.ok_or(DecodeError::new("broadcast.depth", problem))?;
    let signed = present("broadcast.broadcast", body.broadcast)?;
    Ok(Request::Broadcast { broadcast: signed_from_wire(network, &signed)?, depth })
}

pub(super) fn compare_to_wire(held: &[BroadcastId], skip: u32) -> wire::CompareBroadcasts {
    wire::CompareBroadcasts { held: held.iter().map(|id| id_to_wire(*id)).collect(), skip }
}

pub(super) fn compare_from_wire(body: &wire::CompareBroadcasts) -> Result<Request, DecodeError> {
    count("compare_broadcasts.held", body.held.len(), 0..=BROADCASTS_MAX)?;
    let held = body.held.iter().map(|id| id_from_wire("compare_broadcasts.held", id));
    Ok(Request::CompareBroadcasts { held: held.collect::<Result<_, _>>()?, skip: body.skip })
}

pub(super) fn pull_to_wire(id: BroadcastId) -> wire::PullBroadcast {
    wire::PullBroadcast { id: id_to_wire(id) }
}

pub(super) fn pull_from_wire(body: &wire::PullBroadcast) -> Result<Request, DecodeError> {
    Ok(Request::PullBroadcast { id: id_from_wire("pull_broadcast.id", &body.id)? })
}

pub(super) fn compared_to_wire(
    verdicts: &[BroadcastVerdict],
    more: &[BroadcastEntry],
) -> wire::BroadcastsCompared {
    let verdict = |verdict: &BroadcastVerdict| {
        let verdict = match verdict {
            BroadcastVerdict::Have => wire::BroadcastVerdict::Have,
            BroadcastVerdict::Wanted => wire::BroadcastVerdict::Wanted,
            BroadcastVerdict::Expected => wire::BroadcastVerdict::Expected,
            BroadcastVerdict::Taken => wire::BroadcastVerdict::Taken,
            BroadcastVerdict::Refused => wire::BroadcastVerdict::Refused,
        };
        verdict.into()
    };
    let entry = |entry: &BroadcastEntry| wire::BroadcastEntry {
        id: id_to_wire(entry.id),
        size: entry.size,
    };
    wire::BroadcastsCompared {
        verdicts: verdicts.iter().map(verdict).collect(),
        more: more.iter().map(entry).collect(),
    }
}

pub(super) fn compared_from_wire(body: &wire::BroadcastsCompared) -> Result<Reply, DecodeError> {
    count("broadcasts_compared.verdicts", body.verdicts.len(), 0..=BROADCASTS_MAX)?;
    count("broadcasts_compared.more", body.more.len(), 0..=BROADCASTS_MAX)?;
    let verdict = |number: &i32| {
        let verdict = match wire::BroadcastVerdict::try_from(*number) {
            Ok(wire::BroadcastVerdict::Have) => Some(BroadcastVerdict::Have),
            Ok(wire::BroadcastVerdict::Wanted) => Some(BroadcastVerdict::Wanted),
            Ok(wire::BroadcastVerdict::Expected) => Some(BroadcastVerdict::Expected),
            Ok(wire::BroadcastVerdict::Taken) => Some(BroadcastVerdict::Taken),
            Ok(wire::BroadcastVerdict::Refused) => Some(BroadcastVerdict::Refused),
            Ok(wire::BroadcastVerdict::Unspecified) | Err(_) => None,
        };
        known("broadcasts_compared.verdicts", *number, verdict)
    };
    let entry = |entry: &wire::BroadcastEntry| {
        let id = id_from_wire("broadcast_entry.id", &entry.id)?;
        let size = super::field::size("broadcast_entry.size", entry.size, BROADCAST_MAX)?;
        Ok(BroadcastEntry { id, size: super::field::number(size) })
    };
    Ok(Reply::BroadcastsCompared {
        verdicts: body.verdicts.iter().map(verdict).collect::<Result<_, _>>()?,
        more: body.more.iter().map(entry).collect::<Result<_, _>>()?,
    })
}

pub(super) fn pulled_to_wire(broadcast: Option<&Broadcast>) -> wire::BroadcastPulled {
    wire::BroadcastPulled { broadcast: broadcast.map(signed_to_wire) }
}

pub(super) fn pulled_from_wire(
    network: NetworkId,
    body: &wire::BroadcastPulled,
) -> Result<Reply, DecodeError> {
    let broadcast = body.broadcast.as_ref().map(|signed| signed_from_wire(network, signed));
    let broadcast = broadcast.transpose()?;
    Ok(Reply::BroadcastPulled { broadcast })
}

fn signed_to_wire(broadcast: &Broadcast) -> wire::SignedBroadcast {
    wire::SignedBroadcast {
        author: Bytes::copy_from_slice(broadcast.author().as_bytes()),
        sent: broadcast.sent().0,
        signature: Bytes::copy_from_slice(broadcast.signature().as_bytes()),
        payload: broadcast.payload().clone(),
    }
}

fn signed_from_wire(
    network: NetworkId,
    signed: &wire::SignedBroadcast,
) -> Result<Arc<Broadcast>, DecodeError> {
    let author = AuthorKey::from_bytes(array("signed_broadcast.author", &signed.author)?);
    let signature = array("signed_broadcast.signature", &signed.signature)?;
    let found = signed.payload.len();
    if found > BROADCAST_MAX {
        let problem = Problem::TooLong { found, limit: BROADCAST_MAX };
        return Err(DecodeError::new("signed_broadcast.payload", problem));
    }
    // A payload of its own memory: it outlives the datagram or frame that it came in.
    let payload = Bytes::copy_from_slice(&signed.payload);
    let signature = Signature::from_bytes(signature);
    Broadcast::signed(author, network, SentAt(signed.sent), payload, signature)
        .map(Arc::new)
        .map_err(|_| DecodeError::new("signed_broadcast.signature", Problem::BadSignature))
}

fn id_to_wire(id: BroadcastId) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

fn id_from_wire(field: &'static str, bytes: &Bytes) -> Result<BroadcastId, DecodeError> {
    array(field, bytes).map(BroadcastId::from_bytes)
}
