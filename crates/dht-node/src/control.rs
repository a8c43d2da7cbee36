//! How a handle talks to its node's task: orders down a bounded channel, each with its own reply.
//!
//! Invariant: an operation whose future is dropped is cancelled. The list of cancelled operations is
//! bounded by the operations under way, so dropping never waits and never fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dht_proto::Contact;
use dht_routing::{Answer, Busy, Command, Outcome};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::bans::BanOrder;
use crate::storage::Job as StoreJob;
use crate::{NodeStatus, Stopped};

/// Orders that may wait for the task. More wait in their callers.
pub(crate) const ORDERS: usize = 32;

/// Number a handle gives an operation before the peer has given it an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OperationNumber(u64);

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Order {
    /// Run an operation.
    Operate {
        number: OperationNumber,
        command: Command,
        reply: oneshot::Sender<Result<Outcome, Busy>>,
    },
    /// Run an operation whose answers are told one by one.
    Ask {
        number: OperationNumber,
        command: Command,
        answers: mpsc::Sender<Answer>,
        started: oneshot::Sender<Result<(), Busy>>,
    },
    /// Tell figures.
    Status { reply: oneshot::Sender<NodeStatus> },
    /// Tell the contacts of the routing table.
    Contacts { reply: oneshot::Sender<Vec<Contact>> },
    /// Something about bans.
    Bans(BanOrder),
    /// Have the store do something whose result goes to the handle.
    Store(StoreJob),
}

/// Operations whose callers are gone.
#[derive(Debug, Default)]
pub(crate) struct Cancelled {
    numbers: Mutex<Vec<OperationNumber>>,
    added: Notify,
}

impl Cancelled {
    fn add(&self, number: OperationNumber) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        self.added.notify_one();
    }

    /// Waits until an operation was cancelled since the last call of [`take`](Self::take).
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// The operations cancelled since the last call.
    pub(crate) fn take(&self) -> Vec<OperationNumber> {
        std::mem::take(&mut *self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers that may wait for their reader: as many as nodes can be asked at once.
const ANSWERS: usize = 32;

/// Why an operation has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unstarted {
    Busy { limit: usize },
    Stopped,
}

/// The caller's end of the channel to a node's task.
#[derive(Debug)]
pub(crate) struct Control {
    orders: mpsc::Sender<Box<Order>>,
    cancelled: Arc<Cancelled>,
    numbers: AtomicU64,
}

impl Control {
    /// The two ends: the handle's, and what the task reads.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Box<Order>>, Arc<Cancelled>) {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let cancelled = Arc::new(Cancelled::default());
        let control =
            Self { orders, cancelled: Arc::clone(&cancelled), numbers: AtomicU64::new(0) };
        (control, receiver, cancelled)
    }

    /// Whether the task is there to take orders.
    pub(crate) fn is_open(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Runs an operation to its outcome; dropping the future cancels it.
    pub(crate) async fn operate(&self, command: Command) -> Result<Outcome, Unstarted> {
        let number = OperationNumber(self.numbers.fetch_add(1, Ordering::Relaxed));
        let (reply, receiver) = oneshot::channel();
        let mut pending = Pending { number, receiver: Some(receiver), cancelled: &self.cancelled };
        let order = Box::new(Order::Operate { number, command, reply });
        self.orders.send(order).await.map_err(|_| Unstarted::Stopped)?;
        pending.outcome().await
    }

    /// Starts an operation whose answers come one by one; dropping them cancels it.
    pub(crate) async fn answers(&self, command: Command) -> Result<Asking, Unstarted> {
        let number = OperationNumber(self.numbers.fetch_add(1, Ordering::Relaxed));
        let (answers, receiver) = mpsc::channel(ANSWERS);
        let asking = Asking { number, receiver, cancelled: Arc::clone(&self.cancelled) };
        let (started, reply) = oneshot::channel();
        let order = Box::new(Order::Ask { number, command, answers, started });
        self.orders.send(order).await.map_err(|_| Unstarted::Stopped)?;
        match reply.await {
            Ok(Ok(())) => Ok(asking),
            Ok(Err(busy)) => Err(Unstarted::Busy { limit: busy.limit }),
            Err(_) => Err(Unstarted::Stopped),
        }
    }

    /// Asks the task something it answers at once.
    pub(crate) async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.orders.send(Box::new(order(reply))).await.map_err(|_| Stopped)?;
        receiver.await.map_err(|_| Stopped)
    }
}

