//! The store contract: ordered keys, atomic synced batches, consistent reads.
//!
//! Two implementations keep it: [`memory`] for simulations and tests, and `rocks` for a disk.
//! One suite of tests, `contract`, holds both to it. This module never interprets a key or a
//! value; `crate::keys` owns the layout, but for the first row, which is [`stamp`]'s.

#[cfg(test)]
mod contract;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocks;
pub mod stamp;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use thiserror::Error;

/// Why a read from a store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The device or the database refused the read.
    #[error("reading the data directory failed: {0}; check the disk, then run `verify`")]
    Device(String),
    /// The projection is being rebuilt, so that its rows are partial.
    #[error("the {0} books are being rebuilt; try again soon, `status` shows the progress")]
    NotWhole(&'static str),
}

/// Why a batch was not written. After any of these the state of the disk is unknown until the
/// store is opened again.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No space is left for the batch.
    #[error("the disk is full: {0}; free some space and start again")]
    Full(String),
    /// The device or the database refused the write.
    #[error("writing to the data directory failed: {0}; check the disk and start again")]
    Device(String),
}

/// A set of changes that becomes durable as a whole or not at all.
///
/// One key appears once: the last change wins. `None` deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// Sets `key` to `value`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Removes `key`; removing an absent key is fine.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// The changes in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// True when nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Called for each key and value of a scan; `Break` ends it.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Consistent reads of ordered keys.
pub trait Read {
    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;

    /// Visits `from <= key < to` in ascending key order, as of the call: what is written during
    /// the scan is not visited. A range that is empty or runs backwards holds nothing.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError>;

    /// The greatest key in `from <= key < to`, with its value.
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Row>, ReadError>;
}

/// A durable, ordered map with atomic batches.
pub trait Store: Read + Send + Sync {
    /// Writes the whole batch and returns once it would survive a power cut.
    ///
    /// After an error the batch is not seen by readers, yet may be found when the store is opened
    /// again; until then every write fails with the same error.
    fn write(&self, batch: &Batch) -> Result<(), WriteError>;

    /// A view that later writes do not change.
    fn snapshot(&self) -> Box<dyn Read + '_>;
}
