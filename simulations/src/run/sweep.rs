//! One scenario under many seeds, some at a time, each in a thread of its own from start to end.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Options, Outcome};
use crate::record::marks::Marks;
use crate::scenario::Scenario;

/// What came of a seed.
#[derive(Debug)]
pub struct Seed {
    /// Which.
    pub seed: u64,
    /// How it went, or why it did not go at all.
    pub outcome: anyhow::Result<Outcome>,
}

impl Seed {
    /// Why it failed, in words; none if everything held.
    pub fn failure(&self) -> Option<String> {
        match &self.outcome {
            Ok(outcome) => {
                let first = outcome.violations.first()?;
                Some(format!("{} at {} ms: {}", first.checker, first.at_ms, first.text))
            }
            Err(error) => Some(format!("{error:#}")),
        }
    }
}

/// What came of all.
#[derive(Debug, Default)]
pub struct Sum {
    /// How many ran.
    pub seeds: u64,
    /// Those that failed, in order.
    pub failed: Vec<Seed>,
    /// The marks of all of them.
    pub marks: Marks,
    /// The longest that one took to converge, in virtual milliseconds.
    pub slowest_healing_ms: u64,
    /// Virtual time of all of them.
    pub sim: Duration,
    /// Real time.
    pub wall: Duration,
    /// Datagrams of all of them.
    pub datagrams: u64,
}

impl Sum {
    /// Virtual over real time, rounded down.
    pub fn speed(&self) -> u64 {
        super::runner::speed(self.sim, self.wall)
    }

    /// The marks that the scenario names and no seed reached.
    pub fn unreached(&self, scenario: &Scenario) -> Vec<String> {
        let missing = scenario.marks.iter().filter(|name| self.marks.times(name) == 0);
        missing.cloned().collect()
    }

    fn add(&mut self, seed: Seed) {
        self.seeds += 1;
        if let Ok(outcome) = &seed.outcome {
            self.marks.add(&outcome.marks);
            self.slowest_healing_ms =
                self.slowest_healing_ms.max(outcome.healing_ms.unwrap_or_default());
            self.sim += Duration::from_secs_f64(outcome.sim_seconds);
            self.datagrams += outcome.datagrams;
        }
        if seed.failure().is_some() {
            self.failed.push(seed);
        }
    }
}

/// Runs the seeds, `jobs` at a time. `done` hears of each, in the order in which they end.
pub fn sweep(
    scenario: &Scenario,
    seeds: Range<u64>,
    jobs: usize,
    done: &mut dyn FnMut(&Seed),
) -> Sum {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let options = Options { stop_at_first: true, ..Options::default() };
    let (send, receive) = mpsc::channel();
    let mut sum = Sum::default();
    std::thread::scope(|threads| {
        for _ in 0..jobs.max(1) {
            let (send, next, options, end) = (send.clone(), &next, &options, seeds.end);
            threads.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = super::run(scenario, seed, options);
                    let outcome = outcome.map(|finished| finished.outcome);
                    // Nobody listens any more only when this ends as well.
                    let _ = send.send(Seed { seed, outcome });
                }
            });
        }
        drop(send);
        for seed in receive {
            done(&seed);
            sum.add(seed);
        }
    });
    sum.failed.sort_by_key(|seed| seed.seed);
    sum.wall = began.elapsed();
    sum
}