/// Answers on their way to whoever asked.
#[derive(Debug)]
pub(crate) struct Asking {
    number: OperationNumber,
    receiver: mpsc::Receiver<Answer>,
    cancelled: Arc<Cancelled>,
}

impl Asking {
    /// The next answer; `None` when there are no more, or the node has stopped.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        self.receiver.recv().await
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Closed before the operation is cancelled: the task skips an order whose receiver is gone.
        self.receiver.close();
        self.cancelled.add(self.number);
    }
}

/// An operation under way, seen from its caller.
struct Pending<'a> {
    number: OperationNumber,
    receiver: Option<oneshot::Receiver<Result<Outcome, Busy>>>,
    cancelled: &'a Cancelled,
}

impl Pending<'_> {
    async fn outcome(&mut self) -> Result<Outcome, Unstarted> {
        let Some(receiver) = self.receiver.as_mut() else { return Err(Unstarted::Stopped) };
        let answer = receiver.await;
        self.receiver = None;
        match answer {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(busy)) => Err(Unstarted::Busy { limit: busy.limit }),
            Err(_) => Err(Unstarted::Stopped),
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // The receiver goes first: the task skips an order whose receiver is gone, so whichever of the
        // order and the cancellation it sees first, the operation does not outlive its caller.
        if self.receiver.take().is_some() {
            self.cancelled.add(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find() -> Command {
        Command::FindNode { target: dht_proto::Key::content(b"") }
    }

    #[track_caller]
    fn expect_operate(order: Option<Box<Order>>) -> (OperationNumber, bool) {
        match order.map(|order| *order) {
            Some(Order::Operate { number, reply, .. }) => (number, reply.is_closed()),
            other => panic!("expected an operation, got {other:?}"),
        }
    }

    #[tokio::test]
    async fn an_operation_dropped_before_the_task_reads_it_is_not_started() {
        let (control, mut orders, cancelled) = Control::new();
        {
            let operation = control.operate(find());
            tokio::pin!(operation);
            tokio::select! {
                biased;
                _ = &mut operation => panic!("nobody answered"),
                () = std::future::ready(()) => {}
            }
        }

        cancelled.added().await;
        let (number, closed) = expect_operate(orders.recv().await);
        assert!(closed);
        assert_eq!(cancelled.take(), [number]);
        assert_eq!(cancelled.take(), []);
    }

    #[tokio::test]
    async fn an_operation_that_ended_is_not_cancelled() {
        let (control, mut orders, cancelled) = Control::new();
        let answer = async {
            match orders.recv().await.map(|order| *order) {
                Some(Order::Operate { reply, .. }) => {
                    reply.send(Ok(Outcome::Nodes(Vec::new()))).unwrap();
                }
                other => panic!("expected an operation, got {other:?}"),
            }
        };

        let (outcome, ()) = tokio::join!(control.operate(find()), answer);

        assert!(matches!(outcome, Ok(Outcome::Nodes(_))));
        assert_eq!(cancelled.take(), []);
    }

    #[tokio::test]
    async fn every_call_of_a_node_that_is_gone_says_so() {
        let (control, orders, _cancelled) = Control::new();
        drop(orders);

        assert!(!control.is_open());
        assert_eq!(control.operate(find()).await.map(|_| ()), Err(Unstarted::Stopped));
        assert_eq!(control.ask(|reply| Order::Contacts { reply }).await, Err(Stopped));
    }
}
