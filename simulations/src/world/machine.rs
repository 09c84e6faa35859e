//! A machine: what it is started with, and the daemon that runs on it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use control::core::Hub;
use engine::replica::Replica;
use node::core::{Settings, Stall};
use shell::daemon::{StartError, endpoint, fresh_epoch};
use shell::driver::{Calls, Dial, Driver};
use thiserror::Error;
use tokio::sync::Notify;
use transport::device::Core;
use transport::env::Env;
use transport::quic::{Endpoint, Expect};

use super::env::SimEnv;
use super::executor::Owner;
use super::limits::SYNC_PORT;
use super::universe::Universe;
use super::watched::{View, Watched};
use crate::protocol::host::Setup;

/// Why a daemon did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BootError {
    /// The directory or the socket.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The disk.
    #[error(transparent)]
    Open(#[from] transport::env::OpenError),
    /// The replica on it.
    #[error(transparent)]
    Replica(#[from] engine::replica::open::OpenError),
    /// The charter or a grant.
    #[error(transparent)]
    Document(#[from] engine::authority::DocumentError),
}

/// The way to ask a daemon.
pub enum Line {
    /// A stall.
    Stall(Calls<Watched<Stall>>),
    /// The control.
    Hub(Calls<Watched<Hub>>),
}

/// A daemon that runs.
pub struct Running {
    /// Which process.
    pub owner: Owner,
    /// How to ask it.
    pub line: Line,
    /// How it stands.
    pub view: View,
    stop: Arc<Notify>,
    _endpoint: Endpoint,
}

impl Running {
    /// Asks the process to end in order.
    pub fn stop(&self) {
        self.stop.notify_one();
    }
}

/// What a machine is started with.
pub struct Machine {
    /// Keys and documents.
    pub setup: Setup,
    /// The seed of its key.
    pub seed: [u8; 32],
    /// Whom it dials.
    pub dials: Vec<(usize, Expect)>,
    /// Whether nobody has granted it anything.
    pub is_stranger: bool,
    /// The daemon, while it runs.
    pub running: Option<Running>,
}

impl Machine {
    /// Starts the daemon on what the disk holds, as the real ones start.
    pub fn boot(&mut self, universe: &Arc<Universe>, owner: Owner) -> Result<(), BootError> {
        let env = SimEnv::new(universe.clone(), owner);
        let Setup { key, tenant, charter, grants, is_control, rebalance } = self.setup.clone();
        let disk = env.open_disk(Path::new("data"), &key.device())?;
        let mut replica = Replica::open(key, tenant, fresh_epoch(&env), disk.store())?;
        replica.take_charter(&charter)?;
        for grant in &grants {
            replica.take_grant(grant)?;
        }
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, SYNC_PORT));
        let endpoint = endpoint(&env, &self.seed, listen)?;
        let stop = Arc::new(Notify::new());
        let (line, view) = if is_control {
            let core = Hub::new(replica);
            let (calls, view) = self.drive(core, universe, &env, disk, &endpoint, &stop);
            (Line::Hub(calls), view)
        } else {
            let amount_max = engine::limits::AMOUNT_MAX;
            let core = Stall::new(replica, Settings { amount_max, open_items: true, rebalance });
            let (calls, view) = self.drive(core, universe, &env, disk, &endpoint, &stop);
            (Line::Stall(calls), view)
        };
        self.running = Some(Running { owner, line, view, stop, _endpoint: endpoint });
        Ok(())
    }

    fn drive<C: Core>(
        &self,
        core: C,
        universe: &Arc<Universe>,
        env: &SimEnv,
        disk: Arc<dyn transport::env::Disk>,
        endpoint: &Endpoint,
        stop: &Arc<Notify>,
    ) -> (Calls<Watched<C>>, View) {
        let (core, view) = Watched::new(core, universe.clone(), env.owner());
        let (driver, calls) = Driver::new(core, env.clone(), disk);
        let dials = self.dials.iter().map(|(host, expect)| Dial {
            address: format!("host-{host}:{SYNC_PORT}"),
            expect: *expect,
        });
        driver.connect(endpoint, dials.collect());
        let (stop, endpoint, universe) = (stop.clone(), endpoint.clone(), universe.clone());
        let owner = env.owner();
        env.spawn(Box::pin(async move {
            driver.run(async move { stop.notified().await }).await;
            endpoint.close().await;
            universe.state().exited.push(owner);
        }));
        (calls, view)
    }
}
