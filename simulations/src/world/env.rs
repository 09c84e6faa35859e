//! `Env` in virtual time: what a daemon of the simulation may touch, for one start of one host.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engine::ids::DeviceId;
use engine::store::memory::MemoryStore;
use engine::store::stamp::{self, StampError};
use engine::store::{Batch, Store, WriteError};
use tokio::sync::oneshot;
use transport::env::{AsyncUdpSocket, BoxFuture, Disk, Env, Instant, Now, OpenError, Runtime};
use transport::quic::AsyncTimer;

use super::executor::Owner;
use super::limits::FOREVER;
use super::socket::SimSocket;
use super::timers::TimerKey;
use super::universe::{Happening, Universe};

/// The world as one process sees it.
#[derive(Clone)]
pub struct SimEnv {
    universe: Arc<Universe>,
    owner: Owner,
    /// What the monotonic clock showed when the process started.
    started: Duration,
}

impl SimEnv {
    /// The world of a process that has just started.
    pub fn new(universe: Arc<Universe>, owner: Owner) -> Self {
        let started = universe.state().hosts[owner.host].started;
        Self { universe, owner, started }
    }

    /// Whose it is.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    fn instant(&self) -> Duration {
        let state = self.universe.state();
        state.hosts[self.owner.host].clocks.monotonic(state.now).saturating_sub(self.started)
    }

    fn timer(&self, at: Duration) -> Timer {
        let deadline = self.started.saturating_add(at);
        let key = self.universe.state().timers.open(self.owner, deadline);
        Timer { env: self.clone(), key }
    }
}

impl std::fmt::Debug for SimEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimEnv").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Env for SimEnv {
    fn now(&self) -> Now {
        let state = self.universe.state();
        let clocks = &state.hosts[self.owner.host].clocks;
        let instant = clocks.monotonic(state.now).saturating_sub(self.started);
        Now { instant: Instant(instant), wall_ms: clocks.wall_ms(state.now) }
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        if at.0 > FOREVER {
            return Box::pin(std::future::pending());
        }
        let mut timer = self.timer(at.0);
        Box::pin(poll_fn(move |cx| Pin::new(&mut timer).poll(cx)))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // What the destructors of a dead process hand over is dropped, out of the lock.
        if self.universe.state().living(self.owner).is_some() {
            self.universe.handle.spawn(self.owner, task);
        }
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        let mut state = self.universe.state();
        state.hosts[self.owner.host].random.fill(buffer);
        let now = state.now;
        state.trace.drawn(now, self.owner.host, buffer);
    }

    fn udp(&self, carrier: &str, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        SimSocket::bind(&self.universe, self.owner, address).map(|s| Arc::new(s) as _).map_err(
            |cause: io::Error| {
                let text = format!("carrier {carrier} cannot use UDP address {address}: {cause}");
                io::Error::new(cause.kind(), text)
            },
        )
    }

    fn quic_runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(QuicRuntime(self.clone()))
    }

    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = resolve(&self.universe, self.owner.host, host);
        Box::pin(std::future::ready(found))
    }

    fn open_disk(&self, path: &Path, device: &DeviceId) -> Result<Arc<dyn Disk>, OpenError> {
        let store = self.universe.state().hosts[self.owner.host].drive.store.clone();
        stamp::check_or_write(store.as_ref(), *device)
            .map_err(|cause| stamp_refusal(path, device, cause))?;
        Ok(Arc::new(SimDisk { universe: self.universe.clone(), owner: self.owner, store }))
    }
}

/// Names of hosts are `host-0`, `host-1` and so on.
fn resolve(universe: &Universe, by: usize, name: &str) -> io::Result<Vec<SocketAddr>> {
    let parts = name.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| {
        let host = host.strip_prefix("host-")?.parse::<usize>().ok()?;
        Some((host, port.parse::<u16>().ok()?))
    });
    let Some((host, port)) = parts else {
        return name.parse().map(|address| vec![address]).map_err(io::Error::other);
    };
    let addresses = universe.state().network.addresses_of(host, by);
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{name} has no address")));
    }
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

fn stamp_refusal(path: &Path, expected: &DeviceId, cause: StampError) -> OpenError {
    let path = path.display().to_string();
    match cause {
        StampError::OtherDevice { found, .. } => {
            OpenError::OtherDevice { path, found, expected: *expected }
        }
        other => OpenError::Device { path, cause: other.to_string() },
    }
}

/// A disk, as a process uses it.
struct SimDisk {
    universe: Arc<Universe>,
    owner: Owner,
    store: Arc<MemoryStore>,
}

impl Disk for SimDisk {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), WriteError>> {
        let (done, committed) = oneshot::channel();
        let mut state = self.universe.state();
        let now = state.now;
        if let Some(body) = state.living(self.owner) {
            let at = body.drive.submit(batch, done, now);
            state.agenda.put(at, Happening::Synced(self.owner));
        }
        drop(state);
        Box::pin(async move {
            let gone = || WriteError::Device("the machine is off".into());
            committed.await.unwrap_or_else(|_| Err(gone()))
        })
    }
}

/// QUIC's timers and tasks.
#[derive(Debug)]
struct QuicRuntime(SimEnv);

impl Runtime for QuicRuntime {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn AsyncTimer>> {
        let at = at.saturating_duration_since(self.0.universe.base);
        Box::pin(self.0.timer(at))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "a simulation has no real sockets"))
    }

    fn now(&self) -> std::time::Instant {
        self.0.universe.base + self.0.instant()
    }
}

/// Waits for the host's monotonic clock.
struct Timer {
    env: SimEnv,
    key: TimerKey,
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timer").field("owner", &self.env.owner).finish_non_exhaustive()
    }
}

impl AsyncTimer for Timer {
    fn reset(self: Pin<&mut Self>, at: std::time::Instant) {
        let at = at.saturating_duration_since(self.env.universe.base);
        let deadline = self.env.started.saturating_add(at);
        self.env.universe.state().timers.reset(self.key, deadline);
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.env.universe.state().poll_timer(self.env.owner, self.key, cx.waker())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.env.universe.state().timers.close(self.key);
    }
}
