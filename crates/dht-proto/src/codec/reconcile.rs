//! Cells, and how they compare.

use bytes::Bytes;

use super::field::{array, count, present};
use super::wire;
use crate::limits::{CELLS_MAX, FINGERPRINTS_MAX};
use crate::{Cell, CellAnswer, CellDigest, DecodeError, Fingerprint, Key, Prefix, Problem};

/// Length of a fingerprint.
const FINGERPRINT_LEN: usize = 8;

pub(super) fn to_wire(cells: &[Cell]) -> wire::Reconcile {
    let cell = |cell: &Cell| wire::Cell {
        prefix: Bytes::copy_from_slice(cell.prefix.as_bytes()),
        bits: u32::from(cell.prefix.bits()),
        digest: Bytes::copy_from_slice(cell.digest.as_bytes()),
    };
    wire::Reconcile { cells: cells.iter().map(cell).collect() }
}

/// Cells ascend and do not overlap: answering looks at no record twice.
pub(super) fn from_wire(body: &wire::Reconcile) -> Result<Vec<Cell>, DecodeError> {
    count("reconcile.cells", body.cells.len(), 1..=CELLS_MAX)?;
    let cell = |cell: &wire::Cell| {
        let digest = CellDigest::from_bytes(array("cell.digest", &cell.digest)?);
        Ok(Cell { prefix: prefix_from_wire(cell)?, digest })
    };
    let cells = body.cells.iter().map(cell).collect::<Result<Vec<Cell>, DecodeError>>()?;
    if !cells.is_sorted_by(|cell, after| cell.prefix.last() < after.prefix.first()) {
        return Err(DecodeError::new("reconcile.cells", Problem::Inconsistent));
    }
    Ok(cells)
}

fn prefix_from_wire(cell: &wire::Cell) -> Result<Prefix, DecodeError> {
    let problem = Problem::OutOfRange { found: u64::from(cell.bits) };
    let bits = u16::try_from(cell.bits)
        .ok()
        .filter(|bits| *bits <= Prefix::BITS_MAX)
        .ok_or(DecodeError::new("cell.bits", problem))?;
    let (found, expected) = (cell.prefix.len(), Prefix::length(bits));
    if found != expected {
        return Err(DecodeError::new("cell.prefix", Problem::Length { found, expected }));
    }
    let mut bytes = [0; 32];
    for (byte, given) in bytes.iter_mut().zip(&cell.prefix) {
        *byte = *given;
    }
    let key = Key::from_bytes(bytes);
    let prefix = Prefix::of(&key, bits);
    if prefix.first() == key {
        Ok(prefix)
    } else {
        Err(DecodeError::new("cell.prefix", Problem::Inconsistent))
    }
}

pub(super) fn answers_to_wire(cells: &[CellAnswer]) -> wire::Reconciled {
    use wire::cell_answer::Body;
    let answer = |cell: &CellAnswer| match cell {
        CellAnswer::Same => Body::Same(wire::Same {}),
        CellAnswer::Differs { held } => {
            let bytes = held.iter().flat_map(Fingerprint::as_bytes).copied();
            Body::Held(bytes.collect::<Vec<u8>>().into())
        }
        CellAnswer::TooMany { count } => Body::TooMany(*count),
    };
    let cells = cells.iter().map(|cell| wire::CellAnswer { body: Some(answer(cell)) });
    wire::Reconciled { cells: cells.collect() }
}

pub(super) fn answers_from_wire(body: wire::Reconciled) -> Result<Vec<CellAnswer>, DecodeError> {
    use wire::cell_answer::Body;
    count("reconciled.cells", body.cells.len(), 1..=CELLS_MAX)?;
    let answer = |cell: wire::CellAnswer| {
        Ok(match present("cell_answer.body", cell.body)? {
            Body::Same(wire::Same {}) => CellAnswer::Same,
            Body::Held(bytes) => CellAnswer::Differs { held: fingerprints(&bytes)? },
            Body::TooMany(count) => CellAnswer::TooMany { count },
        })
    };
    body.cells.into_iter().map(answer).collect()
}

fn fingerprints(bytes: &[u8]) -> Result<Vec<Fingerprint>, DecodeError> {
    let found = bytes.len();
    let (fingerprints, rest) = bytes.as_chunks::<FINGERPRINT_LEN>();
    if !rest.is_empty() {
        let expected = fingerprints.len() * FINGERPRINT_LEN;
        return Err(DecodeError::new("cell_answer.held", Problem::Length { found, expected }));
    }
    let limit = FINGERPRINTS_MAX * FINGERPRINT_LEN;
    if found > limit {
        return Err(DecodeError::new("cell_answer.held", Problem::TooLong { found, limit }));
    }
    Ok(fingerprints.iter().copied().map(Fingerprint::from_bytes).collect())
}
