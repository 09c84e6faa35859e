//! Makes a failing run small: what of a scenario can be left out, and whether the rest still fails
//! in the same way.

use std::time::Duration;

use anyhow::{Context, bail};

use super::{Options, Outcome};
use crate::scenario::{self, Id, Scenario};
use crate::shrink::{self, Effort, Shrunk, Subset};

/// Something that can be left out of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A stall with all of its customers.
    Stall(usize),
    /// A fault, a sale, a refund or an opening stock.
    Item(Id),
}

/// A run that was made small.
#[derive(Debug)]
pub struct Small {
    /// What is left of the scenario; it fails under the same seed.
    pub scenario: Scenario,
    /// The checker that does not hold.
    pub checker: String,
    /// What it says.
    pub text: String,
    /// When it does not hold.
    pub fails_at: Duration,
    /// Runs that it took.
    pub runs: u32,
    /// Whether nothing more of it can be left out.
    pub is_minimal: bool,
}

/// Shrinks a run that fails. `done` hears of each run: whether it still failed.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    effort: Effort,
    done: &mut dyn FnMut(bool),
) -> anyhow::Result<Small> {
    let frozen = scenario::frozen(scenario, seed);
    let Some((checker, ..)) = failure(&frozen, seed) else {
        bail!("seed {seed} of {} does not fail; `sweep` looks for one that does", scenario.name);
    };
    let whole = parts(&frozen, seed);
    let fails = |subset: &Subset<Part>| {
        let smaller = without_the_rest(&frozen, &whole, subset);
        let found = failure(&smaller, seed).filter(|(name, ..)| *name == checker);
        done(found.is_some());
        found.map(|(_, at, _)| at)
    };
    let Shrunk { kept, runs, is_minimal, .. } = shrink::shrink(&whole, effort, fails)?;
    let small = without_the_rest(&frozen, &whole, &kept);
    // Without the faults that are left out the file is easier to read, if it still fails so.
    let tidy = small.tidied();
    let is_same = failure(&tidy, seed).is_some_and(|(name, ..)| name == checker);
    let scenario = if is_same { tidy } else { small };
    let (checker, fails_at, text) =
        failure(&scenario, seed).context("invariant: what was shrunk has failed")?;
    Ok(Small { scenario, checker, text, fails_at, runs, is_minimal })
}

/// The first thing that does not hold under a seed: who says so, when, and what. A run that ends
/// in an error fails, too.
fn failure(scenario: &Scenario, seed: u64) -> Option<(String, Duration, String)> {
    if !scenario::check(scenario).is_empty() {
        return None;
    }
    let options = Options { stop_at_first: true, ..Options::default() };
    match super::run(scenario, seed, &options) {
        Ok(finished) => {
            let Outcome { violations, .. } = finished.outcome;
            let first = violations.into_iter().next()?;
            let at = Duration::from_millis(first.at_ms);
            Some((first.checker.to_owned(), at, first.text))
        }
        Err(error) => Some(("run".to_owned(), scenario.length(), format!("{error:#}"))),
    }
}

/// All that can be left out: stalls before faults before what customers do.
fn parts(scenario: &Scenario, seed: u64) -> Subset<Part> {
    let stalls = (1..=scenario.stalls).filter(|stall| scenario.is_present(*stall));
    let (faults, rest): (Vec<Id>, Vec<Id>) =
        scenario::plan(scenario, seed).ids().into_iter().partition(|id| matches!(id, Id::Fault(_)));
    let items = |ids: Vec<Id>| ids.into_iter().map(Part::Item).collect();
    let groups = vec![stalls.map(Part::Stall).collect(), items(faults), items(rest)];
    Subset { groups, length: scenario.length() }
}

fn without_the_rest(scenario: &Scenario, whole: &Subset<Part>, kept: &Subset<Part>) -> Scenario {
    let (mut ids, mut stalls) = (Vec::new(), Vec::new());
    for (all, kept) in whole.groups.iter().zip(&kept.groups) {
        // Both are in the same order.
        let mut kept = kept.iter().peekable();
        for part in all {
            if kept.next_if_eq(&part).is_some() {
                continue;
            }
            match part {
                Part::Stall(stall) => stalls.push(*stall),
                Part::Item(id) => ids.push(id.clone()),
            }
        }
    }
    let shorter =
        if kept.length < whole.length { scenario.shortened(kept.length) } else { scenario.clone() };
    shorter.leaving_out(ids).sending_home(stalls)
}
