//! Reading a latency matrix.

use super::{Latencies, to_micros};

/// Longest round trip accepted, in ms: a minute. Anything longer is no network but a wrong unit.
const LONGEST_MS: f64 = 60_000.0;

/// Most sites accepted: a matrix of this many takes 64 MB.
const SITES_MAX: usize = 4_096;

/// Why a text is no latency matrix. Lines and columns are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// There is no row at all.
    #[error("the matrix is empty")]
    Empty,
    /// A row has another number of columns than there are rows.
    #[error("line {line} has {columns} columns and the matrix {rows} rows, it must be square")]
    NotSquare {
        /// Line of the row.
        line: usize,
        /// Its columns.
        columns: usize,
        /// Rows of the matrix.
        rows: usize,
    },
    /// An entry is no number.
    #[error("line {line}, column {column}: `{text}` is not a number")]
    NotNumeric {
        /// Line of the entry.
        line: usize,
        /// Its column.
        column: usize,
        /// What stands there, at most 40 characters of it.
        text: String,
    },
    /// An entry is negative, infinite or longer than a minute.
    #[error("line {line}, column {column}: {value} ms is not between 0 and 60000 ms")]
    OutOfRange {
        /// Line of the entry.
        line: usize,
        /// Its column.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// There are more rows than can be used.
    #[error("the matrix has {rows} rows, limit is {SITES_MAX}")]
    TooLarge {
        /// Rows found.
        rows: usize,
    },
}

pub(super) fn parse(text: &str) -> Result<Latencies, MatrixError> {
    let rows: Vec<(usize, &str)> = (1..)
        .zip(text.lines().map(str::trim))
        .filter(|(_, row)| !row.is_empty() && !row.starts_with('#'))
        .collect();
    let sites = rows.len();
    match sites {
        0 => return Err(MatrixError::Empty),
        1..=SITES_MAX => {}
        _ => return Err(MatrixError::TooLarge { rows: sites }),
    }
    let mut round_trips = Vec::with_capacity(sites * sites);
    for (line, row) in rows {
        let before = round_trips.len();
        let entries = row.split([' ', '\t', ',']).filter(|entry| !entry.is_empty());
        for (column, entry) in (1..).zip(entries) {
            round_trips.push(entry_micros(entry, line, column)?);
        }
        let columns = round_trips.len() - before;
        if columns != sites {
            return Err(MatrixError::NotSquare { line, columns, rows: sites });
        }
    }
    Ok(Latencies::from_micros(sites, round_trips))
}

fn entry_micros(entry: &str, line: usize, column: usize) -> Result<u32, MatrixError> {
    let not_numeric = || {
        let text = entry.chars().take(40).collect();
        MatrixError::NotNumeric { line, column, text }
    };
    let value: f64 = entry.parse().map_err(|_| not_numeric())?;
    if value.is_nan() {
        return Err(not_numeric());
    }
    if !(0.0..=LONGEST_MS).contains(&value) {
        return Err(MatrixError::OutOfRange { line, column, value });
    }
    Ok(to_micros(value * 1_000.0))
}
