//! Replies.

use super::field::{payload, present, ttl};
use super::record::{self, RecordForm};
use super::{Arrival, Carrier, batch, broadcast, contact, reconcile, wire};
use crate::limits::{AGENT_MAX, REASON_MAX};
use crate::message::text::cut;
use crate::stream::{Exchange, StreamedRecord};
use crate::{DecodeError, ErrorCode, Inspection, Mention, Problem, Refusal, Reply, Sequence};

/// A reply as one message carries it.
pub(super) enum ReplyForm {
    Whole(Reply),
    Streamed(Exchange, StreamedRecord),
}

/// Without the contacts that it names.
pub(super) fn to_wire(reply: &Reply) -> wire::Reply {
    use wire::reply::Body;
    let body = match reply {
        Reply::Pong { observed } => {
            Body::Pong(wire::Pong { observed: contact::address_to_wire(*observed) })
        }
        Reply::Nodes { .. } => Body::Nodes(wire::Nodes { wanting: false }),
        Reply::Wanting { .. } => Body::Nodes(wire::Nodes { wanting: true }),
        Reply::Found { record, ttl, .. } => {
            Body::Found(wire::Found { record: Some(record::to_wire(record)), ttl: ttl.as_secs() })
        }
        Reply::Held { details, ttl, .. } => Body::Held(wire::Held {
            details: Some(record::details_to_wire(details)),
            ttl: ttl.as_secs(),
        }),
        Reply::Wanted { .. } => Body::Wanted(wire::Wanted {}),
        Reply::Have { .. } => Body::Have(wire::Have {}),
        Reply::Stored { .. } => Body::Stored(wire::Stored {}),
        Reply::Refused { refusal, .. } => Body::Refused(refusal_to_wire(refusal)),
        Reply::Inspection(inspection) => Body::Inspection(wire::Inspection {
            agent: cut(&inspection.agent, AGENT_MAX).to_owned(),
            uptime: inspection.uptime_seconds,
            contacts: inspection.contacts,
            records: inspection.records,
            bytes: inspection.bytes,
            capacity: inspection.capacity,
            network_size: inspection.network_size,
        }),
        Reply::Error { code, text } => Body::Error(wire::Error {
            code: code.code().cast_signed(),
            text: cut(text, REASON_MAX).to_owned(),
        }),
        Reply::Offered { answers } => Body::Offered(batch::offered_to_wire(answers)),
        Reply::Reconciled { cells } => Body::Reconciled(reconcile::answers_to_wire(cells)),
        Reply::Listing { entries, next } => Body::Listing(batch::listing_to_wire(entries, *next)),
        Reply::Custom { payload } => Body::Custom(wire::CustomReply { payload: payload.clone() }),
        Reply::Pending => Body::Pending(wire::Pending {}),
        Reply::BroadcastsCompared { verdicts, more } => {
            Body::BroadcastsCompared(broadcast::compared_to_wire(verdicts, more))
        }
        Reply::BroadcastPulled { broadcast } => {
            Body::BroadcastPulled(broadcast::pulled_to_wire(broadcast.as_deref()))
        }
    };
    wire::Reply { closer: Vec::new(), body: Some(body) }
}

pub(super) fn from_wire(
    reply: wire::Reply,
    Arrival { network, carrier }: Arrival,
) -> Result<ReplyForm, DecodeError> {
    use wire::reply::Body;
    let Some(body) = reply.body else {
        return Err(DecodeError::new("reply.body", Problem::Unknown));
    };
    let closer = || contact::from_wire(&reply.closer);
    let whole = match body {
        Body::Pong(pong) => {
            let observed = contact::address_from_wire("pong.observed", &pong.observed)?;
            Reply::Pong { observed }
        }
        Body::Nodes(nodes) if nodes.wanting => Reply::Wanting { closer: closer() },
        Body::Nodes(_) => Reply::Nodes { closer: closer() },
        Body::Found(found) => return found_from_wire(found, carrier, closer),
        Body::Held(held) => Reply::Held {
            details: record::details_from_wire(held.details)?,
            ttl: ttl("held.ttl", held.ttl)?,
            closer: closer(),
        },
        Body::Wanted(_) => Reply::Wanted { closer: closer() },
        Body::Have(_) => Reply::Have { closer: closer() },
        Body::Stored(_) => Reply::Stored { closer: closer() },
        Body::Refused(refused) => {
            Reply::Refused { refusal: refusal_from_wire(&refused)?, closer: closer() }
        }
        Body::Inspection(body) => Reply::Inspection(Inspection {
            agent: cut(&body.agent, AGENT_MAX).to_owned(),
            uptime_seconds: body.uptime,
            contacts: body.contacts,
            records: body.records,
            bytes: body.bytes,
            capacity: body.capacity,
            network_size: body.network_size,
        }),
        Body::Error(error) => Reply::Error {
            code: error_code(error.code)?,
            text: cut(&error.text, REASON_MAX).to_owned(),
        },
        Body::Offered(offered) => Reply::Offered { answers: batch::offered_from_wire(&offered)? },
        Body::Reconciled(body) => Reply::Reconciled { cells: reconcile::answers_from_wire(body)? },
        Body::Listing(listing) => batch::listing_from_wire(listing)?,
        Body::Custom(body) => {
            Reply::Custom { payload: payload("custom_reply.payload", body.payload)? }
        }
        Body::Pending(_) => Reply::Pending,
        Body::BroadcastsCompared(body) => broadcast::compared_from_wire(&body)?,
        Body::BroadcastPulled(body) => broadcast::pulled_from_wire(network, &body)?,
    };
    Ok(ReplyForm::Whole(whole))
}

