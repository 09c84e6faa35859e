//! Whether a fact may be stated: everything that a till is refused for.
//!
//! Refusal happens here, before the append; what was appended always counts. Nothing here writes.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::event::codec;
use crate::event::sale::{Key, KeyNumber, Sale, Tender, TenderKind};
use crate::event::{GoodsLine, GoodsReceived, Payload, Refund, Void};
use crate::ids::{EventId, Scope};
use crate::limits::{NAME_BYTES_MAX, QUANTITY_MAX, SALE_LINES_MAX, SKU_BYTES_MAX, TENDERS_MAX};
use crate::projections::reversals::{self, Reversal};
use crate::projections::{self, Books};
use crate::replica::Replica;
use crate::store::ReadError;

/// What a stall accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The market's currency, an ISO 4217 code.
    pub currency: [u8; 3],
    /// The largest amount in minor units of a line, a tender or a tip.
    pub amount_max: i64,
    /// Whether SKUs that the catalogue does not know may be sold.
    pub open_items: bool,
}

/// Why a fact may not be stated. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The key was used for something else.
    #[error("idempotency key {0} was used with another body; a new request needs a new key")]
    KeyReused(String),
    /// A text is empty or too long.
    #[error("{field} must have 1 to {max} bytes without control characters")]
    BadText {
        /// Which.
        field: String,
        /// The most bytes.
        max: usize,
    },
    /// Another currency.
    #[error("currency {found} is not the market's; this market sells in {expected}")]
    WrongCurrency {
        /// The one given.
        found: String,
        /// The market's.
        expected: String,
    },
    /// The catalogue does not know it.
    #[error("lines[{line}].sku {sku:?} is not in the catalogue; add it there, or allow open items")]
    UnknownSku {
        /// The line.
        line: usize,
        /// The SKU.
        sku: String,
    },
    /// A quantity is zero without saying so, or out of bounds.
    #[error(
        "{field} must be 1 to {QUANTITY_MAX} thousandths (0 only with \"zero_quantity\": true)"
    )]
    BadQuantity {
        /// Which.
        field: String,
    },
    /// An amount is negative or over the maximum.
    #[error("{field} must be 0 to {max} minor units")]
    BadAmount {
        /// Which.
        field: String,
        /// The most.
        max: i64,
    },
    /// The tenders do not fit the total.
    #[error("the tenders are {tendered} and {due} is due; {mend}")]
    Tenders {
        /// Minor units handed over.
        tendered: i64,
        /// Minor units due.
        due: i64,
        /// What to do.
        mend: &'static str,
    },
    /// Too many or no lines or tenders.
    #[error("{field} must have 1 to {max} entries")]
    BadCount {
        /// Which.
        field: &'static str,
        /// The most.
        max: usize,
    },
    /// The sale named cannot be reversed so.
    #[error("{0}")]
    BadReference(String),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

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

/// Checks goods received.
pub fn goods(goods: &GoodsReceived) -> Result<(), Refusal> {
    key(&goods.key)?;
    optional_text("reference", &goods.reference)?;
    count("lines", goods.lines.len(), SALE_LINES_MAX)?;
    for (at, GoodsLine { sku, quantity: amount }) in goods.lines.iter().enumerate() {
        text(&format!("lines[{at}].sku"), sku, SKU_BYTES_MAX)?;
        quantity(format!("lines[{at}].quantity"), *amount, false)?;
    }
    Ok(())
}

/// Checks a refund against its sale and what was reversed of it already, as far as this stall
/// knows. Fills in the SKUs from the sale.
pub fn refund(
    refund: &mut Refund,
    scope: Scope,
    rules: &Rules,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&refund.key)?;
    currency(refund.currency, rules)?;
    count("lines", refund.lines.len(), SALE_LINES_MAX)?;
    let sale = original(&refund.sale, replica)?;
    let done = reversal(scope, &refund.sale, replica)?;
    if done.voided {
        return Err(Refusal::BadReference("the sale was voided; there is nothing left".to_owned()));
    }
    let mut taken: BTreeMap<u16, (i128, i128)> = done.refunded;
    let mut due = 0_i64;
    for (at, line) in refund.lines.iter_mut().enumerate() {
        amount(format!("lines[{at}].amount"), line.amount, rules)?;
        let sold = sale.lines.iter().take(SALE_LINES_MAX).nth(usize::from(line.line));
        let Some(sold) = sold else {
            let text = format!("lines[{at}].line {} is not a line of the sale", line.line);
            return Err(Refusal::BadReference(text));
        };
        line.sku.clone_from(&sold.sku);
        let sums = taken.entry(line.line).or_default();
        sums.0 += i128::from(line.quantity);
        sums.1 += i128::from(line.amount);
        if sums.0 > i128::from(sold.quantity) || sums.1 > i128::from(sold.amount) {
            let text = format!(
                "lines[{at}] would refund more of line {} than was sold: {} thousandths for {}, \
                 refunds before this one included",
                line.line, sold.quantity, sold.amount
            );
            return Err(Refusal::BadReference(text));
        }
        due = due.saturating_add(line.amount);
    }
    tenders(&refund.tenders, due, rules, false)
}

