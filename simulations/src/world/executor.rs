//! Tasks: who is ready goes next, in the order of waking or in one drawn from the seed.
//!
//! One thread. A task belongs to a host and one of its starts, so that a crash can drop all of
//! them between any two polls. It knows no time; timers wake tasks from outside.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use super::draw::Draw;

/// What is run.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whose task it is: a host, and which of its starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The host.
    pub host: usize,
    /// Its how-manieth start.
    pub run: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TaskId {
    slot: usize,
    birth: u64,
}

/// Where tasks are handed over and wake up. Clones share it.
#[derive(Clone, Default)]
pub struct Handle(Arc<Mutex<Queues>>);

#[derive(Default)]
struct Queues {
    ready: VecDeque<TaskId>,
    spawned: Vec<(Owner, Work)>,
}

impl Handle {
    /// Runs `work` for `owner` from the next turn on.
    pub fn spawn(&self, owner: Owner, work: Work) {
        self.lock().spawned.push((owner, work));
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one task.
struct Bell {
    id: TaskId,
    rung: AtomicBool,
    handle: Handle,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            self.handle.lock().ready.push_back(self.id);
        }
    }
}

struct Task {
    id: TaskId,
    owner: Owner,
    /// Absent while it is polled.
    work: Option<Work>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// The tasks of all hosts.
pub struct Executor {
    handle: Handle,
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    births: u64,
    asleep: BTreeSet<usize>,
    /// Ready tasks of hosts that are asleep.
    parked: Vec<TaskId>,
    /// Draws the order of ready tasks; in the order of waking if absent.
    order: Option<Draw>,
    polls: u64,
}

impl Executor {
    /// No tasks. With `order`, a ready task is drawn from it each turn.
    pub fn new(order: Option<Draw>) -> Self {
        Self {
            handle: Handle::default(),
            tasks: Vec::new(),
            free: Vec::new(),
            births: 0,
            asleep: BTreeSet::new(),
            parked: Vec::new(),
            order,
            polls: 0,
        }
    }

    /// Where tasks are handed over.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Polls one ready task and says whose it was; none when nobody is ready.
    pub fn turn(&mut self) -> Option<Owner> {
        loop {
            self.adopt();
            let id = self.pick()?;
            let Some(Some(task)) = self.tasks.get_mut(id.slot).filter(|task| is(task, id)) else {
                continue;
            };
            let owner = task.owner;
            if self.asleep.contains(&owner.host) {
                self.parked.push(id);
                continue;
            }
            let Some(mut work) = task.work.take() else { continue };
            let waker = task.waker.clone();
            task.bell.rung.store(false, Ordering::Relaxed);
            self.polls += 1;
            let done = work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            if let Some(task) = self.tasks[id.slot].as_mut().filter(|_| !done) {
                task.work = Some(work);
            } else {
                self.tasks[id.slot] = None;
                self.free.push(id.slot);
            }
            return Some(owner);
        }
    }

    /// Drops every task of `owner`, in the order of their slots.
    pub fn kill(&mut self, owner: Owner) {
        self.adopt();
        for slot in 0..self.tasks.len() {
            if self.tasks[slot].as_ref().is_some_and(|task| task.owner == owner) {
                self.free.push(slot);
                // Dropped after it has left its slot: what it holds may ring other tasks.
                drop(self.tasks[slot].take());
            }
        }
        // What destructors may have handed over belongs to a machine that is gone.
        let spawned = std::mem::take(&mut self.handle.lock().spawned);
        let (gone, kept): (Vec<_>, Vec<_>) = spawned.into_iter().partition(|(o, _)| *o == owner);
        self.handle.lock().spawned.extend(kept);
        drop(gone);
    }

    /// A host's tasks stand still.
    pub fn pause(&mut self, host: usize) {
        self.asleep.insert(host);
    }

    /// They go on.
    pub fn resume(&mut self, host: usize) {
        self.asleep.remove(&host);
        self.handle.lock().ready.extend(self.parked.drain(..));
    }

    /// Tasks that live.
    pub fn len(&self) -> usize {
        self.tasks.len() - self.free.len()
    }

