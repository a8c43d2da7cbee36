//! A store on a thread of its own, for stores that wait for a disk.
//!
//! It takes what waits, up to a bound, as one batch: first everything that only reads, which is reported at
//! once; then every change; then one flush for all of them, and only then are they reported. So a sync of
//! the disk is shared by as many changes as came in during the one before.
//!
//! Invariants: a change is reported as done only if a flush after it succeeded. The jobs that wait are
//! bounded in number and bytes. When the queue closes, what waits is carried out, and the store is closed
//! before the channel of reports is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dht_proto::{Moment, NodeId};
use dht_routing::Input;
use dht_store::{RecordStore, Usage};
use tokio::sync::mpsc;

use super::job::{Done, Job};

/// Jobs that may wait.
const WAITING_MAX: usize = 8_192;

/// Bytes of values that may wait to be saved.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Jobs carried out before their results are told.
const BATCH_MAX: usize = 1_024;

/// Bytes of values saved together, but for the last of them.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of found values that are told together, but for the last of them.
const FOUND_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reports that may wait for the node's task. The worker waits when there are more.
const REPORTS: usize = 4;

/// What came of a batch, or of its first part.
#[derive(Debug)]
pub(super) struct Report {
    /// What the peer learns.
    pub(super) inputs: Vec<Input>,
    /// How full the store is.
    pub(super) usage: Usage,
    /// When the next record ends.
    pub(super) next_expiry: Option<Moment>,
}

/// The task's end of the worker.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<(Moment, Job)>>,
    reports: mpsc::Receiver<Report>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Worker {
    /// Starts the thread that owns `store` from now on.
    pub(super) fn start(node: NodeId, store: Box<dyn RecordStore>) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        let (reporter, reports) = mpsc::channel(REPORTS);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let bench =
            Bench { node, store, queue, waiting_bytes: Arc::clone(&waiting_bytes), reporter };
        thread::Builder::new().name("dht store".to_owned()).spawn(move || bench.run())?;
        Ok(Self { jobs: Some(jobs), reports, waiting_bytes })
    }

    /// Has a job carried out. Gives it back if there is no room for it to wait.
    pub(super) fn give(&self, now: Moment, job: Job) -> Result<(), Box<Job>> {
        let Some(jobs) = &self.jobs else { return Err(Box::new(job)) };
        let bytes = job.bytes();
        // This task alone adds, so what is read here can only have become less since.
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        if bytes > 0 && waiting.saturating_add(bytes) > WAITING_BYTES_MAX {
            return Err(Box::new(job));
        }
        match jobs.try_reserve() {
            Ok(place) => {
                self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
                place.send((now, job));
                Ok(())
            }
            Err(_) => Err(Box::new(job)),
        }
    }

    /// The next report; `None` if the thread has ended.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    /// Waits until what waits is carried out and the store is closed.
    pub(super) async fn close(&mut self) {
        self.jobs = None;
        while self.reports.recv().await.is_some() {}
    }
}

/// The thread's end.
struct Bench {
    node: NodeId,
    store: Box<dyn RecordStore>,
    queue: mpsc::Receiver<(Moment, Job)>,
    waiting_bytes: Arc<AtomicUsize>,
    reporter: mpsc::Sender<Report>,
}

impl Bench {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let batch = self.gather(first);
            let bytes = batch.iter().map(|(_, job)| job.bytes()).sum();
            let (changes, reads): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|(_, job)| job.is_change());
            self.read(reads);
            if !changes.is_empty() {
                let done = self.change(changes);
                self.tell(done);
            }
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        let Self { store, reporter, .. } = self;
        drop(store);
        drop(reporter);
    }

    /// What waits, beginning with `first`.
    fn gather(&mut self, first: (Moment, Job)) -> Vec<(Moment, Job)> {
        let mut bytes = first.1.bytes();
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = self.queue.try_recv() else { break };
            bytes += next.1.bytes();
            batch.push(next);
        }
        batch
    }

    fn read(&mut self, jobs: Vec<(Moment, Job)>) {
        let (mut done, mut found) = (Vec::new(), 0);
        for (now, job) in jobs {
            let result = job.carry_out(self.node, now, self.store.as_mut());
            found += result.found_bytes();
            done.push(result);
            if found >= FOUND_BYTES_MAX {
                self.tell(std::mem::take(&mut done));
                found = 0;
            }
        }
        if !done.is_empty() {
            self.tell(done);
        }
    }

    fn change(&mut self, jobs: Vec<(Moment, Job)>) -> Vec<Done> {
        let (node, store) = (self.node, self.store.as_mut());
        let done: Vec<Done> =
            jobs.into_iter().map(|(now, job)| job.carry_out(node, now, store)).collect();
        match self.store.flush() {
            Ok(()) => done,
            Err(error) => {
                tracing::error!(node = ?self.node, %error, "Cannot make changes of the store last");
                done.into_iter().map(Done::undone).collect()
            }
        }
    }

    fn tell(&mut self, done: Vec<Done>) {
        let report = Report {
            inputs: done.into_iter().filter_map(Done::tell).collect(),
            usage: self.store.usage(),
            next_expiry: self.store.next_expiry(),
        };
        // The node may have gone without waiting.
        let _ = self.reporter.blocking_send(report);
    }
}
