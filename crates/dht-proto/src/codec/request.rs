//! Requests.

use super::field::{payload, present, ttl};
use super::record::{self, RecordForm, key_from_wire, key_to_wire};
use super::{Arrival, Carrier, batch, broadcast, reconcile, wire};
use crate::stream::{Exchange, StreamedRecord};
use crate::{DecodeError, KindSet, Problem, Request, Sequence, ValueRange};

/// A request as one message carries it.
pub(super) enum RequestForm {
    Whole(Request),
    Streamed(Exchange, StreamedRecord),
}

pub(super) fn to_wire(request: &Request) -> wire::Request {
    use wire::request::Body;
    let body = match request {
        Request::Ping => Body::Ping(wire::Ping {}),
        Request::FindNode { target } => {
            Body::FindNode(wire::FindNode { target: key_to_wire(*target) })
        }
        Request::Fetch { key, kinds } => {
            Body::Fetch(wire::Fetch { key: key_to_wire(*key), kinds: u32::from(kinds.bits()) })
        }
        Request::Offer { details, ttl, purpose, expected } => Body::Offer(wire::Offer {
            details: Some(record::details_to_wire(details)),
            ttl: ttl.as_secs(),
            purpose: record::purpose_to_wire(*purpose),
            expected: expected.map(|sequence| sequence.0),
        }),
        Request::Store { record, ttl, purpose, expected } => Body::Store(wire::Store {
            record: Some(record::to_wire(record)),
            ttl: ttl.as_secs(),
            purpose: record::purpose_to_wire(*purpose),
            expected: expected.map(|sequence| sequence.0),
        }),
        Request::Download { slot, range, outlined } => Body::Download(wire::Download {
            key: key_to_wire(slot.key),
            kind: record::kind_to_wire(slot.kind),
            offset: range.offset,
            length: range.length,
            outlined: *outlined,
        }),
        Request::Inspect => Body::Inspect(wire::Inspect {}),
        Request::OfferMany { purpose, offers } => {
            Body::OfferMany(batch::offer_many_to_wire(*purpose, offers))
        }
        Request::Reconcile { cells } => Body::Reconcile(reconcile::to_wire(cells)),
        Request::List { from } => Body::List(batch::list_to_wire(*from)),
        Request::Custom { payload } => Body::Custom(wire::Custom { payload: payload.clone() }),
        Request::Broadcast { broadcast, depth } => {
            Body::Broadcast(broadcast::to_wire(broadcast, *depth))
        }
        Request::CompareBroadcasts { held, skip } => {
            Body::CompareBroadcasts(broadcast::compare_to_wire(held, *skip))
        }
        Request::PullBroadcast { id } => Body::PullBroadcast(broadcast::pull_to_wire(*id)),
    };
    wire::Request { body: Some(body) }
}

pub(super) fn from_wire(
    request: wire::Request,
    Arrival { network, carrier }: Arrival,
) -> Result<RequestForm, DecodeError> {
    use wire::request::Body;
    let Some(body) = request.body else {
        return Err(DecodeError::new("request.body", Problem::Unknown));
    };
    let whole = match body {
        Body::Ping(_) => Request::Ping,
        Body::FindNode(body) => {
            Request::FindNode { target: key_from_wire("find_node.target", &body.target)? }
        }
        Body::Fetch(body) => Request::Fetch {
            key: key_from_wire("fetch.key", &body.key)?,
            kinds: KindSet::from_bits(body.kinds),
        },
        Body::Offer(body) => Request::Offer {
            details: record::details_from_wire(body.details)?,
            ttl: ttl("offer.ttl", body.ttl)?,
            purpose: record::purpose_from_wire("offer.purpose", body.purpose)?,
            expected: body.expected.map(Sequence),
        },
        Body::Store(body) => return store_from_wire(body, carrier),
        Body::Download(_) if carrier == Carrier::Datagram => {
            return Err(DecodeError::new("request.download", Problem::Misplaced));
        }
        Body::Download(body) => download_from_wire(&body)?,
        Body::Inspect(_) => Request::Inspect,
        Body::OfferMany(body) => batch::offer_many_from_wire(body)?,
        Body::Reconcile(body) => Request::Reconcile { cells: reconcile::from_wire(&body)? },
        Body::List(body) => batch::list_from_wire(body)?,
        Body::Custom(body) => Request::Custom { payload: payload("custom.payload", body.payload)? },
        Body::Broadcast(body) => broadcast::from_wire(network, body)?,
        Body::CompareBroadcasts(body) => broadcast::compare_from_wire(&body)?,
        Body::PullBroadcast(body) => broadcast::pull_from_wire(&body)?,
    };
    Ok(RequestForm::Whole(whole))
}

fn download_from_wire(download: &wire::Download) -> Result<Request, DecodeError> {
    let key = &download.key;
    let slot = record::slot_from_wire("download.key", key, "download.kind", download.kind)?;
    let range = ValueRange { offset: download.offset, length: download.length };
    if download.outlined && !range.is_of_parts() {
        return Err(DecodeError::new("download.outlined", Problem::Inconsistent));
    }
    Ok(Request::Download { slot, range, outlined: download.outlined })
}

/// The cheap fields are looked at first: the record's signature may have to be verified.
fn store_from_wire(store: wire::Store, carrier: Carrier) -> Result<RequestForm, DecodeError> {
    let ttl = ttl("store.ttl", store.ttl)?;
    let purpose = record::purpose_from_wire("store.purpose", store.purpose)?;
    let expected = store.expected.map(Sequence);
    let record = Some(present("store.record", store.record)?);
    Ok(match record::from_wire(record, carrier)? {
        RecordForm::Whole(record) => {
            RequestForm::Whole(Request::Store { record, ttl, purpose, expected })
        }
        RecordForm::Streamed(record) => {
            RequestForm::Streamed(Exchange::Store { ttl, purpose, expected }, record)
        }
    })
}
