//! What the start of either daemon has in common: the endpoint, the epoch, the API's listener.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use engine::ids::Epoch;
use engine::sign::Keypair;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use transport::device::Core;
use transport::env::Env;
use transport::quic::{Endpoint, Identity, Seeds};

use crate::data_dir::DataDir;
use crate::driver::Driver;
use crate::files::FileError;
use crate::host::{self, Hosts};
use crate::http;

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
    let guarded = router.layer(axum::middleware::from_fn_with_state(Hosts::default(), host::guard));
    let serving = http::serve(listener, guarded, api_stop.notified());
    let stopping = async {
        tokio::select! {
            () = stop => {}
            () = asked.notified() => {}
        }
        api_stop.notify_one();
    };
    let api_then_driver = async {
        tokio::join!(serving, stopping);
        driver_stop.notify_one();
    };
    tokio::join!(driver.run(driver_stop.notified()), api_then_driver);
}
