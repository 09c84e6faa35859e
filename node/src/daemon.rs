//! The running node: opens what is on disk, drives the stall, serves the API.

use std::path::Path;
use std::sync::Arc;

use engine::replica::Replica;
use shell::access::Access;
use shell::daemon::{Faces, Opened, StartError, bind_api, endpoint, open};
use shell::driver::{Dial, Driver};
use shell::feed::Feed;
use shell::lan::{self, TillApi};
use shell::metrics::Metrics;
use shell::read::Library;
use thiserror::Error;
use tokio::sync::Notify;
use transport::env::Env;
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
    /// Its device is a control.
    #[error(
        "{0} belongs to a control; name a stall's directory, or run it with `tentpole-control`"
    )]
    NotAStall(String),
    /// A peer's address is not one.
    #[error("peer {0} is pinned to something that is not a device id; write HOST:PORT#DEVICE")]
    BadPin(String),
    /// The directory or a listener.
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
    let Some(opened) = open(&env, data)? else {
        return Err(RunError::NotJoined(data.display().to_string()));
    };
    let Opened { dir, seed, disk, replica, currency } = opened;
    let device = replica.device();
    if replica.rights().is_control(&device) {
        return Err(RunError::NotAStall(data.display().to_string()));
    }
    let dials = dials(&replica, config)?;
    let stall = Stall::new(replica, config.settings());
    let operator = dir.admin_token_or_new(&env).map_err(StartError::from)?;
    let access = Access::new(operator.hash(), stall.tills()?);
    let endpoint = endpoint(&env, &seed, config.listen)?;
    let lan = match config.tills() {
        Some(settings) => {
            Some(lan::Listener::bind(&dir, &settings).await.map_err(StartError::from)?)
        }
        None => None,
    };
    let till_api = lan.as_ref().map(|lan| lan.about().clone());
    if let Some(TillApi { address, fingerprint, .. }) = &till_api {
        tracing::info!(%address, %fingerprint, "tills on the LAN are served");
    }
    let listener = bind_api(&dir, config.api).await?;
    tracing::info!(api = %config.api, listen = %config.listen, data = %data.display(), "node runs");

    let library = Library { store: disk.store(), currency, stall: Some(device) };
    let (driver, calls) = Driver::new(stall, env.clone(), disk);
    driver.connect(&endpoint, dials);
    let asked = Arc::new(Notify::new());
    let feed = Feed::new(library.clone(), calls.commits());
    let metrics = Metrics::new(&driver.metrics(), config.metrics_open);
    let (counting, stop_asked) = (metrics.clone(), asked.clone());
    let api = Api { calls, library, feed, access, metrics, till_api, env, stop: stop_asked };
    let faces = Faces { listener, lan, router: api::router(api), metrics: counting };
    shell::daemon::run(driver, faces, stop, asked).await;
    endpoint.close().await;
    dir.remove_api_addr().map_err(StartError::from)?;
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
