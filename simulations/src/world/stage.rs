//! The world: hosts, what is between them, and time that passes when it is told to.
//!
//! It does what it is told and judges nothing; checkers look at it from outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::ids::DeviceId;
use engine::store::memory::{Image, MemoryStore};
use node::core::Request;
use thiserror::Error;
use transport::env::Env;
use transport::quic::Expect;

use super::body::Body;
use super::draw::{Draw, Purpose};
use super::drive::Kept;
use super::env::SimEnv;
use super::executor::{Executor, Owner};
use super::hostile::Hostile;
use super::limits::POLLS_AN_INSTANT_MAX;
use super::machine::{BootError, Line, Machine};
use super::stranger;
use super::tills::{AskId, Outcome, Refused, Tills};
use super::universe::{Happening, State, Universe};
use super::watched::Glance;
use crate::net::{Change, Network, TopologyError, Trace};
use crate::protocol::tenant::{CONTROL_SEED, Tenant};
use crate::record::hash::TraceEnd;
use crate::scenario::{self, Plan};

/// Why a world cannot be, or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The network is impossible.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A daemon does not start. Real ones would say this to their operator and end.
    #[error("host {host} does not start: {cause}")]
    Boot {
        /// The host.
        host: usize,
        /// Why.
        cause: BootError,
    },
    /// Tasks wake each other for ever.
    #[error(
        "time stands still at {at:?}: {POLLS_AN_INSTANT_MAX} polls in one instant, the last by \
         host {host}"
    )]
    Livelock {
        /// The virtual time.
        at: Duration,
        /// Who polled.
        host: usize,
    },
}

/// How a world is set up beside its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Draw from the seed which of the ready tasks goes next, instead of the one woken first.
    pub shuffle: bool,
}

/// A crash that waits for its moment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Armed {
    /// Before the disk has this batch.
    Write(u64),
    /// After so many more polls.
    Polls(u32),
}

/// Hosts, links, time.
pub struct World {
    pub(super) seed: u64,
    pub(super) universe: Arc<Universe>,
    pub(super) executor: Executor,
    pub(super) machines: Vec<Option<Machine>>,
    pub(super) hostiles: BTreeMap<usize, Hostile>,
    pub(super) armed: BTreeMap<usize, Armed>,
    pub(super) images: BTreeMap<(usize, u32), Image>,
    /// Who asks stalls, and what they were told.
    pub tills: Tills,
    /// Starts of daemons that failed, in words, with the host and the time.
    pub failed_starts: Vec<(Duration, usize, String)>,
}

impl World {
    /// The hosts of a plan, switched off. `traces` holds those that its carriers name.
    pub fn new(
        plan: &Plan,
        traces: &BTreeMap<String, Arc<Trace>>,
        options: Options,
    ) -> Result<Self, WorldError> {
        let seed = plan.seed;
        let network_seed = Draw::new(seed, Purpose::Network).number();
        let network = Network::new(&plan.topology, traces, network_seed)?;
        let order = options.shuffle.then(|| Draw::new(seed, Purpose::Schedule));
        let executor = Executor::new(order);
        let bodies = (0..plan.machines.len()).map(|host| Body::new(seed, host)).collect();
        let universe = Universe::new(network, bodies, executor.handle().clone());
        Ok(Self {
            seed,
            universe,
            executor,
            machines: machines(plan),
            hostiles: (0..plan.machines.len())
                .filter_map(|host| Some((host, Hostile::of(plan, host)?)))
                .collect(),
            armed: BTreeMap::new(),
            images: BTreeMap::new(),
            tills: Tills::default(),
            failed_starts: Vec::new(),
        })
    }

    /// Since the world began.
    pub fn now(&self) -> Duration {
        self.universe.state().now
    }

    /// How many hosts there are, hostile ones included.
    pub fn hosts(&self) -> usize {
        self.machines.len()
    }

    /// The device of a host; none for one that is not part of the market.
    pub fn device(&self, host: usize) -> Option<DeviceId> {
        let machine = self.machines[host].as_ref().filter(|machine| !machine.is_stranger);
        machine.map(|machine| machine.setup.key.device())
    }

    /// Whether a daemon runs there and its machine is awake.
    pub fn is_awake(&self, host: usize) -> bool {
        let body = &self.universe.state().hosts[host];
        body.up && !body.asleep
    }

    /// Whether a daemon runs there.
    pub fn is_up(&self, host: usize) -> bool {
        self.universe.state().hosts[host].up
    }

    /// What is on a host's disk, synced or not.
    pub fn store(&self, host: usize) -> Arc<MemoryStore> {
        self.universe.state().hosts[host].drive.store.clone()
    }

    /// Changes with everything that becomes durable on a host's disk.
    pub fn commits(&self, host: usize) -> u64 {
        self.universe.state().hosts[host].drive.committed
    }

    /// How the daemon of a host stood at the end of its driver's last turn.
    pub fn glance(&self, host: usize) -> Option<Glance> {
        let running = self.machines[host].as_ref()?.running.as_ref()?;
        Some(running.view.glance().clone())
    }

