//! Rows of the table of heads, to be read and written without a file: for the fuzz targets. No part of the API.

use bytes::Bytes;
use dht_proto::{Record, Slot, Source, Summary};

use super::head::{self, Head};

/// All of a record but its value, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Head);

impl Row {
    /// The row of `record`, whose value is kept under the number `value`.
    pub fn new(record: &Record, summary: Summary, source: Source, value: u64) -> Self {
        Self(Head::new(record, summary, source, value))
    }

    /// Reads a row, its checksum included.
    pub fn decode(slot: Slot, row: &[u8]) -> Option<Self> {
        Head::decode(slot, row).ok().map(Self)
    }

    /// The bytes of the row, its checksum included.
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    /// What a reader is told of the record.
    pub fn summary(&self) -> &Summary {
        &self.0.summary
    }

    /// The record that the row makes with these bytes of its value, if it is the one that was kept.
    pub fn record(&self, value: Bytes) -> Option<Record> {
        self.0.record(value).ok()
    }
}

/// `fields` with the checksum that they must have.
pub fn with_checksum(slot: Slot, fields: &[u8]) -> Vec<u8> {
    [fields, &head::checksum(slot, fields)].concat()
}
