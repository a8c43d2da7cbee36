//! The message around a request, a reply or a part.

use bytes::Bytes;

use super::field::{number, size};
use super::reply::{self, ReplyForm};
use super::request::{self, RequestForm};
use super::{Arrival, Carrier, Undecodable, contact, record, wire};
use crate::limits::{PADDED_REQUEST_LEN, PART_MAX, VALUE_MAX};
use crate::stream::{Content, Exchange, Head, Part, Start};
use crate::{Body, DecodeError, ErrorCode, Families, Load, Message, Problem, RequestId, Role};

static ZEROS: [u8; PADDED_REQUEST_LEN] = [0; PADDED_REQUEST_LEN];

/// Without the contacts that a reply names.
pub(super) fn to_wire(message: &Message, padding: usize) -> wire::Message {
    let body = match &message.body {
        Body::Request(request) => wire::message::Body::Request(request::to_wire(request)),
        Body::Reply(reply) => wire::message::Body::Reply(reply::to_wire(reply)),
    };
    let head =
        Head { role: message.role, families: message.families, load: message.load, id: message.id };
    let padding = Bytes::from_static(ZEROS.get(..padding).unwrap_or(&ZEROS));
    wire::Message { padding, ..wrap(&head, body) }
}

pub(super) fn start_to_wire(start: &Start) -> wire::Message {
    let record = Some(record::streamed_to_wire(&start.record));
    let body = match &start.exchange {
        Exchange::Store { ttl, purpose, expected } => {
            let store = wire::Store {
                record,
                ttl: ttl.as_secs(),
                purpose: record::purpose_to_wire(*purpose),
                expected: expected.map(|sequence| sequence.0),
            };
            let body = Some(wire::request::Body::Store(store));
            wire::message::Body::Request(wire::Request { body })
        }
        Exchange::Found { ttl, closer } => {
            let found = wire::Found { record, ttl: ttl.as_secs() };
            let body = Some(wire::reply::Body::Found(found));
            wire::message::Body::Reply(wire::Reply { closer: contact::to_wire(closer), body })
        }
    };
    wrap(&start.head, body)
}

pub(super) fn part_to_wire(part: &Part) -> wire::Message {
    let body = wire::Part { offset: number(part.offset), bytes: part.bytes.clone() };
    wrap(&part.head, wire::message::Body::Part(body))
}

fn wrap(head: &Head, body: wire::message::Body) -> wire::Message {
    let role = match head.role {
        Role::Full => wire::Role::Full,
        Role::Client => wire::Role::Client,
    };
    wire::Message {
        id: head.id.0,
        role: role.into(),
        load: head.load.code().into(),
        families: u32::from(head.families.v4) | u32::from(head.families.v6) << 1,
        body: Some(body),
        padding: Bytes::new(),
    }
}

pub(super) fn from_wire(message: wire::Message, arrival: Arrival) -> Result<Content, Undecodable> {
    let head = Head {
        role: match wire::Role::try_from(message.role) {
            Ok(wire::Role::Full) => Role::Full,
            Ok(wire::Role::Client | wire::Role::Unspecified) | Err(_) => Role::Client,
        },
        families: Families { v4: message.families & 1 != 0, v6: message.families & 2 != 0 },
        load: Load::from_code(message.load),
        id: RequestId(message.id),
    };
    match message.body {
        None => Err(DecodeError::new("message.body", Problem::Missing).into()),
        Some(wire::message::Body::Request(request)) => match request::from_wire(request, arrival) {
            Ok(RequestForm::Whole(request)) => {
                Ok(Content::Message(whole(head, Body::Request(request))))
            }
            Ok(RequestForm::Streamed(exchange, record)) => {
                Ok(Content::Start(Start { head, exchange, record }))
            }
            Err(error) => {
                let code = match error.problem {
                    Problem::Unknown => ErrorCode::Unknown,
                    _ => ErrorCode::Malformed,
                };
                Err(Undecodable { error, answer: Some((head.id, code)) })
            }
        },
        Some(wire::message::Body::Reply(reply)) => match reply::from_wire(reply, arrival)? {
            ReplyForm::Whole(reply) => Ok(Content::Message(whole(head, Body::Reply(reply)))),
            ReplyForm::Streamed(exchange, record) => {
                Ok(Content::Start(Start { head, exchange, record }))
            }
        },
        Some(wire::message::Body::Part(_)) if arrival.carrier == Carrier::Datagram => {
            Err(DecodeError::new("message.part", Problem::Misplaced).into())
        }
        Some(wire::message::Body::Part(part)) => Ok(Content::Part(part_from_wire(head, part)?)),
    }
}

fn whole(head: Head, body: Body) -> Message {
    Message { role: head.role, families: head.families, load: head.load, id: head.id, body }
}

fn part_from_wire(head: Head, part: wire::Part) -> Result<Part, DecodeError> {
    let offset = size("part.offset", part.offset, VALUE_MAX)?;
    match part.bytes.len() {
        0 => Err(DecodeError::new("part.bytes", Problem::Missing)),
        found if found > PART_MAX => {
            let problem = Problem::TooLong { found, limit: PART_MAX };
            Err(DecodeError::new("part.bytes", problem))
        }
        _ => Ok(Part { head, offset, bytes: part.bytes }),
    }
}
