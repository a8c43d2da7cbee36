//! One call of the store, and what its caller is told.

use dht_proto::{
    Digest, Key, KindSet, Moment, NodeId, Prefix, Record, Refusal, Slot, Summary, Terms,
};
use dht_routing::{Input, Ticket};
use dht_store::{RecordStore, Weighed};
use tokio::sync::oneshot;

/// What is asked of the store, with where the result goes.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find a record for the peer.
    Load { ticket: Ticket, key: Key, kinds: KindSet, whole_up_to: usize },
    /// Tell the peer what would become of a record.
    Weigh { ticket: Ticket, incoming: Box<Summary>, terms: Box<Terms> },
    /// Keep a record for the peer.
    Save { ticket: Ticket, record: Record, terms: Terms },
    /// Lengthen a life. Nobody waits.
    Renew { slot: Slot, digest: Digest, terms: Terms },
    /// Tell the peer of records in the order of their slots.
    Page { ticket: Ticket, from: Slot, limit: usize },
    /// Tell the peer how much is held in some parts.
    TakeStock { ticket: Ticket, parts: Vec<Prefix>, effort: usize },
    /// Drop a record; tells whether there was one, or that the store failed.
    Remove { slot: Slot, reply: oneshot::Sender<Result<bool, Failed>> },
    /// Tell records in the order of their slots; none if the store fails.
    List { from: Slot, limit: usize, reply: oneshot::Sender<(Moment, Vec<Summary>)> },
    /// Free what has ended. Nobody waits.
    Expire,
}

/// The store failed. What was wrong is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// The result of a job on its way to whoever asked.
#[derive(Debug)]
pub(crate) enum Done {
    /// For the peer.
    Input(Box<Input>),
    /// For a handle.
    Removed(oneshot::Sender<Result<bool, Failed>>, Result<bool, Failed>),
    /// For nobody, or told already.
    Nothing,
}

impl Job {
    /// Whether it may change the store.
    pub(crate) fn is_change(&self) -> bool {
        match self {
            Self::Load { .. }
            | Self::Weigh { .. }
            | Self::Page { .. }
            | Self::TakeStock { .. }
            | Self::List { .. } => false,
            Self::Save { .. } | Self::Renew { .. } | Self::Remove { .. } | Self::Expire => true,
        }
    }

