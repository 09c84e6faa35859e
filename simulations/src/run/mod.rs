//! Runs a scenario: its plan under a seed on a world, with checkers, marks and a picture beside it.
//!
//! - [`Outcome`]: how it went, as numbers. [`runner`] goes through the plan, `heal` ends it.
//! - [`customers`], [`requests`]: what people do at tills.
//! - [`strangers`]: what those throw who belong to nobody.
//! - [`sweep`](mod@sweep), [`shrinking`]: many runs.
//! - [`views`], [`notice`], [`picture`]: what is seen of it from outside.
//!
//! What looks changes nothing: a run that is watched and one that is not have the same trace.

pub mod customers;
mod heal;
pub mod limits;
pub mod notice;
pub mod outcome;
pub mod picture;
pub mod requests;
pub mod runner;
pub mod shrinking;
pub mod strangers;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod traces;
pub mod views;

use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use anyhow::{Context, anyhow};

pub use outcome::Outcome;
pub use runner::Runner;

use crate::net::pcap::Capture;
use crate::record::run::Run;
use crate::scenario::{self, Scenario};

/// What a run leaves behind beside its outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Write it down for a picture.
    pub picture: bool,
    /// End with the first thing that does not hold.
    pub stop_at_first: bool,
    /// Write every datagram that arrives to this file.
    pub capture: Option<PathBuf>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// How it went.
    pub outcome: Outcome,
    /// For its picture, if one was asked for.
    pub run: Option<Run>,
}

/// Runs a scenario under a seed. A panic of what runs in it is an error that names the seed.
pub fn run(scenario: &Scenario, seed: u64, options: &Options) -> anyhow::Result<Finished> {
    let traces = traces::load(scenario)?;
    let plan = scenario::plan(scenario, seed);
    let capture = match &options.capture {
        None => None,
        Some(path) => {
            let file = File::create(path)
                .with_context(|| format!("the capture cannot be written to {}", path.display()))?;
            let epoch = std::time::Duration::from_millis(crate::protocol::tenant::START_MS);
            Some(Capture::new(BufWriter::new(file), epoch)?)
        }
    };
    let all = || Runner::new(&plan, &traces, options, capture)?.run();
    let at = || format!("scenario {}, seed {seed}", plan.name);
    match catch_unwind(AssertUnwindSafe(all)) {
        Ok(finished) => finished.with_context(at),
        Err(panic) => {
            let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
            let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(anyhow!("panicked: {}", words.unwrap_or_default())).with_context(at)
        }
    }
}

/// Runs the scenario that a text of TOML describes, for a committed regression.
pub fn run_text(text: &str, seed: u64) -> anyhow::Result<Run> {
    let scenario = scenario::read("regression.toml", text, &[])?;
    let options = Options { picture: true, ..Options::default() };
    let finished = run(&scenario, seed, &options)?;
    finished.run.context("a run with a picture has one")
}
