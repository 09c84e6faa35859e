//! How long a node with a long history takes from its start to serving.
//!
//! Every sale is one line and one event, sold over HTTP; then the node is killed and started again,
//! and the clock runs until it answers.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::bench::{STALL, finish, one_stall_offline, single};
use crate::replay::Place;
use crate::replay::progress::show;
use crate::replay::report::{decimal, milliseconds, seconds, thousands};
use crate::replay::selling::{Queue, sell};

/// How long a history, and how it is made.
#[derive(Debug, Clone, Args)]
pub struct StartOptions {
    /// Sales in the history
    #[arg(long, default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub events: u64,
    /// Concurrent tills that sell it
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub tills: u16,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub json: bool,
    /// Where the daemons are and live
    #[command(flatten)]
    pub place: Place,
}

/// What a start took.
#[derive(Debug, Clone, Serialize)]
pub struct StartOutcome {
    /// Events that the node held.
    pub events: u64,
    /// How long selling them took, in milliseconds.
    pub selling_ms: u64,
    /// From the start of the process to its first answer, in milliseconds.
    pub serving_ms: u64,
    /// The most memory that the started process held until then, in bytes.
    pub peak_bytes: Option<u64>,
}

/// Sells the history, kills the node and starts it again.
pub(super) async fn run(options: &StartOptions) -> anyhow::Result<StartOutcome> {
    let mut cluster = one_stall_offline(&options.place).await?;
    let site = cluster.stalls[0].site.clone();
    let queue = Queue::new(STALL, (0..options.events).map(single).collect());
    let tills = site.add_tills(options.tills).await?;
    let selling = Instant::now();
    let showing = async {
        show("sold", queue.total(), || queue.acknowledged()).await;
        Ok(())
    };
    tokio::try_join!(sell(vec![(Arc::clone(&queue), tills)]), showing)?;
    let selling_ms = milliseconds(selling.elapsed());
    let stall = &mut cluster.stalls[0];
    stall.daemon.kill()?;
    let started = Instant::now();
    stall.daemon.start_again()?;
    stall.ready().await?;
    let serving_ms = milliseconds(started.elapsed());
    let peak_bytes = stall.daemon.peak_memory();
    let status = site.api.get("/v1/status").await?;
    let events = status["events"].as_u64().context("a status without events")?;
    anyhow::ensure!(events >= options.events, "{events} of {} events are left", options.events);
    finish(cluster, &options.place).await?;
    Ok(StartOutcome { events, selling_ms, serving_ms, peak_bytes })
}

impl Display for StartOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (events, selling) = (thousands(self.events), seconds(self.selling_ms));
        writeln!(f, "history   {events} events, sold in {selling}")?;
        writeln!(f, "start     {} to the first answer", seconds(self.serving_ms))?;
        match self.peak_bytes {
            Some(bytes) => writeln!(f, "memory    {} MiB", decimal((bytes * 10) >> 20, 1)),
            None => writeln!(f, "memory    unknown"),
        }
    }
}
