//! What can be done to a host: starts, stops, crashes, sleep, its disk, its clocks.
//!
//! What does not fit a host's state (a start of one that runs) does nothing.

use std::sync::Arc;
use std::time::Duration;

use engine::store::memory::MemoryStore;
use engine::store::{Batch, Read, ReadError, Store, WriteError};
use transport::env::Env;

use super::drive::Kept;
use super::env::SimEnv;
use super::executor::Owner;
use super::machine::Line;
use super::stage::{Armed, World};
use crate::scenario::Deed;
use crate::scenario::Point;

impl World {
    /// Does something to a host.
    pub fn deed(&mut self, host: usize, deed: &Deed) {
        let now = self.now();
        self.universe.state().trace.did(now, host, &format!("{deed:?}"));
        match deed {
            Deed::Start => self.start(host),
            Deed::Stop => self.stop(host),
            Deed::Crash { point: Point::Now, .. } => self.crash(host, Kept::Drawn),
            Deed::Crash { point, nth } => self.arm(host, *point, *nth),
            Deed::PowerCut { torn_permille } => {
                let kept = torn_permille.map_or(Kept::Nothing, Kept::Permille);
                self.crash(host, kept);
            }
            Deed::Pause => self.pause(host),
            Deed::Resume => self.resume(host),
            Deed::TakeImage(number) => {
                let image = self.universe.state().hosts[host].drive.image();
                self.images.insert((host, *number), image);
            }
            Deed::PutImage(number) => {
                self.crash(host, Kept::Drawn);
                if let Some(image) = self.images.get(&(host, *number)) {
                    self.universe.state().hosts[host].drive.replace(image);
                }
            }
            Deed::Copy { to } => {
                let image = self.universe.state().hosts[host].drive.image();
                self.crash(*to, Kept::Drawn);
                self.universe.state().hosts[*to].drive.replace(&image);
                self.start(*to);
            }
            Deed::Wipe => {
                self.crash(host, Kept::Drawn);
                self.universe.state().hosts[host].drive.replace(&Default::default());
            }
            Deed::DiskEio
            | Deed::DiskFull
            | Deed::DiskWell
            | Deed::DiskSlow(_)
            | Deed::BitRot { .. } => self.disk(host, deed),
            Deed::ClockStep(_) | Deed::ClockDrift(_) | Deed::Clock1970 | Deed::ClockRight => {
                self.clock(host, deed);
            }
            Deed::LinkOff => self.set_link(host, false),
            Deed::LinkOn => self.set_link(host, true),
            Deed::Attack => {
                self.start(host);
                self.attack(host);
            }
            Deed::EndAttack => self.crash(host, Kept::Nothing),
        }
    }

    /// Starts the daemon on what the disk holds. One that cannot start says so and stays down.
    pub fn start(&mut self, host: usize) {
        if self.machines[host].is_none() || self.is_up(host) {
            return;
        }
        self.armed.remove(&host);
        let owner = {
            let mut state = self.universe.state();
            let now = state.now;
            state.hosts[host].start(self.seed, host, now)
        };
        let Some(machine) = &mut self.machines[host] else { return };
        if let Err(cause) = machine.boot(&self.universe, owner) {
            let now = self.now();
            self.failed_starts.push((now, host, cause.to_string()));
            self.end(owner, |world| world.universe.state().hosts[host].drive.finish());
            return;
        }
        for ask in self.tills.unanswered(host) {
            self.put(ask, host);
        }
    }

    /// Asks the daemon to end in order: it finishes its batch and says goodbye.
    pub fn stop(&mut self, host: usize) {
        if let Some(running) = self.machines[host].as_ref().and_then(|m| m.running.as_ref()) {
            running.stop();
        }
    }

    /// Kills the process. Its sockets are severed first, so that nobody hears a goodbye.
    pub fn crash(&mut self, host: usize, kept: Kept) {
        self.armed.remove(&host);
        let owner = {
            let state = self.universe.state();
            let body = &state.hosts[host];
            if !body.up {
                return;
            }
            Owner { host, run: body.run }
        };
        self.end(owner, |world| {
            let waiting = world.universe.state().hosts[host].drive.cut(kept);
            drop(waiting);
        });
    }

    /// A process has ended in order.
    pub(super) fn exited(&mut self, owner: Owner) {
        if self.universe.state().living(owner).is_some() {
            let host = owner.host;
            self.end(owner, |world| world.universe.state().hosts[host].drive.finish());
        }
    }

