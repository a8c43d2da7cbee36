//! What a node keeps beyond its end, besides its records: who it is, whom it knows, whom it has banned, and which
//! broadcasts its application has been given.
//!
//! The routing table and the bans are written soon after the node has joined, then ever less often, up to every five
//! minutes, and at the end. Broadcasts are written a moment after one has come, with those that came meanwhile: of a
//! node that is killed, the next run gives its application again what came in the last quarter of a second and while
//! that was written.
//!
//! Invariants: nothing here blocks the node's task, the disk is left to blocking threads. A table that is
//! empty replaces no other: it says more of our network than of who is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Contact, LocalIdentity, Moment, NetworkId};
use dht_routing::{Ban, HeardBroadcast, Peer};
use dht_store::{DiskOptions, DiskStore};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::StartError;
use crate::data_dir::DataDir;

/// Time from the first write to the second; it doubles from write to write.
const INTERVAL_MIN: Duration = Duration::from_secs(10);

/// Time until bans are written.
const SOON: Duration = Duration::from_secs(2);

/// Longest time between two writes.
const INTERVAL_MAX: Duration = Duration::from_mins(5);

/// Time from a broadcast until it is written down.
const GATHERING: Duration = Duration::from_millis(250);

/// What an earlier run left to a node that starts.
pub(crate) struct Kept {
    /// Keeps on keeping.
    pub(crate) keeper: Keeper,
    /// Who the node was; `None` at the first start.
    pub(crate) identity: Option<LocalIdentity>,
    /// Whom it knew.
    pub(crate) contacts: Vec<Contact>,
    /// With whom it had nothing to do.
    pub(crate) bans: Vec<Ban>,
    /// Which broadcasts it had heard.
    pub(crate) heard: Vec<HeardBroadcast>,
    /// What it held, if that was asked for.
    pub(crate) records: Option<DiskStore>,
}

impl Kept {
    /// Opens the directory, if there is one, with its records as `options` say, if they are wanted. `listens` says
    /// whether the application is given broadcasts.
    pub(crate) async fn open(
        path: Option<PathBuf>,
        network: NetworkId,
        options: Option<DiskOptions>,
        listens: bool,
    ) -> Result<Self, StartError> {
        let Some(path) = path else {
            let keeper = Keeper::new(None);
            let (contacts, bans, heard) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Self { keeper, identity: None, contacts, bans, heard, records: None });
        };
        let opened = spawn_blocking(move || {
            let directory = DataDir::open(&path)?;
            let bans = directory.bans();
            let has_bans = !bans.is_empty();
            Ok(Self {
                bans,
                heard: if listens { directory.heard() } else { Vec::new() },
                identity: directory.identity(network)?,
                contacts: directory.contacts(),
                records: options.map(|options| directory.records(options)).transpose()?,
                keeper: Keeper { has_bans, listens, ..Keeper::new(Some(directory)) },
            })
        });
        opened.await.map_err(|_| StartError::Interrupted)?
    }
}

/// Writes down whom a node knows, whom it has banned and what it has heard, if it has a data directory.
pub(crate) struct Keeper {
    directory: Option<Arc<DataDir>>,
    due: Option<Moment>,
    interval: Duration,
    /// Whether the file of bans has any.
    has_bans: bool,
    writing: Option<JoinHandle<()>>,
    /// Whether the application is given broadcasts. What nobody hears is nothing to remember.
    listens: bool,
    /// When to write what was heard.
    heard_due: Option<Moment>,
    writing_heard: Option<JoinHandle<()>>,
}

impl Keeper {
    fn new(directory: Option<DataDir>) -> Self {
        Self {
            directory: directory.map(Arc::new),
            due: None,
            interval: INTERVAL_MIN,
            has_bans: false,
            writing: None,
            listens: false,
            heard_due: None,
            writing_heard: None,
        }
    }

