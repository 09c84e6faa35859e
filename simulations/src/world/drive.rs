//! A host's disk in virtual time: batches are synced one after the other, slowly, and fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use engine::store::memory::{Image, MemoryStore};
use engine::store::{Batch, Store, WriteError};
use tokio::sync::oneshot;

use super::draw::{Draw, Purpose};
use super::limits::{SYNC_JITTER_US, SYNC_TIME_MIN};

type Done = oneshot::Sender<Result<(), WriteError>>;

/// A batch on its way.
struct Job {
    batch: Batch,
    done: Done,
}

/// How much stays of what was on its way to the disk: a prefix, whole batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// As much as the host's stream says.
    Drawn,
    /// Nothing.
    Nothing,
    /// So many thousandths.
    Permille(u16),
}

/// A disk, whatever process uses it.
pub struct Drive {
    /// What is on it.
    pub store: Arc<MemoryStore>,
    queue: VecDeque<Job>,
    busy_until: Duration,
    /// Added to every sync.
    pub slow: Duration,
    /// Every write fails so until this is mended.
    pub failing: Option<WriteError>,
    /// Batches submitted so far.
    pub submitted: u64,
    /// Batches that became durable.
    pub committed: u64,
    sync: Draw,
    fate: Draw,
}

impl Drive {
    /// An empty disk.
    pub fn new(seed: u64, host: usize) -> Self {
        Self {
            store: Arc::default(),
            queue: VecDeque::new(),
            busy_until: Duration::ZERO,
            slow: Duration::ZERO,
            failing: None,
            submitted: 0,
            committed: 0,
            sync: Draw::new(seed, Purpose::Sync { host }),
            fate: Draw::new(seed, Purpose::Crash { host }),
        }
    }

    /// Queues a batch; gives when it will be synced.
    pub fn submit(&mut self, batch: Batch, done: Done, now: Duration) -> Duration {
        self.queue.push_back(Job { batch, done });
        self.submitted += 1;
        let jitter = Duration::from_micros(self.sync.below(SYNC_JITTER_US));
        self.busy_until = self.busy_until.max(now) + SYNC_TIME_MIN + jitter + self.slow;
        self.busy_until
    }

    /// The oldest batch is synced, or fails.
    pub fn synced(&mut self) {
        let Some(Job { batch, done }) = self.queue.pop_front() else { return };
        if let Some(error) = &self.failing {
            self.store.fail_next(error.clone());
        }
        let result = self.store.write(&batch);
        self.committed += u64::from(result.is_ok());
        // Whoever submitted it may be gone; the batch is written all the same.
        let _ = done.send(result);
    }

    /// Batches on their way.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// The power goes, or the process is killed. Gives who waited for a batch; drop them outside of
    /// the lock.
    #[must_use]
    pub fn cut(&mut self, kept: Kept) -> Vec<Done> {
        let mut waiting = Vec::new();
        for Job { batch, done } in self.queue.drain(..) {
            // A disk that has failed takes no more.
            let _ = self.store.write_unsynced(&batch);
            waiting.push(done);
        }
        let fate = &mut self.fate;
        self.store.crash(&mut |count| match kept {
            Kept::Drawn => fate.below(count),
            Kept::Nothing => 0,
            Kept::Permille(part) => count * u64::from(part) / 1000,
        });
        self.busy_until = Duration::ZERO;
        waiting
    }

    /// The process ends in order: what it submitted is written.
    pub fn finish(&mut self) {
        while !self.queue.is_empty() {
            self.synced();
        }
        self.store.crash(&mut |_| 0);
        self.busy_until = Duration::ZERO;
    }

    /// What is synced now.
    pub fn image(&self) -> Image {
        self.store.image()
    }

    /// Another disk with this content, while nobody uses the old one.
    pub fn replace(&mut self, image: &Image) {
        self.store = Arc::new(MemoryStore::from_image(image));
        self.committed += 1;
    }
}
