//! Timers on the clocks of hosts. They fire when the host's own clock has got there, whatever it
//! did meanwhile: drift, stand still, or jump.

use std::task::Waker;
use std::time::Duration;

use super::executor::Owner;

/// Names a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerKey {
    slot: usize,
    birth: u64,
}

#[derive(Debug)]
struct Timer {
    key: TimerKey,
    owner: Owner,
    /// On the host's monotonic clock.
    deadline: Duration,
    waker: Option<Waker>,
    /// The entry of the agenda that will look at it; the only one that counts.
    entry: Option<Duration>,
}

/// Every timer of every host.
#[derive(Debug, Default)]
pub struct Timers {
    slots: Vec<Option<Timer>>,
    free: Vec<usize>,
    births: u64,
}

impl Timers {
    /// A timer of `owner`, due when its monotonic clock shows `deadline`.
    pub fn open(&mut self, owner: Owner, deadline: Duration) -> TimerKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.births += 1;
        let key = TimerKey { slot, birth: self.births };
        self.slots[slot] = Some(Timer { key, owner, deadline, waker: None, entry: None });
        key
    }

    /// Moves the deadline.
    pub fn reset(&mut self, key: TimerKey, deadline: Duration) {
        if let Some(timer) = self.get(key) {
            timer.deadline = deadline;
        }
    }

    /// Nobody waits any more.
    pub fn close(&mut self, key: TimerKey) {
        if self.get(key).is_some() {
            self.slots[key.slot] = None;
            self.free.push(key.slot);
        }
    }

    /// When it is due, on its host's clock.
    pub fn deadline(&mut self, key: TimerKey) -> Option<Duration> {
        self.get(key).map(|timer| timer.deadline)
    }

    /// Wakes `waker` once due. Gives the instant at which the agenda must look, if no entry that
    /// is as early is there; `due` is the instant at which the host's clock shows the deadline.
    pub fn watch(&mut self, key: TimerKey, waker: &Waker, due: Duration) -> Option<Duration> {
        let timer = self.get(key)?;
        match &mut timer.waker {
            Some(held) => held.clone_from(waker),
            held @ None => *held = Some(waker.clone()),
        }
        if timer.entry.is_some_and(|entry| entry <= due) {
            return None;
        }
        timer.entry = Some(due);
        Some(due)
    }

    /// The agenda looks at `now`. Gives whose timer it is and its deadline, if this entry counts
    /// and somebody waits.
    pub fn look(&mut self, key: TimerKey, now: Duration) -> Option<(Owner, Duration)> {
        let timer = self.get(key).filter(|timer| timer.entry == Some(now))?;
        timer.entry = None;
        timer.waker.as_ref()?;
        Some((timer.owner, timer.deadline))
    }

    /// The agenda will look again at `at`.
    pub fn again(&mut self, key: TimerKey, at: Duration) {
        if let Some(timer) = self.get(key) {
            timer.entry = Some(at);
        }
    }

    /// It is due: who is to be woken.
    pub fn fire(&mut self, key: TimerKey) -> Option<Waker> {
        self.get(key)?.waker.take()
    }

    /// Every timer of a host that somebody waits for, with its deadline: its clock has changed.
    pub fn of_host(&mut self, host: usize) -> Vec<(TimerKey, Duration)> {
        let waited = |timer: &&mut Timer| timer.owner.host == host && timer.waker.is_some();
        let timers = self.slots.iter_mut().flatten().filter(waited);
        timers.map(|timer| (timer.key, timer.deadline)).collect()
    }

    fn get(&mut self, key: TimerKey) -> Option<&mut Timer> {
        self.slots.get_mut(key.slot)?.as_mut().filter(|timer| timer.key == key)
    }
}