    /// Everything behind the lock. Let go of it before anything else is done with the world.
    pub fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.universe.state()
    }

    /// Polls of tasks so far.
    pub fn polls(&self) -> u64 {
        self.executor.polls()
    }

    /// What the trace has come to.
    pub fn trace(&self) -> TraceEnd {
        self.universe.state().trace.end()
    }

    /// The network changes.
    pub fn change(&mut self, change: &Change) {
        let mut state = self.universe.state();
        let now = state.now;
        state.network.change(now, change);
    }

    /// A till asks its stall for the first time.
    pub fn ask(&mut self, host: usize, request: Request) -> AskId {
        let now = self.now();
        let ask = self.tills.ask(host, request, now);
        if self.is_up(host) {
            self.put(ask, host);
        } else {
            self.tills.turn_away(ask, now, Refused::Down);
        }
        ask
    }

    /// Puts a request to the stall's daemon.
    pub(super) fn put(&mut self, ask: AskId, host: usize) {
        let running = self.machines[host].as_ref().and_then(|machine| machine.running.as_ref());
        let Some(running) = running else { return };
        let Line::Stall(calls) = &running.line else { return };
        let owner = running.owner;
        let Some(request) = self.tills.sent(ask, self.now(), owner.run) else { return };
        let (calls, universe) = (calls.clone(), self.universe.clone());
        let env = SimEnv::new(universe.clone(), owner);
        env.spawn(Box::pin(async move {
            let said = calls.call(node::core::Call::Write(Box::new(request))).await;
            let mut state = universe.state();
            let at = state.now;
            state.outcomes.push(Outcome { ask, owner, at, said });
        }));
    }

    /// Lets virtual time pass until `until`.
    pub fn run_until(&mut self, until: Duration) -> Result<(), WorldError> {
        loop {
            self.settle()?;
            let mut state = self.universe.state();
            let Some((at, happening)) = state.agenda.take(until) else {
                state.now = state.now.max(until);
                return Ok(());
            };
            state.now = at;
            match happening {
                Happening::Timer(key) => state.look_at_timer(key),
                Happening::Arrives(delivery) => state.arrive(*delivery),
                Happening::Synced(owner) => {
                    if let Some(body) = state.living(owner) {
                        body.drive.synced();
                    }
                }
            }
        }
    }

    /// Polls until nobody is ready.
    fn settle(&mut self) -> Result<(), WorldError> {
        let first = self.executor.polls();
        while let Some(owner) = self.executor.turn() {
            if !self.armed.is_empty() {
                self.crash_if_due(owner);
            }
            if self.executor.polls() - first > POLLS_AN_INSTANT_MAX {
                return Err(WorldError::Livelock { at: self.now(), host: owner.host });
            }
        }
        let (exited, outcomes) = {
            let mut state = self.universe.state();
            if state.exited.is_empty() && state.outcomes.is_empty() {
                return Ok(());
            }
            (std::mem::take(&mut state.exited), std::mem::take(&mut state.outcomes))
        };
        for outcome in outcomes {
            self.told(outcome);
        }
        for owner in exited {
            self.exited(owner);
        }
        // Whoever was told may have gone on.
        self.settle()
    }

    fn told(&mut self, outcome: Outcome) {
        let (host, at) = (outcome.owner.host, outcome.at);
        let words = match self.tills.told(outcome) {
            Some(told) => told.id.to_string(),
            None => "no".to_owned(),
        };
        self.universe.state().trace.did(at, host, &words);
    }

    fn crash_if_due(&mut self, owner: Owner) {
        let Some(armed) = self.armed.get_mut(&owner.host) else { return };
        let due = match armed {
            Armed::Write(batch) => {
                self.universe.state().hosts[owner.host].drive.submitted >= *batch
            }
            Armed::Polls(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
        };
        if due {
            self.crash(owner.host, Kept::Drawn);
        }
    }
}

fn machines(plan: &Plan) -> Vec<Option<Machine>> {
    let merchants = vec!["main".to_owned(); plan.machines.len().saturating_sub(1)];
    let setups = Tenant::default().setups(&merchants);
    let origin = |host: usize| match &plan.machines[host] {
        scenario::Machine::CopyOf(origin) => Some(*origin),
        scenario::Machine::Hostile { .. } => None,
        _ => Some(host),
    };
    let expect = |host: usize| origin(host).map(|at| Expect::Device(setups[at].key.device()));
    let machine = |host: usize| {
        if let scenario::Machine::Hostile { to, sends, .. } = &plan.machines[host] {
            return stranger::machine(host, setups.get(1)?, *sends, to, expect);
        }
        let origin = origin(host)?;
        let mut dials = Vec::new();
        if origin > 0 {
            dials.push((0, expect(0)?));
        }
        let peers = plan.dials.iter().filter(|(from, _)| *from == host);
        dials.extend(peers.filter_map(|(_, to)| Some((*to, expect(*to)?))));
        let seed = if origin == 0 { CONTROL_SEED } else { Tenant::stall_seed(origin) };
        Some(Machine {
            setup: setups[origin].clone(),
            seed,
            dials,
            is_stranger: false,
            running: None,
        })
    };
    (0..plan.machines.len()).map(machine).collect()
}
