//! The driver: runs a pure core against the world.
//!
//! It moves things and decides nothing: calls and network input go in, batches go to the disk,
//! answers and frames come out. Local calls go before network input, so that a till never waits
//! for a backlog.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::store::WriteError;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use transport::backoff::Backoff;
use transport::device::{CallId, Core, Input};
use transport::env::{BoxFuture, Disk, Env, Instant};
use transport::quic::{Endpoint, Expect};
use transport::session::PathId;

use crate::limits::{CALLS_MAX, INPUTS_A_TURN_MAX, LINK_SETTLED_AFTER};
use crate::paths::{Event, Path, Paths};

/// An address to keep a connection to.
#[derive(Debug, Clone)]
pub struct Dial {
    /// `host:port`.
    pub address: String,
    /// Who must answer there.
    pub expect: Expect,
}

/// What has become durable, for whoever wants to hear of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// Batches so far.
    pub count: u64,
    /// The daemon is about to end.
    pub stopping: bool,
}

/// Asks a running core. Clones share it.
pub struct Calls<C: Core> {
    queue: mpsc::Sender<(C::Call, oneshot::Sender<C::Answer>)>,
    paths: Paths,
    commits: watch::Receiver<Commits>,
}

impl<C: Core> Clone for Calls<C> {
    fn clone(&self) -> Self {
        let Self { queue, paths, commits } = self;
        Self { queue: queue.clone(), paths: paths.clone(), commits: commits.clone() }
    }
}

/// The daemon is stopping; nothing was decided.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the daemon is stopping; try again when it has started")]
pub struct Stopping;

impl<C: Core> Calls<C> {
    /// The answer to `call`, once it is due.
    pub async fn call(&self, call: C::Call) -> Result<C::Answer, Stopping> {
        let (answer, due) = oneshot::channel();
        self.queue.send((call, answer)).await.map_err(|_| Stopping)?;
        due.await.map_err(|_| Stopping)
    }

    /// Changes with every commit.
    pub fn commits(&self) -> watch::Receiver<Commits> {
        self.commits.clone()
    }

    /// The links, for what they carried.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }
}

/// A core about to be driven.
pub struct Driver<C: Core, E: Env> {
    core: C,
    env: E,
    disk: Arc<dyn Disk>,
    calls: mpsc::Receiver<(C::Call, oneshot::Sender<C::Answer>)>,
    events: mpsc::Receiver<Event>,
    paths: Paths,
    live: BTreeMap<PathId, Path>,
    waiting: BTreeMap<CallId, oneshot::Sender<C::Answer>>,
    next_call: u64,
    link: Arc<Link>,
    commits: watch::Sender<Commits>,
}

/// Whether sync is on, for the dialling tasks.
#[derive(Default)]
struct Link {
    down: AtomicBool,
    changed: Notify,
}

type Commit = BoxFuture<'static, Result<(), WriteError>>;

impl<C: Core, E: Env> Driver<C, E> {
    /// A driver for `core`, and the way to ask it.
    pub fn new(core: C, env: E, disk: Arc<dyn Disk>) -> (Self, Calls<C>) {
        let (queue, calls) = mpsc::channel(CALLS_MAX);
        let (paths, events) = Paths::new();
        let commits = watch::Sender::default();
        let handle = Calls { queue, paths: paths.clone(), commits: commits.subscribe() };
        let driver = Self {
            core,
            env,
            disk,
            calls,
            events,
            paths,
            live: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_call: 0,
            link: Arc::default(),
            commits,
        };
        (driver, handle)
    }

    /// Accepts on `endpoint` and keeps a connection to each of `dials`.
    pub fn connect(&self, endpoint: &Endpoint, dials: Vec<Dial>) {
        let (env, paths, listening) = (self.env.clone(), self.paths.clone(), endpoint.clone());
        self.env.spawn(Box::pin(async move {
            while let Some(incoming) = listening.accept().await {
                let (env_, paths) = (env.clone(), paths.clone());
                env.spawn(Box::pin(async move {
                    match incoming.establish().await {
                        Ok(link) => paths.run(&env_, link).await,
                        Err(error) => tracing::debug!(%error, "a peer was not let in"),
                    }
                }));
            }
        }));
        for dial in dials {
            let keep = Keep {
                env: self.env.clone(),
                paths: self.paths.clone(),
                endpoint: endpoint.clone(),
                link: self.link.clone(),
                dial,
            };
            self.env.spawn(Box::pin(keep.run()));
        }
    }