    /// Bytes of the value it brings along.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Save { record, .. } => record.size(),
            _ => 0,
        }
    }

    /// The peer's name for it, and what it learns if nothing comes of it.
    pub(crate) fn ticket(&self) -> Option<(Ticket, Loss)> {
        match self {
            Self::Load { ticket, .. } => Some((*ticket, Loss::Load)),
            Self::Save { ticket, .. } => Some((*ticket, Loss::Save)),
            Self::Weigh { ticket, .. } => Some((*ticket, Loss::Weigh)),
            Self::Page { ticket, .. } => Some((*ticket, Loss::List)),
            Self::TakeStock { ticket, .. } => Some((*ticket, Loss::Stock)),
            _ => None,
        }
    }

    /// What its caller is told where there is no room for it to wait.
    pub(crate) fn turn_away(self, now: Moment) -> Done {
        match self {
            Self::Load { ticket, .. } => Done::of(Loss::Load.input(ticket)),
            Self::Save { ticket, .. } => {
                Done::of(Input::Saved { ticket, result: Err(Refusal::Busy) })
            }
            Self::Weigh { ticket, .. } => Done::of(Loss::Weigh.input(ticket)),
            Self::Page { ticket, .. } => Done::of(Loss::List.input(ticket)),
            Self::TakeStock { ticket, .. } => Done::of(Loss::Stock.input(ticket)),
            Self::Remove { reply, .. } => Done::Removed(reply, Err(Failed)),
            Self::List { reply, .. } => {
                // Whoever asked may be gone.
                let _ = reply.send((now, Vec::new()));
                Done::Nothing
            }
            Self::Renew { .. } | Self::Expire => Done::Nothing,
        }
    }

    /// Calls the store. What it fails at is logged, `node` being the one it belongs to.
    pub(crate) fn carry_out(self, node: NodeId, now: Moment, store: &mut dyn RecordStore) -> Done {
        let failed = |action: &str, error: &dyn std::fmt::Display| {
            tracing::error!(?node, %error, "Cannot {action}");
        };
        match self {
            Self::Load { ticket, key, kinds, whole_up_to } => {
                let found = store.load(now, key, kinds, whole_up_to).unwrap_or_else(|error| {
                    failed("load a record", &error);
                    None
                });
                Done::of(Input::Loaded { ticket, found })
            }
            Self::Weigh { ticket, incoming, terms } => match store.weigh(now, &incoming, &terms) {
                Ok(Weighed { existing, admitted }) => {
                    let result = admitted.map(|_| ());
                    Done::of(Input::Weighed { ticket, existing: existing.map(Box::new), result })
                }
                Err(error) => {
                    failed("look for room", &error);
                    Done::of(Loss::Weigh.input(ticket))
                }
            },
            Self::Save { ticket, record, terms } => {
                let result = store.save(now, record, terms).map(|_| ()).map_err(|error| {
                    if let dht_store::SaveError::Failed(error) = &error {
                        failed("save a record", error);
                    }
                    Refusal::from(error)
                });
                Done::of(Input::Saved { ticket, result })
            }
            Self::Renew { slot, digest, terms } => {
                if let Err(error) = store.renew(now, slot, digest, terms) {
                    failed("renew a record", &error);
                }
                Done::Nothing
            }
            Self::Page { ticket, from, limit } => {
                let entries = store.list(now, from, limit).unwrap_or_else(|error| {
                    failed("list records", &error);
                    Vec::new()
                });
                Done::of(Input::Listed { ticket, entries })
            }
            Self::TakeStock { ticket, parts, effort } => {
                let stocks = store.take_stock(now, &parts, effort).unwrap_or_else(|error| {
                    failed("take stock", &error);
                    Vec::new()
                });
                Done::of(Input::StockTaken { ticket, stocks })
            }
            Self::Remove { slot, reply } => {
                let result = store.remove(now, slot).map_err(|error| {
                    failed("remove a record", &error);
                    Failed
                });
                Done::Removed(reply, result)
            }
            Self::List { from, limit, reply } => {
                let listed = store.list(now, from, limit).unwrap_or_else(|error| {
                    failed("list records", &error);
                    Vec::new()
                });
                // Whoever asked may be gone.
                let _ = reply.send((now, listed));
                Done::Nothing
            }
            Self::Expire => {
                if let Err(error) = store.expire(now) {
                    failed("free records that have ended", &error);
                }
                Done::Nothing
            }
        }
    }
}

impl Done {
    fn of(input: Input) -> Self {
        Self::Input(Box::new(input))
    }

    /// The same after a flush that failed: what was done is undone.
    pub(crate) fn undone(self) -> Self {
        match self {
            Self::Input(input) => Self::of(match *input {
                Input::Saved { ticket, result: Ok(()) } => Loss::Save.input(ticket),
                input => input,
            }),
            Self::Removed(reply, _) => Self::Removed(reply, Err(Failed)),
            Self::Nothing => Self::Nothing,
        }
    }

    /// Bytes of a value that was found.
    pub(crate) fn found_bytes(&self) -> usize {
        let Self::Input(input) = self else { return 0 };
        match input.as_ref() {
            Input::Loaded { found: Some(held), .. } => held.record.as_ref().map_or(0, Record::size),
            _ => 0,
        }
    }

    /// Tells a handle its result; gives what is for the peer.
    pub(crate) fn tell(self) -> Option<Input> {
        match self {
            Self::Input(input) => Some(*input),
            Self::Removed(reply, result) => {
                // Whoever asked may be gone.
                let _ = reply.send(result);
                None
            }
            Self::Nothing => None,
        }
    }
}

/// A job of the peer that was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It finds nothing.
    Load,
    /// Nothing is known against the record.
    Weigh,
    /// The store failed.
    Save,
    /// There is nothing more.
    List,
    /// It cannot tell how much it holds.
    Stock,
}

impl Loss {
    /// What the peer learns.
    pub(crate) fn input(self, ticket: Ticket) -> Input {
        match self {
            Self::Load => Input::Loaded { ticket, found: None },
            Self::Weigh => Input::Weighed { ticket, existing: None, result: Ok(()) },
            Self::Save => Input::Saved { ticket, result: Err(Refusal::StorageFailed) },
            Self::List => Input::Listed { ticket, entries: Vec::new() },
            Self::Stock => Input::StockTaken { ticket, stocks: Vec::new() },
        }
    }
}
