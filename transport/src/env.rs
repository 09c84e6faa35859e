//! The world as the daemons see it: time, timers, tasks, randomness, sockets, disks.
//!
//! The shell implements these traits on the real machine, the simulator in virtual time.
//! A daemon that reaches any of these another way cannot be simulated, so none may.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine::ids::DeviceId;
use engine::store::{Batch, Store, WriteError};
use thiserror::Error;

pub use crate::quic::{AsyncUdpSocket, Runtime};

/// A future that can be handed between tasks.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A point on the monotonic clock: time since the environment began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(pub Duration);

impl Instant {
    /// The point `span` later, saturating.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks, read together and passed into the pure cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For timers and for how long something took.
    pub instant: Instant,
    /// Milliseconds since 1970-01-01T00:00Z, as this machine believes; never trusted for order.
    pub wall_ms: u64,
}

/// Why a data directory could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the directory.
    #[error("{0} is in use by another process; talk to that one through its API, or stop it first")]
    InUse(String),
    /// A newer program wrote it.
    #[error(
        "{path} has data format {found}, and this program reads up to {known}; \
         install the newer program"
    )]
    NewerFormat {
        /// The directory.
        path: String,
        /// The format found there.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// Another device wrote it.
    #[error(
        "{path} belongs to device {found}, not to {expected}; \
         use that device's key or another directory"
    )]
    OtherDevice {
        /// The directory.
        path: String,
        /// The device that owns it.
        found: DeviceId,
        /// The device that tried to open it.
        expected: DeviceId,
    },
    /// The directory cannot be read or written.
    #[error("{path} cannot be opened: {cause}")]
    Device {
        /// The directory.
        path: String,
        /// What the system said.
        cause: String,
    },
}

/// One data directory: reads at once, writes through a queue.
pub trait Disk: Send + Sync {
    /// The committed state.
    fn store(&self) -> Arc<dyn Store>;

    /// Queues a batch. The future is ready once the batch would survive a power cut. Batches
    /// commit in the order in which they were submitted.
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), WriteError>>;
}

/// What a daemon may touch.
pub trait Env: Clone + Send + Sync + 'static {
    /// Both clocks.
    fn now(&self) -> Now;

    /// Ready at `at`, or at once when that is past.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;

    /// Runs a task until it ends or the process does.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Fills `buffer` with bytes nobody can guess.
    fn fill_random(&self, buffer: &mut [u8]);

    /// A datagram socket on `carrier`, bound to `address` (port 0 picks one).
    fn udp(&self, carrier: &str, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>>;

    /// What the QUIC adapter runs its timers and tasks on.
    fn quic_runtime(&self) -> Arc<dyn Runtime>;

    /// The addresses of `host:port`, best first.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

    /// Opens, and creates if absent, the data directory of `device`.
    fn open_disk(&self, path: &Path, device: &DeviceId) -> Result<Arc<dyn Disk>, OpenError>;
}
