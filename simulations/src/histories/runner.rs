//! Running histories: one, or one for each seed, shrinking those that fail.

use std::ops::Range;

use anyhow::Context;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde::Serialize;

use super::steps::{self, History};
use super::world::World;

/// Steps of a history at most.
const STEPS_MAX: usize = 90;
/// Attempts at making a failing history shorter.
const SHRINKS_MAX: u32 = 4_000;

/// What histories came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Histories that ran.
    pub histories: u64,
    /// Facts on the disks at their ends.
    pub events: u64,
    /// Times that a projection was seen at one vector again, and was the same.
    pub equal: u64,
    /// Projections that were compared with the reference.
    pub compared: u64,
    /// The failures, shrunk.
    pub failed: Vec<Failure>,
}

/// A history that failed, as short as it could be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Shows it again.
    pub seed: u64,
    /// What happened and what did not hold, in words.
    pub story: String,
    /// The same as code, for a test that keeps it.
    pub history: String,
}

/// Runs one history to its end. The error tells the story.
pub fn run(history: &History) -> anyhow::Result<Report> {
    let mut world = World::new(history.flavour)?;
    let result = live(&mut world, history);
    result.with_context(|| format!("{};", world.story.join(";\n")))?;
    Ok(Report {
        histories: 1,
        events: world.events(0)?.len() as u64,
        equal: world.seen.equal,
        compared: world.seen.compared,
        failed: Vec::new(),
    })
}

fn live(world: &mut World, history: &History) -> anyhow::Result<()> {
    for step in &history.steps {
        world.run(step)?;
    }
    world.settle()?;
    world.check_settled()
}

/// The history of a seed.
pub fn draw(seed: u64) -> anyhow::Result<History> {
    let tree = steps::histories(STEPS_MAX).new_tree(&mut runner(seed));
    let tree = tree.map_err(|reason| anyhow::anyhow!("no history can be drawn: {reason}"))?;
    Ok(proptest::strategy::ValueTree::current(&tree))
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: 1,
        max_shrink_iters: SHRINKS_MAX,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Runs the history of each seed; `done` hears of each.
pub fn sweep(seeds: Range<u64>, mut done: impl FnMut(&Report)) -> Report {
    let mut total = Report::default();
    for seed in seeds {
        let ran = std::cell::RefCell::new(Report::default());
        let result = runner(seed).run(&steps::histories(STEPS_MAX), |history| {
            let report =
                run(&history).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
            *ran.borrow_mut() = report;
            Ok(())
        });
        let report = ran.into_inner();
        total.histories += 1;
        total.events += report.events;
        total.equal += report.equal;
        total.compared += report.compared;
        if let Err(error) = result {
            let (story, history) = match error {
                TestError::Fail(reason, history) => {
                    (reason.message().to_owned(), format!("{history:?}"))
                }
                TestError::Abort(reason) => (reason.message().to_owned(), String::new()),
            };
            total.failed.push(Failure { seed, story, history });
        }
        done(&total);
    }
    total
}
