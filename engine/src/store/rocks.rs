//! The store on disk: RocksDB behind the store contract.
//!
//! The only file of the engine that names RocksDB or touches files. Every batch is one record of
//! the write-ahead log (WAL), synced before `write` returns. It never retries after a failed
//! write: a page that failed to sync may be dropped by the kernel while a second sync reports
//! success (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
//!
//! What a start makes of the WAL (RocksDB's `kTolerateCorruptedTailRecords`): a last record that
//! is cut short is dropped, as it was never acknowledged; a record with a wrong checksum is
//! refused, even the last one, as it may have been acknowledged. A tail that is lost at a record
//! boundary cannot be noticed here; peers and the control know better.
//!
//! Everything lies in one column family. Event rows are appended in key order and projection rows
//! are overwritten at random, so two families might have compacted less. Measured with a million
//! events and three projection rows each, in the same memory, they did not: 508 MB were written
//! again by compactions, against 474 MB in one.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompressionType, DBRawIterator,
    DBRecoveryMode, ErrorKind, LogLevel, Options, ReadOptions, Snapshot, WriteBatch, WriteOptions,
};
use thiserror::Error;

use super::{Batch, Read, ReadError, Row, Store, Visit, WriteError};

const MIB: usize = 1 << 20;
/// Bytes of uncompressed blocks, indexes and filters kept in memory.
const BLOCK_CACHE_BYTES: usize = 64 * MIB;
/// Bytes of one write buffer, and how many of them may wait for their flush.
const WRITE_BUFFER_BYTES: usize = 32 * MIB;
const WRITE_BUFFERS: usize = 3;
/// Bytes of WAL at which the oldest write buffer is flushed; a start replays no more than this.
const WAL_BYTES: usize = 128 * MIB;
/// Table files held open; with the WAL, sockets and logs well below the usual limit of 1024.
const OPEN_FILES: i32 = 256;
/// Bytes of one file of RocksDB's own log, and how many are kept.
const INFO_LOG_BYTES: usize = MIB;
const INFO_LOGS: usize = 2;
/// Bytes of the manifest at which it is written anew.
const MANIFEST_BYTES: usize = 4 * MIB;
/// Bytes of a table after which its pages are handed to the disk, so that a flush does not pile
/// up writes in front of the next sale's sync.
const TABLE_SYNC_BYTES: u64 = 1 << 20;
/// Filter bits a key: about one absent key in a hundred costs a read. Most idempotency keys are
/// looked up to learn that they are absent.
const FILTER_BITS: i32 = 10;
/// Bytes of a piece of an index or a filter.
const INDEX_PIECE_BYTES: usize = 4096;

const _: () = assert!(WRITE_BUFFER_BYTES * WRITE_BUFFERS <= WAL_BYTES);

/// Why a data directory could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error(
        "the data directory {path} is in use; stop the process that runs on it, ask that process \
         instead, or name another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// What is in it does not fit together or fails its checksums.
    #[error(
        "the data directory {path} is damaged: {detail}; keep a copy of it, then start with an \
         empty directory and let the peers fill it, or restore a backup"
    )]
    Corrupt {
        /// The directory.
        path: PathBuf,
        /// What RocksDB found, and in which file.
        detail: String,
    },
    /// There is no space left to open it.
    #[error(
        "the disk of the data directory {path} is full: {detail}; free some space and start again"
    )]
    Full {
        /// The directory.
        path: PathBuf,
        /// What could not be written.
        detail: String,
    },
    /// The disk or its permissions refused it.
    #[error(
        "the data directory {path} cannot be opened: {detail}; check that it is a directory, that \
         it belongs to this user and that its disk is mounted and sound"
    )]
    Device {
        /// The directory.
        path: PathBuf,
        /// What was refused.
        detail: String,
    },
}

/// A store in a directory of its own.
///
/// The directory is locked until the store is dropped. After a failed write all later ones fail
/// with the same error, until it is opened again.
pub struct RocksStore {
    db: DB,
    synced: WriteOptions,
    failed: OnceLock<WriteError>,
}

