//! The books, folded a second time: a plain, slow reading of `docs/events.md`.
//!
//! It is written from that page and the payloads alone and shares no code with the projections, so
//! that a mistake would have to be made twice to stay unseen. Loops and ordered maps, quadratic
//! without shame. It never stores anything, and never looks at how the engine folds.

mod facts;
mod findings;
mod goods;
mod money;
mod papers;
mod prices;
mod rights;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, Scope};

pub use facts::{Fact, Facts};
pub use findings::{Evidence, Finding, Rule, Subject};
pub use goods::{Drift, Reservation, Stock, Transfer};
pub use money::{Hour, Item, Sums, TenderName, Tendered};
pub use papers::{Closing, Drawer, Reversal};
pub use prices::{Gathering, Switch, Verdict};
pub use rights::{Balance, Grant, Request};

/// ISO 4217 code.
pub type Currency = [u8; 3];
/// Days since 1970-01-01.
pub type Day = i32;

/// The books of one scope. Quantities are thousandths, amounts minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By SKU and device.
    pub stock: BTreeMap<(String, DeviceId), Stock>,
    /// By the event that reserved.
    pub reservations: BTreeMap<EventId, Reservation>,
    /// By dispatch.
    pub transfers: BTreeMap<EventId, Transfer>,
    /// By SKU and device.
    pub drift: BTreeMap<(String, DeviceId), Drift>,
    /// By device, business day and currency.
    pub sales: BTreeMap<(DeviceId, Day, Currency), Sums>,
    /// By device, business day, local hour and currency.
    pub hours: BTreeMap<(DeviceId, Day, u8, Currency), Hour>,
    /// By SKU, device, business day and currency.
    pub items: BTreeMap<(String, DeviceId, Day, Currency), Item>,
    /// By device, business day, currency and kind.
    pub tenders: BTreeMap<(DeviceId, Day, Currency, TenderName), Tendered>,
    /// By sale.
    pub reversals: BTreeMap<EventId, Reversal>,
    /// By device, till and number: the documents, with the copies printed of each.
    pub receipts: BTreeMap<(DeviceId, String, u64), BTreeMap<EventId, u64>>,
    /// By device, till, business day and currency.
    pub drawers: BTreeMap<(DeviceId, String, Day, Currency), Drawer>,
    /// By device and business day: the closing events.
    pub days: BTreeMap<(DeviceId, Day), BTreeMap<EventId, Closing>>,
    /// By SKU and device.
    pub balances: BTreeMap<(String, DeviceId), Balance>,
    /// By the event that asked; open ones only.
    pub requests: BTreeMap<EventId, Request>,
    /// By the event that granted.
    pub grants: BTreeMap<EventId, Grant>,
    /// By SKU: what forks and forfeits may oversell at most.
    pub exposure: BTreeMap<String, i128>,
    /// By bundle, control and count of pieces.
    pub gatherings: BTreeMap<(Hash, DeviceId, u16), Gathering>,
    /// When bundles come into force, in order of instant, clock and event.
    pub switches: Vec<Switch>,
    /// In order of rule and subject.
    pub findings: BTreeMap<(Rule, Subject), Finding>,
}

/// Folds everything that a replica holds into the books of `scope`. `controls` are the devices
/// that a charter names, or named. The order of `all` does not matter.
pub fn fold(scope: Scope, controls: &BTreeSet<DeviceId>, all: &[Fact]) -> Books {
    let facts = Facts::new(scope, all);
    let mut books = Books::default();
    goods::fold(&facts, &mut books);
    money::fold(&facts, &mut books);
    papers::fold(&facts, &mut books);
    rights::fold(&facts, controls, &mut books);
    prices::fold(&facts, controls, &mut books);
    findings::fold(&facts, controls, &mut books);
    books
}
