//! One machine: a stall or a control core, its store, and whether it runs.

use std::sync::Arc;

use control::core::Hub;
use engine::authority::SignedDocument;
use engine::ids::{DeviceId, Epoch, TenantId};
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::memory::MemoryStore;
use engine::store::{Batch, Store, WriteError};
use node::core::{Answer, Rebalance, Settings, Stall};
use transport::device::{CallId, Core, Device, Input};
use transport::env::{Instant, Now};

/// A core of either kind.
pub enum Machine {
    /// A stall.
    Stall(Box<Stall>),
    /// The control.
    Hub(Box<Hub>),
}

macro_rules! each {
    ($machine:expr, $core:ident => $do:expr) => {
        match $machine {
            Machine::Stall($core) => $do,
            Machine::Hub($core) => $do,
        }
    };
}

impl Machine {
    /// The device.
    pub fn device(&mut self) -> &mut Device {
        each!(self, core => core.device())
    }

    /// See [`Core::handle_input`].
    pub fn handle_input(&mut self, input: Input, now: Now) {
        each!(self, core => core.handle_input(input, now));
    }

    /// See [`Core::handle_committed`].
    pub fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now) {
        each!(self, core => core.handle_committed(result, now));
    }

    /// See [`Core::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Now) {
        each!(self, core => core.handle_timeout(now));
    }

    /// See [`Core::poll_timeout`].
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        each!(self, core => core.poll_timeout())
    }

    /// See [`Core::poll_commit`].
    pub fn poll_commit(&mut self) -> Option<Batch> {
        each!(self, core => core.poll_commit())
    }

    /// The next answer of a stall.
    pub fn poll_answer(&mut self) -> Option<(CallId, Answer)> {
        match self {
            Self::Stall(stall) => stall.poll_answer(),
            Self::Hub(_) => None,
        }
    }
}

/// What a machine is started with.
#[derive(Clone)]
pub struct Setup {
    /// The device's key.
    pub key: Keypair,
    /// The tenant.
    pub tenant: TenantId,
    /// The charter.
    pub charter: SignedDocument,
    /// Every grant, for a control; its own, for a stall.
    pub grants: Vec<SignedDocument>,
    /// Whether this is the control.
    pub is_control: bool,
    /// How a stall moves promise rights.
    pub rebalance: Rebalance,
}

/// One machine.
pub struct Host {
    /// What it is started with.
    pub setup: Setup,
    /// Its disk, which outlives its core.
    pub store: Arc<MemoryStore>,
    /// Its core, while it runs.
    pub machine: Option<Machine>,
    /// Counts starts, so that what an earlier start had under way is told apart.
    pub run: u64,
    /// The batch on its way to the disk.
    pub committing: Option<Batch>,
    /// The timer that is set.
    pub timer: Option<Instant>,
}

impl Host {
    /// A machine that does not run yet.
    pub fn new(setup: Setup) -> Self {
        let store = Arc::new(MemoryStore::default());
        Self { setup, store, machine: None, run: 0, committing: None, timer: None }
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.setup.key.device()
    }

    /// Starts the core on what the disk holds.
    pub fn start(&mut self, epoch: Epoch) -> anyhow::Result<()> {
        let Setup { key, tenant, charter, grants, is_control, rebalance } = self.setup.clone();
        let mut replica = Replica::open(key, tenant, epoch, self.store.clone())?;
        replica.take_charter(&charter)?;
        for grant in &grants {
            replica.take_grant(grant)?;
        }
        let amount_max = engine::limits::AMOUNT_MAX;
        let settings = Settings { amount_max, open_items: true, rebalance };
        self.machine = Some(if is_control {
            Machine::Hub(Box::new(Hub::new(replica)))
        } else {
            Machine::Stall(Box::new(Stall::new(replica, settings)))
        });
        self.run += 1;
        self.committing = None;
        self.timer = None;
        Ok(())
    }

    /// Pulls the plug. Of the batch on its way the disk keeps all or nothing, as `keeps` says.
    pub fn crash(&mut self, keeps: bool) -> anyhow::Result<()> {
        self.machine = None;
        if let Some(batch) = self.committing.take().filter(|_| keeps) {
            self.store.write(&batch)?;
        }
        Ok(())
    }
}
