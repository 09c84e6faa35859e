//! The commands of the protocol-level tier: nights, histories, markets.

use std::ops::Range;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tentpole_simulations::protocol::scenario::{self, Night};
use tentpole_simulations::{escrow, histories, market};

use super::progress;

/// What a night is made of.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct NightFlags {
    /// Stalls of one merchant
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=200))]
    stalls: u16,
    /// Sales over all stalls
    #[arg(long, default_value_t = 120)]
    sales: u32,
    /// Virtual seconds of sales and faults
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Cuts, broken connections and crashes over that time
    #[arg(long, default_value_t = 12)]
    faults: u32,
    /// Messages lost of a thousand
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=900))]
    lost_permille: u16,
}

impl NightFlags {
    /// The night of a seed.
    pub fn night(self, seed: u64) -> Night {
        let mut night = Night::new(seed);
        night.stalls = usize::from(self.stalls);
        night.sales = u64::from(self.sales);
        night.faults = u64::from(self.faults);
        night.length = Duration::from_secs(u64::from(self.seconds));
        night.quality.lost_permille = u64::from(self.lost_permille);
        night
    }
}

/// Runs one night.
pub fn night(night: Night, json: bool) -> anyhow::Result<()> {
    let outcome = scenario::run(night).with_context(|| format!("seed {}", night.seed))?;
    if json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        println!(
            "seed {}: {} sales acknowledged, {} asked of stalls that were down; converged {} ms \
             after the last fault; {} messages, {} bytes; {} events verified; trace {}",
            outcome.seed,
            outcome.acknowledged,
            outcome.refused,
            outcome.heal_ms,
            outcome.sent,
            outcome.sent_bytes,
            outcome.events_verified,
            outcome.trace_hash
        );
    }
    Ok(())
}

/// Runs a night for each seed.
pub fn nights(seeds: Range<u64>, night: NightFlags, json: bool) -> anyhow::Result<()> {
    let bar = progress(&seeds)?;
    let (mut failed, mut slowest) = (Vec::new(), 0);
    for seed in seeds.clone() {
        match scenario::run(night.night(seed)) {
            Ok(outcome) => slowest = slowest.max(outcome.heal_ms),
            Err(error) => {
                bar.println(format!("seed {seed}: {error:#}"));
                failed.push(seed);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let run = seeds.end - seeds.start;
    if json {
        println!("{}", json!({ "seeds": run, "failed": failed, "slowest_heal_ms": slowest }));
    } else {
        println!("{run} seeds, {} failed; slowest convergence {slowest} ms", failed.len());
    }
    anyhow::ensure!(failed.is_empty(), "failing seeds: {failed:?}; `night --seed N` shows one");
    Ok(())
}

/// Runs generated histories and compares their books.
pub fn many_histories(seeds: Range<u64>, json: bool) -> anyhow::Result<()> {
    let bar = progress(&seeds)?;
    let report = histories::sweep(seeds, |so_far| {
        bar.set_position(so_far.histories);
    });
    bar.finish_and_clear();
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for failure in &report.failed {
            println!("seed {}:\n{}\n{}\n", failure.seed, failure.story, failure.history);
        }
        println!(
            "{} histories, {} failed; {} events; {} projections seen twice at one vector, {} \
             compared with the reference",
            report.histories,
            report.failed.len(),
            report.events,
            report.equal,
            report.compared
        );
    }
    let seeds: Vec<u64> = report.failed.iter().map(|failure| failure.seed).collect();
    anyhow::ensure!(seeds.is_empty(), "failing seeds: {seeds:?}; the story of each is above");
    Ok(())
}

/// Sells every basket of every store.
pub fn sell_all(options: &market::Options, json: bool) -> anyhow::Result<()> {
    let outcome = market::run(options)?;
    if json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        println!(
            "{} baskets, {} lines at {} stalls; differences: {} cents, {} thousandths, {} lines; \
             digests equal: {}; {} events verified; {}.{:02} bytes a line",
            outcome.baskets,
            outcome.lines,
            outcome.stalls,
            outcome.cents_difference,
            outcome.quantity_difference,
            outcome.lines_difference,
            outcome.equal_digests,
            outcome.events_verified,
            outcome.bytes_per_line_times_100 / 100,
            outcome.bytes_per_line_times_100 % 100
        );
    }
    outcome.verdict()
}

/// Sells a year with promised goods.
pub fn promise(options: &escrow::Options, json: bool) -> anyhow::Result<()> {
    let report = escrow::run(options, &|words| eprintln!("{words}"))?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!(
            "{} baskets at {} stalls; {} promised items, {} pieces wanted, {} there; {} cuts, \
             stalls apart {} of 1000; naive: {} pieces oversold, of {} items",
            report.baskets,
            report.stalls,
            report.promised,
            report.wanted_pieces,
            report.stock_pieces,
            report.cuts,
            report.apart_permille,
            report.naive.oversold_pieces,
            report.naive.oversold_items
        );
        report.strategies.iter().for_each(|outcome| println!("{}", outcome.in_words()));
    }
    report.verdict()
}
