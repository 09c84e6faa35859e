//! `tentpole-sim`: see `tentpole-sim --help`.

use std::ops::Range;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use shell::Exit;
use tentpole_simulations::protocol::scenario::{self, Night};
use tentpole_simulations::{bench, escrow, histories, market, replay};

/// Runs Tentpole in made-up and in real markets, and checks every cent.
///
/// Exit codes: 0 everything held, 1 something did not, 2 usage.
#[derive(Debug, Parser)]
#[command(name = "tentpole-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one market night with faults, at the protocol level, in virtual time
    Run {
        /// Draws sales, faults and the network
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        night: NightFlags,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run many nights, one for each seed
    Sweep {
        /// FIRST..END, END not included
        #[arg(long, default_value = "0..100", value_parser = seeds)]
        seeds: Range<u64>,
        #[command(flatten)]
        night: NightFlags,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run generated histories, one for each seed, and compare all books with a second fold
    Histories {
        /// FIRST..END, END not included
        #[arg(long, default_value = "0..1000", value_parser = seeds)]
        seeds: Range<u64>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell every basket of every store at the protocol level
    Market {
        #[command(flatten)]
        options: market::Options,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell a year with the popular items short and promised, on stalls that are cut off
    Escrow {
        #[command(flatten)]
        options: escrow::Options,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Sell a year again through the real binaries; what `make demo` does
    Replay(replay::Options),
    /// Measure the real binaries
    #[command(subcommand)]
    Bench(bench::Bench),
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct NightFlags {
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
    fn night(self, seed: u64) -> Night {
        let mut night = Night::new(seed);
        night.stalls = usize::from(self.stalls);
        night.sales = u64::from(self.sales);
        night.faults = u64::from(self.faults);
        night.length = Duration::from_secs(u64::from(self.seconds));
        night.quality.lost_permille = u64::from(self.lost_permille);
        night
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let mend = || format!("{text:?} is not FIRST..END, as in 0..100");
    let (first, end) = text.split_once("..").ok_or_else(mend)?;
    let range = first.parse().map_err(|_| mend())?..end.parse().map_err(|_| mend())?;
    if range.is_empty() { Err(mend()) } else { Ok(range) }
}

#[tokio::main]
async fn main() -> Exit {
    match execute(Cli::parse().command).await {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::Refused
        }
    }
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { seed, night, json } => run(night.night(seed), json),
        Command::Sweep { seeds, night, json } => sweep(seeds, night, json),
        Command::Histories { seeds, json } => many_histories(seeds, json),
        Command::Market { options, json } => sell_all(&options, json),
        Command::Escrow { options, json } => promise(&options, json),
        Command::Replay(options) => replay::command(options).await,
        Command::Bench(bench) => bench::command(bench).await,
    }
}

fn run(night: Night, json: bool) -> anyhow::Result<()> {
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

fn sweep(seeds: Range<u64>, night: NightFlags, json: bool) -> anyhow::Result<()> {
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
    anyhow::ensure!(failed.is_empty(), "failing seeds: {failed:?}; `run --seed N` shows one");
    Ok(())
}

fn progress(seeds: &Range<u64>) -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(seeds.end - seeds.start);
    let style = "{bar:40} {pos}/{len} seeds, {eta} left";
    bar.set_style(ProgressStyle::with_template(style)?);
    Ok(bar)
}

fn many_histories(seeds: Range<u64>, json: bool) -> anyhow::Result<()> {
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

fn sell_all(options: &market::Options, json: bool) -> anyhow::Result<()> {
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

fn promise(options: &escrow::Options, json: bool) -> anyhow::Result<()> {
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