impl RocksStore {
    /// Opens the store in the directory `path`, which is made with mode 0700 if it is absent.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        create_directory(path)
            .map_err(|error| OpenError::Device { path: path.into(), detail: error.to_string() })?;
        let db = DB::open(&options(), path).map_err(|error| open_error(path, error))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self { db, synced, failed: OnceLock::new() })
    }
}

/// Makes the directory and whatever is missing above it, durably.
fn create_directory(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|part| !part.as_os_str().is_empty() && !part.exists())
        .collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for made in missing {
        let parent = match made.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // The name is durable once the parent is synced. A parent that may be written but not
        // read cannot be opened for that, and is no reason to refuse.
        if let Ok(parent) = File::open(parent) {
            parent.sync_all()?;
        }
    }
    Ok(())
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_paranoid_checks(true);
    durability(&mut options);
    options.set_block_based_table_factory(&table_options());
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(WRITE_BUFFERS as i32);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(TABLE_SYNC_BYTES);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_max_manifest_file_size(MANIFEST_BYTES);
    options.set_log_level(LogLevel::Warn);
    options.set_max_log_file_size(INFO_LOG_BYTES);
    options.set_keep_log_file_num(INFO_LOGS);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// Some of these are RocksDB's defaults; they are stated because acknowledgements rest on them.
fn durability(options: &mut Options) {
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    // A closed WAL that is missing or cut short is refused, not taken for a torn tail.
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_recycle_log_file_num(0);
    options.set_manual_wal_flush(false);
    options.set_unordered_write(false);
    options.set_enable_pipelined_write(false);
    options.set_max_total_wal_size(WAL_BYTES as u64);
}

fn table_options() -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    // Indexes and filters count against the cache, or memory would grow with the data.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(FILTER_BITS.into(), false);
    // In pieces, because the index or filter of a large table in one piece is larger than a shard
    // of the cache. It would be read, checked and unpacked again at every look.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(INDEX_PIECE_BYTES);
    table.set_pin_top_level_index_and_filter(true);
    table
}

impl Store for RocksStore {
    fn write(&self, batch: &Batch) -> Result<(), WriteError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let mut changes = WriteBatch::default();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => changes.put(key, value),
                None => changes.delete(key),
            }
        }
        self.db
            .write_opt(changes, &self.synced)
            .map_err(|error| self.failed.get_or_init(|| write_error(error)).clone())
    }

    fn snapshot(&self) -> Box<dyn Read + '_> {
        Box::new(View(self.db.snapshot()))
    }
}

impl Read for RocksStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.db.get(key).map_err(read_error)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError> {
        within(from, to).map_or(Ok(()), |range| scan(self.db.raw_iterator_opt(range), visit))
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Row>, ReadError> {
        within(from, to).map_or(Ok(None), |range| last(self.db.raw_iterator_opt(range)))
    }
}

/// The store at one moment.
struct View<'a>(Snapshot<'a>);

impl Read for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.0.get(key).map_err(read_error)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError> {
        within(from, to).map_or(Ok(()), |range| scan(self.0.raw_iterator_opt(range), visit))
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Row>, ReadError> {
        within(from, to).map_or(Ok(None), |range| last(self.0.raw_iterator_opt(range)))
    }
}

/// Options for `from <= key < to`; none if no key can be within.
fn within(from: &[u8], to: &[u8]) -> Option<ReadOptions> {
    if from >= to {
        return None;
    }
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(from);
    options.set_iterate_upper_bound(to);
    Some(options)
}

fn scan(mut rows: DBRawIterator<'_>, visit: &mut Visit<'_>) -> Result<(), ReadError> {
    rows.seek_to_first();
    while let Some((key, value)) = rows.item() {
        if let ControlFlow::Break(()) = visit(key, value) {
            return Ok(());
        }
        rows.next();
    }
    rows.status().map_err(read_error)
}

