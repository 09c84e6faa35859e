//! The world: virtual time, the queue of what happens next, and the hosts it happens to.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::decide::Refusal;
use engine::decide::rights::Short;
use engine::event::sale::Key;
use engine::ids::Epoch;
use node::core::{Answer, Call, CallError, Request};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use transport::device::{CallId, Core, Input};
use transport::env::{Instant, Now};
use transport::session::{Frame, PathId};
use transport::wire::{self, Peer};

use super::host::{Host, Machine, Setup};
use super::network::{Network, Quality};
use super::tenant::START_MS;

/// A stream of random numbers. Each purpose has its own, so that changing one leaves the others.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `purpose` under `seed`.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Self(rng)
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    /// True `of` times in a thousand.
    pub fn permille(&mut self, of: u64) -> bool {
        self.below(1000) < of
    }
}

/// How long a sync to disk takes.
const SYNC: Duration = Duration::from_millis(2);
/// How long after a broken path the next is dialled.
const REDIAL: Duration = Duration::from_millis(700);

/// Something that is done to the world.
type Deed = Box<dyn FnOnce(&mut World) -> anyhow::Result<()>>;

/// Something that happens at a time.
enum Happening {
    Arrives { to: usize, run: u64, path: PathId, frame: Frame },
    Synced { host: usize, run: u64 },
    Timer { host: usize, run: u64 },
    Dials { a: usize, b: usize },
    Asks { host: usize, request: Box<Request> },
    Does(Deed),
}

/// A fact that a stall said stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The host that said so.
    pub host: usize,
    /// What was asked.
    pub request: Request,
}

