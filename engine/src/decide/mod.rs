//! Whether a fact may be stated: everything that a till is refused for.
//!
//! Refusal happens here, before the append; what was appended always counts. Nothing here writes.

mod goods;
mod reversal;
mod sale;
mod settle;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::event::Payload;
use crate::event::sale::{Key, KeyNumber};
use crate::limits::{NAME_BYTES_MAX, QUANTITY_MAX};
use crate::projections::Projection;
use crate::replica::Replica;
use crate::replica::own_book::BookError;
use crate::store::ReadError;

pub use goods::{
    counted, dispatched, fulfilled, goods, released, reserved, returned, spoiled, taken_in,
};
pub use reversal::{refund, void};
pub use sale::{change, sale};
pub use settle::settle;

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
    /// More is to be set aside than is available.
    #[error(
        "SKU {sku:?}: {asked} thousandths are asked for and {available} are available here; \
         reserve less, or receive or count the goods first"
    )]
    Unavailable {
        /// The SKU.
        sku: String,
        /// Thousandths asked for.
        asked: i128,
        /// Thousandths on hand and not set aside.
        available: i128,
    },
    /// A time that cannot be meant.
    #[error("{0}")]
    BadTime(String),
    /// There is no book to hold a count against.
    #[error(transparent)]
    Book(#[from] BookError),
    /// A projection that the decision needs is being rebuilt.
    #[error("the {projection} books are being rebuilt, {done} of {total} events; try again soon")]
    Rebuilding {
        /// Which.
        projection: &'static str,
        /// Events folded.
        done: u64,
        /// Events that there are.
        total: u64,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Compares a request with the event that bears its key: the same payload is a retry.
pub fn retry(bearer: &Payload, asked: &Payload) -> Result<(), Refusal> {
    if bearer == asked {
        return Ok(());
    }
    let number = asked.key().map(|key| key.number.to_string()).unwrap_or_default();
    Err(Refusal::KeyReused(number))
}

/// Refuses while a projection that the decision needs is being rebuilt.
pub fn needs(replica: &Replica, projection: Projection) -> Result<(), Refusal> {
    match replica.rebuilding().filter(|_| !replica.is_whole(projection)) {
        None => Ok(()),
        Some(progress) => Err(Refusal::Rebuilding {
            projection: projection.name(),
            done: progress.done,
            total: progress.total,
        }),
    }
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
