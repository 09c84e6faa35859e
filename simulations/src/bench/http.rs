//! Acknowledged sales a second over HTTP, by so many tills at once, on one node.
//!
//! Every sale is one line, and counts once its 201 is here, which the node sends after the sync.
//! The node's link is down, so nothing else is measured; the tills share the machine with it.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::bench::{finish, one_stall_offline, single};
use crate::replay::Place;
use crate::replay::api::Api;
use crate::replay::cluster::Site;
use crate::replay::progress::say;
use crate::replay::report::{decimal, thousands};
use crate::replay::selling::{Queue, ring_up};

/// How to measure sales over HTTP.
#[derive(Debug, Clone, Args)]
pub struct HttpOptions {
    /// Concurrent tills, one measurement for each number
    #[arg(long, value_delimiter = ',', default_value = "1,64",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub tills: Vec<u16>,
    /// How long each measurement takes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Print one JSON object on stdout instead of the table
    #[arg(long)]
    pub json: bool,
    /// Where the daemons are and live
    #[command(flatten)]
    pub place: Place,
}

/// Sales over HTTP beside raw writes.
#[derive(Debug, Clone, Serialize)]
pub struct HttpOutcome {
    /// One for each number of tills.
    pub http: Vec<Pace>,
    /// What the store alone does on the same disk; without the feature `rocksdb`, nothing.
    pub raw: Option<Raw>,
}

/// Sales by so many tills.
#[derive(Debug, Clone, Serialize)]
pub struct Pace {
    /// Tills at once.
    pub tills: u16,
    /// Acknowledged in all.
    pub sales: u64,
    /// Acknowledged in a second.
    pub sales_per_second: u64,
    /// Half of the answers took no longer, in microseconds.
    pub median_us: u64,
    /// 99 of 100 answers took no longer, in microseconds.
    pub p99_us: u64,
}

/// Raw synced writes to the project's own RocksDB adapter.
#[derive(Debug, Clone, Serialize)]
pub struct Raw {
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Puts a second, each synced alone.
    pub single_puts_per_second: u64,
    /// Puts a second in synced batches of 64.
    pub batched_puts_per_second: u64,
}

/// Measures the store alone, and then each number of tills.
pub(super) async fn run(options: &HttpOptions) -> anyhow::Result<HttpOutcome> {
    let cluster = one_stall_offline(&options.place).await?;
    let span = Duration::from_secs(options.seconds);
    #[cfg(feature = "rocksdb")]
    let raw = {
        say("raw synced puts, then synced batches");
        let path = cluster.dir.join("raw");
        let measured = tokio::task::spawn_blocking(move || super::raw::run(&path, span)).await;
        Some(measured.context("the raw writes broke off")??)
    };
    #[cfg(not(feature = "rocksdb"))]
    let raw = None;
    let mut http = Vec::new();
    for tills in &options.tills {
        say(&format!("{tills} tills for {} s", options.seconds));
        http.push(pace(&cluster.stalls[0].site, *tills, span).await?);
    }
    finish(cluster, &options.place).await?;
    Ok(HttpOutcome { http, raw })
}

async fn pace(site: &Site, tills: u16, span: Duration) -> anyhow::Result<Pace> {
    let apis = site.add_tills(tills).await?;
    let mut selling = JoinSet::new();
    let began = Instant::now();
    for (nth, api) in (0..).zip(apis) {
        selling.spawn(till(api, format!("{tills}-"), nth, began + span));
    }
    let mut spans = Vec::new();
    while let Some(done) = selling.join_next().await {
        spans.append(&mut done.context("a till ended early")??);
    }
    let took = u64::try_from(began.elapsed().as_millis())?;
    spans.sort_unstable();
    let sales = spans.len() as u64;
    let rank = |percent: usize| spans.get(spans.len() * percent / 100).copied().unwrap_or_default();
    Ok(Pace {
        tills,
        sales,
        sales_per_second: (sales * 1000).checked_div(took).unwrap_or_default(),
        median_us: rank(50),
        p99_us: rank(99),
    })
}

/// Sells until the end. Gives how long each answer took, in microseconds.
async fn till(api: Api, prefix: String, nth: u64, end: Instant) -> anyhow::Result<Vec<u64>> {
    let counts = Queue::new("bench", Vec::new());
    let counts = Arc::as_ref(&counts);
    let mut spans = Vec::new();
    while Instant::now() < end {
        let count = spans.len() as u64;
        let basket = single((nth << 32) + count);
        let sent = Instant::now();
        // Keys belong to a till, and the tills of an earlier measurement had the same names.
        ring_up(&api, &format!("{prefix}{count}"), &basket, counts).await?;
        spans.push(u64::try_from(sent.elapsed().as_micros())?);
    }
    Ok(spans)
}

impl Display for HttpOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Pace { tills, sales_per_second, median_us, p99_us, .. } in &self.http {
            writeln!(
                f,
                "http, {tills} tills: {} sales/s, median {} ms, 99 % within {} ms",
                thousands(*sales_per_second),
                decimal(*median_us, 3),
                decimal(*p99_us, 3)
            )?;
        }
        let Some(raw) = &self.raw else {
            return writeln!(f, "raw writes: not in this build; add `--features rocksdb`");
        };
        let (single, batched) = (raw.single_puts_per_second, raw.batched_puts_per_second);
        writeln!(f, "rocksdb, synced puts of {} bytes: {}/s", raw.value_bytes, thousands(single))?;
        writeln!(f, "rocksdb, the same in synced batches of 64: {}/s", thousands(batched))?;
        for Pace { tills, sales_per_second, .. } in &self.http {
            let ratio = |raw: u64| {
                decimal((sales_per_second * 1000).checked_div(raw).unwrap_or_default(), 3)
            };
            let (to_single, to_batched) = (ratio(single), ratio(batched));
            writeln!(
                f,
                "{tills} tills: {to_single} of synced puts, {to_batched} of synced batches of 64"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_told_for_each_number_of_tills() {
        let pace = |tills, sales_per_second| Pace {
            tills,
            sales: 10,
            sales_per_second,
            median_us: 1_234,
            p99_us: 20_000,
        };
        let raw = Raw {
            value_bytes: 160,
            single_puts_per_second: 35_500,
            batched_puts_per_second: 1_200_000,
        };
        let mut outcome = HttpOutcome { http: vec![pace(1, 3_550), pace(64, 24_000)], raw: None };
        assert!(outcome.to_string().contains("--features rocksdb"));
        outcome.raw = Some(raw);
        let table = outcome.to_string();
        assert!(table.contains("1 tills: 3,550 sales/s, median 1.234 ms, 99 % within 20.000 ms"));
        assert!(table.contains("1 tills: 0.100 of synced puts, 0.002 of synced"), "{table}");
        assert!(table.contains("64 tills: 0.676 of synced puts, 0.020 of synced"), "{table}");
    }
}
