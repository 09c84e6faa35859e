//! One strategy on the real cores: a control and a stall for each store, all of one merchant.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::ensure;
use engine::books::rights as reading;
use engine::escrow::Strategy;
use engine::event::sale::{Key, KeyNumber};
use engine::event::{GoodsLine, GoodsReceived};
use engine::ids::Scope;
use engine::projections::sales::Sums;
use node::core::{Rebalance, Request};
use serde::Serialize;
use transport::env::Instant;

use super::customers::{Refused, Street};
use super::plan::Plan;
use crate::market;
use crate::protocol::network::Quality;
use crate::protocol::tenant::{START_MS, Tenant};
use crate::protocol::world::World;

/// Over how many days a stall expects sales to go on as they did.
const WINDOW_DAYS: u32 = 7;
/// How long a stall counts on an answer: a few round trips of this network.
const ANSWER_MS: u64 = 150;
/// How often a run says how far it is.
const PARTS: u32 = 20;
/// How long the last customers may take.
const CLOSING_MAX: Duration = Duration::from_secs(600);
/// The merchant.
const MERCHANT: &str = "market";

/// What came of a strategy.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Which.
    #[serde(serialize_with = "name")]
    pub strategy: Strategy,
    /// Pieces sold that were not there.
    pub oversold_pieces: u64,
    /// What the books call the exposure, in thousandths, over all items.
    pub exposure: i128,
    /// Pieces sold of the promised items.
    pub sold_pieces: u64,
    /// Pieces of promised items that customers went without.
    pub refused_pieces: u64,
    /// Of them, pieces that stalls together still had when the customer went: all that was wanted.
    pub falsely_refused_pieces: u64,
    /// Lines that customers went without.
    pub refused_lines: u64,
    /// Cents on those lines.
    pub refused_cents: i64,
    /// Sales that waited for rights of others, and got them.
    pub fetched_sales: u64,
    /// Grants accepted, in pieces.
    pub moved_pieces: u64,
    /// Cents by which the books differ from the input less the refused lines.
    pub cents_difference: i128,
    /// Lines by which they differ.
    pub lines_difference: i128,
    /// Whether every host states the same digests once the network is whole.
    pub equal_digests: bool,
    /// Events that each host holds in the end.
    pub events: u64,
    /// Messages and segments sent.
    pub sent: u64,
    /// Virtual seconds.
    pub sim_seconds: u64,
    /// Real milliseconds.
    pub run_ms: u64,
}

fn name<S: serde::Serializer>(strategy: &Strategy, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(strategy.name())
}

impl Outcome {
    /// One line for a person.
    pub fn in_words(&self) -> String {
        format!(
            "{}: {} oversold, {} sold, {} refused ({} falsely), {} moved, {} waited and got it; \
             {} cents off; {} events, {} s",
            self.strategy.name(),
            self.oversold_pieces,
            self.sold_pieces,
            self.refused_pieces,
            self.falsely_refused_pieces,
            self.moved_pieces,
            self.fetched_sales,
            self.cents_difference,
            self.events,
            self.run_ms / 1_000
        )
    }
}

/// Sells every basket of the plan with a strategy, and says how far it is.
pub fn sell(plan: &Plan, strategy: Strategy, say: &dyn Fn(&str)) -> anyhow::Result<Outcome> {
    let began = std::time::Instant::now();
    let scope = shell::read::scope_of(MERCHANT);
    let mut world = set_up(plan, strategy)?;
    let stock = plan.items.iter().map(|item| (item.sku.clone(), item.stock)).collect();
    let refused = Rc::new(RefCell::new(Refused::default()));
    let street = Street { scope, stock: Rc::new(stock), refused: refused.clone() };
    stock_up(plan, &mut world);
    cut(plan, &mut world);
    come(plan, &mut world, street)?;
    let mut at = Instant(plan.end);
    for part in 1..=PARTS {
        world.run_until(Instant(plan.end * part / PARTS))?;
        let percent = 100 * part / PARTS;
        let seconds = began.elapsed().as_secs();
        say(&format!("{}: {percent} % of the customers after {seconds} s", strategy.name()));
    }
    // Customers of the last moment wait, too.
    while refused.borrow().inside > 0 {
        ensure!(at.0 < plan.end + CLOSING_MAX, "{} never left", refused.borrow().inside);
        at = at.after(Duration::from_secs(1));
        world.run_until(at)?;
    }
    world.network.heal();
    let at = market::settle(&mut world, at)?;
    let refused = refused.borrow().clone();
    ensure!(world.refused.is_empty(), "refused: {:?}", world.refused.first());
    ensure!(refused.troubles.is_empty(), "trouble: {:?}", refused.troubles.first());
    let mut outcome = books(plan, &mut world, scope, &refused, strategy)?;
    outcome.sim_seconds = at.0.as_secs();
    outcome.run_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(outcome)
}

