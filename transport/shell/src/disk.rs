//! `Disk` on the real machine: one thread writes, in order, what the daemon submits.
//!
//! It never reorders, merges or retries. A batch may build on the one before it; that none is
//! written after a failure is the store's own promise.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use engine::ids::DeviceId;
use engine::store::stamp::{self, StampError};
use engine::store::{Batch, Store, WriteError};
use tokio::sync::oneshot;
use transport::env::{BoxFuture, Disk, OpenError};

use crate::limits::DISK_QUEUE_MAX;

/// The folder of the data directory that the store has to itself.
pub const STORE_FOLDER: &str = "store";

/// A data directory that is open: its store, and the thread that writes to it.
///
/// Dropping it writes what was submitted, then closes the store.
pub struct RealDisk {
    store: Arc<dyn Store>,
    /// `None` only while dropping.
    queue: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

struct Job {
    batch: Batch,
    done: oneshot::Sender<Result<(), WriteError>>,
}

impl RealDisk {
    /// Opens the data directory `path` of `device`, creating it if absent.
    #[cfg(feature = "rocksdb")]
    pub fn open(path: &Path, device: &DeviceId) -> Result<Self, OpenError> {
        let store = engine::store::rocks::RocksStore::open(&path.join(STORE_FOLDER))
            .map_err(|cause| store_refusal(path, cause))?;
        Self::over(Arc::new(store), path, device)
    }

    /// Starts the writer over a store that is open already, once its stamp says that it is
    /// `device`'s and of a format that this program reads. `path` is named in errors.
    pub fn over(store: Arc<dyn Store>, path: &Path, device: &DeviceId) -> Result<Self, OpenError> {
        stamp::check_or_write(store.as_ref(), *device)
            .map_err(|cause| stamp_refusal(path, device, cause))?;
        let (queue, jobs) = sync_channel(DISK_QUEUE_MAX);
        let writing = store.clone();
        let writer = std::thread::Builder::new()
            .name("tentpole-disk".into())
            .spawn(move || write_all(writing.as_ref(), &jobs))
            .map_err(|cause| broken(path, cause))?;
        Ok(Self { store, queue: Some(queue), writer: Some(writer) })
    }
}

impl Disk for RealDisk {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Blocks the calling thread while `DISK_QUEUE_MAX` batches wait; the writer never waits for
    /// a task, so it always gets on.
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), WriteError>> {
        let (done, committed) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // A job that the writer no longer takes is dropped, and `done` with it.
            let _ = queue.send(Job { batch, done });
        }
        Box::pin(async move {
            let stopped = || WriteError::Device("the writer thread has ended".into());
            committed.await.unwrap_or_else(|_| Err(stopped()))
        })
    }
}

impl Drop for RealDisk {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has failed every waiting batch already.
            let _ = writer.join();
        }
    }
}

fn write_all(store: &dyn Store, jobs: &Receiver<Job>) {
    for job in jobs {
        let result = store.write(&job.batch);
        // Whoever submitted it may have stopped waiting; the batch is written all the same.
        let _ = job.done.send(result);
    }
}

#[cfg(feature = "rocksdb")]
fn store_refusal(path: &Path, cause: engine::store::rocks::OpenError) -> OpenError {
    use engine::store::rocks::OpenError as Cause;
    match cause {
        Cause::InUse { .. } => OpenError::InUse(path.display().to_string()),
        Cause::Device { detail, .. } => broken(path, detail),
        other => broken(path, other),
    }
}

fn stamp_refusal(path: &Path, expected: &DeviceId, cause: StampError) -> OpenError {
    let path_text = path.display().to_string();
    match cause {
        StampError::NewerFormat { found, known } => {
            OpenError::NewerFormat { path: path_text, found, known }
        }
        StampError::OtherDevice { found, .. } => {
            OpenError::OtherDevice { path: path_text, found, expected: *expected }
        }
        other => broken(path, other),
    }
}

