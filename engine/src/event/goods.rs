//! Inventory: what comes into a stall's custody, leaves it, is set aside or counted.
//!
//! Only a stall's own ledger changes what lies at that stall. Every quantity is in thousandths.

use serde::{Deserialize, Serialize};

use super::sale::{Key, Quantity};
use crate::ids::{DeviceId, Epoch, EventId};

/// Goods taken into the stall's custody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsReceived {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// A delivery note's number, or nothing.
    pub reference: String,
    /// What came.
    pub lines: Vec<GoodsLine>,
}

/// A quantity of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsLine {
    /// The item.
    pub sku: String,
    /// How much of it.
    pub quantity: Quantity,
}

/// Goods sent from this stall to another. They are on the way until the taker takes them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsDispatched {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The stall that they go to.
    pub to: DeviceId,
    /// A transport note's number, or nothing.
    pub reference: String,
    /// What was sent.
    pub lines: Vec<GoodsLine>,
}

/// Goods of a dispatch, taken in at the stall that they went to. What is missing is derived from
/// the two events and never stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsTakenIn {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The dispatch.
    pub dispatch: EventId,
    /// What really came.
    pub lines: Vec<GoodsLine>,
}

/// Goods that customers brought back outside of a refund: an exchange, goodwill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsReturned {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// What the return belongs to, in words, or nothing.
    pub reference: String,
    /// What came back.
    pub lines: Vec<GoodsLine>,
    /// Whether it can be sold again; if not, it never comes back into the book.
    pub resaleable: bool,
}

/// A stock-take. It never sets a value: its variance, counted less book, is a movement like any
/// other, so that sales made while people count are not swallowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCounted {
    /// Who asked for it.
    pub key: Key,
    /// When the counting ended, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The branch on which the counting began.
    pub start_epoch: Epoch,
    /// The last event of that branch before the counting began; 0 where the log was empty.
    pub start_seq: u64,
    /// What was counted.
    pub lines: Vec<CountLine>,
}

impl StockCounted {
    /// Takes the books of an earlier statement of the same count, where the lines agree.
    pub fn fill_from(&mut self, earlier: &Self) {
        for (line, was) in self.lines.iter_mut().zip(&earlier.lines) {
            if line.sku == was.sku {
                line.book = was.book;
            }
        }
    }
}

/// One counted SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountLine {
    /// The item.
    pub sku: String,
    /// What lay there.
    pub counted: Quantity,
    /// What the book of the stall's own branch said at the start of the counting: stated by the
    /// only one who knows it, so that the variance folds without the history before it.
    pub book: i64,
}

impl CountLine {
    /// What was found beyond the book; below zero what is missing.
    pub fn variance(&self) -> i128 {
        i128::from(self.counted) - i128::from(self.book)
    }
}

/// Goods that are lost: spoiled, broken, stolen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsSpoiled {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// Why, in words, or nothing.
    pub reason: String,
    /// What was lost.
    pub lines: Vec<GoodsLine>,
}

/// Goods set aside for somebody. They stay in custody and are no longer available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsReserved {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// When the stall lets go of it: milliseconds since 1970.
    pub until_ms: i64,
    /// For whom, in words, or nothing.
    pub reference: String,
    /// What is set aside.
    pub lines: Vec<GoodsLine>,
}

/// A reservation of the same branch, let go by somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationReleased {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The reservation: an ancestor of this event.
    pub reservation: EventId,
}

/// A reservation of the same branch whose time ran out, let go by the stall itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationExpired {
    /// When, as the stall believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The reservation: an ancestor of this event.
    pub reservation: EventId,
}
