//! What all hosts share: time, the agenda, the network; and what the world keeps of each host.
//!
//! Behind one lock that is never contended, because there is one thread. Nothing that could come
//! back here runs while it is held: futures are polled and dropped outside.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::agenda::Agenda;
use super::body::{Body, Packet};
use super::executor::{Handle, Owner};
use super::tap::Tap;
use super::tills::Outcome;
use super::timers::{TimerKey, Timers};
use crate::net::{Delivery, Network};
use crate::record::hash::Trace;

/// Something that happens at a time.
#[derive(Debug)]
pub enum Happening {
    /// A timer may be due.
    Timer(TimerKey),
    /// A datagram arrives.
    Arrives(Box<Delivery>),
    /// A batch is synced.
    Synced(Owner),
}

/// Everything but the tasks.
pub struct State {
    /// The world's own time.
    pub now: Duration,
    /// What happens next.
    pub agenda: Agenda<Happening>,
    /// Who waits for which time.
    pub timers: Timers,
    /// The machines.
    pub hosts: Vec<Body>,
    /// What is between them.
    pub network: Network,
    /// The hash over everything that happens.
    pub trace: Trace,
    /// What tills were answered and nobody has looked at.
    pub outcomes: Vec<Outcome>,
    /// Processes that ended in order.
    pub exited: Vec<Owner>,
    /// Datagrams that left a socket.
    pub datagrams: u64,
    /// Datagrams that arrived at a socket with no room, or at none.
    pub unread: u64,
    /// Where datagrams that arrive are written down.
    pub capture: Option<Tap>,
    /// Kept for its memory alone.
    deliveries: Vec<Delivery>,
}

/// What all hosts share.
pub struct Universe {
    state: Mutex<State>,
    /// Where tasks are handed over.
    pub handle: Handle,
    /// What QUIC's clocks count from. Only differences are ever looked at.
    pub base: std::time::Instant,
}

impl Universe {
    /// A universe at time zero.
    pub fn new(network: Network, hosts: Vec<Body>, handle: Handle) -> Arc<Self> {
        let state = State {
            now: Duration::ZERO,
            agenda: Agenda::default(),
            timers: Timers::default(),
            hosts,
            network,
            trace: Trace::default(),
            outcomes: Vec::new(),
            exited: Vec::new(),
            datagrams: 0,
            unread: 0,
            capture: None,
            deliveries: Vec::new(),
        };
        let base = std::time::Instant::now();
        Arc::new(Self { state: Mutex::new(state), handle, base })
    }

    /// The state. Let go of it before anything is polled or dropped that could come back.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The host's body while the process of `owner` lives.
    pub fn living(&mut self, owner: Owner) -> Option<&mut Body> {
        self.hosts.get_mut(owner.host).filter(|body| body.is(owner.run))
    }

    /// A datagram leaves a socket.
    pub fn send(&mut self, owner: Owner, port: u16, to: SocketAddr, bytes: &[u8]) {
        if self.living(owner).is_none() {
            return;
        }
        self.datagrams += 1;
        self.trace.sent(self.now, owner.host, bytes.len());
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.network.send_into(self.now, owner.host, port, to, bytes, &mut deliveries);
        for delivery in deliveries.drain(..) {
            self.agenda.put(delivery.at, Happening::Arrives(Box::new(delivery)));
        }
        self.deliveries = deliveries;
    }

    /// A datagram arrives, if it still does.
    pub fn arrive(&mut self, delivery: Delivery) {
        if !self.network.lands(&delivery) {
            return;
        }
        let Delivery { host, from, to, bytes, link, .. } = delivery;
        self.trace.arrived(self.now, link.0, bytes.len());
        if let Some(tap) = &mut self.capture {
            tap.take(self.now, link.0, from, to, &bytes);
        }
        let body = self.hosts.get_mut(host).filter(|body| body.up && !body.asleep);
        let inbox = body.and_then(|body| body.sockets.get_mut(&to.port()));
        let taken = inbox.is_some_and(|inbox| inbox.put(Packet { from, bytes }));
        self.unread += u64::from(!taken);
    }

    /// Whether a timer is due; if not, `waker` is woken when it is.
    pub fn poll_timer(&mut self, owner: Owner, key: TimerKey, waker: &Waker) -> Poll<()> {
        let now = self.now;
        let Some(deadline) = self.timers.deadline(key) else { return Poll::Pending };
        let clocks = &self.hosts[owner.host].clocks;
        if clocks.monotonic(now) >= deadline {
            return Poll::Ready(());
        }
        let due = clocks.when(deadline).max(now);
        if let Some(at) = self.timers.watch(key, waker, due) {
            self.agenda.put(at, Happening::Timer(key));
        }
        Poll::Pending
    }

    /// An entry of the agenda says that a timer may be due.
    pub fn look_at_timer(&mut self, key: TimerKey) {
        let Some((owner, deadline)) = self.timers.look(key, self.now) else { return };
        let body = &self.hosts[owner.host];
        if body.asleep {
            // Looked at again when the host wakes.
            return;
        }
        self.set(key, owner.host, deadline);
    }

    /// Every timer of the host is worked out anew: its clock has changed.
    pub fn clock_changed(&mut self, host: usize) {
        for (key, deadline) in self.timers.of_host(host) {
            self.set(key, host, deadline);
        }
    }

    fn set(&mut self, key: TimerKey, host: usize, deadline: Duration) {
        let clocks = &self.hosts[host].clocks;
        if clocks.monotonic(self.now) >= deadline {
            if let Some(waker) = self.timers.fire(key) {
                waker.wake();
            }
            return;
        }
        let due = clocks.when(deadline).max(self.now + Duration::from_nanos(1));
        self.timers.again(key, due);
        self.agenda.put(due, Happening::Timer(key));
    }
}
