//! The running node: opens what is on disk, drives the stall, serves the API.

use std::path::Path;
use std::sync::Arc;

use engine::replica::Replica;
use engine::sign::Keypair;
use shell::access::Access;
use shell::daemon::{StartError, bind_api, endpoint, fresh_epoch};
use shell::data_dir::{DEVICE_KEY, DataDir};
use shell::driver::{Dial, Driver};
use shell::files::FileError;
use shell::read::Library;
use thiserror::Error;
use tokio::sync::Notify;
use transport::env::{Env, OpenError};
use transport::quic::Expect;

use crate::api::{self, Api};
use crate::config::Config;
use crate::core::Stall;
use crate::join;

/// Why a node does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// It belongs to nobody.
    #[error("{0} has not joined a tenant; run `tentpole-node --data {0} join TOKEN` first")]
    NotJoined(String),
    /// A peer's address is not one.
    #[error("peer {0} is pinned to something that is not a device id; write HOST:PORT#DEVICE")]
    BadPin(String),
    /// The data directory's files.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data directory's store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The replica.
    #[error(transparent)]
    Replica(#[from] engine::replica::open::OpenError),
    /// A listener.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] engine::store::ReadError),
}

/// Runs the node on `data` until `stop`.
pub async fn run<E: Env>(
    env: E,
    data: &Path,
    config: &Config,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let dir = DataDir::create(data)?;
    let not_joined = || RunError::NotJoined(data.display().to_string());
    let tenant = dir.tenant()?.ok_or_else(not_joined)?;
    let seed = dir.seed(DEVICE_KEY)?;
    let key = Keypair::from_seed(&seed);
    let disk = env.open_disk(data, &key.device())?;
    let replica = Replica::open(key, tenant, fresh_epoch(&env), disk.store())?;
    let dials = dials(&replica, config)?;
    let charter = replica.rights().charter().ok_or_else(not_joined)?;
    let currency = String::from_utf8_lossy(&charter.currency).into_owned();
    let stall = Stall::new(replica, config.settings());
    let access = Access::new(dir.admin_token_or_new(&env)?.hash(), stall.tills()?);
    let endpoint = endpoint(&env, &seed, config.listen)?;
    let listener = bind_api(&dir, config.api).await?;
    tracing::info!(api = %config.api, listen = %config.listen, data = %data.display(), "node runs");

    let library = Library { store: disk.store(), currency };
    let (driver, calls) = Driver::new(stall, env.clone(), disk);
    driver.connect(&endpoint, dials);
    let asked = Arc::new(Notify::new());
    let api = Api { calls, library, access, env, stop: asked.clone() };
    shell::daemon::run(driver, listener, api::router(api), stop, asked).await;
    endpoint.close().await;
    dir.remove_api_addr()?;
    tracing::info!("node stopped");
    Ok(())
}

/// The control and the configured peers.
fn dials(replica: &Replica, config: &Config) -> Result<Vec<Dial>, RunError> {
    let controls = replica.rights().charter().map(|charter| charter.controls.clone());
    let control = controls.unwrap_or_default().first().copied();
    let address = config.control.clone();
    let address = address.map_or_else(|| join::control_address(replica), |a| Ok(Some(a)))?;
    let mut out = Vec::new();
    if let (Some(address), Some(control)) = (address, control) {
        out.push(Dial { address, expect: Expect::Device(control) });
    }
    for peer in &config.peers {
        let (address, expect) = match peer.split_once('#') {
            None => (peer.clone(), Expect::AnyDevice),
            Some((address, pin)) => {
                let device = pin.parse().map_err(|_| RunError::BadPin(peer.clone()))?;
                (address.to_owned(), Expect::Device(device))
            }
        };
        out.push(Dial { address, expect });
    }
    Ok(out)
}