    /// Runs until `stop`, then finishes the batch that is on its way.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut commit: Option<Commit> = None;
        let room = self.paths.room.clone();
        loop {
            self.pump(&mut commit);
            let timer = self.core.poll_timeout();
            let open = !self.core.device().is_congested();
            tokio::select! {
                biased;
                result = ready(&mut commit), if commit.is_some() => {
                    commit = None;
                    self.committed(result);
                }
                () = &mut stop => break,
                Some((call, answer)) = self.calls.recv() => {
                    self.take_call(call, answer);
                    // What has queued up meanwhile shares the next batch.
                    while let Ok((call, answer)) = self.calls.try_recv() {
                        self.take_call(call, answer);
                    }
                }
                Some(event) = self.events.recv(), if open => self.take_events(event),
                () = sleep(&self.env, timer) => self.core.handle_timeout(self.env.now()),
                () = room.notified() => {}
            }
        }
        if let Some(commit) = commit {
            let result = commit.await;
            self.committed(result);
            self.pump(&mut None);
        }
    }

    /// Where the end is told to whoever waits for commits.
    pub fn commits(&self) -> watch::Sender<Commits> {
        self.commits.clone()
    }

    fn committed(&mut self, result: Result<(), WriteError>) {
        let durable = result.is_ok();
        self.core.handle_committed(result, self.env.now());
        self.commits.send_if_modified(|commits| {
            commits.count += u64::from(durable);
            durable
        });
    }

    fn take_call(&mut self, call: C::Call, answer: oneshot::Sender<C::Answer>) {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.waiting.insert(id, answer);
        self.core.handle_call(id, call, self.env.now());
    }

    fn take_events(&mut self, first: Event) {
        self.take_event(first);
        for _ in 1..INPUTS_A_TURN_MAX {
            match self.events.try_recv() {
                Ok(event) => self.take_event(event),
                Err(_) => return,
            }
        }
    }

    fn take_event(&mut self, event: Event) {
        let input = match event {
            Event::Up(id, peer, path) => {
                self.live.insert(id, path);
                Input::PathUp(id, peer)
            }
            Event::Input(input) => {
                if let Input::PathDown(id) = &input {
                    self.live.remove(id);
                }
                input
            }
        };
        self.core.handle_input(input, self.env.now());
    }

    /// Moves everything that the core has ready.
    fn pump(&mut self, commit: &mut Option<Commit>) {
        if commit.is_none()
            && let Some(batch) = self.core.poll_commit()
        {
            *commit = Some(self.disk.submit(batch));
        }
        while let Some((id, answer)) = self.core.poll_answer() {
            if let Some(waiting) = self.waiting.remove(&id) {
                // Whoever asked may have gone; the fact stands all the same.
                let _ = waiting.send(answer);
            }
        }
        let now = self.env.now();
        let live = &self.live;
        let ready = |path: PathId| live.get(&path).is_some_and(Path::is_ready);
        let device = self.core.device();
        while let Some((path, frame)) = device.poll_transmit(now, &ready) {
            if let Some(path) = live.get(&path) {
                path.send(frame);
            }
        }
        while let Some(id) = device.router.poll_admitted() {
            live.get(&id).into_iter().for_each(Path::admit);
        }
        while let Some(close) = device.poll_close() {
            tracing::info!(path = close.path.0, reason = close.reason, "closing a link");
            if let Some(path) = self.live.remove(&close.path) {
                path.close(close.code, &close.reason);
            }
        }
        let down = !self.core.device().link_up();
        if self.link.down.swap(down, Ordering::Relaxed) != down {
            self.link.changed.notify_waiters();
        }
    }
}

/// Keeps one connection up.
struct Keep<E: Env> {
    env: E,
    paths: Paths,
    endpoint: Endpoint,
    link: Arc<Link>,
    dial: Dial,
}

impl<E: Env> Keep<E> {
    async fn run(self) {
        let mut backoff = Backoff::default();
        let mut said = String::new();
        loop {
            let changed = self.link.changed.notified();
            if self.link.down.load(Ordering::Relaxed) {
                changed.await;
                continue;
            }
            match self.connect().await {
                Ok(link) => {
                    said.clear();
                    if self.keep(link).await >= LINK_SETTLED_AFTER {
                        backoff.succeeded();
                    }
                }
                Err(error) if error == said => {}
                Err(error) => {
                    tracing::warn!(address = self.dial.address, error, "no connection");
                    said = error;
                }
            }
            let mut random = [0; 8];
            self.env.fill_random(&mut random);
            let wait = backoff.failed(u64::from_le_bytes(random));
            let until = self.env.now().instant.after(wait);
            tokio::select! {
                biased;
                () = self.link.changed.notified() => {}
                () = self.env.sleep_until(until) => {}
            }
        }
    }

    /// Runs a link until it ends. Returns for how long it held: a peer that closes at once, as one
    /// does that revoked this device, is not dialled any faster than one that is not there.
    async fn keep(&self, link: transport::quic::Link) -> Duration {
        tracing::info!(address = self.dial.address, peer = %link.peer(), "connected");
        let from = self.env.now().instant;
        self.paths.run(&self.env, link).await;
        self.env.now().instant.since(from)
    }

    async fn connect(&self) -> Result<transport::quic::Link, String> {
        let resolved = self.env.resolve(&self.dial.address).await;
        let mut last = "the name resolves to no address".to_owned();
        for address in resolved.map_err(|error| error.to_string())? {
            match self.endpoint.connect(address, self.dial.expect).await {
                Ok(link) => return Ok(link),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

async fn ready(commit: &mut Option<Commit>) -> Result<(), WriteError> {
    match commit {
        Some(commit) => commit.await,
        None => std::future::pending().await,
    }
}

async fn sleep<E: Env>(env: &E, until: Option<Instant>) {
    match until {
        Some(at) => env.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
