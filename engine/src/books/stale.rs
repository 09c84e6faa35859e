//! Sales made on an old price bundle after a newer one was in force, and what that cost.
//!
//! A stall that was cut off sells on what it knew. At each line's `sold_at` the bundle in force is
//! that by everything known here now, whatever the stall knew then. A line is stale when a
//! statement of its own bundle stands before the one in force. What it would have been charged is
//! the price in force for its quantity, rounded half up, less the line's own discount and never
//! below zero; the cost is that less what was charged. Voided sales cost nothing and are left out;
//! refunds are not taken off.
//!
//! It reads every event of the merchant's ledgers, so callers give it a snapshot and a thread.

use std::collections::BTreeMap;
use std::ops::{AddAssign, ControlFlow, RangeInclusive};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bundles;
use crate::event::sale::{Line, Sale};
use crate::event::{Payload, codec};
use crate::hash::Hash;
use crate::ids::{DeviceId, EventId, Lane, Log, Scope};
use crate::keys;
use crate::limits::{BUNDLE_PRICES_MAX, SWITCHES_TRIED_MAX};
use crate::projections::bundles::{Switch, read_switch, switches};
use crate::projections::reversals::{self, Reversal};
use crate::replica::lanes::StoredEvent;
use crate::store::{Read, ReadError};

/// Sales looked at between two scans.
const SALES_A_SCAN: usize = 1024;
/// Bundles whose prices are kept at hand.
const BUNDLES_AT_HAND: usize = 4;

/// What stale lines come to. Money in minor units, quantities in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Lines.
    pub lines: i128,
    /// Their quantities.
    pub quantity: i128,
    /// What was charged for them.
    pub charged: i128,
    /// What the bundle in force would have charged; what it has no price for, as charged.
    pub in_force: i128,
    /// `in_force` less `charged`: below zero where customers paid too much.
    pub cost: i128,
    /// Lines that the bundle in force has no price for.
    pub unpriced: i128,
}

impl AddAssign for Stale {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.quantity += other.quantity;
        self.charged += other.charged;
        self.in_force += other.in_force;
        self.cost += other.cost;
        self.unpriced += other.unpriced;
    }
}

/// The report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Over all stalls and items.
    pub total: Stale,
    /// By stall.
    pub stalls: BTreeMap<DeviceId, Stale>,
    /// By stall and SKU, the first that fit.
    pub rows: BTreeMap<(DeviceId, String), Stale>,
    /// Lines of further SKUs, which only the sums have.
    pub left_out: u64,
}

/// What to report on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The merchant.
    pub scope: Scope,
    /// Business days, since 1970-01-01.
    pub days: RangeInclusive<i32>,
    /// The market's currency; bundles price in no other.
    pub currency: [u8; 3],
    /// Rows at most.
    pub rows_max: usize,
}

/// The statements of when prices hold, in memory.
struct Timetable {
    switches: Vec<(Switch, bool)>,
    /// Where each bundle is first stated.
    first: BTreeMap<Hash, usize>,
}

impl Timetable {
    fn load(store: &dyn Read, scope: Scope) -> Result<Self, ReadError> {
        let (from, to) = switches(scope, None, None);
        let mut found = Vec::new();
        store.scan(&from, &to, &mut |key, value| {
            found.extend(read_switch(key, value));
            ControlFlow::Continue(())
        })?;
        let (mut held, mut first) = (BTreeMap::new(), BTreeMap::new());
        let mut switches = Vec::with_capacity(found.len());
        for (at, switch) in found.into_iter().enumerate() {
            first.entry(switch.bundle).or_insert(at);
            let whole = match held.get(&switch.bundle) {
                Some(whole) => *whole,
                None => bundles::is_held(store, scope, &switch.bundle)?,
            };
            held.insert(switch.bundle, whole);
            switches.push((switch, whole));
        }
        Ok(Self { switches, first })
    }

    /// Where the statement stands that holds at an instant; see [`bundles::in_force`].
    fn in_force(&self, at_ms: i64) -> Option<usize> {
        let end = self.switches.partition_point(|(switch, _)| switch.from_ms <= at_ms);
        (0..end).rev().take(SWITCHES_TRIED_MAX).find(|at| self.switches[*at].1)
    }

    /// The bundle that a line should have been priced from, where its own is an older one.
    fn newer(&self, sold_at_ms: i64, own: Option<Hash>) -> Option<Hash> {
        let (at, own) = self.in_force(sold_at_ms).zip(own)?;
        let newer = self.switches[at].0.bundle;
        let older = self.first.get(&own).is_some_and(|first| *first < at);
        (older && newer != own).then_some(newer)
    }
}

