//! What the daemons can carry, measured on the real binaries over loopback.
//!
//! Absolute figures say little on a shared machine; so each run prints the ratio to what the disk
//! and RocksDB give in the same run, or bytes, which do not depend on the machine. It compares
//! nothing with an earlier run and fails only when something is lost.

mod backlog;
mod fold;
mod http;
#[cfg(feature = "rocksdb")]
mod raw;
mod start;

use std::fmt::Display;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

pub use crate::bench::backlog::{BacklogOptions, BacklogOutcome};
pub use crate::bench::fold::{FoldOptions, FoldOutcome};
pub use crate::bench::http::{HttpOptions, HttpOutcome};
pub use crate::bench::start::{StartOptions, StartOutcome};
use crate::replay::cluster::Cluster;
use crate::replay::{Place, interruptible, progress::say};
use crate::sales::{Basket, Line, sold_at};

/// Products that are sold here.
const PRODUCTS: u64 = 1_000;

/// The stall that sells.
const STALL: &str = "bench";

/// What to measure.
#[derive(Debug, Clone, Subcommand)]
pub enum Bench {
    /// Acknowledged sales a second over HTTP at one node, against synced writes of the store
    Http(HttpOptions),
    /// A backlog sold offline: events a second, bytes and memory until both sides agree
    Backlog(BacklogOptions),
    /// What folding costs: events a second on one core, and the digests' share
    Fold(FoldOptions),
    /// A node with a long history: from its start to serving
    Start(StartOptions),
}

/// Measures, and prints figures on stdout: what `tentpole-sim bench` does.
pub async fn command(bench: Bench) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        say("note: this is a debug build, and so may the daemons be");
    }
    match bench {
        Bench::Http(options) => {
            let measured = interruptible(Box::pin(http::run(&options))).await?;
            print(&measured, options.json)
        }
        Bench::Backlog(options) => {
            let measured = interruptible(Box::pin(backlog::run(&options))).await?;
            print(&measured, options.json)
        }
        Bench::Fold(options) => print(&fold::run(&options)?, options.json),
        Bench::Start(options) => {
            let measured = interruptible(Box::pin(start::run(&options))).await?;
            print(&measured, options.json)
        }
    }
}

fn print(measured: &(impl Display + Serialize), json: bool) -> anyhow::Result<()> {
    match json {
        true => println!("{}", serde_json::to_string_pretty(measured)?),
        false => print!("{measured}"),
    }
    Ok(())
}

/// A control and one stall that knows all products, its link down.
async fn one_stall_offline(place: &Place) -> anyhow::Result<Cluster> {
    let mut cluster = Box::pin(Cluster::start(place, &[STALL.to_owned()])).await?;
    let items: Vec<_> =
        (0..PRODUCTS).map(|n| json!({"sku": sku(n), "name": "bench", "price": 199})).collect();
    cluster.control.site.api.post("/v1/catalogue/items", None, &json!({"items": items})).await?;
    crate::replay::agreement::reached(&mut cluster).await?;
    cluster.stalls[0].site.ask(&["link", "down"]).await?;
    Ok(cluster)
}

/// Ends the daemons, or lets them run on and says where.
async fn finish(cluster: Cluster, place: &Place) -> anyhow::Result<()> {
    if !place.keep {
        return cluster.stop().await;
    }
    for (site, pid) in cluster.keep()? {
        say(&format!("left running: {} at {}, process {pid}", site.name, site.api.base()));
    }
    Ok(())
}

fn sku(number: u64) -> String {
    (1_000_000 + number * 37).to_string()
}

/// A basket of one line; every one another product, amount and second than its neighbours.
fn single(number: u64) -> Basket {
    let line = Line {
        sku: sku(number.wrapping_mul(7_919) % PRODUCTS).into(),
        quantity_thousandths: 1000 * (1 + u64::from(number.is_multiple_of(5))),
        amount_cents: (99 + number.wrapping_mul(31) % 900).cast_signed(),
        discount_cents: 0,
    };
    // Seconds from 2017-01-01T00:00:00-05:00 on.
    let second = 1_483_246_800 + (number % 31_536_000).cast_signed();
    Basket {
        store: 1,
        id: number,
        sold_at: sold_at(second).expect("invariant: a second of 2017 can be written"),
        lines: vec![line],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_sales_differ_from_their_neighbours() {
        let (one, next) = (single(1), single(2));
        assert_ne!(one.lines[0].sku, next.lines[0].sku);
        assert_ne!(one.amount_cents(), next.amount_cents());
        assert_ne!(one.sold_at, next.sold_at);
        assert_eq!(single(u64::MAX).lines.len(), 1);
    }
}
