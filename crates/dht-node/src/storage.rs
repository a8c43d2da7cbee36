//! The record store of a node, as the peer's orders reach it.
//!
//! Orders come as values and results go back as inputs, so the peer does not know when they are carried
//! out: a store in memory does it at once, in the node's task; one that waits for a disk does it on a
//! thread of its own.
//!
//! Invariants: every order gets its result, whatever becomes of the store. What the store refuses or fails
//! at is told to the peer; nothing is retried here.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use dht_proto::{Moment, NodeId};
use dht_routing::{Input, Ticket};
use dht_store::{RecordStore, Usage};

mod job;
mod worker;

pub(crate) use job::Job;
use job::Loss;
use worker::{Report, Worker};

/// Least time between two sweeps for records whose life has ended. They are absent on time without; a
/// sweep only frees their memory.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A record store with the time of its last sweep.
pub(crate) struct Storage {
    node: NodeId,
    shelf: Shelf,
    swept: Moment,
    usage: Usage,
    next_expiry: Option<Moment>,
}

/// Where the store is.
enum Shelf {
    /// In the task.
    Here(Box<dyn RecordStore>),
    /// On its own thread.
    There {
        worker: Worker,
        /// Jobs of the peer that have no result yet: bounded by the effects a peer waits for.
        awaited: BTreeMap<Ticket, Loss>,
    },
    /// Nowhere: the thread has failed.
    Gone,
}

impl Storage {
    /// The store of `node`, which log events name, called in the node's task.
    pub(crate) fn in_place(node: NodeId, store: Box<dyn RecordStore>, now: Moment) -> Self {
        let (usage, next_expiry) = (store.usage(), store.next_expiry());
        Self { node, shelf: Shelf::Here(store), swept: now, usage, next_expiry }
    }

    /// The store of `node`, called on a thread of its own.
    pub(crate) fn on_thread(
        node: NodeId,
        store: Box<dyn RecordStore>,
        now: Moment,
    ) -> io::Result<Self> {
        let (usage, next_expiry) = (store.usage(), store.next_expiry());
        let worker = Worker::start(node, store)?;
        let shelf = Shelf::There { worker, awaited: BTreeMap::new() };
        Ok(Self { node, shelf, swept: now, usage, next_expiry })
    }

    /// Has a job carried out. Gives what the peer learns at once, if anything.
    pub(crate) fn take(&mut self, now: Moment, job: Job) -> Option<Input> {
        match &mut self.shelf {
            Shelf::Here(store) => {
                let is_change = job.is_change();
                let mut done = job.carry_out(self.node, now, store.as_mut());
                if is_change {
                    if let Err(error) = store.flush() {
                        let node = self.node;
                        tracing::error!(?node, %error, "Cannot make changes of the store last");
                        done = done.undone();
                    }
                    (self.usage, self.next_expiry) = (store.usage(), store.next_expiry());
                }
                done.tell()
            }
            Shelf::There { worker, awaited } => {
                let ticket = job.ticket();
                match worker.give(now, job) {
                    Ok(()) => {
                        awaited.extend(ticket);
                        None
                    }
                    Err(job) => job.turn_away(now).tell(),
                }
            }
            Shelf::Gone => {
                let lost = job.ticket().map(|(ticket, loss)| loss.input(ticket));
                lost.or_else(|| job.turn_away(now).tell())
            }
        }
    }

    /// Waits for results of jobs; for ever if every result is given at once. Nothing is lost if the future
    /// is dropped.
    pub(crate) async fn results(&mut self) -> Vec<Input> {
        let Shelf::There { worker, awaited } = &mut self.shelf else {
            return std::future::pending().await;
        };
        if let Some(Report { inputs, usage, next_expiry }) = worker.report().await {
            (self.usage, self.next_expiry) = (usage, next_expiry);
            for input in &inputs {
                if let Input::Loaded { ticket, .. }
                | Input::Saved { ticket, .. }
                | Input::Listed { ticket, .. }
                | Input::Weighed { ticket, .. }
                | Input::StockTaken { ticket, .. } = input
                {
                    awaited.remove(ticket);
                }
            }
            return inputs;
        }
        tracing::error!(node = ?self.node, "The store has failed, nothing can be stored any more");
        let lost = std::mem::take(awaited);
        self.shelf = Shelf::Gone;
        self.next_expiry = None;
        lost.into_iter().map(|(ticket, loss)| loss.input(ticket)).collect()
    }

    /// When [`sweep`](Self::sweep) is due.
    pub(crate) fn sweep_due(&self) -> Option<Moment> {
        self.next_expiry.map(|expiry| expiry.max(self.swept + SWEEP_INTERVAL))
    }

    /// Frees records whose life has ended, if it is time to.
    pub(crate) fn sweep(&mut self, now: Moment) {
        if self.sweep_due().is_some_and(|due| due <= now) {
            self.swept = now;
            self.take(now, Job::Expire);
        }
    }

    /// What is used of the quota, as the last result told.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Carries out what waits and closes the store.
    pub(crate) async fn close(&mut self) {
        match std::mem::replace(&mut self.shelf, Shelf::Gone) {
            Shelf::There { mut worker, .. } => worker.close().await,
            Shelf::Here(store) => drop(store),
            Shelf::Gone => {}
        }
    }
}

#[cfg(test)]
mod tests;