struct Reporter<'a> {
    store: &'a dyn Read,
    question: &'a Question,
    timetable: Timetable,
    at_hand: BTreeMap<Hash, Arc<BTreeMap<String, i64>>>,
    report: Report,
}

/// Reports the stale sales of some business days.
pub fn stale(store: &dyn Read, question: &Question) -> Result<Report, ReadError> {
    let timetable = Timetable::load(store, question.scope)?;
    let (at_hand, report) = Default::default();
    let mut reporter = Reporter { store, question, timetable, at_hand, report };
    for log in super::vector(store)?.0.keys() {
        if log.scope == question.scope && log.lane == Lane::Ledger {
            reporter.look_through(log)?;
        }
    }
    Ok(reporter.report)
}

impl Reporter<'_> {
    fn look_through(&mut self, log: &Log) -> Result<(), ReadError> {
        let (mut from, to) = keys::log_events(&log.id());
        loop {
            let mut sales: Vec<(EventId, Sale)> = Vec::new();
            let mut last = None;
            self.store.scan(&from, &to, &mut |key, row| {
                last = Some(key.to_vec());
                sales.extend(self.sale(key, row));
                let more = sales.len() < SALES_A_SCAN;
                if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            for (id, sale) in &sales {
                self.count(log, id, sale)?;
            }
            match last {
                Some(last) if sales.len() == SALES_A_SCAN => {
                    from = [last.as_slice(), &[0]].concat()
                }
                _ => return Ok(()),
            }
        }
    }

    /// A sale of the days asked about, in the market's currency.
    fn sale(&self, key: &[u8], row: &[u8]) -> Option<(EventId, Sale)> {
        let (id, stored) = keys::read_event_id(key).zip(StoredEvent::from_bytes(row))?;
        let Payload::SaleCompleted(sale) = codec::decode_event(&stored.bytes).ok()?.payload else {
            return None;
        };
        let Question { days, currency, .. } = self.question;
        (days.contains(&sale.business_day) && sale.currency == *currency).then_some((id, sale))
    }

    fn count(&mut self, log: &Log, id: &EventId, sale: &Sale) -> Result<(), ReadError> {
        let newer = |at| self.timetable.newer(sale.sold_at_ms, sale.bundle_of(at));
        let stale: Vec<(Hash, &Line)> = (0..)
            .zip(&sale.lines)
            .filter_map(|(at, line)| newer(at).map(|newer| (newer, line)))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        let row = self.store.get(&reversals::key(self.question.scope, id))?;
        let reversal: Reversal = crate::projections::read(row)?;
        if reversal.voided {
            return Ok(());
        }
        for (newer, line) in stale {
            let price = self.prices(&newer)?.get(&line.sku).copied();
            self.add(log.device, line, price);
        }
        Ok(())
    }

    fn add(&mut self, stall: DeviceId, line: &Line, price: Option<i64>) {
        let charged = i128::from(line.amount);
        let due = |price: i64| {
            let full = (i128::from(price) * i128::from(line.quantity) + 500) / 1000;
            (full - i128::from(line.discount)).max(0)
        };
        let in_force = price.map_or(charged, due);
        let more = Stale {
            lines: 1,
            quantity: i128::from(line.quantity),
            charged,
            in_force,
            cost: in_force - charged,
            unpriced: i128::from(price.is_none()),
        };
        let Report { total, stalls, rows, left_out } = &mut self.report;
        *total += more;
        *stalls.entry(stall).or_default() += more;
        let key = (stall, line.sku.clone());
        if rows.contains_key(&key) || rows.len() < self.question.rows_max {
            *rows.entry(key).or_default() += more;
        } else {
            *left_out += 1;
        }
    }

    /// The prices of a bundle that is whole.
    fn prices(&mut self, bundle: &Hash) -> Result<Arc<BTreeMap<String, i64>>, ReadError> {
        if let Some(prices) = self.at_hand.get(bundle) {
            return Ok(Arc::clone(prices));
        }
        let scope = self.question.scope;
        let prices = bundles::prices(self.store, scope, bundle, None, BUNDLE_PRICES_MAX)?;
        let prices = prices.unwrap_or_default().into_iter().map(|price| (price.sku, price.price));
        let prices = Arc::new(prices.collect::<BTreeMap<_, _>>());
        if self.at_hand.len() >= BUNDLES_AT_HAND {
            self.at_hand.clear();
        }
        self.at_hand.insert(*bundle, Arc::clone(&prices));
        Ok(prices)
    }
}