    /// Remembers who the node is, for good.
    pub(crate) async fn save_identity(
        &self,
        local: &LocalIdentity,
        network: NetworkId,
    ) -> Result<(), StartError> {
        let Some(directory) = self.directory.clone() else { return Ok(()) };
        let local = local.clone();
        let saved = spawn_blocking(move || directory.save_identity(&local, network));
        Ok(saved.await.map_err(|_| StartError::Interrupted)??)
    }

    /// Begins to write the table now and then.
    pub(crate) fn begin(&mut self, now: Moment) {
        if self.directory.is_some() {
            self.due = Some(now + INTERVAL_MIN);
        }
    }

    /// Has the table written at the next opportunity: it has just become worth it.
    pub(crate) fn hurry(&mut self, now: Moment) {
        if self.directory.is_some() {
            self.due = Some(now);
        }
    }

    /// Has it all written within seconds: whom to have nothing to do with has changed.
    pub(crate) fn soon(&mut self, now: Moment) {
        self.due = self.due.map(|due| due.min(now + SOON));
    }

    /// A broadcast came, or was made here: it is written in a moment.
    pub(crate) fn heard(&mut self, now: Moment) {
        if self.directory.is_some() && self.listens {
            self.heard_due.get_or_insert(now + GATHERING);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.due.into_iter().chain(self.heard_due).min()
    }

    /// Writes down what `peer` knows, or has heard, if it is time to and the last write has ended.
    pub(crate) fn handle_timeout(&mut self, now: Moment, peer: &Peer) {
        if self.heard_due.is_some_and(|due| due <= now) {
            self.heard_due = None;
            if is_over(self.writing_heard.as_ref()) {
                self.write_heard(now, peer);
            } else {
                self.heard(now);
            }
        }
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = Some(now + self.interval);
        self.interval = INTERVAL_MAX.min(self.interval * 2);
        if is_over(self.writing.as_ref()) {
            self.write(now, peer);
        }
    }

    /// Writes for the last time and lets go of the directory.
    pub(crate) async fn close(&mut self, now: Moment, peer: &Peer) {
        self.written().await;
        self.write(now, peer);
        if self.heard_due.take().is_some() {
            self.write_heard(now, peer);
        }
        self.written().await;
        self.directory = None;
    }

    /// Waits for what is being written.
    async fn written(&mut self) {
        for writing in [self.writing.take(), self.writing_heard.take()].into_iter().flatten() {
            // One that failed has told so.
            let _ = writing.await;
        }
    }

    fn write_heard(&mut self, now: Moment, peer: &Peer) {
        let Some(directory) = self.directory.clone() else { return };
        let heard: Vec<HeardBroadcast> = peer.heard_broadcasts(now).collect();
        self.writing_heard = Some(spawn_blocking(move || {
            if let Err(error) = directory.save_heard(&heard) {
                tracing::warn!(%error, "Cannot keep which broadcasts were heard");
            }
        }));
    }

    fn write(&mut self, now: Moment, peer: &Peer) {
        let Some(directory) = self.directory.clone() else { return };
        let known: Vec<Contact> = peer.contacts().collect();
        let bans: Vec<Ban> = peer.bans(now).collect();
        // Without bans, now and at the last write, there is nothing to write.
        let bans = (!bans.is_empty() || self.has_bans).then_some(bans);
        self.has_bans = bans.as_ref().is_some_and(|bans| !bans.is_empty());
        self.writing = Some(spawn_blocking(move || {
            let contacts = if known.is_empty() { Ok(()) } else { directory.save_contacts(&known) };
            if let Err(error) = contacts {
                tracing::warn!(%error, "Cannot keep the contacts");
            }
            if let Some(Err(error)) = bans.map(|bans| directory.save_bans(&bans)) {
                tracing::warn!(%error, "Cannot keep the bans");
            }
        }));
    }
}

fn is_over(writing: Option<&JoinHandle<()>>) -> bool {
    writing.is_none_or(JoinHandle::is_finished)
}
