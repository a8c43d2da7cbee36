//! A database that is open, and the batch of changes it will commit next.
//!
//! The batch is one transaction that stays open from commit to commit: reads see what it changed, and none of
//! it reaches the file for good before the commit. A commit syncs twice, so that the file on disk is whole
//! at every moment, and notes which pages are free, so that opening needs no look at the rest of the file.

use std::ops::Bound;

use dht_proto::{
    Admission, Digest, Held, Key, KindSet, Moment, Prefix, Record, Refusal, Slot, Stock, Summary,
    Terms, admit,
};
use redb::{Database, ReadableTable, TableHandle, WriteTransaction};

use super::backend::Backend;
use super::error::Problem;
use super::head::Head;
use super::options::DiskOptions;
use super::table::META;
use super::tables::{Ledger, Tables};
use super::values::Values;
use crate::eviction::{self, Incoming, NoPlan};
use crate::{Saved, Slots, Stocktaking, Weighed};

/// Number of the format described on [the page of the module](super).
pub(super) const FORMAT: u64 = 1;

/// Bytes of changed pages at which a batch is committed before anybody asks: what it replaced takes room
/// in the file until then.
const BATCH_MAX: u64 = 16_000_000;

/// Bytes freed in one step where a store has to shrink.
const SHED_STEP: u64 = 4_000_000;

/// Records freed in one step where their life has ended.
const EXPIRE_STEP: usize = 1_024;

/// Records of a listing that room is made for at once: a page of those who list by pages.
const PAGE_ROOM: usize = 256;

/// Invariant: the ledger tells of the batch, as the row `records` and `bytes` of `meta` tell of the last commit.
pub(super) struct Batch {
    // Ended before the database it belongs to.
    transaction: WriteTransaction,
    database: Database,
    pub(super) ledger: Ledger,
}

impl Batch {
    /// Opens the database on `backend`, or makes one if there is nothing.
    pub(super) fn open(backend: Backend, options: &DiskOptions) -> Result<Self, Problem> {
        backend.empty_if_unfinished()?;
        let database =
            Database::builder().set_cache_size(options.cache()).create_with_backend(backend)?;
        let transaction = database.begin_write()?;
        let ledger = read_ledger(&transaction, options)?;
        Ok(Self { transaction, database, ledger })
    }

    /// What has to be dropped, one after the other: neither need survive the end of the other.
    pub(super) fn into_parts(self) -> (WriteTransaction, Database) {
        (self.transaction, self.database)
    }

    /// Whether the batch is empty.
    pub(super) fn is_clean(&self) -> bool {
        self.ledger.pending == 0
    }

    /// Whether it is time to [commit](Self::commit), asked or not.
    pub(super) fn is_large(&self) -> bool {
        self.ledger.pending > BATCH_MAX
    }

    /// Makes the batch last, and begins another.
    pub(super) fn commit(mut self) -> Result<Self, Problem> {
        let usage = self.ledger.quota.usage();
        {
            let mut meta = self.transaction.open_table(META)?;
            meta.insert("records", usage.records)?;
            meta.insert("bytes", usage.bytes)?;
        }
        self.transaction.set_quick_repair(true);
        self.transaction.commit()?;
        self.transaction = self.database.begin_write()?;
        self.ledger.pending = 0;
        Ok(self)
    }

