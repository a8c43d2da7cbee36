//! Operations under way: who waits for their outcome.

use std::collections::BTreeMap;

use dht_routing::{Answer, Busy, OperationId, Outcome};
use tokio::sync::{mpsc, oneshot};

use crate::control::OperationNumber;

type Reply = oneshot::Sender<Result<Outcome, Busy>>;

/// Who waits for an operation.
#[derive(Debug)]
enum Caller {
    /// For its outcome.
    Outcome(Reply),
    /// For answers; that there are no more is told by dropping this end.
    Answers(mpsc::Sender<Answer>),
}

/// The callers of a node's operations.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    callers: BTreeMap<OperationId, (OperationNumber, Caller)>,
    ids: BTreeMap<OperationNumber, OperationId>,
}

impl Operations {
    /// An operation was started for a caller.
    pub(crate) fn started(&mut self, id: OperationId, number: OperationNumber, reply: Reply) {
        self.add(id, number, Caller::Outcome(reply));
    }

    /// One was started whose answers are told one by one.
    pub(crate) fn asking(
        &mut self,
        id: OperationId,
        number: OperationNumber,
        answers: mpsc::Sender<Answer>,
    ) {
        self.add(id, number, Caller::Answers(answers));
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, id: OperationId, answer: Answer) {
        if let Some((_, Caller::Answers(answers))) = self.callers.get(&id) {
            // The channel has room for as many as can be asked. A caller that is gone has cancelled.
            let _ = answers.try_send(answer);
        }
    }

    /// An operation ended: its caller, if it has one, gets the outcome.
    pub(crate) fn finished(&mut self, id: OperationId, outcome: Outcome) {
        if let Some((number, caller)) = self.callers.remove(&id) {
            self.ids.remove(&number);
            if let Caller::Outcome(reply) = caller {
                // A caller that is gone has cancelled the operation; there is nobody to tell.
                let _ = reply.send(Ok(outcome));
            }
        }
    }

    /// A caller is gone. Returns the operation to be cancelled, unless it has ended or never started.
    pub(crate) fn cancelled(&mut self, number: OperationNumber) -> Option<OperationId> {
        let id = self.ids.remove(&number)?;
        self.callers.remove(&id);
        Some(id)
    }

    fn add(&mut self, id: OperationId, number: OperationNumber, caller: Caller) {
        self.callers.insert(id, (number, caller));
        self.ids.insert(number, id);
    }
}
