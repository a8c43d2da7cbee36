//! The bytes of values, cut so that they fill the pages of the database.
//!
//! A value is a run of *parts* that fill a page each, and what is left over, its *rest*, in up to five rows of
//! which four fill a page. The two have tables of their own, because rows of one table follow each other into
//! the same pages. Values are numbered in the order they come, so rows are appended and pages get full.
//!
//! So every page has one size, any free page will do for anything, and the file has no holes that nothing
//! fits into; and 900 bytes are kept four times in a page, not twice.

use bytes::{Bytes, BytesMut};
use redb::{ReadableTable, Table, WriteTransaction};

use super::error::Problem;
use super::table::{PARTS, PartKey, RESTS, part_key, value_of};

/// Size of the pages of the database, in bytes.
pub(super) const PAGE_LEN: usize = 4_096;

/// What a page costs once, and each row in it: its key and its length.
const PAGE_COST: usize = 4;
const ROW_COST: usize = size_of::<PartKey>() + 4;

/// Length of a part, in bytes.
const PART_LEN: usize = PAGE_LEN - PAGE_COST - ROW_COST;

/// Greatest length of a row of a rest, in bytes.
const REST_LEN: usize = (PAGE_LEN - PAGE_COST) / 4 - ROW_COST;

pub(super) struct Values<'a> {
    parts: Table<'a, &'static PartKey, &'static [u8]>,
    rests: Table<'a, &'static PartKey, &'static [u8]>,
}

impl<'a> Values<'a> {
    pub(super) fn open(batch: &'a WriteTransaction) -> Result<Self, Problem> {
        Ok(Self { parts: batch.open_table(PARTS)?, rests: batch.open_table(RESTS)? })
    }

    /// A number that is greater than that of any value.
    pub(super) fn next_number(&self) -> Result<u64, Problem> {
        let mut last = 0;
        for table in [&self.parts, &self.rests] {
            last = last.max(table.last()?.map_or(0, |(key, _)| value_of(key.value())));
        }
        Ok(last.saturating_add(1))
    }

    pub(super) fn insert(&mut self, number: u64, value: &[u8]) -> Result<(), Problem> {
        let (parts, rest) = value.as_chunks::<PART_LEN>();
        for (position, part) in (0..).zip(parts) {
            self.parts.insert(&part_key(number, position), part.as_slice())?;
        }
        for (position, row) in (0..).zip(rest.chunks(REST_LEN)) {
            self.rests.insert(&part_key(number, position), row)?;
        }
        Ok(())
    }

    /// The value of `size` bytes; `None` if there are less of them, or more than fit.
    pub(super) fn read(&self, number: u64, size: usize) -> Result<Option<Bytes>, Problem> {
        let mut bytes = BytesMut::with_capacity(size);
        let tables =
            [(&self.parts, size >= PART_LEN), (&self.rests, !size.is_multiple_of(PART_LEN))];
        for (table, is_used) in tables {
            if !is_used {
                continue;
            }
            for row in
                table.range::<&PartKey>(&part_key(number, 0)..=&part_key(number, u16::MAX))?
            {
                let (_, row) = row?;
                if bytes.len().saturating_add(row.value().len()) > size {
                    return Ok(None);
                }
                bytes.extend_from_slice(row.value());
            }
        }
        Ok((bytes.len() == size).then(|| bytes.freeze()))
    }

    pub(super) fn remove(&mut self, number: u64, size: usize) -> Result<(), Problem> {
        let (first, last) = (part_key(number, 0), part_key(number, u16::MAX));
        let range = &first..=&last;
        if size >= PART_LEN {
            self.parts.retain_in::<&PartKey, _>(range.clone(), |_, _| false)?;
        }
        match size % PART_LEN {
            0 => {}
            1..=REST_LEN => drop(self.rests.remove(&part_key(number, 0))?),
            _ => self.rests.retain_in::<&PartKey, _>(range, |_, _| false)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;
    use redb::{Database, ReadableTableMetadata};

    use super::*;

    const LENGTHS: [usize; 12] = [
        0,
        1,
        REST_LEN,
        REST_LEN + 1,
        4 * REST_LEN + 1,
        PART_LEN - 1,
        PART_LEN,
        PART_LEN + 1,
        2 * PART_LEN,
        3 * PART_LEN + REST_LEN + 1,
        100_000,
        5_000_000,
    ];

    fn database() -> Database {
        Database::builder().create_with_backend(InMemoryBackend::new()).unwrap()
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn values_of_any_length_read_back_and_leave_nothing_when_removed() {
        let database = database();
        let batch = database.begin_write().unwrap();
        let mut values = Values::open(&batch).unwrap();
        assert_eq!(values.next_number().unwrap(), 1);
        for (number, length) in (1..).zip(LENGTHS) {
            values.insert(number, &bytes(length)).unwrap();
        }
        assert_eq!(values.next_number().unwrap(), 13);
        for (number, length) in (1..).zip(LENGTHS) {
            assert_eq!(values.read(number, length).unwrap().unwrap(), bytes(length));
            for wrong in [length + 1, length + PART_LEN] {
                assert_eq!(values.read(number, wrong).unwrap(), None, "{length}");
            }
        }
        for (number, length) in (1..).zip(LENGTHS) {
            values.remove(number, length).unwrap();
        }
        assert!(values.parts.is_empty().unwrap() && values.rests.is_empty().unwrap());
    }

    #[test]
    fn pages_are_three_quarters_full_or_more_whatever_the_length() {
        for length in [500, 900, 1_010, 2_040, 4_000, 5_000, 1_000_000] {
            let database = database();
            let batch = database.begin_write().unwrap();
            let mut values = Values::open(&batch).unwrap();
            let count = 2_000_000 / length;
            for number in 1..=count {
                values.insert(number as u64, &bytes(length)).unwrap();
            }
            let pages: u64 = [&values.parts, &values.rests]
                .map(|table| table.stats().unwrap())
                .iter()
                .map(|stats| stats.leaf_pages() + stats.branch_pages())
                .sum();
            let taken = usize::try_from(pages).unwrap() * PAGE_LEN;
            let rows = length / PART_LEN + (length % PART_LEN).div_ceil(REST_LEN);
            let wanted = count * (length + rows * ROW_COST);
            assert!(taken < wanted / 3 * 4 + 8 * PAGE_LEN, "{length}: {taken} for {wanted}");
        }
    }
}
