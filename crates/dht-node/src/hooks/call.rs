//! Calls of one closure of the application, apart from the node's task.
//!
//! A call is a task of its own. What it returns, or that it failed to, comes back under the key that the
//! call was started with.
//!
//! Invariants: calls of one hook are bounded in number and each in time; every call that was started ends in one
//! [`Ended`]; a closure that panics or hangs costs its own call and nothing else. A closure that blocks its
//! thread cannot be stopped, which the documentation of every hook says.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::NodeId;
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;

use crate::HookCalls;

/// A closure of the application that is asked `Q` and answers `A`, of a type that does not name it.
pub(crate) type Hook<Q, A> =
    Arc<dyn Fn(Q) -> Pin<Box<dyn Future<Output = A> + Send>> + Send + Sync>;

/// Makes a [`Hook`] of a closure.
pub(crate) fn hook<Q, A, F>(closure: impl Fn(Q) -> F + Send + Sync + 'static) -> Hook<Q, A>
where
    F: Future<Output = A> + Send + 'static,
{
    Arc::new(move |question| Box::pin(closure(question)))
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The closure panicked.
    Panicked,
    /// It did not return in time and was stopped.
    TimedOut,
}

/// The end of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended<K, A> {
    /// What the call was started with.
    pub(crate) key: K,
    /// What the closure returned.
    pub(crate) answer: Result<A, Fault>,
}

/// How calls of a hook are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Calls at once.
    pub(crate) calls: usize,
    /// Time of one.
    pub(crate) time: Duration,
}

/// Calls of one hook that are under way.
pub(crate) struct Calls<K, Q, A> {
    node: NodeId,
    /// The setter of the hook, for log events.
    name: &'static str,
    hook: Hook<Q, A>,
    bounds: Bounds,
    tasks: JoinSet<Result<A, Fault>>,
    keys: HashMap<Id, K>,
    figures: HookCalls,
}

impl<K, Q, A> Calls<K, Q, A>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    /// Calls of `hook`, which log events name `name`, for `node`.
    pub(crate) fn new(node: NodeId, name: &'static str, hook: Hook<Q, A>, bounds: Bounds) -> Self {
        Self {
            node,
            name,
            hook,
            bounds,
            tasks: JoinSet::new(),
            keys: HashMap::new(),
            figures: HookCalls::default(),
        }
    }

    /// Starts a call. Gives the key back if too many are under way.
    pub(crate) fn start(&mut self, key: K, question: Q) -> Result<(), K> {
        if self.tasks.len() >= self.bounds.calls {
            self.figures.turned_away += 1;
            return Err(key);
        }
        let (hook, time) = (Arc::clone(&self.hook), self.bounds.time);
        // The closure runs within the task as well as the future that it returns: either may panic.
        let call = async move {
            timeout(time, async { hook(question).await }).await.map_err(|_| Fault::TimedOut)
        };
        let task = self.tasks.spawn(call);
        self.keys.insert(task.id(), key);
        self.figures.started += 1;
        Ok(())
    }

    /// Waits for the end of a call; for ever while none is under way. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn ended(&mut self) -> Ended<K, A> {
        loop {
            let Some(ended) = self.tasks.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let (id, answer) = match ended {
                Ok((id, answer)) => (id, answer),
                Err(error) => (error.id(), Err(Fault::Panicked)),
            };
            if answer.is_err() {
                self.report(&answer);
            }
            if let Some(key) = self.keys.remove(&id) {
                return Ended { key, answer };
            }
        }
    }

    /// What became of calls so far.
    pub(crate) fn figures(&self) -> HookCalls {
        HookCalls { running: self.tasks.len(), ..self.figures }
    }

    /// Stops every call and waits until all have stopped.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
        self.keys.clear();
    }

    fn report(&mut self, answer: &Result<A, Fault>) {
        let (node, hook, time) = (self.node, self.name, self.bounds.time);
        match answer {
            Ok(_) => {}
            Err(Fault::Panicked) => {
                self.figures.panicked += 1;
                tracing::error!(?node, hook, "The application's closure panicked");
            }
            Err(Fault::TimedOut) => {
                self.figures.timed_out += 1;
                tracing::warn!(?node, hook, ?time, "The application's closure took too long");
            }
        }
    }
}

#[cfg(test)]
mod tests;
