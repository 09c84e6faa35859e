//! Events: the facts that logs hold.
//!
//! A payload is data only. Whether a fact may be stated is decided before the append
//! (`crate::decide`); what it changes is decided by the projections. Its canonical bytes are the
//! business of [`codec`] alone, and are drawn in `docs/event-format.md`.

pub mod codec;
#[cfg(test)]
mod golden;
pub mod sale;

use serde::{Deserialize, Serialize};

use crate::authority::{ForkProof, SignedDocument};
use crate::clock::Hlc;
use crate::hash::Hash;
use crate::ids::{Epoch, EventId};
use sale::{Key, Quantity, Sale, Tender};

/// One event: a timestamp, a payload, and what a newer program added to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, as the device believed.
    pub hlc: Hlc,
    /// What.
    pub payload: Payload,
    /// Extensions of a newer program; opaque here, and kept.
    pub ext: Vec<u8>,
}

/// What an event states. Each variant names its kind and version in [`codec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Kind 1: an epoch begins on top of a parent.
    EpochOpened(EpochOpened),
    /// Kind 2: one edit of the catalogue, as one raw Automerge change.
    CatalogueChanged(CatalogueChanged),
    /// Kind 3: goods came in.
    GoodsReceived(GoodsReceived),
    /// Kind 4: a sale was completed.
    SaleCompleted(Sale),
    /// Kind 5: all or part of a sale was paid back.
    SaleRefunded(Refund),
    /// Kind 6: a sale of this log was undone.
    SaleVoided(Void),
    /// Kind 7: measurements.
    TelemetrySampled(TelemetrySample),
    /// Kind 8: a control granted a device its rights.
    GrantIssued(SignedDocument),
    /// Kind 9: a control revoked a device.
    DeviceRevoked(SignedDocument),
    /// Kind 10: a device's log has two branches with one parent.
    ForkProven(Box<ForkProof>),
    /// A kind or version that this program does not know: kept, verified, forwarded, shown.
    Unknown(Unknown),
}

/// The first event of a branch. A zero parent stands for the beginning of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochOpened {
    /// The epoch continued from.
    pub parent_epoch: Epoch,
    /// The last event continued from; this branch starts at the next one.
    pub parent_seq: u64,
    /// Its chain hash.
    pub parent_hash: Hash,
}

/// One Automerge change, chunk type 1, uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueChanged {
    /// The change as Automerge wrote it.
    pub change: Vec<u8>,
}

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

/// Measurements at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemetrySample {
    /// When: milliseconds since 1970.
    pub at_ms: i64,
    /// Samples that were overwritten before this one because nothing could be sent.
    pub overwritten: u64,
    /// Name and value, in name order.
    pub metrics: Vec<(String, i64)>,
}

/// An event of a kind or version that is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its kind.
    pub kind: u16,
    /// Its version.
    pub version: u8,
    /// Its body, uninterpreted.
    pub body: Vec<u8>,
}

impl Refund {
    /// Takes the SKUs of an earlier statement of the same refund, where the lines agree.
    pub fn fill_from(&mut self, earlier: &Self) {
        for (line, was) in self.lines.iter_mut().zip(&earlier.lines) {
            if line.line == was.line {
                line.sku.clone_from(&was.sku);
            }
        }
    }
}

impl Payload {
    /// The idempotency key, for payloads that a till asked for.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::GoodsReceived(p) => Some(&p.key),
            Self::SaleCompleted(p) => Some(&p.key),
            Self::SaleRefunded(p) => Some(&p.key),
            Self::SaleVoided(p) => Some(&p.key),
            _ => None,
        }
    }

    /// Minor units at stake while only one disk holds the event.
    pub fn stake(&self) -> i64 {
        match self {
            Self::SaleCompleted(sale) => sale.total().unwrap_or(i64::MAX),
            Self::SaleRefunded(refund) => {
                refund.lines.iter().fold(0, |sum: i64, line| sum.saturating_add(line.amount))
            }
            _ => 0,
        }
    }
}
