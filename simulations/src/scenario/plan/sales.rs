//! Customers: when they come to which stall, what they want, what they bring back.

use std::sync::Arc;
use std::time::Duration;

use super::topology::Extras;
use super::{FIRST_CUSTOMER, Goods, Happening, Item, Line, Machine, OPENING, Refund, Sale, Stock};
use crate::protocol::world::Draw;
use crate::scenario::chance::{self, ONE, Purpose, Zipf};
use crate::scenario::fault::{Fault, HostFault, What};
use crate::scenario::ids::Id;
use crate::scenario::limits::SALES_MAX;
use crate::scenario::spec::{Promise, Scenario, Workload};

/// A customer who brings things back does so between these after the sale.
const REFUND_MS: std::ops::Range<u64> = 30_000..300_000;
/// Minor units of a promised item.
const PROMISED_PRICE: i64 = 2_500;

/// The items of all customers, and the opening stock, that are not left out.
pub(super) fn items(
    scenario: &Scenario,
    faults: &[(String, Fault)],
    extras: &Extras,
    seed: u64,
    items: &mut Vec<Item>,
) {
    let shelf = Shelf::new(&scenario.workload);
    let bound = items.len() + usize::try_from(2 * SALES_MAX).unwrap_or(usize::MAX);
    let present = (1..=scenario.stalls).filter(|stall| scenario.is_present(*stall));
    for stall in present.clone() {
        let goods = shelf.stock(scenario, stall);
        let is_out = scenario.without.contains(&Id::Stock(stall));
        if !goods.is_empty() && !is_out {
            let what = Happening::Stock(Stock { host: stall, goods });
            items.push(Item { id: Id::Stock(stall), at: OPENING, what });
        }
    }
    for stall in present {
        let stream = |purpose| chance::stream(seed, purpose, stall);
        Till { scenario, shelf: &shelf, host: stall, bound }.open(
            FIRST_CUSTOMER,
            scenario.length(),
            stream,
            items,
        );
    }
    for (name, fault) in faults {
        let What::Host(HostFault::Clone { sells: true, .. }) = &fault.what else { continue };
        if scenario.without.contains(&Id::Fault(name.clone())) {
            continue;
        }
        for ((of_fault, of), (host, machine)) in extras.range((name.clone(), 0)..) {
            if of_fault != name || *machine != Machine::CopyOf(*of) {
                break;
            }
            let stream = |purpose| chance::named(seed, purpose, &format!("{name} {of}"));
            let from = fault.at.span() + FIRST_CUSTOMER;
            let lasts = fault.lasts.map_or(scenario.length(), |lasts| lasts.span());
            let to = (fault.at.span().saturating_add(lasts)).min(scenario.length());
            Till { scenario, shelf: &shelf, host: *host, bound }.open(from, to, stream, items);
        }
    }
}

/// What can be bought.
struct Shelf {
    popular: Zipf,
    skus: Vec<Arc<str>>,
    promised: Vec<(Arc<str>, u64)>,
}

impl Shelf {
    fn new(workload: &Workload) -> Self {
        let promised = |promise: &Promise| {
            (Arc::from(promise.sku.as_str()), u64::from(promise.wanted_permille))
        };
        Self {
            popular: Zipf::new(workload.skus, workload.zipf.get()),
            skus: (1..=workload.skus).map(|n| Arc::from(format!("item-{n}"))).collect(),
            promised: workload.promises.iter().map(promised).collect(),
        }
    }

    fn stock(&self, scenario: &Scenario, stall: usize) -> Vec<Goods> {
        let pieces = scenario.workload.opening_stock;
        let plain = self.skus.iter().map(|sku| (sku, pieces, false));
        let promises = self.promised.iter().zip(&scenario.workload.promises);
        let promised =
            promises.map(|((sku, _), promise)| (sku, share(promise, stall, scenario.stalls), true));
        let some = plain.chain(promised).filter(|(_, pieces, _)| *pieces > 0);
        some.map(|(sku, pieces, promised)| Goods { sku: sku.clone(), pieces, promised }).collect()
    }

    fn line(&self, draw: &mut Draw) -> Line {
        let rank = self.popular.draw(draw);
        let pieces = u32::try_from(1 + draw.below(3)).unwrap_or(1);
        let price = 100 + i64::from(rank) * 7_919 % 1_900;
        let sku = self.skus[rank as usize].clone();
        Line { sku, pieces, amount: price * i64::from(pieces) }
    }
}

