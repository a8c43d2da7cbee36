//! The directory in which a node keeps what is to outlive it: who it is, whom it knows and
//! whom it has banned, what it has heard, what it holds.
//!
//! | file | holds |
//! |---|---|
//! | `lock` | nothing; locked as long as a node uses the directory |
//! | `identity` | the node's key pair, nonce and network; readable by its owner alone |
//! | `contacts` | the routing table, as it was a few minutes ago |
//! | `bans` | with whom it has nothing to do |
//! | `broadcasts` | which of the broadcasts of the last minutes its application has been given |
//! | `records.redb` | the records |
//!
//! Names that do not stand here are left alone. Invariants: one node uses a directory at a time. A file
//! that is damaged is set aside under another name, never deleted and never overwritten; one that a later
//! version made stays where it is. A file is replaced as a whole, or not at all.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use dht_proto::{Contact, LocalIdentity, NetworkId};
use dht_routing::{Ban, HeardBroadcast};
use dht_store::{DiskOptions, DiskStore, OpenError};

mod bans;
mod broadcasts;
mod contacts;
mod error;
#[cfg(feature = "fuzzing")]
pub mod forms;
mod identity;
mod state_file;

pub use error::DataDirError;
use state_file::{Read, StateFile};

/// Who the node is.
const IDENTITY: StateFile = StateFile { name: "identity", title: "dht identity", version: 1 };

/// Whom it knew.
const CONTACTS: StateFile = StateFile { name: "contacts", title: "dht contacts", version: 1 };

/// With whom it has nothing to do.
const BANS: StateFile = StateFile { name: "bans", title: "dht bans", version: 1 };

/// What it has heard.
const BROADCASTS: StateFile = StateFile { name: "broadcasts", title: "dht broadcasts", version: 1 };

/// What it holds.
const RECORDS: &str = "records.redb";

/// What keeps others out.
const LOCK: &str = "lock";

/// A data directory that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Unlocked when closed.
    _lock: File,
}

impl DataDir {
    /// Takes the directory for one node, and makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        make(path).map_err(|error| DataDirError::of_io(path, error))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| DataDirError::of_io(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(DataDirError::of_io(&lock_path, error)),
        }
    }

    /// Who the node was before; `None` at its first start, or if the file is damaged.
    pub(crate) fn identity(
        &self,
        network: NetworkId,
    ) -> Result<Option<LocalIdentity>, DataDirError> {
        let text = match IDENTITY.read(&self.path)? {
            Read::Text(text) => text,
            Read::Nothing => return Ok(None),
            Read::Newer { version } => {
                let path = self.path.join(IDENTITY.name);
                let known = IDENTITY.version;
                return Err(DataDirError::Newer {
                    path,
                    version: version.into(),
                    known: known.into(),
                });
            }
        };
        match identity::parse(&text) {
            Some((_, of)) if of != network => {
                Err(DataDirError::OtherNetwork { path: self.path.clone() })
            }
            Some((local, _)) => Ok(Some(local)),
            None => {
                IDENTITY.set_aside(&self.path, "it says something else than an identity")?;
                Ok(None)
            }
        }
    }

    /// Remembers who the node is.
    pub(crate) fn save_identity(
        &self,
        local: &LocalIdentity,
        network: NetworkId,
    ) -> Result<(), DataDirError> {
        IDENTITY.write(&self.path, &identity::to_text(local, network))
    }

    /// Whom the node knew before. None if the file is damaged or cannot be read: it is no reason not to start.
    pub(crate) fn contacts(&self) -> Vec<Contact> {
        self.read_or_nothing(CONTACTS).map(|text| contacts::parse(&text)).unwrap_or_default()
    }

    /// With whom it had nothing to do. Nobody if the file is damaged or cannot be read.
    pub(crate) fn bans(&self) -> Vec<Ban> {
        self.read_or_nothing(BANS).map(|text| bans::parse(&text)).unwrap_or_default()
    }

    /// Which broadcasts it has heard. None if the file is damaged or cannot be read.
    pub(crate) fn heard(&self) -> Vec<HeardBroadcast> {
        self.read_or_nothing(BROADCASTS).map(|text| broadcasts::parse(&text)).unwrap_or_default()
    }

    fn read_or_nothing(&self, file: StateFile) -> Option<String> {
        match file.read(&self.path) {
            Ok(Read::Text(text)) => Some(text),
            Ok(Read::Nothing) => None,
            Ok(Read::Newer { version }) => {
                let path = self.path.join(file.name);
                tracing::warn!("{} has version {version}, it is not read", path.display());
                None
            }
            Err(error) => {
                tracing::error!(%error, "Cannot read what the last run left");
                None
            }
        }
    }

    /// Remembers with whom it has nothing to do. Blocks for the disk.
    pub(crate) fn save_bans(&self, bans: &[Ban]) -> Result<(), DataDirError> {
        BANS.write(&self.path, &bans::to_text(bans))
    }

    /// Remembers which broadcasts it has heard. Blocks for the disk.
    pub(crate) fn save_heard(&self, heard: &[HeardBroadcast]) -> Result<(), DataDirError> {
        BROADCASTS.write(&self.path, &broadcasts::to_text(heard))
    }

    /// Remembers whom the node knows. Blocks for the disk.
    pub(crate) fn save_contacts(&self, known: &[Contact]) -> Result<(), DataDirError> {
        CONTACTS.write(&self.path, &contacts::to_text(known))
    }

    /// The records. A damaged file is set aside, and a new one begun.
    pub(crate) fn records(&self, options: DiskOptions) -> Result<DiskStore, DataDirError> {
        let path = self.path.join(RECORDS);
        match DiskStore::open(&path, options) {
            Err(OpenError::Damaged { problem, .. }) => {
                state_file::set_aside(&path, &problem)?;
                DiskStore::open(&path, options).map_err(DataDirError::from)
            }
            result => result.map_err(DataDirError::from),
        }
    }
}

/// Makes the directory, closed to others on Unix, and those above it.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests;
