//! What can be wrong with the file of a store: when it is opened, and later.

use std::io;
use std::path::{Path, PathBuf};

use dht_proto::Slot;

/// Why a store on disk cannot be opened. The file is as it was, or as a crash left it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the file open, or this one has it open twice. End the other one, or name
    /// another directory.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file or its directory may not be written, or does not exist.
    #[error("cannot write to {}: {source}", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no room left where the file is, or no more may be used. Free some, and open it again.
    #[error("no room for {}: {source}", path.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is no store, or its contents are damaged: cut, overwritten, or never finished. Set it aside
    /// and open a new one; nodes close to its keys hold copies.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A later version of this program made the file. Use that one, or name another directory.
    #[error("{} has format {version}, known is {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        version: u64,
        /// Latest format known here.
        known: u64,
    },
    /// The operating system failed for another reason.
    #[error("cannot open {}: {source}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What went wrong under an open store.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The file, or the database in it.
    #[error(transparent)]
    Medium(#[from] redb::Error),
    /// The bytes of one record are not what was written. Nothing else is concerned.
    #[error("{kind} record at {key} is damaged", kind = .0.kind, key = .0.key)]
    Record(Slot),
    /// The database is whole but is no store of ours.
    #[error("{0}")]
    Contents(String),
    /// Made by a later version.
    #[error("format is {version}, known is {known}")]
    Newer { version: u64, known: u64 },
    /// The database gave up in a panic, as it does on some damaged pages.
    #[error("database failed: {0}")]
    Panicked(String),
    /// Calls since the last flush were undone when another call failed.
    #[error("changes since the last flush were undone by an earlier failure")]
    Undone,
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for Problem {
            fn from(error: redb::$error) -> Self {
                Self::Medium(error.into())
            }
        })+
    };
}

from_redb!(StorageError, TableError, TransactionError, CommitError, DatabaseError);

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Medium(redb::Error::Io(error))
    }
}

impl OpenError {
    pub(super) fn new(path: &Path, problem: Problem) -> Self {
        let path = path.to_owned();
        let damaged = |problem: String| Self::Damaged { path: path.clone(), problem };
        match problem {
            Problem::Newer { version, known } => Self::Newer { path, version, known },
            Problem::Medium(error) => match error {
                redb::Error::Io(source) => Self::of_io(path, source),
                redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                    Self::InUse { path }
                }
                redb::Error::Corrupted(_)
                | redb::Error::UpgradeRequired(_)
                | redb::Error::TableTypeMismatch { .. }
                | redb::Error::TableIsMultimap(_)
                | redb::Error::TypeDefinitionChanged { .. } => damaged(error.to_string()),
                other => Self::Failed { path, source: Box::new(other) },
            },
            other => damaged(other.to_string()),
        }
    }

    fn of_io(path: PathBuf, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match source.kind() {
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotFound => {
                Self::NotWritable { path, source }
            }
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
                Self::NoRoom { path, source }
            }
            // The database tells so of a file that does not begin as its files do, or ends too early.
            Kind::InvalidData | Kind::UnexpectedEof => {
                Self::Damaged { path, problem: source.to_string() }
            }
            _ => Self::Failed { path, source: Box::new(source) },
        }
    }
}
