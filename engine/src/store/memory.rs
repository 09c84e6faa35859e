//! A store in memory that can crash and fail like a disk.
//!
//! Batches written with [`MemoryStore::write_unsynced`] can be read at once, but a crash keeps
//! only a prefix of them, each batch whole or not at all: what a write-ahead log leaves after a
//! power cut. This module has no randomness of its own; the caller draws.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Batch, Read, ReadError, Row, Store, Visit, WriteError};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// An ordered map with the failures of a disk.
///
/// Snapshots and images share the rows. The first write beside a living one copies them, once;
/// without one, a write costs only its own rows.
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

/// The synced content of a [`MemoryStore`] at one moment: a cloned disk, or a backup.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Image {
    rows: Arc<Rows>,
}

#[derive(Default)]
struct State {
    /// What a reader sees, unsynced batches included.
    rows: Arc<Rows>,
    /// How to take back each batch that is not synced, oldest first.
    undo: Vec<Batch>,
    /// The batch whose write failed. Nobody sees it, yet it may have reached the disk.
    in_doubt: Option<Batch>,
    /// What the next write or sync fails with.
    planned: Option<WriteError>,
    /// What has failed; every write fails until a crash.
    failed: Option<WriteError>,
}

impl MemoryStore {
    /// A store whose disk holds what `image` holds, all of it synced.
    pub fn from_image(image: &Image) -> Self {
        let state = State { rows: Arc::clone(&image.rows), ..State::default() };
        Self { state: RwLock::new(state) }
    }

    /// What is synced, as a power cut now would leave it at the least.
    pub fn image(&self) -> Image {
        let state = self.state();
        let mut rows = Arc::clone(&state.rows);
        // Applied to a copy when there is anything to take back, so the store keeps its own.
        for undo in state.undo.iter().rev() {
            apply(&mut rows, undo);
        }
        Image { rows }
    }

    /// Writes the whole batch; a crash may lose it until [`Self::sync`] returns.
    pub fn write_unsynced(&self, batch: &Batch) -> Result<(), WriteError> {
        self.state_mut().append(batch)
    }

    /// Makes everything written so far durable.
    pub fn sync(&self) -> Result<(), WriteError> {
        self.state_mut().sync()
    }

    /// Cuts the power and opens the disk again.
    ///
    /// Of the batches that are not synced a prefix stays. `draw(n)` says how long it is with a
    /// number below `n`; it is asked exactly once, and what it says above is taken as `n - 1`. A
    /// batch whose write had failed counts as the last of them. The failure is over afterwards.
    pub fn crash(&self, draw: &mut dyn FnMut(u64) -> u64) {
        let mut state = self.state_mut();
        let pending = state.undo.len() + usize::from(state.in_doubt.is_some());
        let drawn = draw(pending as u64 + 1);
        let kept = usize::try_from(drawn).map_or(pending, |kept| kept.min(pending));
        state.keep(kept);
    }

    /// Lets the next write or sync fail with `error`, and every later one until a crash.
    ///
    /// A batch that fails so may be found after the crash, as on a disk that failed in a sync.
    pub fn fail_next(&self, error: WriteError) {
        self.state_mut().planned = Some(error);
    }

    // A lock is poisoned when a thread panicked with it; no code here leaves a batch half
    // applied when it panics, so the state behind it is whole.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of this moment; the lock is free again when a visitor sees them.
    fn rows(&self) -> Arc<Rows> {
        Arc::clone(&self.state().rows)
    }
}

impl State {
    fn append(&mut self, batch: &Batch) -> Result<(), WriteError> {
        let was_healthy = self.failed.is_none();
        if let Err(error) = self.healthy() {
            if was_healthy {
                self.in_doubt = Some(batch.clone());
            }
            return Err(error);
        }
        let undo = apply(&mut self.rows, batch);
        self.undo.push(undo);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), WriteError> {
        self.healthy()?;
        self.undo.clear();
        Ok(())
    }

