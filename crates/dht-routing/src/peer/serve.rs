//! Custom requests: those that our application answers, and those that it sends.

use std::time::Duration;

use bytes::Bytes;
use dht_proto::limits::PAYLOAD_MAX;
use dht_proto::{Body, ErrorCode, Moment, Refusal, Reply, Request, RequestId};

use super::{Audience, Peer};
use crate::application::Overdue;
use crate::operation::{Custom, Happened, Operation};
use crate::requests::Owner;
use crate::responder::Asker;
use crate::{OperationId, Output, Recipient, Route, Served, Service, Ticket};

impl Peer {
    /// Hands a request to the application.
    pub(super) fn serve(&mut self, now: Moment, asker: &Asker, payload: Bytes) {
        let application = self.application.get_or_insert_default();
        if !application.may_serve(asker, self.config.services) {
            let text = String::new();
            return self.reply(asker, Reply::Error { code: ErrorCode::Busy, text });
        }
        application.working(now, asker);
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        application.serve(now + self.config.service_time, ticket, *asker);
        let service = Service { from: asker.node, addr: asker.source, payload };
        self.put(Output::Serve { ticket, service: Box::new(service) });
    }

    /// The application answered.
    pub(super) fn served(&mut self, now: Moment, ticket: Ticket, answer: Served) {
        let asker = self.application.as_mut().and_then(|waiting| waiting.served(ticket));
        let Some(asker) = asker else { return };
        let reply = match answer {
            Ok(payload) if payload.len() <= PAYLOAD_MAX => Reply::Custom { payload },
            Ok(payload) => {
                let length = payload.len();
                Reply::failed(&format!("answer is {length} bytes, limit is {PAYLOAD_MAX}"))
            }
            Err(text) => Reply::failed(&text),
        };
        self.answer(now, &asker, reply);
    }

    /// Asks other applications.
    pub(super) fn ask_applications(
        &mut self,
        now: Moment,
        (to, payload): (Recipient, Bytes),
        patience: Duration,
    ) -> OperationId {
        let payload = payload.slice(..payload.len().min(PAYLOAD_MAX));
        let custom = Custom::new(&self.scene(now, &mut Vec::new()), to, payload);
        let id = self.start(now, Operation::Custom(Box::new(custom)), Audience::Application);
        if self.operations.contains_key(&id) {
            self.application.get_or_insert_default().limit(now + patience, id);
        }
        id
    }

    /// The answer is too long for a datagram: the same request again, by stream.
    pub(super) fn ask_by_stream(&mut self, now: Moment, id: RequestId) {
        let Some(request) = self.requests.remove(id) else { return };
        if let Owner::Operation(_) = request.owner {
            let (to, request, owner) = (request.to, request.request, request.owner);
            self.requests.dialled(now, id, (to, request.clone()), owner);
            self.send(Route::Dial(to), id, Body::Request(request));
        }
    }

    /// Ends what has waited for too long: for the application, or for others.
    pub(super) fn application_due(&mut self, now: Moment) {
        while let Some(overdue) = self.application.as_mut().and_then(|waiting| waiting.pop_due(now))
        {
            match overdue {
                Overdue::Verdict(subject) => self.ruled(now, *subject, Err(Refusal::Busy)),
                Overdue::Service(asker) => {
                    self.answer(now, &asker, Reply::failed("took too long"));
                }
                Overdue::Operation(id) => self.tell(now, id, Happened::Expired),
            }
        }
        if self.application.as_ref().is_some_and(|waiting| waiting.is_idle()) {
            self.application = None;
        }
    }
}

/// Whether `reply` says that the answer to `request` is to be asked for by stream.
pub(super) fn wants_stream(request: &Request, reply: &Reply) -> bool {
    matches!(request, Request::Custom { .. })
        && matches!(reply, Reply::Error { code: ErrorCode::ByStream, .. })
}
