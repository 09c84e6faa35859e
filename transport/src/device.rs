//! One device: its replica, its router, and the pipeline of batches between them and the disk.
//!
//! Stalls and controls are this plus their own business. Nothing is sent or answered before the
//! batch that it rests on is durable.

use engine::ids::Log;
use engine::replica::Replica;
use engine::store::{Batch, ReadError, WriteError};

use crate::env::{Instant, Now};
use crate::router::{Close, Router};
use crate::session::{Frame, PathId};
use crate::wire::{Message, Peer};

/// What connections bring.
#[derive(Debug)]
pub enum Input {
    /// A connection was made.
    PathUp(PathId, Peer),
    /// A connection is gone.
    PathDown(PathId),
    /// A message arrived on the control stream.
    Message(PathId, Message),
    /// A segment arrived on a stream of its own.
    Segment(PathId, Vec<u8>),
}

/// A replica and its router.
pub struct Device {
    /// The events and the books.
    pub replica: Replica,
    /// The peers.
    pub router: Router,
    committing: bool,
    halted: Option<String>,
    link_up: bool,
    unwritten: usize,
}

/// Foreign bytes that may wait for the disk before no more are read.
const UNWRITTEN_BYTES_MAX: usize = 4 * 1024 * 1024;

impl Device {
    /// A device with an opened replica and no peers.
    pub fn new(replica: Replica) -> Self {
        Self {
            replica,
            router: Router::default(),
            committing: false,
            halted: None,
            link_up: true,
            unwritten: 0,
        }
    }

    /// Takes what a connection brought.
    pub fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::PathUp(path, peer) => {
                self.router.handle_path_up(path, peer, now, &self.replica);
                if !self.link_up {
                    self.router.close_all("the link is taken off");
                }
            }
            Input::PathDown(path) => self.router.handle_path_down(path),
            Input::Message(path, message) => {
                self.router.handle_message(path, message, now, &mut self.replica);
            }
            Input::Segment(path, bytes) if self.halted.is_none() => {
                self.unwritten += bytes.len();
                self.router.handle_segment(path, &bytes, now, &mut self.replica);
            }
            Input::Segment(..) => {}
        }
    }

    /// Whether no more should be read from the network until the disk has caught up.
    pub fn is_congested(&self) -> bool {
        self.committing && self.unwritten > UNWRITTEN_BYTES_MAX
    }

    /// The next batch for the disk; one at a time, so that what comes meanwhile shares the next.
    pub fn poll_commit(&mut self) -> Option<Batch> {
        if let Some(reason) = self.router.take_broken() {
            self.halted.get_or_insert(reason);
        }
        if self.committing || self.halted.is_some() {
            return None;
        }
        // What is being rebuilt takes one small step with each batch, so that a till waits for one
        // step at the most.
        if let Err(error) = self.replica.rebuild_step() {
            self.halt(&error);
            return None;
        }
        if !self.replica.has_pending() {
            return None;
        }
        match self.replica.close() {
            Ok(batch) => {
                self.committing = true;
                self.unwritten = 0;
                Some(batch)
            }
            Err(error) => {
                self.halt(&error);
                None
            }
        }
    }

    /// The batch is durable, or it failed. Returns the logs whose leaves moved.
    ///
    /// After a failure the disk may hold the batch or not, so nothing more is written in this
    /// epoch: the device halts, and the next start reads what is there.
    pub fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now) -> Vec<Log> {
        self.committing = false;
        match result {
            Ok(()) => {
                let logs = self.replica.committed();
                self.router.handle_committed(&logs, now, &self.replica);
                logs
            }
            Err(error) => {
                self.halted = Some(error.to_string());
                Vec::new()
            }
        }
    }

    /// Whether a batch is on its way to the disk.
    pub fn is_committing(&self) -> bool {
        self.committing
    }

    /// Why nothing is written any more.
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// Stops writing because the store cannot be read: a fact may be folded by half, and must not
    /// reach the disk so.
    pub fn halt(&mut self, error: &ReadError) {
        self.halted.get_or_insert_with(|| error.to_string());
    }

    /// Whether sync is on.
    pub fn link_up(&self) -> bool {
        self.link_up
    }

    /// Takes sync off or on, as a drill.
    pub fn set_link(&mut self, up: bool) {
        self.link_up = up;
        if !up {
            self.router.close_all("the link is taken off");
        }
    }

    /// A timer ran out.
    pub fn handle_timeout(&mut self, now: Now) {
        self.router.handle_timeout(now, &self.replica);
    }

    /// When [`Device::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.router.poll_timeout()
    }

    /// The next thing to send, on a path that is `ready`.
    pub fn poll_transmit(
        &mut self,
        now: Now,
        ready: &dyn Fn(PathId) -> bool,
    ) -> Option<(PathId, Frame)> {
        self.router.poll_transmit(now, &self.replica, ready)
    }

    /// The next path to close.
    pub fn poll_close(&mut self) -> Option<Close> {
        self.router.poll_close()
    }
}

/// Names a call until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// The business of a daemon around its device: calls in, answers out. Drivers know daemons by
/// this alone, in the shell and in the simulator.
pub trait Core: Send + 'static {
    /// What may be asked.
    type Call: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// The device.
    fn device(&mut self) -> &mut Device;
    /// Takes a call; its answer comes from [`Core::poll_answer`].
    fn handle_call(&mut self, id: CallId, call: Self::Call, now: Now);
    /// Takes what a connection brought.
    fn handle_input(&mut self, input: Input, now: Now);
    /// The batch is durable, or it failed.
    fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now);
    /// A timer ran out.
    fn handle_timeout(&mut self, now: Now);
    /// When [`Core::handle_timeout`] is due.
    fn poll_timeout(&mut self) -> Option<Instant>;
    /// The next batch for the disk.
    fn poll_commit(&mut self) -> Option<Batch>;
    /// The next answer.
    fn poll_answer(&mut self) -> Option<(CallId, Self::Answer)>;
}

/// Answers that wait for their batch.
#[derive(Debug)]
pub struct Pending<A> {
    open: Vec<(CallId, A)>,
    committing: Vec<(CallId, A)>,
    ready: std::collections::VecDeque<(CallId, A)>,
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Self { open: Vec::new(), committing: Vec::new(), ready: Default::default() }
    }
}

impl<A> Pending<A> {
    /// Answers once everything decided so far is durable.
    pub fn answer(&mut self, id: CallId, answer: A, device: &Device) {
        if device.replica.has_pending() {
            self.open.push((id, answer));
        } else if device.is_committing() {
            self.committing.push((id, answer));
        } else {
            self.ready.push_back((id, answer));
        }
    }

    /// Answers at once: nothing rests on a batch.
    pub fn answer_now(&mut self, id: CallId, answer: A) {
        self.ready.push_back((id, answer));
    }

    /// A batch was closed.
    pub fn closed(&mut self) {
        self.committing.append(&mut self.open);
    }

    /// The batch is durable.
    pub fn committed(&mut self) {
        self.ready.extend(self.committing.drain(..));
    }

    /// The batch failed: everything that waits is answered with `failure`.
    pub fn failed(&mut self, failure: impl Fn() -> A) {
        let waiting = self.committing.drain(..).chain(self.open.drain(..));
        self.ready.extend(waiting.map(|(id, _)| (id, failure())));
    }

    /// The next answer.
    pub fn poll(&mut self) -> Option<(CallId, A)> {
        self.ready.pop_front()
    }
}
