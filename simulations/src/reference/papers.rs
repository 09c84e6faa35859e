//! Paper and drawers: reversals, receipts, cash, closed days.

use std::collections::BTreeMap;

use engine::event::{CashDirection, Payload};
use engine::ids::EventId;

use super::money::{cash, change};
use super::{Books, Facts};

/// What was taken back of a sale, whether or not the sale is held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversal {
    /// Undone as a whole.
    pub voided: bool,
    /// Quantity and amount refunded, by line.
    pub lines: BTreeMap<u16, (i128, i128)>,
}

/// The cash of a till on a business day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drawer {
    /// Counted at the opening of shifts.
    pub floats: i128,
    /// Taken by sales, less change.
    pub sales: i128,
    /// Paid back by refunds.
    pub refunds: i128,
    /// Given back by voids.
    pub voids: i128,
    /// Change put in.
    pub paid_in: i128,
    /// Expenses.
    pub paid_out: i128,
    /// Brought to the safe.
    pub dropped: i128,
    /// Counted at the closing of shifts.
    pub counted: i128,
}

impl Drawer {
    /// What should lie there.
    pub fn expected(&self) -> i128 {
        self.floats + self.sales - self.refunds - self.voids + self.paid_in
            - self.paid_out
            - self.dropped
    }
}

/// A close of a business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// Counted over all drawers.
    pub counted: i64,
    /// Expected in them.
    pub expected: i64,
}

pub(super) fn fold(facts: &Facts<'_>, books: &mut Books) {
    reverse(facts, books);
    number(facts, books);
    fill_drawers(facts, books);
    for fact in &facts.ledger {
        if let Payload::DayClosed(it) = fact.payload() {
            let (currency, counted, expected) = (it.currency, it.counted, it.expected);
            let day = books.days.entry((fact.device(), it.business_day)).or_default();
            day.insert(fact.id, Closing { currency, counted, expected });
        }
    }
}

fn reverse(facts: &Facts<'_>, books: &mut Books) {
    for (_, refund) in facts.refunds() {
        let reversal = books.reversals.entry(refund.sale).or_default();
        for line in &refund.lines {
            let sums = reversal.lines.entry(line.line).or_default();
            sums.0 += i128::from(line.quantity);
            sums.1 += i128::from(line.amount);
        }
    }
    for (fact, _) in facts.voided() {
        books.reversals.entry(fact.id).or_default().voided = true;
    }
}

fn number(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        let (till, number) = match fact.payload() {
            Payload::SaleCompleted(sale) => (&sale.key.till, sale.receipt),
            Payload::SaleRefunded(refund) => (&refund.key.till, refund.receipt),
            _ => continue,
        };
        if number == 0 {
            continue;
        }
        let copies = facts.ledger.iter().filter(|other| {
            matches!(other.payload(), Payload::ReceiptReprinted(it) if it.document == fact.id)
        });
        let copies = copies.count() as u64;
        let documents = books.receipts.entry((fact.device(), till.clone(), number)).or_default();
        documents.insert(fact.id, copies);
    }
}

/// The shift that a close ends: one that stands before it on its branch.
fn shift_of<'a>(
    facts: &Facts<'a>,
    close: &super::Fact,
    shift: &EventId,
) -> Option<&'a engine::event::ShiftOpened> {
    let opened = facts.get(shift).filter(|_| facts.is_ancestor(shift, close))?;
    if let Payload::ShiftOpened(it) = opened.payload() { Some(it) } else { None }
}

fn fill_drawers(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        let (key, day, currency) = match fact.payload() {
            Payload::SaleCompleted(it) => (&it.key, it.business_day, it.currency),
            Payload::SaleRefunded(it) => (&it.key, it.business_day, it.currency),
            Payload::CashMoved(it) => (&it.key, it.business_day, it.currency),
            Payload::ShiftOpened(it) => (&it.key, it.business_day, it.currency),
            Payload::ShiftClosed(it) => match shift_of(facts, fact, &it.shift) {
                Some(shift) => (&shift.key, shift.business_day, shift.currency),
                None => continue,
            },
            _ => continue,
        };
        let place = (fact.device(), key.till.clone(), day, currency);
        let drawer = books.drawers.entry(place).or_default();
        match fact.payload() {
            Payload::SaleCompleted(it) => drawer.sales += cash(&it.tenders) - change(it),
            Payload::SaleRefunded(it) => drawer.refunds += cash(&it.tenders),
            Payload::CashMoved(it) => match it.direction {
                CashDirection::PaidIn => drawer.paid_in += i128::from(it.amount),
                CashDirection::PaidOut => drawer.paid_out += i128::from(it.amount),
                CashDirection::Dropped => drawer.dropped += i128::from(it.amount),
            },
            Payload::ShiftOpened(it) => drawer.floats += i128::from(it.float),
            Payload::ShiftClosed(it) => drawer.counted += i128::from(it.counted),
            _ => {}
        }
    }
    for (fact, sale) in facts.voided() {
        let till = sale.key.till.clone();
        let place = (fact.device(), till, sale.business_day, sale.currency);
        books.drawers.entry(place).or_default().voids += cash(&sale.tenders) - change(sale);
    }
}
