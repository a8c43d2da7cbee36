//! A store in one file: crash-safe, bounded, open in milliseconds whatever its size.
//!
//! The file is a [redb] database (copy-on-write B-trees). What it holds, in format 1:
//!
//! | table | key | value | for |
//! |---|---|---|---|
//! | `meta` | `format`, `records`, `bytes` | number | version of this page; the counts of [`Usage`] |
//! | `heads` | slot | all but the value, see `head.rs` | finding and listing |
//! | `parts` | number of value, position | 4,078 bytes | the part of a value that fills pages |
//! | `rests` | number of value, position | up to 1,009 bytes | what is left of it |
//! | `ends` | class, end of life, slot | | expiry; what gives way next |
//! | `source ends` | source, class, end of life, slot | | the same within one source |
//! | `uses` | source | bytes | what counts for it |
//! | `greed` | bytes, source | | who uses most; without ourselves |
//!
//! A slot is the key and one byte (0 content, 1 signed, 2 named); a class is one byte (0 cached, 1 held,
//! 2 own); numbers are big-endian in keys and positions have 2 bytes, all others 8; end of life counts
//! microseconds of the clock of the node, which for one with a disk start at the Unix epoch.
//!
//! A file of a later format, or of anything else, is refused when it is opened.
//!
//! # Crashes
//! Calls change a transaction that [`flush`](RecordStore::flush) commits. A commit writes new pages, syncs,
//! turns one byte of the header over, and syncs again: at every moment the file holds the state of the last
//! flush that succeeded, or all of the one under way. The list of free pages is committed with it, so that
//! opening after a crash reads that and no more.
//!
//! # Damage
//! Every head has a checksum, and a value is proven against its key, its signature or its hash whenever it is
//! loaded. A record that is not what was kept is dropped, and the load that found out fails; none is ever handed
//! out. Where inner pages of the database are damaged, calls that need them fail: it checks what it wrote
//! after a crash, but trusts what it reads otherwise, and may panic, which is caught here. Should it panic
//! once more while it cleans up, the process ends.
//!
//! # Size of the file
//! Pages are freed when records go, and used again after the commit that freed them. Every page has 4,096
//! bytes and rows are cut to fill them, so that a store that is full takes about its capacity on
//! disk, and at most 1.7 times that much for any mixture of lengths and any order of removal; 20 MB come
//! to that for the batch under way. The length of the file can be twice its pages, as the file grows by
//! doubling, but what was never written takes no room on file systems with holes. Closing cuts it.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use dht_proto::{Digest, Held, Key, KindSet, Moment, Prefix, Record, Slot, Stock, Summary, Terms};

use crate::{RecordStore, SaveError, Saved, StoreError, Usage, Weighed};

mod backend;
mod batch;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod options;
mod table;
mod tables;
mod values;

use backend::Backend;
use batch::Batch;
pub use error::OpenError;
use error::Problem;
pub use options::{CACHE_SIZE_DEFAULT, DiskOptions};

/// Keeps records in one file.
///
/// Each record counts with the length of its value and [`RECORD_COST`](crate::RECORD_COST), as in memory; how
/// that relates to the size of the file is told on [the page of the module](crate::disk). Every call takes time
/// logarithmic in the number of records, and linear in what it returns, frees, or passes over because it
/// has ended. Calls read and write a file: keep them off an async task.
///
/// [`flush`](RecordStore::flush) takes two syncs, some milliseconds on most disks. Changes that were
/// not flushed are gone when the store is dropped; a batch of more than some 16 MB is flushed unasked.
///
/// If the medium fails, the database is closed and the next call opens it again, with what was flushed. So the
/// store lives on once there is room again, or the disk is back. While a disk is full, any change may fail,
/// removal and expiry too: they write new pages before they free old ones.
///
/// ```
/// use dht_proto::{Custody, KindSet, Moment, Purpose, Record, Source, Terms, Ttl, Value};
/// use dht_store::{DiskOptions, DiskStore, RecordStore};
///
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("records.redb");
/// let mut store = DiskStore::open(&path, DiskOptions::default())?;
/// let now = Moment::from_secs(1_800_000_000);
/// let record = Record::content(Value::new("hello")?);
/// let terms = Terms {
///     expires: Ttl::default().ends(now),
///     purpose: Purpose::Publish,
///     custody: Custody::Holder,
///     source: Source::from_bytes([7; 16]),
///     expected: None,
///     replaces: false,
/// };
/// store.save(now, record.clone(), terms)?;
/// store.flush()?;
/// drop(store);
///
/// let store = DiskStore::open(&path, DiskOptions::default())?;
/// let held = store.load(now, record.key(), KindSet::PROVEN, 1_000)?.expect("it was flushed");
/// assert_eq!(held.record, Some(record));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DiskStore {
    // Loading may have to open the database again, or to drop a damaged record.
    core: RefCell<Core>,
}

impl DiskStore {
    /// Opens the store in the file at `path`, or makes one if there is no file. Its directory must exist.
    ///
    /// Takes milliseconds, unless the file holds more than the capacity: what does not fit is given up.
    pub fn open(path: &Path, options: DiskOptions) -> Result<Self, OpenError> {
        let file: PathBuf = path.to_owned();
        Self::open_on(move || Backend::file(&file), options)
            .map_err(|problem| OpenError::new(path, problem))
    }

