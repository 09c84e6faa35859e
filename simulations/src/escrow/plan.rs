//! What is sold, where and when; what there is of it; and which links are cut when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;

use super::Options;
use crate::protocol::world::Draw;
use crate::sales::{Basket, Source};

/// Goods come in before the first customer.
pub const OPENING: Duration = Duration::from_secs(3);
/// Days that a stall is with the others, at most; half of that on average.
const TOGETHER_DAYS: u64 = 20;
/// Days that it is apart, at most.
const APART_DAYS: u64 = 6;
/// Items of which a line may have more pieces are measured, not counted, and never promised.
const PIECES_MAX: u64 = 100_000;

/// Everything that does not depend on a strategy.
pub struct Plan {
    /// Draws the network.
    pub seed: u64,
    /// The stores; the one at index `i` is host `i + 1`, the control is host 0.
    pub stores: Vec<u64>,
    /// The promised items, most popular first.
    pub items: Vec<Item>,
    /// Every basket, in time order.
    pub baskets: Vec<Basket>,
    /// When each basket comes to the till, and at which host.
    pub visits: Vec<(Duration, usize)>,
    /// When the links between two hosts are cut, from and to; no two of a pair overlap.
    pub cuts: Vec<Cut>,
    /// A virtual day.
    pub day: Duration,
    /// When the last customer has come.
    pub end: Duration,
    /// The stalls' share of the time apart from everybody, in thousandths.
    pub apart_permille: u64,
}

/// A promised item. Quantities are thousandths.
pub struct Item {
    /// Its number.
    pub sku: String,
    /// What all customers want.
    pub wanted: u64,
    /// What there is.
    pub stock: u64,
    /// What each stall gets of it, by index.
    pub shares: Vec<u64>,
}

/// A link that is cut for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The hosts, the lower first.
    pub pair: (usize, usize),
    /// When.
    pub from: Duration,
    /// Until when.
    pub to: Duration,
}

impl Plan {
    /// Reads the sales and draws the cuts.
    pub fn make(options: &Options) -> anyhow::Result<Self> {
        let source = match &options.sales {
            Some(file) => Source::File(file.clone()),
            None => Source::Market { seed: options.seed },
        };
        let mut sales = source.load()?;
        let stores = sales.busiest(usize::try_from(options.stores)?, 0)?;
        sales.narrow(&stores, options.days.unwrap_or(u32::MAX));
        let baskets = std::mem::take(&mut sales.baskets);
        drop(sales);
        let items = items(&baskets, stores.len(), options);
        ensure!(!items.is_empty(), "the sales hold no item that is sold in pieces");
        let day = Duration::from_millis(options.day_ms);
        let visits = visits(&baskets, &stores, day)?;
        let end = visits.last().map_or(OPENING, |(at, _)| *at) + day;
        let (apart, outages) = (apart(options.seed, stores.len(), day, end), outages(end, day));
        let cuts = cuts(stores.len(), &apart, &outages);
        let total: Duration = apart.iter().flatten().map(|(from, to)| *to - *from).sum();
        let share = total.as_millis() * 1_000 / (end.as_millis() * stores.len() as u128).max(1);
        let apart_permille = u64::try_from(share)?;
        let seed = options.seed;
        Ok(Self { seed, stores, items, baskets, visits, cuts, day, end, apart_permille })
    }

    /// The links there are: each stall to the control and to the next stall.
    pub fn links(&self) -> Vec<(usize, usize)> {
        let last = self.stores.len();
        let ring = (1..last).map(|host| (host, host + 1)).chain([(1, last)]);
        let star = (1..=last).map(|host| (0, host));
        star.chain(ring.filter(|(a, b)| a != b)).collect()
    }
}

