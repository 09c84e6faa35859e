//! Refunds and voids: what is taken back of a sale.
//!
//! Both are facts of their own beside the sale, which stands as rung up. Nothing here looks
//! anything up.

use serde::{Deserialize, Serialize};

use super::sale::{Key, Quantity, Tender};
use crate::ids::EventId;

/// Money paid back, and perhaps goods taken back. It names its original but carries its own
/// amounts and SKUs, so that it folds before the original is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Who asked for it.
    pub key: Key,
    /// The sale.
    pub sale: EventId,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The business day it counts for: days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// What was refunded.
    pub lines: Vec<RefundLine>,
    /// How it was paid back.
    pub tenders: Vec<Tender>,
    /// Whether the goods went back on the shelf.
    pub restock: bool,
    /// The number on its receipt; see [`super::sale::Sale::receipt`].
    pub receipt: u64,
    /// The lines, ascending, whose quantities give promise rights back to the refunding stall.
    pub restored: Vec<u16>,
}

/// Part of one line of a sale, paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// The line's place in the sale, from 0.
    pub line: u16,
    /// The item.
    pub sku: String,
    /// How much came back.
    pub quantity: Quantity,
    /// Minor units paid back.
    pub amount: i64,
}

/// A sale of the same log, undone as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// Who asked for it.
    pub key: Key,
    /// The sale: an ancestor of this event.
    pub sale: EventId,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
}

impl Refund {
    /// Takes what the stall chose in an earlier statement of the same refund: its receipt, what
    /// it gives back of promise rights, and the SKUs where the lines agree.
    pub fn fill_from(&mut self, earlier: &Self) {
        self.receipt = earlier.receipt;
        self.restored.clone_from(&earlier.restored);
        for (line, was) in self.lines.iter_mut().zip(&earlier.lines) {
            if line.line == was.line {
                line.sku.clone_from(&was.sku);
            }
        }
    }
}