    fn end(&mut self, owner: Owner, disk: impl FnOnce(&mut Self)) {
        let host = owner.host;
        self.universe.state().hosts[host].sever();
        self.executor.kill(owner);
        if let Some(machine) = &mut self.machines[host] {
            machine.running = None;
        }
        disk(self);
        self.resume(host);
        self.tills.lost(host);
    }

    fn arm(&mut self, host: usize, point: Point, nth: u32) {
        if !self.is_up(host) {
            return;
        }
        let submitted = self.universe.state().hosts[host].drive.submitted;
        let armed = match point {
            Point::Write => Armed::Write(submitted + u64::from(nth.max(1))),
            _ => Armed::Polls(nth.max(1)),
        };
        self.armed.insert(host, armed);
    }

    fn pause(&mut self, host: usize) {
        let mut state = self.universe.state();
        let now = state.now;
        let body = &mut state.hosts[host];
        if body.up && !body.asleep {
            body.asleep = true;
            body.clocks.sleep(now);
            self.executor.pause(host);
        }
    }

    fn resume(&mut self, host: usize) {
        let mut state = self.universe.state();
        let now = state.now;
        let body = &mut state.hosts[host];
        if body.asleep {
            body.asleep = false;
            body.clocks.wake(now);
            state.clock_changed(host);
            drop(state);
            self.executor.resume(host);
        }
    }

    fn disk(&mut self, host: usize, deed: &Deed) {
        let mut state = self.universe.state();
        let drive = &mut state.hosts[host].drive;
        match deed {
            Deed::DiskEio => {
                drive.failing = Some(WriteError::Device("input/output error".into()));
            }
            Deed::DiskFull => {
                drive.failing = Some(WriteError::Full("no space left on device".into()));
            }
            Deed::DiskWell => drive.failing = None,
            Deed::DiskSlow(ms) => drive.slow = Duration::from_millis(u64::from(*ms)),
            Deed::BitRot { bits, luck } => {
                let store: Arc<MemoryStore> = drive.store.clone();
                // A row that cannot be read back from memory is none.
                let _ = rot(&store, *bits, *luck);
            }
            _ => {}
        }
    }

    fn clock(&mut self, host: usize, deed: &Deed) {
        let mut state = self.universe.state();
        let now = state.now;
        let clocks = &mut state.hosts[host].clocks;
        match deed {
            Deed::ClockStep(seconds) => clocks.step(now, i64::from(*seconds) * 1000),
            Deed::ClockDrift(ppm) => clocks.drift(now, *ppm),
            Deed::Clock1970 => clocks.reset(now),
            Deed::ClockRight => clocks.correct(now),
            _ => {}
        }
        state.clock_changed(host);
    }

    fn set_link(&mut self, host: usize, up: bool) {
        let running = self.machines[host].as_ref().and_then(|machine| machine.running.as_ref());
        let Some(running) = running else { return };
        if let Line::Stall(calls) = &running.line {
            let (calls, env) = (calls.clone(), SimEnv::new(self.universe.clone(), running.owner));
            env.spawn(Box::pin(async move {
                // A stall that stops meanwhile has no link either.
                let _ = calls.call(node::core::Call::SetLink(up)).await;
            }));
        }
    }
}

/// Flips bits of what a disk holds.
fn rot(store: &MemoryStore, bits: u32, luck: u64) -> Result<(), ReadError> {
    let mut rows = Vec::new();
    store.scan(&[0], &[0xff; 9], &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    })?;
    rows.retain(|(_, value)| !value.is_empty());
    let mut batch = Batch::default();
    for number in 0..u64::from(bits) {
        if rows.is_empty() {
            break;
        }
        let mixed = blake3::hash(&[luck.to_le_bytes(), number.to_le_bytes()].concat());
        let word = |at: usize| {
            let bytes: [u8; 8] = mixed.as_bytes()[at..at + 8].try_into().unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        let row = (word(0) % rows.len() as u64) as usize;
        let (key, value) = &mut rows[row];
        let bit = (word(8) % (value.len() as u64 * 8)) as usize;
        value[bit / 8] ^= 1 << (bit % 8);
        batch.put(key.clone(), value.clone());
    }
    // A disk that has failed rots unseen.
    let _ = store.write(&batch);
    Ok(())
}
