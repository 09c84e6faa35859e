//! Money by day: sales, hours, items, tenders.

use engine::event::Payload;
use engine::event::sale::{Sale, Tender, TenderKind};

use super::facts::named;
use super::{Books, Facts};

/// Sums of a device's business day in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Sales.
    pub baskets: i128,
    /// Their lines.
    pub lines: i128,
    /// Their quantities.
    pub quantity: i128,
    /// Charged.
    pub amount: i128,
    /// Tax within it.
    pub tax: i128,
    /// Taken off before it.
    pub discount: i128,
    /// On top of it.
    pub tips: i128,
    /// Refunds.
    pub refunds: i128,
    /// Paid back by them.
    pub refunded: i128,
    /// Sales of this day that were voided.
    pub voids: i128,
    /// Their amounts.
    pub voided: i128,
}

/// Sums of a local hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    /// Sales.
    pub baskets: i128,
    /// Charged.
    pub amount: i128,
}

/// Sums of a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Item {
    /// Sale lines.
    pub lines: i128,
    /// Their quantities.
    pub quantity: i128,
    /// Charged for them.
    pub amount: i128,
    /// Taken off before.
    pub discount: i128,
    /// Tax within.
    pub tax: i128,
    /// Brought back in refunds.
    pub refunded_quantity: i128,
    /// Paid back.
    pub refunded: i128,
    /// Of voided sales.
    pub voided_quantity: i128,
    /// Of voided sales.
    pub voided: i128,
}

/// A means of payment, in an order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum TenderName {
    Cash,
    Card,
    Voucher,
}

/// Sums of a means of payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tendered {
    /// Tenders of sales.
    pub count: i128,
    /// Handed over.
    pub amount: i128,
    /// Of them, cards of which no acquirer was asked.
    pub offline_count: i128,
    /// Their amounts.
    pub offline: i128,
    /// Given back as change; cash only.
    pub change: i128,
    /// Tenders of refunds.
    pub refund_count: i128,
    /// Paid back by them.
    pub refunded: i128,
    /// Tenders of voided sales.
    pub voided_count: i128,
    /// Their amounts.
    pub voided: i128,
    /// The change of voided sales; cash only.
    pub voided_change: i128,
}

pub(super) fn name(kind: TenderKind) -> TenderName {
    match kind {
        TenderKind::Cash => TenderName::Cash,
        TenderKind::Card => TenderName::Card,
        TenderKind::Voucher => TenderName::Voucher,
    }
}

pub(super) fn amount(sale: &Sale) -> i128 {
    sale.lines.iter().map(|line| i128::from(line.amount)).sum()
}

/// What was handed over less amounts and tip, given in cash. Below zero where a sale lies.
pub(super) fn change(sale: &Sale) -> i128 {
    let tendered: i128 = sale.tenders.iter().map(|tender| i128::from(tender.amount)).sum();
    tendered - amount(sale) - i128::from(sale.tip)
}

pub(super) fn cash(tenders: &[Tender]) -> i128 {
    let cash = tenders.iter().filter(|tender| tender.kind == TenderKind::Cash);
    cash.map(|tender| i128::from(tender.amount)).sum()
}

/// The local hour of a sale, 0 to 23.
fn hour(sale: &Sale) -> u8 {
    let local = i128::from(sale.sold_at_ms) + i128::from(sale.offset_minutes) * 60_000;
    local.div_euclid(3_600_000).rem_euclid(24) as u8
}

pub(super) fn fold(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        match fact.payload() {
            Payload::SaleCompleted(sale) => {
                sum_sale(fact.device(), sale, books);
                tender_sale(fact.device(), sale, books);
            }
            Payload::SaleRefunded(refund) => {
                let (day, currency) = (refund.business_day, refund.currency);
                let sums = books.sales.entry((fact.device(), day, currency)).or_default();
                sums.refunds += 1;
                for line in &refund.lines {
                    sums.refunded += i128::from(line.amount);
                    let key = (line.sku.clone(), fact.device(), day, currency);
                    let item = books.items.entry(key).or_default();
                    item.refunded_quantity += i128::from(line.quantity);
                    item.refunded += i128::from(line.amount);
                }
                for tender in &refund.tenders {
                    let key = (fact.device(), day, currency, name(tender.kind));
                    let row = books.tenders.entry(key).or_default();
                    row.refund_count += 1;
                    row.refunded += i128::from(tender.amount);
                }
            }
            _ => {}
        }
    }
    for (fact, sale) in facts.voided() {
        undo_sale(fact.device(), sale, books);
    }
}

fn sum_sale(device: engine::ids::DeviceId, sale: &Sale, books: &mut Books) {
    let (day, currency) = (sale.business_day, sale.currency);
    let sums = books.sales.entry((device, day, currency)).or_default();
    let by_hour = books.hours.entry((device, day, hour(sale), currency)).or_default();
    sums.baskets += 1;
    sums.tips += i128::from(sale.tip);
    by_hour.baskets += 1;
    for line in &sale.lines {
        let (quantity, amount) = (i128::from(line.quantity), i128::from(line.amount));
        let (discount, tax) = (i128::from(line.discount), i128::from(line.tax));
        sums.lines += 1;
        sums.quantity += quantity;
        sums.amount += amount;
        sums.tax += tax;
        sums.discount += discount;
        by_hour.amount += amount;
        let item = books.items.entry((line.sku.clone(), device, day, currency)).or_default();
        item.lines += 1;
        item.quantity += quantity;
        item.amount += amount;
        item.discount += discount;
        item.tax += tax;
    }
}

fn tender_sale(device: engine::ids::DeviceId, sale: &Sale, books: &mut Books) {
    let (day, currency) = (sale.business_day, sale.currency);
    let offline = named(&sale.accepted_offline, &sale.tenders);
    for (at, tender) in sale.tenders.iter().enumerate() {
        let row = books.tenders.entry((device, day, currency, name(tender.kind))).or_default();
        row.count += 1;
        row.amount += i128::from(tender.amount);
        if tender.kind == TenderKind::Card && offline.contains(&at) {
            row.offline_count += 1;
            row.offline += i128::from(tender.amount);
        }
    }
    if change(sale) != 0 {
        let row = books.tenders.entry((device, day, currency, TenderName::Cash)).or_default();
        row.change += change(sale);
    }
}

/// A void counts on the sale's business day.
fn undo_sale(device: engine::ids::DeviceId, sale: &Sale, books: &mut Books) {
    let (day, currency) = (sale.business_day, sale.currency);
    let sums = books.sales.entry((device, day, currency)).or_default();
    sums.voids += 1;
    sums.voided += amount(sale);
    for line in &sale.lines {
        let item = books.items.entry((line.sku.clone(), device, day, currency)).or_default();
        item.voided_quantity += i128::from(line.quantity);
        item.voided += i128::from(line.amount);
    }
    for tender in &sale.tenders {
        let row = books.tenders.entry((device, day, currency, name(tender.kind))).or_default();
        row.voided_count += 1;
        row.voided += i128::from(tender.amount);
    }
    if change(sale) != 0 {
        let row = books.tenders.entry((device, day, currency, TenderName::Cash)).or_default();
        row.voided_change += change(sale);
    }
}