fn last(mut rows: DBRawIterator<'_>) -> Result<Option<Row>, ReadError> {
    rows.seek_to_last();
    let row = rows.item().map(|(key, value)| (key.to_vec(), value.to_vec()));
    rows.status().map_err(read_error)?;
    Ok(row)
}

fn read_error(error: rocksdb::Error) -> ReadError {
    ReadError::Device(error.into_string())
}

fn write_error(error: rocksdb::Error) -> WriteError {
    let detail = error.into_string();
    if is_full(&detail) { WriteError::Full(detail) } else { WriteError::Device(detail) }
}

fn open_error(path: &Path, error: rocksdb::Error) -> OpenError {
    let (kind, detail, path) = (error.kind(), error.into_string(), PathBuf::from(path));
    if is_locked(&detail) {
        OpenError::InUse { path }
    } else if kind == ErrorKind::Corruption || is_missing(&detail) {
        OpenError::Corrupt { path, detail }
    } else if is_full(&detail) {
        OpenError::Full { path, detail }
    } else {
        OpenError::Device { path, detail }
    }
}

// RocksDB's C interface hands out its errors as text only: code, subcode, what it did, the
// file, the system's words. These look at the ends, as the middle holds a path.

/// The lock file is held: by this process (first form), or by another (second form).
fn is_locked(detail: &str) -> bool {
    detail.starts_with("IO error: lock hold by current process")
        || (detail.starts_with("IO error: While lock file: ")
            && detail.ends_with(": Resource temporarily unavailable"))
}

fn is_full(detail: &str) -> bool {
    detail.starts_with("IO error: No space left on device")
        || detail.starts_with("IO error: Space limit reached")
        || (detail.starts_with("IO error: ") && detail.ends_with(": Disk quota exceeded"))
}

