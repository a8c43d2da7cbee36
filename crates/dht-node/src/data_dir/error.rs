//! What can be wrong with a data directory.

use std::io;
use std::path::{Path, PathBuf};

use dht_store::OpenError;

/// Why a data directory cannot be used. Nothing in it was changed, but that a damaged file may have been set
/// aside, which the log tells.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another node uses it, of this process or another. Stop that one, or name another directory.
    #[error("data directory {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It holds a node of another network. Name another directory, or that network.
    #[error("data directory {} belongs to a node of another network", path.display())]
    OtherNetwork {
        /// The directory.
        path: PathBuf,
    },
    /// A file in it may not be written or read, or is where a directory should be.
    #[error("cannot write to {}: {source}", path.display())]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room for a file in it.
    #[error("no room for {}: {source}", path.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A later version of this program made a file in it. Use that one, or name another directory.
    #[error("{} has version {version}, known is {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        version: u64,
        /// Latest version known here.
        known: u64,
    },
    /// The system failed for another reason.
    #[error("cannot use {}: {source}", path.display())]
    Failed {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DataDirError {
    pub(super) fn of_io(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.to_owned();
        match source.kind() {
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::AlreadyExists
            | Kind::NotFound => Self::NotWritable { path, source },
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
                Self::NoRoom { path, source }
            }
            _ => Self::Failed { path, source: source.into() },
        }
    }
}

impl From<OpenError> for DataDirError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InUse { path } => Self::InUse { path },
            OpenError::NotWritable { path, source } => Self::NotWritable { path, source },
            OpenError::NoRoom { path, source } => Self::NoRoom { path, source },
            OpenError::Newer { path, version, known } => Self::Newer { path, version, known },
            OpenError::Failed { path, source } => Self::Failed { path, source },
            OpenError::Damaged { ref path, .. } => {
                Self::Failed { path: path.clone(), source: error.to_string().into() }
            }
            other => Self::Failed { path: PathBuf::new(), source: other.into() },
        }
    }
}
