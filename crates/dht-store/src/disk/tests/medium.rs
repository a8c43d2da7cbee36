//! A medium in memory that several openings share, that fails when told to, and that can lose what was not
//! synced, as a machine does that loses power.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::super::backend::Backend;
use super::super::values::PAGE_LEN;
use super::{DiskOptions, DiskStore, Problem};

/// What is lost or kept apart where writes were not synced.
const SECTOR: usize = 512;

/// A shared medium.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Sectors written since the last sync, by number.
    unsynced: Vec<usize>,
    calls: u64,
    fail_on: Option<u64>,
    /// From this call on all fail, and do nothing.
    off_from: Option<u64>,
    room: Option<usize>,
    /// Pages that were ever written.
    written: BTreeSet<usize>,
}

impl Medium {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn open(&self, options: DiskOptions) -> std::result::Result<DiskStore, Problem> {
        let medium = self.clone();
        DiskStore::open_on(move || Ok(Backend::new(medium.clone())), options)
    }

    /// Calls so far that could have failed.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Lets the call with this number fail, counted as [`calls`](Self::calls) does. A write that fails
    /// writes one half.
    pub(super) fn fail_on(&self, call: u64) {
        self.state().fail_on = Some(call);
    }

    /// Lets every call from this one on fail and do nothing.
    pub(super) fn off_from(&self, call: u64) {
        self.state().off_from = Some(call);
    }

    /// Lets calls succeed again.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        (state.fail_on, state.off_from, state.room) = (None, None, None);
    }

    /// Bytes of the pages that were ever written: what a file with holes takes.
    pub(super) fn taken(&self) -> usize {
        self.state().written.len() * PAGE_LEN
    }

    /// Cuts it.
    pub(super) fn cut(&self, length: usize) {
        self.state().now.truncate(length);
    }

    /// Leaves room for `bytes` more. As on a disk, what is short is found when a page is written for the
    /// first time, not when the file is made longer.
    pub(super) fn leave_room(&self, bytes: usize) {
        let mut state = self.state();
        state.room = Some(state.written.len() + bytes / PAGE_LEN);
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.state().now.len()
    }

    /// Flips a bit.
    pub(super) fn flip(&self, bit: usize) {
        let mut state = self.state();
        state.now[bit / 8] ^= 1 << (bit % 8);
    }

    /// Where `bytes` are written, all of the places.
    pub(super) fn find(&self, bytes: &[u8]) -> Vec<usize> {
        let state = self.state();
        let windows = state.now.windows(bytes.len()).enumerate();
        windows.filter(|(_, window)| *window == bytes).map(|(at, _)| at).collect()
    }

    /// A copy of what is there now.
    pub(super) fn copied(&self) -> Self {
        let state = self.state();
        let copy = State { now: state.now.clone(), synced: state.now.clone(), ..State::default() };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// What a machine finds that lost power now, and of the sectors not synced kept those that `keeps`
    /// wants.
    pub(super) fn after_power_loss(&self, mut keeps: impl FnMut() -> bool) -> Self {
        let state = self.state();
        let mut left = state.synced.clone();
        // A length is kept with the data beyond the old one, or not at all.
        if state.now.len() != left.len() && keeps() {
            left.resize(state.now.len(), 0);
        }
        for sector in &state.unsynced {
            let range = sector * SECTOR..(sector * SECTOR + SECTOR).min(state.now.len());
            if range.start < range.end && range.end <= left.len() && keeps() {
                left[range.clone()].copy_from_slice(&state.now[range]);
            }
        }
        let left = State { now: left.clone(), synced: left, ..State::default() };
        Self(Arc::new(Mutex::new(left)))
    }
}

impl State {
    fn count(&mut self) -> Result<()> {
        let call = self.calls;
        self.calls += 1;
        if self.is_off(call) || self.fail_on == Some(call) {
            return Err(Error::other(format!("call {call} was made to fail")));
        }
        Ok(())
    }

    fn is_off(&self, call: u64) -> bool {
        self.off_from.is_some_and(|first| call >= first)
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> Result<u64> {
        let mut state = self.state();
        state.count()?;
        Ok(state.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        state.count()?;
        let offset = usize::try_from(offset).unwrap();
        let end = offset + out.len();
        out.copy_from_slice(state.now.get(offset..end).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.state();
        state.count()?;
        let len = usize::try_from(len).unwrap();
        state.now.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.state();
        state.count()?;
        state.synced = state.now.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.state();
        let is_off = state.is_off(state.calls);
        let counted = state.count();
        let length = match counted {
            Ok(()) => data.len(),
            Err(_) if is_off => 0,
            Err(_) => data.len() / 2,
        };
        let data = &data[..length];
        let offset = usize::try_from(offset).unwrap();
        let end = offset + data.len();
        let is_new = |page| !state.written.contains(&page);
        let new = (offset / PAGE_LEN..end.div_ceil(PAGE_LEN)).filter(|page| is_new(*page)).count();
        if new > 0 && state.room.is_some_and(|room| state.written.len() + new > room) {
            return Err(ErrorKind::StorageFull.into());
        }
        state.now.get_mut(offset..end).ok_or(ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        state.unsynced.extend(offset / SECTOR..end.div_ceil(SECTOR));
        state.written.extend(offset / PAGE_LEN..end.div_ceil(PAGE_LEN));
        counted
    }
}
