//! The running control: opens what is on disk, drives the hub, serves the API.

use std::path::Path;
use std::sync::Arc;

use shell::access::Access;
use shell::daemon::{Faces, Opened, StartError, bind_api, endpoint, open};
use shell::driver::Driver;
use shell::feed::Feed;
use shell::metrics::Metrics;
use shell::read::Library;
use thiserror::Error;
use tokio::sync::Notify;
use transport::env::Env;

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
    /// Its device is no control of its tenant.
    #[error(
        "{0} belongs to a stall, or to a control that its tenant has removed; name the control's \
         directory, or run it with `tentpole-node`"
    )]
    NotAControl(String),
    /// The directory or a listener.
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
    let Some(opened) = open(&env, data)? else {
        return Err(RunError::NotFounded(data.display().to_string()));
    };
    let Opened { dir, seed, disk, replica, currency } = opened;
    let device = replica.device();
    if !replica.rights().is_control(&device) {
        return Err(RunError::NotAControl(data.display().to_string()));
    }
    let merchant = found::merchant(&replica)?;
    let operator = dir.admin_token_or_new(&env).map_err(StartError::from)?;
    let access = Access::new(operator.hash(), Default::default());
    let endpoint = endpoint(&env, &seed, config.listen)?;
    let listener = bind_api(&dir, config.api).await?;
    let (listen, place) = (config.listen, data.display());
    tracing::info!(api = %config.api, %listen, data = %place, "control runs");
    if dir.file(found::ROOT_KEY).exists() {
        tracing::warn!("root.key lies in the data directory; move it to a safe place offline");
    }

    let library = Library { store: disk.store(), currency, stall: None };
    let (driver, calls) = Driver::new(Hub::new(replica), env.clone(), disk);
    driver.connect(&endpoint, Vec::new());
    let asked = Arc::new(Notify::new());
    let address = config.public_address();
    let stop_asked = asked.clone();
    let feed = Feed::new(library.clone(), calls.commits());
    let metrics = Metrics::new(&driver.metrics(), config.metrics_open);
    let counting = metrics.clone();
    let api = Api {
        calls,
        library,
        feed,
        access,
        metrics,
        env,
        device,
        merchant,
        address,
        stop: stop_asked,
    };
    let faces = Faces { listener, lan: None, router: api::router(api), metrics: counting };
    shell::daemon::run(driver, faces, stop, asked).await;
    endpoint.close().await;
    dir.remove_api_addr().map_err(StartError::from)?;
    tracing::info!("control stopped");
    Ok(())
}