/// The items on most lines, with their stock split evenly; the first stalls get what is left over.
fn items(baskets: &[Basket], stalls: usize, options: &Options) -> Vec<Item> {
    let mut found: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for line in baskets.iter().flat_map(|basket| &basket.lines) {
        let (lines, wanted, most) = found.entry(&line.sku).or_default();
        *lines += 1;
        *wanted += line.quantity_thousandths;
        *most = line.quantity_thousandths.max(*most);
    }
    let mut order: Vec<(u64, &str, u64)> = found
        .into_iter()
        .filter(|(_, (_, wanted, most))| *most <= PIECES_MAX && *wanted > 0)
        .map(|(sku, (lines, wanted, _))| (lines, sku, wanted))
        .collect();
    order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let popular = usize::try_from(options.popular).unwrap_or(usize::MAX);
    let item = |(_, sku, wanted): (u64, &str, u64)| {
        let pieces = wanted / 1_000 * options.stock_permille / 1_000;
        let (each, left) = (pieces / stalls as u64, pieces % stalls as u64);
        let shares = (0..stalls as u64).map(|at| (each + u64::from(at < left)) * 1_000).collect();
        Item { sku: sku.to_owned(), wanted, stock: pieces * 1_000, shares }
    };
    order.into_iter().take(popular).map(item).collect()
}

/// Each basket at its time of the year, compressed.
fn visits(
    baskets: &[Basket],
    stores: &[u64],
    day: Duration,
) -> anyhow::Result<Vec<(Duration, usize)>> {
    let hosts: BTreeMap<u64, usize> =
        stores.iter().enumerate().map(|(at, store)| (*store, at + 1)).collect();
    let mut first = None;
    let mut out = Vec::with_capacity(baskets.len());
    for basket in baskets {
        let at: Timestamp = basket.sold_at.parse().context("a basket's time")?;
        let first = *first.get_or_insert(at.as_second());
        let seconds = u64::try_from(at.as_second() - first).context("baskets in time order")?;
        let nanos = u128::from(seconds) * day.as_nanos() / 86_400;
        out.push((OPENING + Duration::from_nanos(u64::try_from(nanos)?), hosts[&basket.store]));
    }
    Ok(out)
}

type Spans = Vec<(Duration, Duration)>;

/// When each stall is apart from everybody.
fn apart(seed: u64, stalls: usize, day: Duration, end: Duration) -> Vec<Spans> {
    let mut draw = Draw::new(seed, 20);
    let mut days = |most: u64| {
        let part = u32::try_from(1 + draw.below(most * 100)).unwrap_or(u32::MAX);
        day * part / 100
    };
    let mut out = Vec::new();
    for _ in 0..stalls {
        let mut spans = Spans::new();
        let mut at = OPENING + days(TOGETHER_DAYS);
        while at < end {
            let to = (at + days(APART_DAYS)).min(end);
            spans.push((at, to));
            at = to + days(TOGETHER_DAYS);
        }
        out.push(spans);
    }
    out
}

/// When the control is away for everybody: the third week of each eight.
fn outages(end: Duration, day: Duration) -> Spans {
    let starts = (0..).map(|round| OPENING + day * (14 + 56 * round));
    starts.take_while(|at| *at < end).map(|at| (at, (at + day * 7).min(end))).collect()
}

fn cuts(stalls: usize, apart: &[Spans], outages: &Spans) -> Vec<Cut> {
    let mut out = Vec::new();
    let pairs: BTreeSet<(usize, usize)> = (1..=stalls)
        .flat_map(|host| [(0, host), (host, host % stalls + 1)])
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a.min(b), a.max(b)))
        .collect();
    for pair in pairs {
        let of = |host: usize| if host == 0 { outages } else { &apart[host - 1] };
        for (from, to) in merged(of(pair.0), of(pair.1)) {
            out.push(Cut { pair, from, to });
        }
    }
    out
}

/// Both lists as one without overlaps.
fn merged(a: &Spans, b: &Spans) -> Spans {
    let mut all: Spans = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let mut out = Spans::new();
    for (from, to) in all {
        match out.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => out.push((from, to)),
        }
    }
    out
}
