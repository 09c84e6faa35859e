//! What either daemon's start and end have in common: the directory, the endpoint, the API.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use engine::ids::Epoch;
use engine::replica::{Replica, verify};
use engine::sign::Keypair;
use engine::store::ReadError;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use transport::device::Core;
use transport::env::{Disk, Env, OpenError};
use transport::quic::{Endpoint, Identity, Seeds};

use crate::client::{Client, ClientError};
use crate::data_dir::{DEVICE_KEY, DataDir};
use crate::driver::Driver;
use crate::files::FileError;
use crate::host::{self, Hosts};
use crate::http;
use crate::read::{Verification, report_body};

/// Why a daemon could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A socket cannot be bound.
    #[error("{what} cannot listen on {address}: {cause}; choose another address or stop its user")]
    Listen {
        /// Which listener.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The API would be reachable from the network.
    #[error(
        "the API address {0} is not loopback; the API speaks plain HTTP, so keep it on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// QUIC cannot be set up.
    #[error(transparent)]
    Quic(#[from] transport::quic::OpenError),
    /// The key is not the device's.
    #[error(transparent)]
    Key(#[from] transport::quic::WrongSeed),
    /// A file of the data directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store of the data directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The replica in it.
    #[error(transparent)]
    Replica(#[from] engine::replica::open::OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A data directory that belongs to a tenant, opened.
pub struct Opened {
    /// Its files.
    pub dir: DataDir,
    /// The device's key seed.
    pub seed: [u8; 32],
    /// Its store.
    pub disk: Arc<dyn Disk>,
    /// The replica in it, at a fresh epoch.
    pub replica: Replica,
    /// The market's currency.
    pub currency: String,
}

/// Opens the data directory at `data`; `None` when it belongs to no tenant yet.
pub fn open(env: &impl Env, data: &Path) -> Result<Option<Opened>, StartError> {
    let dir = DataDir::create(data)?;
    let Some(tenant) = dir.tenant()? else { return Ok(None) };
    let seed = dir.seed(DEVICE_KEY)?;
    let key = Keypair::from_seed(&seed);
    let disk = env.open_disk(data, &key.device())?;
    let replica = Replica::open(key, tenant, fresh_epoch(env), disk.store())?;
    let Some(charter) = replica.rights().charter() else { return Ok(None) };
    let currency = String::from_utf8_lossy(&charter.currency).into_owned();
    Ok(Some(Opened { dir, seed, disk, replica, currency }))
}

/// Verifies the directory at `data`: through the daemon where one runs, else at rest. The report
/// is that of `GET /v1/verify`.
pub async fn verify(env: &impl Env, data: &Path) -> Result<Verification, VerifyError> {
    let running = match Client::open(data) {
        Ok(client) => client.get("/v1/verify").await,
        Err(error) => Err(error),
    };
    match running {
        Err(ClientError::NotRunning { .. }) => {
            let seed = DataDir::at(data).seed(DEVICE_KEY).map_err(StartError::from)?;
            let device = Keypair::from_seed(&seed).device();
            let disk = env.open_disk(data, &device).map_err(StartError::from)?;
            let report = verify::verify(disk.store().snapshot().as_ref());
            Ok(report_body(report.map_err(StartError::from)?))
        }
        other => Ok(other?),
    }
}

/// Why a directory was not verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The running daemon did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The directory at rest could not be opened.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A fresh epoch.
pub fn fresh_epoch(env: &impl Env) -> Epoch {
    let mut bytes = [0; 8];
    env.fill_random(&mut bytes);
    Epoch(u64::from_le_bytes(bytes))
}

/// The QUIC endpoint of the device with this key seed. The reset key derives from the seed, so a
/// restarted daemon tells its peers at once that their connections are gone.
pub fn endpoint(
    env: &impl Env,
    seed: &[u8; 32],
    listen: SocketAddr,
) -> Result<Endpoint, StartError> {
    let listen_error = |cause| StartError::Listen { what: "sync", address: listen, cause };
    let socket = env.udp("any", listen).map_err(listen_error)?;
    let identity = Identity::new(seed, Keypair::from_seed(seed).device())?;
    let mut seeds = Seeds { rng: [0; 32], reset_key: [0; 64], token_key: [0; 32] };
    env.fill_random(&mut seeds.rng);
    env.fill_random(&mut seeds.token_key);
    blake3::Hasher::new_derive_key("tentpole v1 quic reset key")
        .update(seed)
        .finalize_xof()
        .fill(&mut seeds.reset_key);
    Ok(Endpoint::open(socket, env.quic_runtime(), &identity, &seeds)?)
}

/// Binds the API and says in the data directory where it is.
pub async fn bind_api(dir: &DataDir, address: SocketAddr) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let listen_error = |cause| StartError::Listen { what: "the API", address, cause };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    dir.write_api_addr(listener.local_addr().map_err(listen_error)?)?;
    Ok(listener)
}

/// Drives a core and serves its API until `stop` or until `asked` is rung. The API drains first:
/// what it has taken is still decided and synced.
pub async fn run<C: Core, E: Env>(
    driver: Driver<C, E>,
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
    asked: Arc<Notify>,
) {
    let (driver_stop, api_stop) = (Notify::new(), Notify::new());
    let commits = driver.commits();
    let guarded = router.layer(axum::middleware::from_fn_with_state(Hosts::default(), host::guard));
    let serving = http::serve(listener, guarded, api_stop.notified());
    let stopping = async {
        tokio::select! {
            () = stop => {}
            () = asked.notified() => {}
        }
        // Streams end by themselves once they hear of it; other requests are finished.
        commits.send_modify(|commits| commits.stopping = true);
        api_stop.notify_one();
    };
    let api_then_driver = async {
        tokio::join!(serving, stopping);
        driver_stop.notify_one();
    };
    tokio::join!(driver.run(driver_stop.notified()), api_then_driver);
}
