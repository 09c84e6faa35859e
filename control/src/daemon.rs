//! The running control: opens what is on disk, drives the hub, serves the API.

use std::path::Path;
use std::sync::Arc;

use engine::replica::Replica;
use engine::sign::Keypair;
use shell::access::Access;
use shell::daemon::{StartError, bind_api, endpoint, fresh_epoch};
use shell::data_dir::{DEVICE_KEY, DataDir};
use shell::driver::Driver;
use shell::files::FileError;
use shell::read::Library;
use thiserror::Error;
use tokio::sync::Notify;
use transport::env::{Env, OpenError};

use crate::api::{self, Api};
use crate::config::Config;
use crate::core::Hub;
use crate::found;

/// Why a control does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no tenant yet.
    #[error("{0} holds no tenant; run `tentpole-control --data {0} init` first")]
    NotFounded(String),
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

/// Runs the control on `data` until `stop`.
pub async fn run<E: Env>(
    env: E,
    data: &Path,
    config: &Config,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let dir = DataDir::create(data)?;
    let not_founded = || RunError::NotFounded(data.display().to_string());
    let tenant = dir.tenant()?.ok_or_else(not_founded)?;
    let seed = dir.seed(DEVICE_KEY)?;
    let key = Keypair::from_seed(&seed);
    let device = key.device();
    let disk = env.open_disk(data, &device)?;
    let replica = Replica::open(key, tenant, fresh_epoch(&env), disk.store())?;
    let charter = replica.rights().charter().ok_or_else(not_founded)?;
    let currency = String::from_utf8_lossy(&charter.currency).into_owned();
    let merchant = found::merchant(&replica)?;
    let access = Access::new(dir.admin_token_or_new(&env)?.hash(), Default::default());
    let endpoint = endpoint(&env, &seed, config.listen)?;
    let listener = bind_api(&dir, config.api).await?;
    tracing::info!(api = %config.api, listen = %config.listen, data = %data.display(), "control runs");
    if dir.file(found::ROOT_KEY).exists() {
        tracing::warn!("root.key lies in the data directory; move it to a safe place offline");
    }

    let library = Library { store: disk.store(), currency };
    let (driver, calls) = Driver::new(Hub::new(replica), env.clone(), disk);
    driver.connect(&endpoint, Vec::new());
    let asked = Arc::new(Notify::new());
    let address = config.public_address();
    let stop_asked = asked.clone();
    let api = Api { calls, library, access, env, device, merchant, address, stop: stop_asked };
    shell::daemon::run(driver, listener, api::router(api), stop, asked).await;
    endpoint.close().await;
    dir.remove_api_addr()?;
    tracing::info!("control stopped");
    Ok(())
}