    fn open_on(
        medium: impl Fn() -> io::Result<Backend> + Send + 'static,
        options: DiskOptions,
    ) -> Result<Self, Problem> {
        let usage = options.quota().usage();
        let mut core = Core {
            medium: Box::new(medium),
            options,
            batch: None,
            is_undone: false,
            usage,
            flushed: usage,
        };
        core.run(|_| Ok(()))?;
        while core.usage.bytes > core.usage.capacity && core.run(Batch::shed_some)? {
            core.commit_if_large()?;
        }
        core.commit()?;
        Ok(Self { core: RefCell::new(core) })
    }

    fn core(&mut self) -> &mut Core {
        self.core.get_mut()
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskStore").field(&self.usage()).finish()
    }
}

struct Core {
    medium: Box<dyn Fn() -> io::Result<Backend> + Send>,
    options: DiskOptions,
    /// `None` after a failure, until the next call.
    batch: Option<Batch>,
    /// Whether changes were lost that no flush has told of yet.
    is_undone: bool,
    usage: Usage,
    /// What it was at the last commit.
    flushed: Usage,
}

impl Core {
    /// Does `work` on the open database. If that fails, the database is closed, and what was not flushed
    /// is lost.
    fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Batch) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let batch = self.batch.take();
        let (medium, options) = (&self.medium, &self.options);
        let mut open = if let Some(batch) = batch {
            batch
        } else {
            let batch = guarded(|| Batch::open(medium()?, options))?;
            self.flushed = batch.ledger.quota.usage();
            batch
        };
        let was_clean = open.is_clean();
        match guarded(|| work(&mut open)) {
            Ok(done) => {
                self.usage = open.ledger.quota.usage();
                self.batch = Some(open);
                Ok(done)
            }
            Err(problem) => {
                self.is_undone |= !was_clean;
                self.usage = self.flushed;
                close(open);
                Err(problem)
            }
        }
    }

    /// Commits the batch, if it is not empty.
    fn commit(&mut self) -> Result<(), Problem> {
        let Some(batch) = self.batch.take() else { return Ok(()) };
        if batch.is_clean() {
            self.batch = Some(batch);
            return Ok(());
        }
        match guarded(|| batch.commit()) {
            Ok(batch) => {
                self.flushed = self.usage;
                self.batch = Some(batch);
                Ok(())
            }
            Err(problem) => {
                self.is_undone = true;
                self.usage = self.flushed;
                Err(problem)
            }
        }
    }

    fn commit_if_large(&mut self) -> Result<(), Problem> {
        if self.batch.as_ref().is_some_and(Batch::is_large) { self.commit() } else { Ok(()) }
    }

    /// Does `work` and commits if the batch got large.
    fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Batch) -> Result<T, Problem>,
    ) -> Result<T, StoreError> {
        let done = self.run(work).map_err(StoreError::new)?;
        self.commit_if_large().map_err(StoreError::new)?;
        Ok(done)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let committed = self.commit();
        let is_undone = std::mem::take(&mut self.is_undone);
        committed.map_err(StoreError::new)?;
        if is_undone { Err(StoreError::new(Problem::Undone)) } else { Ok(()) }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            close(batch);
        }
    }
}

/// Closes the database, which writes its last pages; where they are damaged, that may panic too.
fn close(batch: Batch) {
    let (transaction, database) = batch.into_parts();
    let _ = guarded(|| {
        drop(transaction);
        Ok(())
    });
    // What fails here is found when the file is opened again: it holds what was flushed in any case.
    let _ = guarded(|| database.close().map_err(Problem::from));
}

/// Runs what may panic where pages are damaged: the database trusts what it reads.
fn guarded<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
        Err(Problem::Panicked(text.unwrap_or("no reason given").to_owned()))
    })
}

impl RecordStore for DiskStore {
    fn load(
        &self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Option<Held>, StoreError> {
        let mut core = self.core.borrow_mut();
        let found = core.run(|batch| batch.load(now, key, kinds, whole_up_to));
        found.and_then(|found| found).map_err(StoreError::new)
    }

    fn save(&mut self, now: Moment, record: Record, terms: Terms) -> Result<Saved, SaveError> {
        if terms.expires <= now {
            return Err(SaveError::Ended);
        }
        let saved = self.core().change(|batch| batch.save(now, &record, &terms))?;
        Ok(saved?)
    }

    fn weigh(&self, now: Moment, incoming: &Summary, terms: &Terms) -> Result<Weighed, StoreError> {
        let mut core = self.core.borrow_mut();
        core.run(|batch| batch.weigh(now, incoming, terms)).map_err(StoreError::new)
    }

    fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: Terms,
    ) -> Result<bool, StoreError> {
        self.core().change(|batch| batch.renew(now, slot, digest, &terms))
    }

    fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, StoreError> {
        self.core().change(|batch| batch.remove(now, slot))
    }

    fn expire(&mut self, now: Moment) -> Result<usize, StoreError> {
        self.core().change(|batch| batch.expire_some(now))
    }

    fn next_expiry(&self) -> Option<Moment> {
        // A failure closed the database; the second time it is opened again. While that fails too, there
        // is nothing to expire.
        let mut core = self.core.borrow_mut();
        core.run(Batch::next_expiry).or_else(|_| core.run(Batch::next_expiry)).unwrap_or(None)
    }

    fn list(&self, now: Moment, from: Slot, limit: usize) -> Result<Vec<Summary>, StoreError> {
        self.core.borrow_mut().run(|batch| batch.list(now, from, limit)).map_err(StoreError::new)
    }

    fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
    ) -> Result<Vec<Stock>, StoreError> {
        self.core().run(|batch| batch.take_stock(now, parts, effort)).map_err(StoreError::new)
    }

    fn usage(&self) -> Usage {
        self.core.borrow().usage
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.core().flush()
    }
}

#[cfg(test)]
mod tests;
