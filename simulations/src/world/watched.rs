//! A core that is looked at: what reaches it goes into the trace, how it stands is left in view.
//!
//! The world looks without asking. A question would wake the driver and could hide that it should
//! have woken by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::ids::DeviceId;
use engine::store::{Batch, WriteError};
use transport::device::{CallId, Core, Device, Input};
use transport::env::{Instant, Now};
use transport::wire;

use super::executor::Owner;
use super::universe::Universe;

/// How a core stood at the end of its driver's last turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Why nothing is written any more.
    pub halted: Option<String>,
    /// Segments that wait for their parents.
    pub staged: usize,
    /// The sessions.
    pub sessions: Vec<SessionGlance>,
    /// Messages and segments that reached the core.
    pub heard: u64,
    /// Their bytes.
    pub heard_bytes: u64,
}

/// How a session stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionGlance {
    /// The peer.
    pub peer: DeviceId,
    /// Whether the hellos are done.
    pub is_open: bool,
    /// Segment bytes sent and not acknowledged.
    pub in_flight: usize,
}

/// Where a core leaves its glance. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<Mutex<Glance>>);

impl View {
    /// The last glance.
    pub fn glance(&self) -> MutexGuard<'_, Glance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A core in the simulation.
pub struct Watched<C> {
    core: C,
    universe: Arc<Universe>,
    owner: Owner,
    view: View,
}

impl<C: Core> Watched<C> {
    /// Watches `core`, which belongs to `owner`.
    pub fn new(core: C, universe: Arc<Universe>, owner: Owner) -> (Self, View) {
        let view = View::default();
        (Self { core, universe, owner, view: view.clone() }, view)
    }

    fn hear(&self, input: &Input) {
        let encoded;
        let plaintext = match input {
            Input::Message(_, message) => {
                encoded = wire::encode(message).unwrap_or_default();
                &encoded
            }
            Input::Segment(_, bytes) => bytes,
            Input::PathUp(..) | Input::PathDown(..) => return,
        };
        let mut state = self.universe.state();
        let now = state.now;
        state.trace.heard(now, self.owner.host, plaintext);
        drop(state);
        let mut glance = self.view.glance();
        glance.heard += 1;
        glance.heard_bytes += plaintext.len() as u64;
    }

    fn leave_glance(&mut self) {
        let device = self.core.device();
        let mut glance = self.view.glance();
        if glance.halted.as_deref() != device.halted() {
            glance.halted = device.halted().map(str::to_owned);
        }
        glance.staged = device.replica.staged();
        glance.sessions.clear();
        glance.sessions.extend(device.router.sessions().map(|session| SessionGlance {
            peer: session.peer(),
            is_open: session.is_open(),
            in_flight: session.in_flight(),
        }));
    }
}

impl<C: Core> Core for Watched<C> {
    type Call = C::Call;
    type Answer = C::Answer;

    fn device(&mut self) -> &mut Device {
        self.core.device()
    }

    fn handle_call(&mut self, id: CallId, call: Self::Call, now: Now) {
        self.core.handle_call(id, call, now);
    }

    fn handle_input(&mut self, input: Input, now: Now) {
        self.hear(&input);
        self.core.handle_input(input, now);
    }

    fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now) {
        self.core.handle_committed(result, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.core.handle_timeout(now);
    }

    /// The last that a driver asks in each of its turns.
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.leave_glance();
        self.core.poll_timeout()
    }

    fn poll_commit(&mut self) -> Option<Batch> {
        self.core.poll_commit()
    }

    fn poll_answer(&mut self) -> Option<(CallId, Self::Answer)> {
        self.core.poll_answer()
    }
}
