//! A runtime on a thread of its own, whose processor time can be asked for.

use std::future::Future;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::{BenchError, machine, runtime};

type Reply = std::sync::mpsc::SyncSender<Duration>;

/// A thread that runs something until it is dropped.
pub(super) struct Seat<T> {
    /// What was told once it ran.
    pub(super) told: T,
    questions: Option<mpsc::Sender<Reply>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Seat<T> {
    /// Has `make` run on a thread of its own, which profilers show by `name`. It gives what is to be told of it, and what keeps it running.
    pub(super) fn take<F, K>(
        name: &str,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Self, BenchError>
    where
        F: Future<Output = Result<(T, K), BenchError>>,
    {
        let (ready, answer) = std::sync::mpsc::sync_channel(1);
        let (questions, mut asked) = mpsc::channel::<Reply>(1);
        let run = move || {
            let running = runtime(1).map(|runtime| {
                runtime.block_on(async {
                    let _keep = match make().await {
                        Ok((told, keep)) => {
                            drop(ready.send(Ok(told)));
                            keep
                        }
                        Err(error) => return drop(ready.send(Err(error))),
                    };
                    while let Some(reply) = asked.recv().await {
                        // Whoever asked is there to hear it, or gone with the seat.
                        let _ = reply.send(machine::thread_cpu());
                    }
                });
            });
            // Without a runtime nobody was told anything, which says enough.
            drop(running);
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        let told = answer.recv().map_err(|_| BenchError::Broken("a thread ended early"))??;
        Ok(Self { told, questions: Some(questions), thread: Some(thread) })
    }
}

impl<T> Seat<T> {
    /// Processor time of the thread.
    pub(super) fn cpu(&self) -> Result<Duration, BenchError> {
        let gone = BenchError::Broken("a thread ended early");
        let Some(questions) = &self.questions else { return Err(gone) };
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        if questions.blocking_send(reply).is_err() {
            return Err(gone);
        }
        answer.recv().map_err(|_| gone)
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // It has ended, one way or the other.
            let _ = thread.join();
        }
    }
}
