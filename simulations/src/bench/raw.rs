//! The yardstick: synced writes to the project's RocksDB adapter, with nothing around them.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::store::rocks::RocksStore;
use engine::store::{Batch, Store};

use crate::bench::http::Raw;

/// About what an event of one line and its share of a signed head take.
const VALUE_BYTES: usize = 160;

/// Puts in each batch.
const BATCH: u64 = 64;

/// Writes for `span` one by one, and for as long in batches, into a database of its own.
pub(super) fn run(path: &Path, span: Duration) -> anyhow::Result<Raw> {
    let store = RocksStore::open(path)?;
    Ok(Raw {
        value_bytes: VALUE_BYTES,
        single_puts_per_second: puts_per_second(&store, 0, 1, span)?,
        batched_puts_per_second: puts_per_second(&store, 1, BATCH, span)?,
    })
}

fn puts_per_second(
    store: &RocksStore,
    table: u8,
    batch: u64,
    span: Duration,
) -> anyhow::Result<u64> {
    let (mut puts, began) = (0_u64, Instant::now());
    while began.elapsed() < span {
        let mut changes = Batch::default();
        for number in puts..puts + batch {
            let key = [&[table][..], &number.to_be_bytes()].concat();
            changes.put(key, value(number));
        }
        store.write(&changes)?;
        puts += batch;
    }
    let took = u64::try_from(began.elapsed().as_millis())?;
    Ok((puts * 1000).checked_div(took).unwrap_or_default())
}

/// Bytes that do not compress, as hashes and signatures do not.
fn value(number: u64) -> Vec<u8> {
    let mut word = number;
    let mut next = || {
        // Steele et al. 2014, SplitMix64.
        word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..VALUE_BYTES / 8).flat_map(|_| next().to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_in_puts() {
        let dir = tempfile::tempdir().expect("a directory");
        let raw = run(dir.path(), Duration::from_millis(50)).expect("a measurement");
        assert!(raw.single_puts_per_second > 0);
        assert!(raw.batched_puts_per_second >= BATCH);
        assert_eq!(value(1).len(), VALUE_BYTES);
    }
}
