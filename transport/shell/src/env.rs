//! `Env` on the real machine: the system's clocks, tokio's tasks, the kernel's randomness.
//!
//! Besides `disk`, the one file of the daemons where real time is read.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use engine::ids::DeviceId;
use tokio::runtime::Handle;
use transport::env::{AsyncUdpSocket, BoxFuture, Disk, Env, Instant, Now, OpenError, Runtime};

use crate::limits::RESOLVED_ADDRESSES_MAX;

/// The real machine. Cloning it gives another handle on the same clock and runtime.
#[derive(Clone)]
pub struct RealEnv {
    start: tokio::time::Instant,
    runtime: Handle,
    quic: Arc<dyn Runtime>,
}

impl RealEnv {
    /// Starts the monotonic clock at zero. Tasks run on the tokio runtime that this is called in.
    ///
    /// Fails outside a runtime, and when the system has no source of randomness.
    pub fn new() -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        // Once the kernel has given randomness it always does, so `fill_random` cannot fail.
        getrandom::fill(&mut [0]).map_err(io::Error::other)?;
        let start = tokio::time::Instant::now();
        Ok(Self { start, runtime, quic: transport::quic::tokio_runtime() })
    }
}

impl Env for RealEnv {
    fn now(&self) -> Now {
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Now {
            instant: Instant(self.start.elapsed()),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        match self.start.checked_add(at.0) {
            Some(deadline) => Box::pin(tokio::time::sleep_until(deadline)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("invariant: `new` has seen the random source work");
    }

    fn udp(&self, carrier: &str, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let _within = self.runtime.enter();
        UdpSocket::bind(address).and_then(|socket| self.quic.wrap_udp_socket(socket)).map_err(
            |cause| {
                let text = format!("carrier {carrier} cannot use UDP address {address}: {cause}");
                io::Error::new(cause.kind(), text)
            },
        )
    }

    fn quic_runtime(&self) -> Arc<dyn Runtime> {
        self.quic.clone()
    }

    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let mut addresses = Vec::new();
            for address in tokio::net::lookup_host(host).await? {
                if addresses.len() < RESOLVED_ADDRESSES_MAX && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }

    #[cfg(feature = "rocksdb")]
    fn open_disk(&self, path: &Path, device: &DeviceId) -> Result<Arc<dyn Disk>, OpenError> {
        Ok(Arc::new(crate::disk::RealDisk::open(path, device)?))
    }

    #[cfg(not(feature = "rocksdb"))]
    fn open_disk(&self, path: &Path, _device: &DeviceId) -> Result<Arc<dyn Disk>, OpenError> {
        Err(OpenError::Device {
            path: path.display().to_string(),
            cause: "this program was built without the feature `rocksdb`; build it with".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sleeping_lasts_until_the_instant_asked_for() {
        let env = RealEnv::new().unwrap();
        let start = env.now().instant;
        let later = start.after(Duration::from_millis(50));
        env.sleep_until(later).await;
        assert!(env.now().instant >= later);
        env.sleep_until(start).await;
        let patience = Duration::from_secs(20);
        assert!(env.now().instant.since(later) < patience, "a past instant is ready at once");
    }

    #[tokio::test]
    async fn the_end_of_time_does_not_come() {
        let env = RealEnv::new().unwrap();
        let end = env.sleep_until(Instant(Duration::MAX));
        assert!(tokio::time::timeout(Duration::from_millis(20), end).await.is_err());
    }

    #[tokio::test]
    async fn the_wall_clock_is_past_the_day_this_was_written() {
        let november_2025 = 1_762_000_000_000;
        assert!(RealEnv::new().unwrap().now().wall_ms > november_2025);
    }

    #[tokio::test]
    async fn tasks_run_without_being_awaited() {
        let env = RealEnv::new().unwrap();
        let (done, finished) = tokio::sync::oneshot::channel();
        env.spawn(Box::pin(async move { done.send(7).unwrap() }));
        assert_eq!(finished.await.unwrap(), 7);
    }

    #[tokio::test]
    async fn random_bytes_are_not_repeated() {
        let env = RealEnv::new().unwrap();
        let (mut first, mut second) = ([0; 32], [0; 32]);
        env.fill_random(&mut first);
        env.fill_random(&mut second);
        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_with_the_carrier_named() {
        let env = RealEnv::new().unwrap();
        let socket = env.udp("lan", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        assert_ne!(address.port(), 0, "port 0 picks one");
        let refusal = env.udp("lte", address).err().unwrap();
        assert_eq!(refusal.kind(), io::ErrorKind::AddrInUse);
        let text = refusal.to_string();
        assert!(text.contains("lte") && text.contains(&address.to_string()), "{text}");
    }

    #[tokio::test]
    async fn a_literal_address_resolves_to_itself() {
        let env = RealEnv::new().unwrap();
        let found = env.resolve("127.0.0.1:4433").await.unwrap();
        assert_eq!(found, ["127.0.0.1:4433".parse().unwrap()]);
        assert!(env.resolve("no port here").await.is_err());
    }

    #[test]
    fn outside_a_runtime_there_is_no_real_env() {
        assert!(RealEnv::new().is_err());
    }

    #[cfg(not(feature = "rocksdb"))]
    #[tokio::test]
    async fn a_build_without_a_store_says_so() {
        let env = RealEnv::new().unwrap();
        let refusal = env.open_disk(Path::new("shop"), &DeviceId([1; 32])).err().unwrap();
        assert!(refusal.to_string().contains("feature `rocksdb`"), "{refusal}");
    }
}