/// Checks a void: a sale of this stall that was neither voided nor refunded.
pub fn void(void: &Void, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&void.key)?;
    original(&void.sale, replica)?;
    let own = replica.own_log(scope, crate::ids::Lane::Ledger).id();
    let done = reversal(scope, &void.sale, replica)?;
    let what = if void.sale.log != own {
        "only the stall that made the sale can void it; refund it instead"
    } else if !replica.is_own(scope, &void.sale)? {
        "a copy of this stall's disk made the sale; refund it instead"
    } else if done.voided {
        "the sale was voided before"
    } else if !done.refunded.is_empty() {
        "part of the sale was refunded; refund the rest instead"
    } else {
        return Ok(());
    };
    Err(Refusal::BadReference(what.to_owned()))
}

/// Compares a request with the event that bears its key: the same payload is a retry.
pub fn retry(bearer: &Payload, asked: &Payload) -> Result<(), Refusal> {
    if bearer == asked {
        return Ok(());
    }
    let number = asked.key().map(|key| key.number.to_string()).unwrap_or_default();
    Err(Refusal::KeyReused(number))
}

fn original(id: &EventId, replica: &Replica) -> Result<Sale, Refusal> {
    match replica.event(id)?.map(|event| event.payload) {
        Some(Payload::SaleCompleted(sale)) => Ok(sale),
        Some(other) => Err(Refusal::BadReference(format!(
            "event {id} is not a sale but {}",
            codec::kind_name(&other)
        ))),
        None => Err(Refusal::BadReference(format!(
            "sale {id} is not known here; wait for sync, or ask the stall that made it"
        ))),
    }
}

fn reversal(scope: Scope, sale: &EventId, replica: &Replica) -> Result<Reversal, Refusal> {
    Ok(projections::read(replica.row(&reversals::key(scope, sale))?)?)
}

fn key(key: &Key) -> Result<(), Refusal> {
    text("the till's name", &key.till, NAME_BYTES_MAX)?;
    match &key.number {
        KeyNumber::Counter(_) => Ok(()),
        KeyNumber::Text(number) => text("the idempotency key", number, NAME_BYTES_MAX),
    }
}

fn text(field: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > max || text.chars().any(char::is_control) {
        return Err(Refusal::BadText { field: field.to_owned(), max });
    }
    Ok(())
}

fn optional_text(field: &str, value: &str) -> Result<(), Refusal> {
    if value.is_empty() { Ok(()) } else { text(field, value, NAME_BYTES_MAX) }
}

fn currency(found: [u8; 3], rules: &Rules) -> Result<(), Refusal> {
    if found == rules.currency {
        return Ok(());
    }
    let name = |code: [u8; 3]| String::from_utf8_lossy(&code).into_owned();
    Err(Refusal::WrongCurrency { found: name(found), expected: name(rules.currency) })
}

fn count(field: &'static str, found: usize, max: usize) -> Result<(), Refusal> {
    if (1..=max).contains(&found) { Ok(()) } else { Err(Refusal::BadCount { field, max }) }
}

fn quantity(field: String, quantity: u64, zero: bool) -> Result<(), Refusal> {
    let least = u64::from(!zero);
    if (least..=QUANTITY_MAX).contains(&quantity) {
        Ok(())
    } else {
        Err(Refusal::BadQuantity { field })
    }
}

fn amount(field: String, amount: i64, rules: &Rules) -> Result<(), Refusal> {
    if (0..=rules.amount_max).contains(&amount) {
        Ok(())
    } else {
        Err(Refusal::BadAmount { field, max: rules.amount_max })
    }
}

/// Tenders must cover what is due; on a sale cash may exceed it, as change.
fn tenders(tenders: &[Tender], due: i64, rules: &Rules, change: bool) -> Result<(), Refusal> {
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
