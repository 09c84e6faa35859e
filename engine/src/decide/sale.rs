//! Whether a sale may be stated.

use super::{Refusal, Rules, amount, count, currency, key, optional_text, quantity, text};
use crate::event::sale::{Sale, Tender, TenderKind};
use crate::limits::{SALE_LINES_MAX, SKU_BYTES_MAX, TENDERS_MAX};
use crate::store::ReadError;

/// Checks a sale. `zero_quantity` lists the lines that may have none.
pub fn sale(
    sale: &Sale,
    zero_quantity: &[usize],
    rules: &Rules,
    known: &dyn Fn(&str) -> Result<bool, ReadError>,
) -> Result<(), Refusal> {
    key(&sale.key)?;
    optional_text("cashier", &sale.cashier)?;
    currency(sale.currency, rules)?;
    count("lines", sale.lines.len(), SALE_LINES_MAX)?;
    for (at, line) in sale.lines.iter().enumerate() {
        let field = |name: &str| format!("lines[{at}].{name}");
        text(&field("sku"), &line.sku, SKU_BYTES_MAX)?;
        quantity(field("quantity"), line.quantity, zero_quantity.contains(&at))?;
        amount(field("amount"), line.amount, rules)?;
        amount(field("unit_price"), line.unit_price.unwrap_or(0), rules)?;
        amount(field("discount"), line.discount, rules)?;
        amount(field("tax"), line.tax, rules)?;
        if !rules.open_items && !known(&line.sku)? {
            return Err(Refusal::UnknownSku { line: at, sku: line.sku.clone() });
        }
    }
    amount("tip".to_owned(), sale.tip, rules)?;
    let due = sale.total().and_then(|total| total.checked_add(sale.tip));
    tenders(&sale.tenders, due.unwrap_or(i64::MAX), rules, true)
}

/// The change due on a sale that was accepted.
pub fn change(sale: &Sale) -> i64 {
    let due = sale.total().unwrap_or(0).saturating_add(sale.tip);
    sale.tendered().unwrap_or(due).saturating_sub(due)
}

/// Tenders must cover what is due; on a sale cash may exceed it, as change.
pub(super) fn tenders(
    tenders: &[Tender],
    due: i64,
    rules: &Rules,
    change: bool,
) -> Result<(), Refusal> {
    count("tenders", tenders.len(), TENDERS_MAX)?;
    let (mut tendered, mut cash) = (0_i64, 0_i64);
    for (at, tender) in tenders.iter().enumerate() {
        amount(format!("tenders[{at}].amount"), tender.amount, rules)?;
        tendered = tendered.saturating_add(tender.amount);
        if tender.kind == TenderKind::Cash {
            cash = cash.saturating_add(tender.amount);
        }
    }
    let over = tendered.saturating_sub(due);
    let mend = if over < 0 {
        "tender the rest"
    } else if over > 0 && !change {
        "a refund pays back exactly its lines"
    } else if over > cash {
        "only cash may exceed what is due"
    } else {
        return Ok(());
    };
    Err(Refusal::Tenders { tendered, due, mend })
}