    /// Whether no task lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Polls so far.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    fn pick(&mut self) -> Option<TaskId> {
        let mut queues = self.handle.lock();
        match &mut self.order {
            None => queues.ready.pop_front(),
            Some(draw) => {
                let count = queues.ready.len() as u64;
                let at = if count > 1 { draw.below(count) as usize } else { 0 };
                queues.ready.swap_remove_front(at)
            }
        }
    }

    /// Takes in what was handed over.
    fn adopt(&mut self) {
        let spawned = {
            let mut queues = self.handle.lock();
            if queues.spawned.is_empty() {
                return;
            }
            std::mem::take(&mut queues.spawned)
        };
        for (owner, work) in spawned {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.tasks.push(None);
                self.tasks.len() - 1
            });
            self.births += 1;
            let id = TaskId { slot, birth: self.births };
            let bell = Bell { id, rung: AtomicBool::new(true), handle: self.handle.clone() };
            let bell = Arc::new(bell);
            let waker = Waker::from(bell.clone());
            self.tasks[slot] = Some(Task { id, owner, work: Some(work), bell, waker });
            self.handle.lock().ready.push_back(id);
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Tasks hold handles on each other through their channels; one by one none is in doubt.
        self.tasks.iter_mut().for_each(|task| drop(task.take()));
    }
}

fn is(task: &Option<Task>, id: TaskId) -> bool {
    task.as_ref().is_some_and(|task| task.id == id)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Notify, mpsc};

    use super::super::draw::Purpose;
    use super::*;

    const ME: Owner = Owner { host: 1, run: 1 };
    const OTHER: Owner = Owner { host: 2, run: 1 };

    fn run(executor: &mut Executor) -> Vec<Owner> {
        std::iter::from_fn(|| executor.turn()).collect()
    }

    #[test]
    fn tasks_pass_things_on_to_each_other() {
        let mut executor = Executor::new(None);
        let (send, mut receive) = mpsc::channel(1);
        let (done, mut finished) = mpsc::channel(9);
        executor.handle().spawn(
            ME,
            Box::pin(async move {
                while let Some(number) = receive.recv().await {
                    done.send(number * 2).await.unwrap();
                }
            }),
        );
        executor.handle().spawn(
            OTHER,
            Box::pin(async move {
                for number in 1..=3 {
                    send.send(number).await.unwrap();
                }
            }),
        );
        run(&mut executor);
        assert!(executor.is_empty());
        let doubled: Vec<i32> = std::iter::from_fn(|| finished.try_recv().ok()).collect();
        assert_eq!(doubled, [2, 4, 6]);
    }

    #[test]
    fn a_killed_owner_loses_its_tasks_and_nobody_elses() {
        let mut executor = Executor::new(None);
        let bell = Arc::new(Notify::new());
        for owner in [ME, OTHER] {
            let bell = bell.clone();
            executor.handle().spawn(owner, Box::pin(async move { bell.notified().await }));
        }
        run(&mut executor);
        executor.kill(ME);
        assert_eq!(executor.len(), 1);
        bell.notify_waiters();
        assert_eq!(run(&mut executor), [OTHER]);
    }

    #[test]
    fn a_sleeping_host_goes_on_where_it_stood() {
        let mut executor = Executor::new(None);
        let bell = Arc::new(Notify::new());
        let waits = bell.clone();
        executor.handle().spawn(ME, Box::pin(async move { waits.notified().await }));
        run(&mut executor);
        executor.pause(ME.host);
        bell.notify_one();
        assert_eq!(run(&mut executor), []);
        executor.resume(ME.host);
        assert_eq!(run(&mut executor), [ME]);
        assert!(executor.is_empty());
    }

    #[test]
    fn the_order_of_ready_tasks_is_drawn_from_the_seed() {
        let order = |seed: u64| {
            let mut executor = Executor::new(Some(Draw::new(seed, Purpose::Schedule)));
            for host in 0..20 {
                executor.handle().spawn(Owner { host, run: 1 }, Box::pin(async {}));
            }
            run(&mut executor).iter().map(|owner| owner.host).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut all = order(1);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