/// The cheap fields are looked at first: the record's signature may have to be verified.
fn found_from_wire(
    found: wire::Found,
    carrier: Carrier,
    closer: impl Fn() -> Vec<Mention>,
) -> Result<ReplyForm, DecodeError> {
    let ttl = ttl("found.ttl", found.ttl)?;
    let record = Some(present("found.record", found.record)?);
    Ok(match record::from_wire(record, carrier)? {
        RecordForm::Whole(record) => {
            ReplyForm::Whole(Reply::Found { record, ttl, closer: closer() })
        }
        RecordForm::Streamed(record) => {
            ReplyForm::Streamed(Exchange::Found { ttl, closer: closer() }, record)
        }
    })
}

pub(super) fn refusal_to_wire(refusal: &Refusal) -> wire::Refused {
    let mut refused =
        wire::Refused { code: refusal.code().cast_signed(), ..wire::Refused::default() };
    match refusal {
        Refusal::TooLarge { limit } => refused.limit = *limit,
        Refusal::Stale { current } | Refusal::SequenceMismatch { current } => {
            refused.current = current.0;
        }
        Refusal::Policy { reason } => cut(reason, REASON_MAX).clone_into(&mut refused.reason),
        _ => {}
    }
    refused
}

pub(super) fn refusal_from_wire(refused: &wire::Refused) -> Result<Refusal, DecodeError> {
    use wire::RefusalCode;
    let current = Sequence(refused.current);
    Ok(match RefusalCode::try_from(refused.code) {
        Ok(RefusalCode::Unspecified) => {
            return Err(DecodeError::new("refused.code", Problem::Missing));
        }
        Ok(RefusalCode::Full) => Refusal::Full,
        Ok(RefusalCode::TooLarge) => Refusal::TooLarge { limit: refused.limit },
        Ok(RefusalCode::NameTaken) => Refusal::NameTaken,
        Ok(RefusalCode::Stale) => Refusal::Stale { current },
        Ok(RefusalCode::SequenceMismatch) => Refusal::SequenceMismatch { current },
        Ok(RefusalCode::Policy) => {
            Refusal::Policy { reason: cut(&refused.reason, REASON_MAX).to_owned() }
        }
        Ok(RefusalCode::Busy) => Refusal::Busy,
        Ok(RefusalCode::StorageFailed) => Refusal::StorageFailed,
        Ok(RefusalCode::NotStoring) => Refusal::NotStoring,
        Err(_) => Refusal::Other { code: refused.code.cast_unsigned() },
    })
}

fn error_code(code: i32) -> Result<ErrorCode, DecodeError> {
    Ok(match wire::ErrorCode::try_from(code) {
        Ok(wire::ErrorCode::Unspecified) => {
            return Err(DecodeError::new("error.code", Problem::Missing));
        }
        Ok(wire::ErrorCode::Unknown) => ErrorCode::Unknown,
        Ok(wire::ErrorCode::Malformed) => ErrorCode::Malformed,
        Ok(wire::ErrorCode::Unsupported) => ErrorCode::Unsupported,
        Ok(wire::ErrorCode::Busy) => ErrorCode::Busy,
        Ok(wire::ErrorCode::Unwilling) => ErrorCode::Unwilling,
        Ok(wire::ErrorCode::Failed) => ErrorCode::Failed,
        Ok(wire::ErrorCode::ByStream) => ErrorCode::ByStream,
        Err(_) => ErrorCode::Other(code.cast_unsigned()),
    })
}