/// A stall's pieces of a promised item. What does not divide goes to the first stalls, so that all
/// shares together are the stock.
pub(super) fn share(promise: &Promise, stall: usize, stalls: usize) -> u32 {
    let even = vec![1; stalls];
    let weights = if promise.shares.is_empty() { &even } else { &promise.shares };
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    // All up to a stall, rounded up, less all up to the one before.
    let up_to = |stall: usize| {
        let part: u64 = weights.iter().take(stall).map(|weight| u64::from(*weight)).sum();
        (u64::from(promise.stock) * part).div_ceil(total.max(1))
    };
    u32::try_from(up_to(stall) - up_to(stall - 1)).unwrap_or(0)
}

/// Where customers come to.
struct Till<'a> {
    scenario: &'a Scenario,
    shelf: &'a Shelf,
    host: usize,
    bound: usize,
}

impl Till<'_> {
    /// All customers of a time. Each purpose has a stream, so that more lines in a basket, or other
    /// refunds, leave arrivals as they were.
    fn open(
        &self,
        from: Duration,
        to: Duration,
        stream: impl Fn(Purpose) -> Draw,
        items: &mut Vec<Item>,
    ) {
        let workload = &self.scenario.workload;
        let mut arrivals = stream(Purpose::Arrivals);
        let mut baskets = stream(Purpose::Baskets);
        let mut promises = stream(Purpose::Promises);
        let mut refunds = stream(Purpose::Refunds);
        let mut at = millis(from);
        for number in 1.. {
            let Some(next) = self.next_customer(at, millis(to), &mut arrivals) else { break };
            at = next;
            let lines = self.basket(&mut baskets, &mut promises);
            let card = baskets.permille(500);
            let back = refunds.permille(u64::from(workload.refunds_permille));
            let later = REFUND_MS.start + refunds.below(REFUND_MS.end - REFUND_MS.start);
            if items.len() >= self.bound {
                break;
            }
            let sale = Sale { host: self.host, number, lines, card };
            self.add(at, Id::Sale(self.host, number), Happening::Sale(sale), items);
            let is_sold = !self.scenario.without.contains(&Id::Sale(self.host, number));
            if back && is_sold && at + later < millis(to) {
                let refund = Happening::Refund(Refund { host: self.host, number });
                self.add(at + later, Id::Refund(self.host, number), refund, items);
            }
        }
    }

    fn add(&self, at_ms: u64, id: Id, what: Happening, items: &mut Vec<Item>) {
        if !self.scenario.without.contains(&id) {
            items.push(Item { id, at: Duration::from_millis(at_ms), what });
        }
    }

    /// When the next customer comes; `None` if the market is over by then. One on average comes in
    /// the mean time, or in as much less of it as a surge says.
    fn next_customer(&self, mut at: u64, end: u64, draw: &mut Draw) -> Option<u64> {
        let workload = &self.scenario.workload;
        let mean = u128::from(workload.mean_seconds.get());
        // In thousandths of the milliseconds that it would take at the usual pace.
        let mut left = u128::from(chance::wait(draw)) * mean * 1_000 / u128::from(ONE);
        while at < end && mean > 0 {
            let (factor, until) = pace(workload, at, end);
            let here = u128::from(factor) * u128::from(until - at);
            if left < here {
                let step = u64::try_from(left / u128::from(factor.max(1))).unwrap_or(u64::MAX);
                // No two customers of a stall within a millisecond.
                return Some((at + step.max(1)).min(end)).filter(|at| *at < end);
            }
            left -= here;
            at = until;
        }
        None
    }

    fn basket(&self, baskets: &mut Draw, promises: &mut Draw) -> Vec<Line> {
        let most = u64::from(self.scenario.workload.lines.max(1)) * 2 - 1;
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..=baskets.below(most) {
            let line = self.shelf.line(baskets);
            match lines.iter_mut().find(|other| other.sku == line.sku) {
                Some(same) => {
                    same.pieces += line.pieces;
                    same.amount += line.amount;
                }
                None => lines.push(line),
            }
        }
        for (sku, permille) in &self.shelf.promised {
            if promises.permille(*permille) {
                lines.push(Line { sku: sku.clone(), pieces: 1, amount: PROMISED_PRICE });
            }
        }
        lines
    }
}

/// How many times as many customers come at this time, in thousandths, and until when.
fn pace(workload: &Workload, at: u64, end: u64) -> (u64, u64) {
    let starts = workload.surges.iter().map(|surge| surge.from_seconds.get());
    let ends = workload.surges.iter().map(|surge| surge.to_seconds.get());
    let until = starts.chain(ends).filter(|turn| *turn > at).min().unwrap_or(end).min(end);
    let is_on = |from: u64, to: u64| (from..to).contains(&at);
    let on = workload.surges.iter().find(|s| is_on(s.from_seconds.get(), s.to_seconds.get()));
    (on.map_or(1_000, |surge| surge.factor.get()), until)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