fn set_up(plan: &Plan, strategy: Strategy) -> anyhow::Result<World> {
    // QUIC sends again what is lost, within moments; here a day is a moment, so nothing is lost.
    let quality = Quality { delay_ms: 10, jitter_ms: 10, lost_permille: 0, repeated_permille: 0 };
    let mut world = World::new(plan.seed, quality);
    let window = u64::try_from((plan.day * WINDOW_DAYS).as_millis())?;
    for mut setup in Tenant::default().setups(&vec![MERCHANT.to_owned(); plan.stores.len()]) {
        setup.rebalance = Rebalance { answer_ms: ANSWER_MS, ..Rebalance::new(strategy, window) };
        world.add(setup)?;
    }
    for (a, b) in plan.links() {
        world.link(a, b);
    }
    Ok(world)
}

/// Every stall gets its share of the promised items.
fn stock_up(plan: &Plan, world: &mut World) {
    for at in 0..plan.stores.len() {
        let lines = plan.items.iter().filter(|item| item.shares[at] > 0);
        let lines: Vec<GoodsLine> = lines
            .map(|item| GoodsLine { sku: item.sku.clone(), quantity: item.shares[at] })
            .collect();
        // What a stall got nothing of is promised all the same; it learns that from the others.
        let newly = lines.iter().map(|line| line.sku.clone()).collect();
        let key = Key { till: "dock".to_owned(), number: KeyNumber::Counter(1) };
        let at_ms = START_MS.cast_signed();
        let goods = GoodsReceived { key, at_ms, reference: String::new(), lines };
        if !goods.lines.is_empty() {
            world.ask_after(Duration::from_secs(1), at + 1, Request::Promised(goods, newly));
        }
    }
}

fn cut(plan: &Plan, world: &mut World) {
    for cut in &plan.cuts {
        let (a, b) = cut.pair;
        for (at, is_cut) in [(cut.from, true), (cut.to, false)] {
            world.do_after(at, move |world| {
                world.network.set_cut(a, b, is_cut);
                // A connection does not outlive days without an answer; it is dialled anew.
                if is_cut { world.break_between(a, b) } else { Ok(()) }
            });
        }
    }
}

fn come(plan: &Plan, world: &mut World, street: Street) -> anyhow::Result<()> {
    for (number, (basket, (at, host))) in plan.baskets.iter().zip(&plan.visits).enumerate() {
        let sale = market::sale(basket, number as u64)?;
        street.visit_after(*at, world, *host, (sale, market::zero_lines(basket)));
    }
    Ok(())
}

fn books(
    plan: &Plan,
    world: &mut World,
    scope: Scope,
    refused: &Refused,
    strategy: Strategy,
) -> anyhow::Result<Outcome> {
    let equal_digests = market::digests_agree(world)?;
    let events = match world.hosts[0].machine.as_mut() {
        Some(machine) => machine.device().replica.event_count()?,
        None => 0,
    };
    let store = world.hosts[0].store.as_ref();
    let mut sums = Sums::default();
    engine::books::summary(store, scope)?.values().for_each(|stall| sums += *stall);
    let lines = plan.baskets.iter().flat_map(|basket| &basket.lines);
    let (count, cents) =
        lines.fold((0_i128, 0_i128), |(n, c), line| (n + 1, c + i128::from(line.amount_cents)));
    let gone: i64 = refused.lines.iter().map(|(.., cents)| cents).sum();
    let rights = reading::rights(store, scope, None, usize::MAX)?;
    let stock: BTreeMap<&str, u64> =
        plan.items.iter().map(|item| (item.sku.as_str(), item.stock)).collect();
    let (mut sold, mut over, mut moved, mut exposure) = (0, 0, 0, 0);
    for item in &rights {
        let spent: i128 = item.holders.iter().map(|(_, account)| account.spent).sum();
        sold += spent;
        over += (spent - i128::from(stock.get(&*item.sku).copied().unwrap_or(0))).max(0);
        moved += item.holders.iter().map(|(_, account)| account.accepted).sum::<i128>();
        exposure += item.exposure;
        let all = item.holders.iter().all(|(_, account)| account.balance() >= 0);
        ensure!(all, "{}: a balance is negative", item.sku);
    }
    Ok(Outcome {
        strategy,
        oversold_pieces: pieces(over)?,
        exposure,
        sold_pieces: pieces(sold)?,
        refused_pieces: refused.lines.iter().map(|(_, quantity, _)| quantity).sum::<u64>() / 1_000,
        falsely_refused_pieces: refused.falsely / 1_000,
        refused_lines: refused.lines.len() as u64,
        refused_cents: gone,
        fetched_sales: refused.fetched,
        moved_pieces: pieces(moved)?,
        cents_difference: (sums.amount - (cents - i128::from(gone))).abs(),
        lines_difference: (sums.lines - (count - refused.lines.len() as i128)).abs(),
        equal_digests,
        events,
        sent: world.sent,
        sim_seconds: 0,
        run_ms: 0,
    })
}

fn pieces(thousandths: i128) -> anyhow::Result<u64> {
    Ok(u64::try_from(thousandths)? / 1_000)
}