    fn healthy(&mut self) -> Result<(), WriteError> {
        if self.failed.is_none() {
            self.failed = self.planned.take();
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Keeps the first `kept` of the batches that are not synced, and forgets the failure.
    fn keep(&mut self, kept: usize) {
        match self.in_doubt.take() {
            Some(batch) if kept > self.undo.len() => {
                apply(&mut self.rows, &batch);
            }
            _ => {
                while self.undo.len() > kept {
                    let undo = self.undo.pop().expect("invariant: longer than kept");
                    apply(&mut self.rows, &undo);
                }
            }
        }
        self.undo.clear();
        self.planned = None;
        self.failed = None;
    }
}

/// Applies a batch and returns the one that takes it back.
fn apply(rows: &mut Arc<Rows>, batch: &Batch) -> Batch {
    let mut undo = Batch::default();
    if batch.is_empty() {
        return undo;
    }
    let rows = Arc::make_mut(rows);
    for (key, value) in batch.iter() {
        let before = match value {
            Some(value) => rows.insert(key.to_vec(), value.to_vec()),
            None => rows.remove(key),
        };
        match before {
            Some(before) => undo.put(key.to_vec(), before),
            None => undo.delete(key.to_vec()),
        }
    }
    undo
}

impl Store for MemoryStore {
    fn write(&self, batch: &Batch) -> Result<(), WriteError> {
        let mut state = self.state_mut();
        state.append(batch)?;
        state.sync()
    }

    fn snapshot(&self) -> Box<dyn Read + '_> {
        Box::new(Image { rows: self.rows() })
    }
}

impl Read for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.state().rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError> {
        Image { rows: self.rows() }.scan(from, to, visit)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Row>, ReadError> {
        Image { rows: self.rows() }.last(from, to)
    }
}

impl Read for Image {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError> {
        // `BTreeMap::range` panics on a range that runs backwards.
        if from < to {
            for (key, value) in self.rows.range::<[u8], _>(range(from, to)) {
                if let ControlFlow::Break(()) = visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<Row>, ReadError> {
        if from >= to {
            return Ok(None);
        }
        let last = self.rows.range::<[u8], _>(range(from, to)).next_back();
        Ok(last.map(|(key, value)| (key.clone(), value.clone())))
    }
}

fn range<'a>(from: &'a [u8], to: &'a [u8]) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
    (Bound::Included(from), Bound::Excluded(to))
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStore")
            .field("rows", &state.rows.len())
            .field("unsynced", &state.undo.len())
            .field("failed", &state.failed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::contract::batches;
    use super::*;

    fn row(key: u8) -> Batch {
        let mut batch = Batch::default();
        batch.put(vec![key], vec![key]);
        batch
    }

    fn full() -> WriteError {
        WriteError::Full("no space left on device".into())
    }

    /// The keys that are there, of those that [`row`] writes.
    fn keys(read: &dyn Read) -> Vec<u8> {
        let mut keys = Vec::new();
        read.scan(&[0], &[0xff], &mut |key, _| {
            keys.push(key[0]);
            ControlFlow::Continue(())
        })
        .unwrap();
        keys
    }

    /// Row 1 synced, rows 2 and 3 not; then a crash in which the draw says `drawn`.
    #[track_caller]
    fn check_crash(drawn: u64, expect: &[u8]) {
        let store = MemoryStore::default();
        store.write(&row(1)).unwrap();
        store.write_unsynced(&row(2)).unwrap();
        store.write_unsynced(&row(3)).unwrap();
        assert_eq!(keys(&store), [1, 2, 3], "unsynced rows can be read");
        store.crash(&mut |n| {
            assert_eq!(n, 3, "none, one or two of two batches stay");
            drawn
        });
        assert_eq!(keys(&store), expect);
    }

    #[test]
    fn a_crash_keeps_a_prefix_of_what_was_not_synced() {
        check_crash(0, &[1]);
        check_crash(1, &[1, 2]);
        check_crash(2, &[1, 2, 3]);
        check_crash(u64::MAX, &[1, 2, 3]);
    }

    #[test]
    fn what_was_synced_survives_every_crash() {
        let store = MemoryStore::default();
        store.write_unsynced(&row(1)).unwrap();
        store.sync().unwrap();
        store.write_unsynced(&row(2)).unwrap();
        store.write(&row(3)).unwrap();
        store.crash(&mut |n| {
            assert_eq!(n, 1);
            0
        });
        assert_eq!(keys(&store), [1, 2, 3]);
    }

    #[test]
    fn after_a_failure_nothing_is_written_until_the_disk_is_opened_again() {
        let store = MemoryStore::default();
        store.write(&row(1)).unwrap();
        store.fail_next(full());
        assert!(matches!(store.write(&row(2)), Err(WriteError::Full(_))));
        assert!(matches!(store.write(&row(3)), Err(WriteError::Full(_))));
        assert!(matches!(store.sync(), Err(WriteError::Full(_))));
        assert_eq!(keys(&store), [1], "a failed batch is not seen");
        store.crash(&mut |_| 0);
        store.write(&row(4)).unwrap();
        assert_eq!(keys(&store), [1, 4]);
    }

    #[test]
    fn a_batch_whose_write_failed_may_be_found_after_the_crash() {
        let store = MemoryStore::default();
        store.write_unsynced(&row(1)).unwrap();
        store.fail_next(WriteError::Device("input/output error".into()));
        store.write_unsynced(&row(2)).unwrap_err();
        store.write_unsynced(&row(3)).unwrap_err();
        store.crash(&mut |n| n - 1);
        assert_eq!(keys(&store), [1, 2]);
    }

    #[test]
    fn a_sync_that_failed_leaves_its_batches_in_doubt() {
        let store = MemoryStore::default();
        store.write_unsynced(&row(1)).unwrap();
        store.fail_next(WriteError::Device("input/output error".into()));
        assert!(matches!(store.sync(), Err(WriteError::Device(_))));
        store.write(&row(2)).unwrap_err();
        store.crash(&mut |n| {
            assert_eq!(n, 2, "a batch refused after the failure never reached the disk");
            0
        });
        assert_eq!(keys(&store), [0u8; 0]);
    }

    #[test]
    fn an_image_holds_what_is_synced_and_stays_as_it_was() {
        let store = MemoryStore::default();
        store.write(&row(1)).unwrap();
        store.write_unsynced(&row(2)).unwrap();
        let backup = store.image();
        store.sync().unwrap();
        store.write(&row(3)).unwrap();

        let clone = MemoryStore::from_image(&backup);
        clone.write(&row(4)).unwrap();
        assert_eq!(keys(&store), [1, 2, 3]);
        assert_eq!(keys(&clone), [1, 4]);
        assert_eq!(keys(&MemoryStore::from_image(&backup)), [1]);
    }

    #[test]
    fn a_write_copies_the_rows_only_beside_a_snapshot_and_only_once() {
        let store = MemoryStore::default();
        let place = || Arc::as_ptr(&store.state().rows);
        store.write(&row(1)).unwrap();
        let before = place();
        store.write(&row(2)).unwrap();
        assert_eq!(place(), before, "no snapshot, no copy");

        let snapshot = store.snapshot();
        store.write(&row(3)).unwrap();
        let copied = place();
        assert_ne!(copied, before);
        store.write(&row(4)).unwrap();
        assert_eq!(place(), copied, "one copy for one snapshot");
        assert_eq!(keys(&*snapshot), [1, 2]);
    }

    #[test]
    fn a_panic_in_a_draw_leaves_the_store_usable() {
        let store = MemoryStore::default();
        store.write_unsynced(&row(1)).unwrap();
        let crash = std::panic::AssertUnwindSafe(|| store.crash(&mut |_| panic!("in the draw")));
        std::panic::catch_unwind(crash).unwrap_err();
        store.write(&row(2)).unwrap();
        assert_eq!(keys(&store), [1, 2]);
    }

    proptest! {
        #[test]
        fn a_crash_leaves_the_state_after_some_batch_and_never_before_the_last_sync(
            history in vec((batches(), any::<bool>()), 0..12),
            drawn in any::<u64>(),
        ) {
            let store = MemoryStore::default();
            let mut states = vec![store.image()];
            let mut synced = 0;
            for (index, (batch, sync)) in history.iter().enumerate() {
                if *sync {
                    store.write(batch).unwrap();
                    synced = index + 1;
                } else {
                    store.write_unsynced(batch).unwrap();
                }
                states.push(Image { rows: store.rows() });
                prop_assert_eq!(store.image(), states[synced].clone());
            }
            let mut kept = 0;
            store.crash(&mut |n| {
                kept = drawn % n;
                kept
            });
            prop_assert_eq!(store.image(), states[synced + kept as usize].clone());
        }
    }
}
