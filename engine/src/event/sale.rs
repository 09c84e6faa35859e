//! A sale, as rung up: lines, amounts, tenders.
//!
//! The amount charged is the truth; unit price, discount and tax say how it came about and need
//! not add up to it. Nothing here looks anything up.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::EventId;

/// Thousandths of a unit: 1000 is one piece, 1500 is 1.5 kg.
pub type Quantity = u64;

/// An idempotency key: a till and the till's own counter, or any short text.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The till.
    pub till: String,
    /// What the till chose.
    pub number: KeyNumber,
}

/// What a till chose to name a request by. A counter costs one to nine bytes in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyNumber {
    /// A counter.
    Counter(u64),
    /// Any other text.
    Text(String),
}

impl Default for KeyNumber {
    fn default() -> Self {
        Self::Counter(0)
    }
}

impl KeyNumber {
    /// Reads a key; only text that a counter would print as is a counter.
    pub fn parse(text: &str) -> Self {
        match text.parse::<u64>() {
            Ok(counter) if counter.to_string() == text => Self::Counter(counter),
            _ => Self::Text(text.to_owned()),
        }
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter(counter) => write!(f, "{counter}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A completed sale.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// Which request of which till.
    pub key: Key,
    /// Who rang it up, or nothing.
    pub cashier: String,
    /// When, as the till believed: milliseconds since 1970.
    pub sold_at_ms: i64,
    /// The till's local offset from UTC, in minutes.
    pub offset_minutes: i16,
    /// The business day it counts for: days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// The price bundle that the amounts came from: BLAKE3 of its content.
    pub price_bundle: Option<Hash>,
    /// What was sold.
    pub lines: Vec<Line>,
    /// How it was paid; at least the amounts and the tip, the rest is change.
    pub tenders: Vec<Tender>,
    /// Minor units on top, for the staff.
    pub tip: i64,
    /// The number on its receipt: counts up without gaps for each till, together with the till's
    /// refunds, along the stall's own branch. 0 on sales of format version 1, which had none.
    pub receipt: u64,
    /// The reservation that it fulfils, an ancestor of this event.
    pub reservation: Option<EventId>,
    /// The lines, ascending, whose quantities spend promise rights.
    pub promised: Vec<u16>,
    /// The lines, ascending, whose amounts came from another bundle than the sale's.
    pub line_bundles: Vec<(u16, Hash)>,
    /// The card tenders, ascending, that were accepted while no acquirer could be asked. A later
    /// payment flow settles them.
    pub accepted_offline: Vec<u8>,
}

/// One line of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The item.
    pub sku: String,
    /// How much; 0 where the till said so.
    pub quantity: Quantity,
    /// Minor units charged for the whole line.
    pub amount: i64,
    /// Minor units per 1000, if known.
    pub unit_price: Option<i64>,
    /// Minor units taken off.
    pub discount: i64,
    /// Minor units of tax within the amount.
    pub tax: i64,
}

/// One means of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    /// What kind.
    pub kind: TenderKind,
    /// Minor units handed over.
    pub amount: i64,
}

/// Kinds of payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenderKind {
    /// Notes and coins; may exceed the total.
    Cash,
    /// A payment card.
    Card,
    /// A voucher.
    Voucher,
}

impl Sale {
    /// The amounts charged, without the tip; `None` when they overflow.
    pub fn total(&self) -> Option<i64> {
        self.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.amount))
    }

    /// The bundle that a line's amount came from.
    pub fn bundle_of(&self, line: u16) -> Option<Hash> {
        let other = self.line_bundles.iter().find(|(at, _)| *at == line);
        other.map(|(_, bundle)| *bundle).or(self.price_bundle)
    }

    /// The money handed over; `None` when it overflows.
    pub fn tendered(&self) -> Option<i64> {
        self.tenders.iter().try_fold(0_i64, |sum, tender| sum.checked_add(tender.amount))
    }
}
