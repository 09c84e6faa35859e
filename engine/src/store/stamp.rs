//! The stamp of a data directory: which format its rows have and which device they belong to.
//!
//! It is one row, written before any other. It is checked at every start, so that a copied or a
//! newer directory is refused before a key of it is interpreted. This module never reads
//! another row's content and never migrates anything.
//!
//! ```text
//! key    00
//! value  | format u32 BE | device, 32 bytes |
//!        0               4                 36
//! ```

use std::ops::ControlFlow;

use thiserror::Error;

use super::{Batch, ReadError, Store, WriteError};
use crate::hex;
use crate::ids::DeviceId;

/// The format of the rows that this build reads and writes.
pub const FORMAT: u32 = 1;

/// Where the stamp lies: before every other key.
pub const KEY: [u8; 1] = [0x00];

/// No key of any format starts with this byte, so it bounds a scan over everything.
const END: [u8; 1] = [0xff];

/// Why a data directory was not accepted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StampError {
    /// A later version wrote the directory.
    #[error(
        "the data directory has format {found}, this version knows formats up to {known}; \
         start the version that wrote it, or a later one"
    )]
    NewerFormat {
        /// The format in the stamp.
        found: u32,
        /// The latest format this build knows.
        known: u32,
    },
    /// The directory is another device's.
    #[error(
        "the data directory belongs to device {}, this device is {}; \
         choose this device's own directory, or bring back the key that belongs to it",
        short(found),
        short(own)
    )]
    OtherDevice {
        /// The device in the stamp.
        found: DeviceId,
        /// The device that asked.
        own: DeviceId,
    },
    /// There is no readable stamp, but there are rows.
    #[error(
        "the data directory has {0}; it is damaged or not a data directory of this program: \
         keep a copy of it and start with an empty one"
    )]
    Garbled(&'static str),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The stamp of a new directory could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Accepts a store of this format and of `device`; stamps a store that is still empty.
///
/// Nothing is written unless the store is empty.
pub fn check_or_write(store: &dyn Store, device: DeviceId) -> Result<(), StampError> {
    if let Some(stamp) = store.get(&KEY)? {
        return check(&stamp, device);
    }
    if !is_empty(store)? {
        return Err(StampError::Garbled("rows but no format stamp"));
    }
    let mut batch = Batch::default();
    batch.put(KEY.to_vec(), encode(device));
    Ok(store.write(&batch)?)
}

fn encode(device: DeviceId) -> Vec<u8> {
    [FORMAT.to_be_bytes().as_slice(), &device.0].concat()
}

/// Looks at the format first: a newer one may lay out the rest differently.
fn check(stamp: &[u8], own: DeviceId) -> Result<(), StampError> {
    let (format, device) =
        stamp.split_first_chunk::<4>().ok_or(StampError::Garbled("a format stamp cut short"))?;
    match u32::from_be_bytes(*format) {
        FORMAT => {}
        0 => return Err(StampError::Garbled("a format stamp of zero")),
        found => return Err(StampError::NewerFormat { found, known: FORMAT }),
    }
    let found = device.try_into().map(DeviceId);
    let found = found.map_err(|_| StampError::Garbled("a format stamp of the wrong length"))?;
    if found == own { Ok(()) } else { Err(StampError::OtherDevice { found, own }) }
}

fn is_empty(store: &dyn Store) -> Result<bool, ReadError> {
    let mut empty = true;
    store.scan(&[], &END, &mut |_, _| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}

/// Enough of a device's id for a person to tell it from another.
fn short(device: &DeviceId) -> String {
    hex::encode(&device.0[..8])
}

#[cfg(test)]
mod tests {
    use super::super::Read;
    use super::super::memory::MemoryStore;
    use super::*;

    const OWN: DeviceId = DeviceId([0xa1; 32]);

    fn store_with(key: &[u8], value: &[u8]) -> MemoryStore {
        let store = MemoryStore::default();
        let mut batch = Batch::default();
        batch.put(key.to_vec(), value.to_vec());
        store.write(&batch).unwrap();
        store
    }

    /// Expects the stamp `value` to be refused in words that contain `words`.
    #[track_caller]
    fn check_refused(value: &[u8], words: &str) {
        let store = store_with(&KEY, value);
        let error = check_or_write(&store, OWN).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(store.get(&KEY).unwrap().as_deref(), Some(value), "a refusal writes nothing");
    }

    #[test]
    fn an_empty_store_is_stamped_and_accepted_ever_after() {
        let store = MemoryStore::default();
        check_or_write(&store, OWN).unwrap();
        let golden = [&[0, 0, 0, 1][..], &OWN.0].concat();
        assert_eq!(store.get(&[0]).unwrap(), Some(golden));
        check_or_write(&store, OWN).unwrap();
    }

    #[test]
    fn another_device_is_refused() {
        let other = [&[0, 0, 0, 1][..], &[0xb2; 32]].concat();
        check_refused(
            &other,
            "belongs to device b2b2b2b2b2b2b2b2, this device is a1a1a1a1a1a1a1a1",
        );
    }

    #[test]
    fn a_newer_format_is_refused_whatever_follows_it() {
        check_refused(&[&[0, 0, 0, 2][..], &OWN.0].concat(), "has format 2");
        check_refused(&[1, 0, 0, 0], "has format 16777216");
    }

    #[test]
    fn a_garbled_stamp_is_refused() {
        check_refused(&[], "cut short");
        check_refused(&[0, 0, 1], "cut short");
        check_refused(&[&[0, 0, 0, 0][..], &OWN.0].concat(), "of zero");
        check_refused(&[&[0, 0, 0, 1][..], &OWN.0[1..]].concat(), "wrong length");
        check_refused(&[&[0, 0, 0, 1][..], &OWN.0, &[0]].concat(), "wrong length");
    }

    #[test]
    fn rows_without_a_stamp_are_refused_and_left_alone() {
        let store = store_with(&[0x07, 1], b"someone else's");
        let error = check_or_write(&store, OWN).unwrap_err();
        assert!(matches!(error, StampError::Garbled(_)), "{error}");
        assert_eq!(store.get(&KEY).unwrap(), None);
    }

    #[test]
    fn a_stamp_that_the_disk_refused_is_an_error() {
        let store = MemoryStore::default();
        store.fail_next(WriteError::Full("no space".into()));
        assert!(matches!(check_or_write(&store, OWN), Err(StampError::Write(WriteError::Full(_)))));
    }
}