/// A file that the database counts on is gone; the directory itself was there a moment ago.
fn is_missing(detail: &str) -> bool {
    detail.starts_with("IO error: No such file or directory")
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksStore")
            .field("path", &self.db.path())
            .field("failed", &self.failed.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// Rows that batch `index` writes; a torn one would show.
    const ROWS: u8 = 3;

    fn write_batches(path: &Path, count: u8) {
        let store = RocksStore::open(path).unwrap();
        for index in 0..count {
            let mut batch = Batch::default();
            for row in 0..ROWS {
                batch.put(vec![index, row], vec![index; 40]);
            }
            store.write(&batch).unwrap();
        }
    }

    /// How many batches of [`write_batches`] are there; panics unless they are a whole prefix.
    #[track_caller]
    fn batches_in(store: &RocksStore) -> usize {
        let mut keys = Vec::new();
        store
            .scan(&[0], &[0xff], &mut |key, value| {
                assert_eq!(value, [key[0]; 40]);
                keys.push([key[0], key[1]]);
                ControlFlow::Continue(())
            })
            .unwrap();
        let count = keys.len() / usize::from(ROWS);
        let whole: Vec<_> =
            (0..count as u8).flat_map(|index| (0..ROWS).map(move |row| [index, row])).collect();
        assert_eq!(keys, whole, "a prefix of whole batches");
        count
    }

    /// The WAL with the greatest number.
    fn last_wal(path: &Path) -> PathBuf {
        let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "log")).max().unwrap()
    }

    fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(file).unwrap();
        change(&mut bytes);
        fs::write(file, bytes).unwrap();
    }

    #[track_caller]
    fn check_corrupt(path: &Path) {
        let error = RocksStore::open(path).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }

    #[test]
    fn what_was_written_is_there_after_every_reopen() {
        let directory = TempDir::new().unwrap();
        write_batches(directory.path(), 4);
        for _ in 0..3 {
            assert_eq!(batches_in(&RocksStore::open(directory.path()).unwrap()), 4);
        }
    }

    #[test]
    fn a_second_open_of_the_same_directory_is_refused_until_the_first_is_dropped() {
        let directory = TempDir::new().unwrap();
        let first = RocksStore::open(directory.path()).unwrap();
        let error = RocksStore::open(directory.path()).unwrap_err();
        assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
        assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
        drop(first);
        RocksStore::open(directory.path()).unwrap();
    }

    #[test]
    fn a_torn_tail_opens_with_a_prefix_of_the_batches() {
        const COUNT: u8 = 6;
        let whole = TempDir::new().unwrap();
        write_batches(whole.path(), COUNT);
        let length = fs::metadata(last_wal(whole.path())).unwrap().len();
        let mut seen = Vec::new();
        for cut in (0..=length).rev().step_by(23) {
            let torn = TempDir::new().unwrap();
            for entry in fs::read_dir(whole.path()).unwrap().map(Result::unwrap) {
                fs::copy(entry.path(), torn.path().join(entry.file_name())).unwrap();
            }
            let wal = OpenOptions::new().write(true).open(last_wal(torn.path())).unwrap();
            wal.set_len(cut).unwrap();
            seen.push(batches_in(&RocksStore::open(torn.path()).unwrap()));
        }
        assert!(seen.is_sorted_by(|longer, shorter| longer >= shorter), "{seen:?}");
        seen.dedup();
        assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn damage_in_the_middle_of_the_wal_is_refused() {
        let directory = TempDir::new().unwrap();
        write_batches(directory.path(), 6);
        change(&last_wal(directory.path()), |wal| wal[60] ^= 1);
        check_corrupt(directory.path());
    }

    #[test]
    fn a_last_record_of_full_length_with_wrong_bytes_is_refused() {
        let directory = TempDir::new().unwrap();
        write_batches(directory.path(), 6);
        change(&last_wal(directory.path()), |wal| {
            let middle_of_the_record = wal.len() - 60;
            wal[middle_of_the_record..].fill(0);
        });
        check_corrupt(directory.path());
    }

    #[test]
    fn a_directory_that_lost_its_root_is_refused_and_left_alone() {
        let directory = TempDir::new().unwrap();
        write_batches(directory.path(), 2);
        let wal = last_wal(directory.path());
        let before = fs::read(&wal).unwrap();
        fs::remove_file(directory.path().join("CURRENT")).unwrap();
        check_corrupt(directory.path());
        assert_eq!(fs::read(&wal).unwrap(), before);
    }

    #[test]
    fn a_directory_that_lost_its_manifest_is_refused() {
        let directory = TempDir::new().unwrap();
        write_batches(directory.path(), 2);
        let current = fs::read_to_string(directory.path().join("CURRENT")).unwrap();
        fs::remove_file(directory.path().join(current.trim())).unwrap();
        check_corrupt(directory.path());
    }

    #[test]
    fn a_first_start_that_was_cut_off_does_not_keep_the_next_from_opening() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("MANIFEST-000001"), b"").unwrap();
        write_batches(directory.path(), 1);
    }

    #[test]
    fn new_directories_are_made_for_this_user_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("stall").join("data");
        RocksStore::open(&path).unwrap();
        for made in [path.parent().unwrap(), &path] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_path_that_is_a_file_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, b"mine").unwrap();
        let error = RocksStore::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Device { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn the_texts_of_rocksdb_are_told_apart() {
        let check = |detail: &str, expect: [bool; 3]| {
            assert_eq!(
                [is_locked(detail), is_full(detail), is_missing(detail)],
                expect,
                "{detail}"
            );
        };
        check(
            "IO error: While lock file: /d/LOCK: Resource temporarily unavailable",
            [true, false, false],
        );
        check("IO error: While lock file: /d/LOCK: No locks available", [false, false, false]);
        check(
            "IO error: No space left on device: While appending to file: /d/000004.log: \
             No space left on device",
            [false, true, false],
        );
        check(
            "IO error: While appending to file: /d/000004.log: Disk quota exceeded",
            [false, true, false],
        );
        check(
            "IO error: While fsync: /d/No space left on device: Input/output error",
            [false, false, false],
        );
        check(
            "IO error: No such file or directory: While open a file: /d/MANIFEST-000005: \
             No such file or directory",
            [false, false, true],
        );
    }
}