/// Hosts, links, time.
pub struct World {
    now: Instant,
    next: u64,
    queue: BTreeMap<(Instant, u64), Happening>,
    /// The machines; by convention the control is the first.
    pub hosts: Vec<Host>,
    /// The links.
    pub network: Network,
    fate: Draw,
    epochs: Draw,
    crashes: Draw,
    asked: BTreeMap<(usize, u64, CallId), Request>,
    next_call: u64,
    /// What was acknowledged.
    pub acknowledged: Vec<Acknowledged>,
    /// What was refused or never answered, in words.
    pub refused: Vec<String>,
    /// Sales that lacked promise rights, by key, until somebody takes them out.
    pub short: BTreeMap<Key, Short>,
    /// Paths that a core closed, in words.
    pub closed: Vec<String>,
    trace: blake3::Hasher,
    /// Messages and segments sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64, quality: Quality) -> Self {
        Self {
            now: Instant::default(),
            next: 0,
            queue: BTreeMap::new(),
            hosts: Vec::new(),
            network: Network::new(quality),
            fate: Draw::new(seed, 1),
            epochs: Draw::new(seed, 2),
            crashes: Draw::new(seed, 3),
            asked: BTreeMap::new(),
            next_call: 0,
            acknowledged: Vec::new(),
            refused: Vec::new(),
            short: BTreeMap::new(),
            closed: Vec::new(),
            trace: blake3::Hasher::new(),
            sent: 0,
            sent_bytes: 0,
        }
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        let ms = u64::try_from(self.now.0.as_millis()).unwrap_or(u64::MAX);
        Now { instant: self.now, wall_ms: START_MS + ms }
    }

    /// A hash over the time, the ends and the length of everything sent, and every draw behind it.
    pub fn trace_hash(&self) -> String {
        self.trace.finalize().to_hex().to_string()
    }

    /// Adds a machine and starts it.
    pub fn add(&mut self, setup: Setup) -> anyhow::Result<usize> {
        self.hosts.push(Host::new(setup));
        let host = self.hosts.len() - 1;
        self.start(host)?;
        Ok(host)
    }

    /// Starts a machine that does not run.
    pub fn start(&mut self, host: usize) -> anyhow::Result<()> {
        let epoch = Epoch(self.epochs.0.next_u64());
        self.hosts[host].start(epoch)?;
        self.pump(host)
    }

    /// Pulls a machine's plug; its peers notice when their paths break.
    pub fn crash(&mut self, host: usize) -> anyhow::Result<()> {
        let keeps = self.crashes.permille(500);
        self.hosts[host].crash(keeps)?;
        for path in self.network.paths_of(host) {
            self.break_path(path)?;
        }
        Ok(())
    }

    /// Keeps a path between two hosts from now on.
    pub fn link(&mut self, a: usize, b: usize) {
        self.after(Duration::ZERO, Happening::Dials { a, b });
    }

    /// Breaks the paths between two hosts; they are dialled anew.
    pub fn break_between(&mut self, a: usize, b: usize) -> anyhow::Result<()> {
        self.network.between(a, b).into_iter().try_for_each(|path| self.break_path(path))
    }

    /// Asks a stall something after a while.
    pub fn ask_after(&mut self, span: Duration, host: usize, request: Request) {
        self.after(span, Happening::Asks { host, request: Box::new(request) });
    }

    /// Does something to the world after a while.
    pub fn do_after(
        &mut self,
        span: Duration,
        what: impl FnOnce(&mut World) -> anyhow::Result<()> + 'static,
    ) {
        self.after(span, Happening::Does(Box::new(what)));
    }

    /// Lets virtual time pass until `until`.
    pub fn run_until(&mut self, until: Instant) -> anyhow::Result<()> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.happen(happening)?;
        }
        self.now = until;
        Ok(())
    }

    fn after(&mut self, span: Duration, happening: Happening) {
        self.next += 1;
        self.queue.insert((self.now.after(span), self.next), happening);
    }

    fn happen(&mut self, happening: Happening) -> anyhow::Result<()> {
        let now = self.now();
        match happening {
            Happening::Does(what) => what(self),
            Happening::Dials { a, b } => self.dial(a, b),
            Happening::Asks { host, request } => self.ask(host, *request),
            Happening::Arrives { to, run, path, frame } => {
                let input = match frame {
                    Frame::Message(message) => Input::Message(path, message),
                    Frame::Segment { bytes, .. } => Input::Segment(path, bytes),
                };
                self.tell(to, run, |machine| machine.handle_input(input, now))
            }
            Happening::Synced { host, run } => {
                if self.hosts[host].run != run {
                    return Ok(());
                }
                let Some(batch) = self.hosts[host].committing.take() else { return Ok(()) };
                let result = engine::store::Store::write(self.hosts[host].store.as_ref(), &batch);
                self.tell(host, run, |machine| machine.handle_committed(result, now))
            }
            Happening::Timer { host, run } => {
                let due = self.hosts[host].timer.is_some_and(|at| at <= now.instant);
                if self.hosts[host].run != run || !due {
                    return Ok(());
                }
                self.hosts[host].timer = None;
                self.tell(host, run, |machine| machine.handle_timeout(now))
            }
        }
    }

    fn tell(
        &mut self,
        host: usize,
        run: u64,
        what: impl FnOnce(&mut Machine),
    ) -> anyhow::Result<()> {
        let target = &mut self.hosts[host];
        if target.run != run {
            return Ok(());
        }
        let Some(machine) = target.machine.as_mut() else { return Ok(()) };
        what(machine);
        self.pump(host)
    }

    fn ask(&mut self, host: usize, request: Request) -> anyhow::Result<()> {
        let (now, run) = (self.now(), self.hosts[host].run);
        let Some(Machine::Stall(stall)) = self.hosts[host].machine.as_mut() else {
            self.refused.push(format!("host {host} is down"));
            return Ok(());
        };
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.asked.insert((host, run, id), request.clone());
        stall.handle_call(id, Call::Write(Box::new(request)), now);
        self.pump(host)
    }

    fn dial(&mut self, a: usize, b: usize) -> anyhow::Result<()> {
        let down = self.hosts[a].machine.is_none() || self.hosts[b].machine.is_none();
        if down || self.network.is_cut(a, b) {
            self.after(REDIAL, Happening::Dials { a, b });
            return Ok(());
        }
        let path = self.network.open(a, b);
        let now = self.now();
        for (host, other) in [(a, b), (b, a)] {
            let peer = Peer { device: self.hosts[other].device(), exporter: [0; 32] };
            let run = self.hosts[host].run;
            self.tell(host, run, |machine| machine.handle_input(Input::PathUp(path, peer), now))?;
        }
        Ok(())
    }

    fn break_path(&mut self, path: PathId) -> anyhow::Result<()> {
        let Some((a, b)) = self.network.close(path) else { return Ok(()) };
        let now = self.now();
        for host in [a, b] {
            let run = self.hosts[host].run;
            self.tell(host, run, |machine| machine.handle_input(Input::PathDown(path), now))?;
        }
        self.after(REDIAL, Happening::Dials { a, b });
        Ok(())
    }

    /// Moves everything that a core has ready.
    fn pump(&mut self, host: usize) -> anyhow::Result<()> {
        let now = self.now();
        let run = self.hosts[host].run;
        let mut closes = Vec::new();
        loop {
            let Some(machine) = self.hosts[host].machine.as_mut() else { return Ok(()) };
            if let Some(batch) = machine.poll_commit() {
                self.hosts[host].committing = Some(batch);
                self.after(SYNC, Happening::Synced { host, run });
                continue;
            }
            if let Some((id, answer)) = machine.poll_answer() {
                self.answered(host, run, id, answer);
                continue;
            }
            if let Some(close) = machine.device().poll_close() {
                // Over a link that is cut no hello can come; any other reason is worth a look.
                if !close.reason.contains("no valid hello") {
                    self.closed.push(format!("host {host} closed a path: {}", close.reason));
                }
                closes.push(close.path);
                continue;
            }
            let Some((path, frame)) = machine.device().poll_transmit(now, &|_| true) else { break };
            self.transmit(host, path, frame)?;
        }
        self.set_timer(host);
        closes.into_iter().try_for_each(|path| self.break_path(path))
    }

    fn answered(&mut self, host: usize, run: u64, id: CallId, answer: Answer) {
        let Some(request) = self.asked.remove(&(host, run, id)) else { return };
        match answer {
            Answer::Written(_) => self.acknowledged.push(Acknowledged { host, request }),
            Answer::Refused(CallError::Refused(Refusal::RightsShort(short))) => {
                self.short.insert(request.key().clone(), short);
            }
            Answer::Refused(error) => self.refused.push(error.to_string()),
            _ => {}
        }
    }

    fn transmit(&mut self, from: usize, path: PathId, frame: Frame) -> anyhow::Result<()> {
        let Some(to) = self.network.other_end(path, from) else { return Ok(()) };
        let bytes = match &frame {
            Frame::Message(message) => wire::encode(message)?.len(),
            Frame::Segment { bytes, .. } => bytes.len(),
        };
        self.sent += 1;
        self.sent_bytes += bytes as u64;
        let fates = self.network.fate(from, to, &mut self.fate);
        for number in [self.now.0.as_nanos() as u64, from as u64, to as u64, bytes as u64] {
            self.trace.update(&number.to_le_bytes());
        }
        for span in fates {
            self.trace.update(&(span.as_nanos() as u64).to_le_bytes());
            let run = self.hosts[to].run;
            self.after(span, Happening::Arrives { to, run, path, frame: frame.clone() });
        }
        Ok(())
    }

    fn set_timer(&mut self, host: usize) {
        let run = self.hosts[host].run;
        let target = &mut self.hosts[host];
        let Some(due) = target.machine.as_mut().and_then(Machine::poll_timeout) else { return };
        if target.timer.is_none_or(|set| due < set) {
            target.timer = Some(due);
            let span = due.since(self.now);
            self.after(span, Happening::Timer { host, run });
        }
    }
}
