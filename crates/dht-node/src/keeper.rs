//! What a node keeps beyond its end, besides its records: who it is, whom it knows and whom it has banned.
//!
//! The routing table and the bans are written soon after the node has joined, then ever less often, up to every five
//! minutes, and at the end.
//!
//! Invariants: nothing here blocks the node's task, the disk is left to blocking threads. A table that is
//! empty replaces no other: it says more of our network than of who is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{Contact, LocalIdentity, Moment, NetworkId};
use dht_routing::{Ban, Peer};
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
    /// What it held, if that was asked for.
    pub(crate) records: Option<DiskStore>,
}

impl Kept {
    /// Opens the directory, if there is one, with its records as `options` say, if they are wanted.
    pub(crate) async fn open(
        path: Option<PathBuf>,
        network: NetworkId,
        options: Option<DiskOptions>,
    ) -> Result<Self, StartError> {
        let Some(path) = path else {
            let keeper = Keeper::new(None);
            let (contacts, bans) = (Vec::new(), Vec::new());
            return Ok(Self { keeper, identity: None, contacts, bans, records: None });
        };
        let opened = spawn_blocking(move || {
            let directory = DataDir::open(&path)?;
            let bans = directory.bans();
            let has_bans = !bans.is_empty();
            Ok(Self {
                bans,
                identity: directory.identity(network)?,
                contacts: directory.contacts(),
                records: options.map(|options| directory.records(options)).transpose()?,
                keeper: Keeper { has_bans, ..Keeper::new(Some(directory)) },
            })
        });
        opened.await.map_err(|_| StartError::Interrupted)?
    }
}

/// Writes down whom a node knows and whom it has banned, if it has a data directory.
pub(crate) struct Keeper {
    directory: Option<Arc<DataDir>>,
    due: Option<Moment>,
    interval: Duration,
    /// Whether the file of bans has any.
    has_bans: bool,
    writing: Option<JoinHandle<()>>,
}

impl Keeper {
    fn new(directory: Option<DataDir>) -> Self {
        let directory = directory.map(Arc::new);
        Self { directory, due: None, interval: INTERVAL_MIN, has_bans: false, writing: None }
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

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.due
    }

    /// Writes down what `peer` knows if it is time to and the last write has ended.
    pub(crate) fn handle_timeout(&mut self, now: Moment, peer: &Peer) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = Some(now + self.interval);
        self.interval = INTERVAL_MAX.min(self.interval * 2);
        if self.writing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.write(now, peer);
        }
    }

    /// Writes for the last time and lets go of the directory.
    pub(crate) async fn close(&mut self, now: Moment, peer: &Peer) {
        if let Some(writing) = self.writing.take() {
            // One that failed has told so.
            let _ = writing.await;
        }
        self.write(now, peer);
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        self.directory = None;
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