    fn tables(&mut self) -> Result<Tables<'_>, Problem> {
        Tables::open(&self.transaction, &mut self.ledger)
    }

    /// Finds a record. One that is damaged is dropped.
    pub(super) fn load(
        &mut self,
        now: Moment,
        key: Key,
        kinds: KindSet,
        whole_up_to: usize,
    ) -> Result<Result<Option<Held>, Problem>, Problem> {
        let mut tables = self.tables()?;
        for kind in kinds.iter() {
            let slot = Slot { key, kind };
            match load_slot(&tables, now, slot, whole_up_to) {
                Ok(None) => {}
                Err(damaged @ Problem::Record(_)) => {
                    tables.forget(slot)?;
                    return Ok(Err(damaged));
                }
                found => return found.map(Ok),
            }
        }
        Ok(Ok(None))
    }

    pub(super) fn save(
        &mut self,
        now: Moment,
        record: &Record,
        terms: &Terms,
    ) -> Result<Result<Saved, Refusal>, Problem> {
        let mut tables = self.tables()?;
        let incoming = Summary::of(record, terms);
        let slot = incoming.slot;
        let old = tables.whole_head(slot)?;
        let live = old.as_ref().filter(|head| head.summary.expires > now);
        match admit(live.map(|head| &head.summary), &incoming, terms) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(Admission::Keep) => Ok(Ok(Saved::Kept)),
            Ok(Admission::Renew { expires, custody }) => {
                if let Some(head) = live {
                    let source = eviction::charged(head.source, terms);
                    tables.change(head, expires, custody, source)?;
                }
                Ok(Ok(Saved::Kept))
            }
            Ok(Admission::Insert) => {
                let victims = match plan(&tables, now, (&incoming, terms), old.as_ref())? {
                    Ok(victims) => victims,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                for victim in victims {
                    tables.forget(victim)?;
                }
                // Damaged or not, what is in the slot goes.
                tables.forget(slot)?;
                let number = tables.number_value();
                let head = Head::new(record, incoming, terms.source, number);
                tables.put(&head, record.value().map_or(&[], |value| value.as_bytes()))?;
                Ok(Ok(Saved::Inserted))
            }
        }
    }

    pub(super) fn weigh(
        &mut self,
        now: Moment,
        incoming: &Summary,
        terms: &Terms,
    ) -> Result<Weighed, Problem> {
        let tables = self.tables()?;
        let old = tables.whole_head(incoming.slot)?;
        let live = old.as_ref().filter(|head| head.summary.expires > now);
        let existing = live.map(|head| head.summary);
        let mut admitted = admit(existing.as_ref(), incoming, terms);
        if admitted == Ok(Admission::Insert) {
            let plan = plan(&tables, now, (incoming, terms), old.as_ref())?;
            admitted = plan.map(|_| Admission::Insert);
        }
        Ok(Weighed { existing, admitted })
    }

    pub(super) fn renew(
        &mut self,
        now: Moment,
        slot: Slot,
        digest: Digest,
        terms: &Terms,
    ) -> Result<bool, Problem> {
        let mut tables = self.tables()?;
        let is_wanted = |head: &Head| head.summary.expires > now && head.summary.digest == digest;
        let Some(head) = tables.whole_head(slot)?.filter(is_wanted) else {
            return Ok(false);
        };
        let old = head.summary;
        let again = Summary { expires: terms.expires, custody: terms.custody, ..old };
        if let Ok(Admission::Renew { expires, custody }) = admit(Some(&old), &again, terms) {
            let source = eviction::charged(head.source, terms);
            tables.change(&head, expires, custody, source)?;
        }
        Ok(true)
    }

    pub(super) fn remove(&mut self, now: Moment, slot: Slot) -> Result<bool, Problem> {
        let head = self.tables()?.forget(slot)?;
        Ok(head.is_some_and(|head| head.summary.expires > now))
    }

    /// Frees some of the records whose life has ended. Returns how many; 0 if there are none left.
    pub(super) fn expire_some(&mut self, now: Moment) -> Result<usize, Problem> {
        self.tables()?.expire(now, EXPIRE_STEP)
    }

    /// Frees some of the records that are more than the capacity. Returns whether any could be.
    pub(super) fn shed_some(&mut self) -> Result<bool, Problem> {
        let mut tables = self.tables()?;
        let victims = eviction::surplus(&tables, tables.quota(), SHED_STEP)?;
        for victim in &victims {
            tables.forget(*victim)?;
        }
        Ok(!victims.is_empty())
    }

    pub(super) fn next_expiry(&mut self) -> Result<Option<Moment>, Problem> {
        self.tables()?.next_expiry()
    }

    pub(super) fn list(
        &mut self,
        now: Moment,
        from: Slot,
        limit: usize,
    ) -> Result<Vec<Summary>, Problem> {
        let slots = (Bound::Included(from), Bound::Unbounded);
        let mut page = Vec::with_capacity(limit.min(PAGE_ROOM));
        self.tables()?.list(now, slots, limit, &mut page)?;
        Ok(page)
    }

    pub(super) fn take_stock(
        &mut self,
        now: Moment,
        parts: &[Prefix],
        effort: usize,
    ) -> Result<Vec<Stock>, Problem> {
        let mut stocktaking = std::mem::take(&mut self.ledger.stocktaking);
        let tables = self.tables()?;
        let list = |slots: Slots, limit: usize, page: &mut Vec<Summary>| {
            tables.list(now, slots, limit, page)
        };
        let stocks = stocktaking.take(now, parts, effort, list);
        drop(tables);
        self.ledger.stocktaking = stocktaking;
        stocks
    }
}

/// The records that must go before `incoming` can take the place of `old` in its slot.
fn plan(
    tables: &Tables<'_>,
    now: Moment,
    (incoming, terms): (&Summary, &Terms),
    old: Option<&Head>,
) -> Result<Result<Vec<Slot>, Refusal>, Problem> {
    let wanted = Incoming::new(incoming, terms);
    let replaced = old.map(Head::candidate);
    match eviction::plan(tables, tables.quota(), now, &wanted, replaced.as_ref()) {
        Ok(victims) => Ok(Ok(victims)),
        Err(NoPlan::Refused(refusal)) => Ok(Err(refusal)),
        Err(NoPlan::Failed(problem)) => Err(problem),
    }
}

fn load_slot(
    tables: &Tables<'_>,
    now: Moment,
    slot: Slot,
    whole_up_to: usize,
) -> Result<Option<Held>, Problem> {
    let Some(head) = tables.head(slot)?.filter(|head| head.summary.expires > now) else {
        return Ok(None);
    };
    let is_whole = head.summary.size <= whole_up_to;
    let record = if is_whole { Some(tables.record(&head)?) } else { None };
    Ok(Some(Held { summary: head.summary, record }))
}

/// What the last commit noted, and what belongs to a new file if there was none.
fn read_ledger(batch: &WriteTransaction, options: &DiskOptions) -> Result<Ledger, Problem> {
    let mut tables = batch.list_tables()?.peekable();
    let is_new = tables.peek().is_none();
    if !is_new && !tables.any(|table| table.name() == META.name()) {
        return Err(Problem::Contents("it is a database of another program".to_owned()));
    }
    let mut meta = batch.open_table(META)?;
    if is_new {
        meta.insert("format", FORMAT)?;
    }
    let row = |name: &str| meta.get(name).map(|row| row.map(|row| row.value()));
    match row("format")? {
        Some(FORMAT) => {}
        Some(version) if version > FORMAT => {
            return Err(Problem::Newer { version, known: FORMAT });
        }
        other => return Err(Problem::Contents(format!("its format is {other:?}"))),
    }
    let mut quota = options.quota();
    quota.resume(row("records")?.unwrap_or(0), row("bytes")?.unwrap_or(0));
    let next_value = Values::open(batch)?.next_number()?;
    let stocktaking = Stocktaking::new();
    Ok(Ledger { quota, next_value, pending: u64::from(is_new), stocktaking })
}
