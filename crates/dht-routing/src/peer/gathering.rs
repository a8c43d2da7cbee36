//! Values that come part by part: what is asked for, and what comes.

use std::sync::Arc;

use dht_proto::{Body, Contact, Load, Message, Moment, Mosaic, Request, RequestId};

use super::Peer;
use crate::operation::Happened;
use crate::requests::Owner;
use crate::{Gathered, Offence, OperationId, Output};

impl Peer {
    /// Asks a node for parts of a value, on behalf of an operation.
    pub(super) fn ask_for_parts(
        &mut self,
        now: Moment,
        operation: OperationId,
        to: Contact,
        request: Request,
        mosaic: Arc<Mosaic>,
    ) {
        let id = self.random.request_id();
        self.requests.dialled(now, id, (to, request.clone()), Owner::Operation(operation));
        let crate::Config { role, families, .. } = *self.config;
        let message =
            Message { role, families, load: Load::NONE, id, body: Body::Request(request) };
        self.put(Output::Gather { to, message, mosaic });
    }

    /// News of such a request.
    pub(super) fn gathered(&mut self, now: Moment, id: RequestId, news: Gathered) {
        let Some(request) = self.requests.get(id).filter(|request| request.streamed) else {
            return;
        };
        let (to, owner) = (request.to, request.owner);
        match news {
            Gathered::Part { is_last: false, .. } => self.requests.progressed(now, id),
            Gathered::Part { .. } | Gathered::Unoutlined => {
                self.hearing.answered(now);
                self.requests.remove(id);
            }
            Gathered::False => {
                self.hearing.answered(now);
                self.requests.remove(id);
                self.blame(now, &to.node, Some(to.addr.ip()), Offence::WrongValue);
            }
        }
        if let Owner::Operation(operation) = owner {
            self.tell(now, operation, Happened::Gathered(to.id(), news));
        }
    }

    /// Tells operations that the time they wanted to be told of has come.
    pub(super) fn alarms_due(&mut self, now: Moment) {
        while let Some(operation) = self.alarms.pop_due(now) {
            self.tell(now, operation, Happened::Awake);
        }
    }
}
