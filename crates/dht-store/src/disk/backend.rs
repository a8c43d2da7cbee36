//! The bytes under the database: a file, or whatever a test puts in its place.

#[cfg(unix)]
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::values::PAGE_LEN;

/// Bytes that a file of the database begins with.
const MAGIC_LEN: usize = 9;

/// Greatest length of a file that the database is still making.
const UNFINISHED_MAX: u64 = 4_000_000;

/// Storage of any kind, as the database wants it.
#[derive(Debug)]
pub(super) struct Backend(Box<dyn StorageBackend>);

impl Backend {
    /// The file at `path`, made if there is none. Its directory must exist.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let is_new = !path.try_exists()?;
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        if is_new {
            sync_directory_of(path)?;
        }
        FileBackend::new(file).map(Self::new).map_err(io::Error::other)
    }

    pub(super) fn new(storage: impl StorageBackend) -> Self {
        Self(Box::new(storage))
    }

    /// Empties a file that was never finished.
    ///
    /// The database writes the first bytes of a new file last. A machine that lost power before leaves a file
    /// that is all zeros but for its first page, and would be taken for damaged; nothing was kept in it.
    pub(super) fn empty_if_unfinished(&self) -> io::Result<()> {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        match self.try_lock_range(everything.0, everything.1) {
            // In use: that is told when the database is opened.
            Ok(false) => return Ok(()),
            Ok(true) => {
                let emptied = self.empty_if_unfinished_and_locked();
                return self
                    .unlock_range(everything.0, everything.1)
                    .map_err(Into::into)
                    .and(emptied);
            }
            Err(BackendError::Unsupported) => {}
            Err(error) => return Err(error.into()),
        }
        self.empty_if_unfinished_and_locked()
    }

    fn empty_if_unfinished_and_locked(&self) -> io::Result<()> {
        let length = self.len()?;
        if length < PAGE_LEN as u64 || length > UNFINISHED_MAX {
            return Ok(());
        }
        let mut page = [0; PAGE_LEN];
        self.read(0, &mut page)?;
        if page[..MAGIC_LEN] != [0; MAGIC_LEN] {
            return Ok(());
        }
        for offset in (PAGE_LEN as u64..length).step_by(PAGE_LEN) {
            let rest = usize::try_from(length - offset).unwrap_or(PAGE_LEN).min(PAGE_LEN);
            self.read(offset, &mut page[..rest])?;
            if page[..rest].iter().any(|byte| *byte != 0) {
                return Ok(());
            }
        }
        self.set_len(0)
    }
}

/// Makes the name of a new file last. Without that, a machine that loses power may forget the file with all that
/// was synced to it.
#[cfg(unix)]
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let named = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(named.unwrap_or(Path::new(".")))?.sync_all()
}

/// Nothing to do: other systems keep names with their files.
#[cfg(not(unix))]
fn sync_directory_of(_path: &Path) -> io::Result<()> {
    Ok(())
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
