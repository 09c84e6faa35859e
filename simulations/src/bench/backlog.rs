//! A backlog sold while the stall was offline, from the link's return to equal digests.
//!
//! Every sale is one line and one event. Bytes are counted at the control's socket, both ways and
//! receipts included; memory is the most that each process ever held, as the kernel counts it.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::bench::{STALL, finish, one_stall_offline, single};
use crate::replay::Place;
use crate::replay::agreement;
use crate::replay::cluster::Wire;
use crate::replay::progress::{say, show};
use crate::replay::report::{decimal, milliseconds, seconds, thousands};
use crate::replay::selling::{Queue, sell};

/// How large a backlog, and how it is made.
#[derive(Debug, Clone, Args)]
pub struct BacklogOptions {
    /// Sales in the backlog
    #[arg(long, default_value_t = 100_000,
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

/// What moving the backlog took.
#[derive(Debug, Clone, Serialize)]
pub struct BacklogOutcome {
    /// Sales in the backlog.
    pub events: u64,
    /// How long selling it took, in milliseconds.
    pub selling_ms: u64,
    /// From the link's return to equal digests, in milliseconds.
    pub moving_ms: u64,
    /// Events moved in a second of that.
    pub events_per_second: u64,
    /// Bytes at the control's socket in that time.
    pub wire: Wire,
    /// Both directions of that for 1,000 events.
    pub wire_bytes_per_1000_events: u64,
    /// The most memory the node held before the link came back, in bytes.
    pub node_peak_before_bytes: Option<u64>,
    /// The most memory the node ever held, in bytes.
    pub node_peak_bytes: Option<u64>,
    /// The most memory the control held before the link came back, in bytes.
    pub control_peak_before_bytes: Option<u64>,
    /// The most memory the control ever held, in bytes.
    pub control_peak_bytes: Option<u64>,
}

/// Sells the backlog, lets it move, and counts.
pub(super) async fn run(options: &BacklogOptions) -> anyhow::Result<BacklogOutcome> {
    let mut cluster = one_stall_offline(&options.place).await?;
    let stall = cluster.stalls[0].site.clone();
    let selling = Instant::now();
    sell_all(&stall, options).await?;
    let selling_ms = milliseconds(selling.elapsed());
    let before = cluster.control.site.wire().await?;
    let node_peak_before_bytes = cluster.stalls[0].daemon.peak_memory();
    let control_peak_before_bytes = cluster.control.daemon.peak_memory();
    say("the link comes back");
    stall.ask(&["link", "up"]).await?;
    let up = Instant::now();
    agreement::reached(&mut cluster).await.context("while the backlog moved")?;
    let moving_ms = milliseconds(up.elapsed());
    agreement::all_receipted(std::slice::from_ref(&stall)).await?;
    let wire = cluster.control.site.wire().await?.since(before);
    let events = options.events;
    let outcome = BacklogOutcome {
        events,
        selling_ms,
        moving_ms,
        events_per_second: (events * 1000).checked_div(moving_ms).unwrap_or_default(),
        wire,
        wire_bytes_per_1000_events: (wire.bytes() * 1000).checked_div(events).unwrap_or_default(),
        node_peak_before_bytes,
        node_peak_bytes: cluster.stalls[0].daemon.peak_memory(),
        control_peak_before_bytes,
        control_peak_bytes: cluster.control.daemon.peak_memory(),
    };
    finish(cluster, &options.place).await?;
    Ok(outcome)
}

async fn sell_all(
    stall: &crate::replay::cluster::Site,
    options: &BacklogOptions,
) -> anyhow::Result<()> {
    let queue = Queue::new(STALL, (0..options.events).map(single).collect());
    let tills = stall.add_tills(options.tills).await?;
    let selling = sell(vec![(Arc::clone(&queue), tills)]);
    let showing = async {
        show("sold offline", queue.total(), || queue.acknowledged()).await;
        Ok(())
    };
    tokio::try_join!(selling, showing)?;
    Ok(())
}

impl Display for BacklogOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sold = (self.events * 1000).checked_div(self.selling_ms).unwrap_or_default();
        writeln!(f, "sold      {} sales offline, {}/s", thousands(self.events), thousands(sold))?;
        writeln!(
            f,
            "moved     in {}: {} events/s to equal digests",
            seconds(self.moving_ms),
            thousands(self.events_per_second)
        )?;
        writeln!(
            f,
            "wire      {} bytes in, {} out at the control: {} bytes an event",
            thousands(self.wire.received_bytes),
            thousands(self.wire.sent_bytes),
            decimal(self.wire_bytes_per_1000_events, 3)
        )?;
        let mib = |bytes: Option<u64>| {
            bytes.map_or("unknown".to_owned(), |b| format!("{} MiB", decimal((b * 10) >> 20, 1)))
        };
        let (node, control) = (self.node_peak_before_bytes, self.control_peak_before_bytes);
        writeln!(f, "memory    node {}, {} before", mib(self.node_peak_bytes), mib(node))?;
        writeln!(f, "memory    control {}, {} before", mib(self.control_peak_bytes), mib(control))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_rate_bytes_and_memory() {
        let outcome = BacklogOutcome {
            events: 100_000,
            selling_ms: 5_000,
            moving_ms: 800,
            events_per_second: 125_000,
            wire: Wire { sent_bytes: 10_000, received_bytes: 990_000 },
            wire_bytes_per_1000_events: 10_000,
            node_peak_before_bytes: None,
            node_peak_bytes: Some(50 << 20),
            control_peak_before_bytes: Some(20 << 20),
            control_peak_bytes: Some((20 << 20) + (1 << 19)),
        };
        let table = outcome.to_string();
        for told in [
            "100,000 sales offline, 20,000/s",
            "in 800 ms: 125,000 events/s to equal digests",
            "10.000 bytes an event",
            "node 50.0 MiB, unknown before",
            "control 20.5 MiB, 20.0 MiB before",
        ] {
            assert!(table.contains(told), "{told}\nis not in\n{table}");
        }
    }
}
