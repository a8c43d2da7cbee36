//! Closures of the application, as the peer's orders reach them.
//!
//! Invariants: every order gets its result, whatever becomes of the closure. Nothing here waits for one.

use std::sync::Arc;

use dht_proto::{Broadcast, NodeId};
use dht_routing::{Config, Consultation, Input, Served, Service, Ticket, Verdict};

use crate::HookStatus;
use crate::forward::{self, Forward};

mod call;

pub(crate) use call::{Bounds, Hook, hook};
use call::{Calls, Ended, Fault};

/// What a sender is told where the policy panicked.
const POLICY_FAILED: &str = "the policy of this node failed";

/// What an asker is told where the application panicked, took too long, or is at work on too much.
const HANDLER_FAILED: &str = "the application of this node failed";
const HANDLER_SLOW: &str = "took too long";
const HANDLER_BUSY: &str = "the application of this node is busy";

/// The closures of a node.
#[expect(clippy::struct_field_names, reason = "named as the setters of the builder")]
pub(crate) struct Hooks {
    on_store: Option<Calls<Ticket, Consultation, Verdict>>,
    on_custom: Option<Calls<Ticket, Service, Served>>,
    on_broadcast: Option<Calls<Ticket, Arc<Broadcast>, Forward>>,
}

/// The closures that were given to a builder.
#[expect(clippy::struct_field_names, reason = "named as the setters of the builder")]
#[derive(Default)]
pub(crate) struct Closures {
    pub(crate) on_store: Option<Hook<Consultation, Verdict>>,
    pub(crate) on_custom: Option<Hook<Service, Served>>,
    pub(crate) on_broadcast: Option<Hook<Arc<Broadcast>, Forward>>,
}

impl Hooks {
    /// The closures that were given to the builder of `node`, within the bounds of its peer.
    pub(crate) fn new(node: NodeId, config: &Config, closures: Closures) -> Self {
        let Closures { on_store, on_custom, on_broadcast } = closures;
        let verdicts = Bounds { calls: config.consultations(), time: config.verdict_time() };
        let services = Bounds { calls: config.services(), time: config.service_time() };
        Self {
            on_store: on_store.map(|hook| Calls::new(node, "on_store", hook, verdicts)),
            on_custom: on_custom.map(|hook| Calls::new(node, "on_custom", hook, services)),
            on_broadcast: on_broadcast
                .map(|hook| Calls::new(node, "on_broadcast", hook, forward::BOUNDS)),
        }
    }

    /// Asks whether a record is to be kept. Gives the answer if there is one at once.
    pub(crate) fn consult(&mut self, ticket: Ticket, consultation: Consultation) -> Option<Input> {
        let unasked = match &mut self.on_store {
            Some(calls) => calls.start(ticket, consultation).err()?,
            None => ticket,
        };
        Some(Input::Consulted { ticket: unasked, verdict: None })
    }

    /// Has a request answered. Gives the answer if there is one at once.
    pub(crate) fn serve(&mut self, ticket: Ticket, service: Service) -> Option<Input> {
        let unasked = match &mut self.on_custom {
            Some(calls) => calls.start(ticket, service).err()?,
            None => ticket,
        };
        Some(Input::Served { ticket: unasked, answer: Err(HANDLER_BUSY.to_owned()) })
    }

    /// Gives the application a broadcast. Gives the answer if there is one at once: what the application has no
    /// room for is forwarded all the same.
    pub(crate) fn deliver(&mut self, ticket: Ticket, broadcast: Arc<Broadcast>) -> Option<Input> {
        let ungiven = match &mut self.on_broadcast {
            Some(calls) => calls.start(ticket, broadcast).err()?,
            None => ticket,
        };
        Some(Input::Delivered { ticket: ungiven, forward: true })
    }

    /// Waits for an answer; for ever while none is awaited. Nothing is lost if the future is dropped.
    pub(crate) async fn decided(&mut self) -> Input {
        tokio::select! {
            ended = ended(&mut self.on_store) => {
                let Ended { key, answer } = ended;
                let verdict = match answer {
                    Ok(verdict) => Some(verdict),
                    Err(Fault::Panicked) => Some(Verdict::refuse(POLICY_FAILED)),
                    Err(Fault::TimedOut) => None,
                };
                Input::Consulted { ticket: key, verdict }
            }
            ended = ended(&mut self.on_custom) => {
                let Ended { key, answer } = ended;
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(Fault::Panicked) => Err(HANDLER_FAILED.to_owned()),
                    Err(Fault::TimedOut) => Err(HANDLER_SLOW.to_owned()),
                };
                Input::Served { ticket: key, answer }
            }
            ended = ended(&mut self.on_broadcast) => {
                // That it fails at one node is no reason to keep a message from others.
                let forward = ended.answer.unwrap_or_default() == Forward::Yes;
                Input::Delivered { ticket: ended.key, forward }
            }
        }
    }

    /// What became of calls so far.
    pub(crate) fn status(&self) -> HookStatus {
        HookStatus {
            on_store: self.on_store.as_ref().map(Calls::figures).unwrap_or_default(),
            on_custom: self.on_custom.as_ref().map(Calls::figures).unwrap_or_default(),
            on_broadcast: self.on_broadcast.as_ref().map(Calls::figures).unwrap_or_default(),
        }
    }

    /// Stops every call.
    pub(crate) async fn shutdown(&mut self) {
        if let Some(calls) = &mut self.on_store {
            calls.shutdown().await;
        }
        if let Some(calls) = &mut self.on_custom {
            calls.shutdown().await;
        }
        if let Some(calls) = &mut self.on_broadcast {
            calls.shutdown().await;
        }
    }
}

/// Waits for the end of a call of a hook that may not be there.
async fn ended<Q, A>(calls: &mut Option<Calls<Ticket, Q, A>>) -> Ended<Ticket, A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    match calls {
        Some(calls) => calls.ended().await,
        None => std::future::pending().await,
    }
}