fn broken(path: &Path, cause: impl std::fmt::Display) -> OpenError {
    OpenError::Device { path: path.display().to_string(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::time::Duration;

    use engine::store::memory::MemoryStore;
    use engine::store::{Read, ReadError, Visit};

    use super::*;

    const DEVICE: DeviceId = DeviceId([7; 32]);

    /// Writes nothing until `gate` gives leave, and remembers the order.
    struct GatedStore {
        memory: MemoryStore,
        gate: Mutex<mpsc::Receiver<()>>,
        order: Mutex<Vec<Vec<u8>>>,
    }

    impl Read for GatedStore {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
            self.memory.get(key)
        }

        fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), ReadError> {
            self.memory.scan(from, to, visit)
        }

        fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, ReadError> {
            self.memory.last(from, to)
        }
    }

    impl Store for GatedStore {
        fn write(&self, batch: &Batch) -> Result<(), WriteError> {
            if batch.iter().any(|(key, _)| key == stamp::KEY) {
                return self.memory.write(batch);
            }
            self.gate.lock().unwrap().recv().expect("the gate panics the writer when it is gone");
            self.order.lock().unwrap().extend(batch.iter().map(|(key, _)| key.to_vec()));
            self.memory.write(batch)
        }

        fn snapshot(&self) -> Box<dyn Read + '_> {
            self.memory.snapshot()
        }
    }

    fn gated() -> (Arc<GatedStore>, RealDisk, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        let store = Arc::new(GatedStore {
            memory: MemoryStore::default(),
            gate: Mutex::new(gate),
            order: Mutex::default(),
        });
        let disk = RealDisk::over(store.clone(), Path::new("shop"), &DEVICE).unwrap();
        (store, disk, open)
    }

    fn batch(key: u8) -> Batch {
        let mut batch = Batch::default();
        batch.put(vec![key], b"value".to_vec());
        batch
    }

    #[tokio::test]
    async fn a_batch_is_committed_only_once_the_store_has_written_it() {
        let (store, disk, open) = gated();
        let mut committed = disk.submit(batch(1));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut committed).await;
        assert!(early.is_err(), "the store has not written yet");
        open.send(()).unwrap();
        committed.await.unwrap();
        assert_eq!(store.get(&[1]).unwrap().as_deref(), Some(&b"value"[..]));
        assert_eq!(disk.store().get(&[1]).unwrap().as_deref(), Some(&b"value"[..]));
    }

    #[tokio::test]
    async fn batches_commit_in_the_order_submitted_whatever_is_awaited_first() {
        let (store, disk, open) = gated();
        let futures: Vec<_> = [9, 3, 7].map(|key| disk.submit(batch(key))).into();
        (0..3).for_each(|_| open.send(()).unwrap());
        for committed in futures.into_iter().rev() {
            committed.await.unwrap();
        }
        assert_eq!(*store.order.lock().unwrap(), [[9], [3], [7]]);
    }

    #[test]
    fn dropping_the_disk_writes_what_was_submitted_even_if_nobody_waits() {
        let (store, disk, open) = gated();
        (1..=5).for_each(|key| drop(disk.submit(batch(key))));
        (0..5).for_each(|_| open.send(()).unwrap());
        drop(disk);
        assert_eq!(store.order.lock().unwrap().len(), 5);
    }

    #[tokio::test]
    async fn a_failed_write_reaches_its_submitter_and_every_later_one() {
        let store = Arc::new(MemoryStore::default());
        let disk = RealDisk::over(store.clone(), Path::new("shop"), &DEVICE).unwrap();
        store.fail_next(WriteError::Full("no space".into()));
        for key in [1, 2] {
            assert!(matches!(disk.submit(batch(key)).await, Err(WriteError::Full(_))));
        }
        assert_eq!(store.get(&[2]).unwrap(), None);
    }

    #[tokio::test]
    async fn a_writer_that_died_is_an_error_and_not_a_wait() {
        let (_store, disk, open) = gated();
        drop(open);
        for key in [1, 2] {
            assert!(matches!(disk.submit(batch(key)).await, Err(WriteError::Device(_))));
        }
    }

    #[tokio::test]
    async fn a_full_queue_holds_the_submitter_back() {
        let (_store, disk, open) = gated();
        let disk = Arc::new(disk);
        let (submitted, progress) = mpsc::channel();
        let submitter = disk.clone();
        let thread = std::thread::spawn(move || {
            for key in 0..DISK_QUEUE_MAX + 2 {
                drop(submitter.submit(batch(u8::try_from(key).unwrap() + 1)));
                submitted.send(()).unwrap();
            }
        });
        // The writer holds one batch, the queue its fill, and the last submission waits.
        let patience = Duration::from_secs(10);
        (0..=DISK_QUEUE_MAX).for_each(|_| progress.recv_timeout(patience).unwrap());
        assert!(progress.recv_timeout(Duration::from_millis(50)).is_err());
        (0..DISK_QUEUE_MAX + 2).for_each(|_| open.send(()).unwrap());
        progress.recv_timeout(patience).unwrap();
        thread.join().unwrap();
    }

    #[cfg(feature = "rocksdb")]
    #[tokio::test]
    async fn a_directory_on_disk_keeps_what_was_committed_and_serves_one_process_at_a_time() {
        let temporary = tempfile::TempDir::new().unwrap();
        let path = temporary.path().join("shop");
        let disk = RealDisk::open(&path, &DEVICE).unwrap();
        disk.submit(batch(1)).await.unwrap();
        let refusal = RealDisk::open(&path, &DEVICE).err().unwrap();
        assert!(matches!(&refusal, OpenError::InUse(at) if at.ends_with("shop")), "{refusal}");
        drop(disk);
        let refusal = RealDisk::open(&path, &DeviceId([8; 32])).err().unwrap();
        assert!(matches!(refusal, OpenError::OtherDevice { found: DEVICE, .. }), "{refusal}");
        let disk = RealDisk::open(&path, &DEVICE).unwrap();
        assert_eq!(disk.store().get(&[1]).unwrap().as_deref(), Some(&b"value"[..]));
    }

    #[cfg(feature = "rocksdb")]
    #[test]
    fn a_directory_that_cannot_be_is_refused_with_its_path() {
        let temporary = tempfile::TempDir::new().unwrap();
        let path = temporary.path().join("shop");
        std::fs::write(&path, b"in the way").unwrap();
        let text = RealDisk::open(&path, &DEVICE).err().unwrap().to_string();
        assert!(text.starts_with(&format!("{} cannot be opened", path.display())), "{text}");
    }

    #[test]
    fn another_devices_directory_is_refused_with_both_named() {
        let store = Arc::new(MemoryStore::default());
        drop(RealDisk::over(store.clone(), Path::new("shop"), &DEVICE).unwrap());
        drop(RealDisk::over(store.clone(), Path::new("shop"), &DEVICE).unwrap());
        let refusal = RealDisk::over(store, Path::new("shop"), &DeviceId([8; 32])).err().unwrap();
        let OpenError::OtherDevice { path, found, expected } = refusal else {
            panic!("{refusal}");
        };
        assert_eq!((path.as_str(), found, expected), ("shop", DEVICE, DeviceId([8; 32])));
    }

    #[test]
    fn a_newer_directory_is_refused() {
        let store = Arc::new(MemoryStore::default());
        let mut newer = Batch::default();
        newer.put(stamp::KEY.to_vec(), [&[0, 0, 0, 9][..], &DEVICE.0].concat());
        store.write(&newer).unwrap();
        let refusal = RealDisk::over(store, Path::new("shop"), &DEVICE).err().unwrap();
        assert!(matches!(refusal, OpenError::NewerFormat { found: 9, .. }), "{refusal}");
    }

    #[test]
    fn a_damaged_directory_is_refused_as_unreadable() {
        let store = Arc::new(MemoryStore::default());
        store.write(&batch(9)).unwrap();
        let refusal = RealDisk::over(store, Path::new("shop"), &DEVICE).err().unwrap();
        assert!(matches!(refusal, OpenError::Device { .. }), "{refusal}");
    }
}
