//! Events: the facts that logs hold.
//!
//! A payload is data only. Whether a fact may be stated is decided before the append
//! (`crate::decide`); what it changes is decided by the projections. Its canonical bytes are the
//! business of [`codec`] alone, and are drawn in `docs/event-format.md`.

pub mod cash;
pub mod codec;
mod evolve;
#[cfg(test)]
mod golden;
pub mod goods;
pub mod prices;
pub mod reversal;
pub mod rights;
pub mod sale;
pub mod settle;
pub mod telemetry;

use serde::{Deserialize, Serialize};

use crate::authority::{ForkProof, SignedDocument};
use crate::clock::Hlc;
use crate::hash::Hash;
use crate::ids::Epoch;
pub use cash::{CashDirection, CashMoved, DayClosed, ReceiptReprinted, ShiftClosed, ShiftOpened};
pub use goods::{
    CountLine, GoodsDispatched, GoodsLine, GoodsReceived, GoodsReserved, GoodsReturned,
    GoodsSpoiled, GoodsTakenIn, ReservationExpired, ReservationReleased, StockCounted,
};
pub use prices::{BundlePrice, BundlePublished, PricesScheduled, SeasonOpened};
pub use reversal::{Refund, RefundLine, Void};
pub use rights::{
    RightsAccepted, RightsGranted, RightsMinted, RightsRequested, RightsReturned, RightsSpent,
};
use sale::{Key, Sale};
pub use settle::FindingResolved;
pub use telemetry::{LinkChanged, TelemetrySample};

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
    /// Kind 11: goods were sent to another stall.
    GoodsDispatched(GoodsDispatched),
    /// Kind 12: goods of a dispatch came in.
    GoodsTakenIn(GoodsTakenIn),
    /// Kind 13: customers brought goods back, outside of a refund.
    GoodsReturned(GoodsReturned),
    /// Kind 14: stock was counted.
    StockCounted(StockCounted),
    /// Kind 15: goods were lost.
    GoodsSpoiled(GoodsSpoiled),
    /// Kind 16: goods were set aside.
    GoodsReserved(GoodsReserved),
    /// Kind 17: somebody let go of a reservation.
    ReservationReleased(ReservationReleased),
    /// Kind 18: a reservation's time ran out.
    ReservationExpired(ReservationExpired),
    /// Kind 19: promise rights came with goods.
    RightsMinted(RightsMinted),
    /// Kind 20: promise rights are wished for.
    RightsRequested(RightsRequested),
    /// Kind 21: promise rights were given away.
    RightsGranted(RightsGranted),
    /// Kind 22: a grant of rights was accepted.
    RightsAccepted(RightsAccepted),
    /// Kind 23: a grant of rights was sent back.
    RightsReturned(RightsReturned),
    /// Kind 24: rights were used up by something other than a sale.
    RightsSpent(RightsSpent),
    /// Kind 25: a control took the rights of a lost device.
    RightsForfeited(SignedDocument),
    /// Kind 26: a receipt was printed once more.
    ReceiptReprinted(ReceiptReprinted),
    /// Kind 27: cash moved outside of sales and refunds.
    CashMoved(CashMoved),
    /// Kind 28: a cashier took over a drawer.
    ShiftOpened(ShiftOpened),
    /// Kind 29: a cashier counted a drawer and left it.
    ShiftClosed(ShiftClosed),
    /// Kind 30: a stall closed a business day.
    DayClosed(DayClosed),
    /// Kind 31: somebody settled a finding.
    FindingResolved(FindingResolved),
    /// Kind 32: a carrier came or went.
    LinkChanged(LinkChanged),
    /// Kind 33: a new season's catalogue begins.
    SeasonOpened(SeasonOpened),
    /// Kind 34: a piece of a price bundle.
    BundlePublished(BundlePublished),
    /// Kind 35: a price bundle comes into force at an instant.
    PricesScheduled(PricesScheduled),
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
    /// The season whose catalogue it edits; 0 is what was before the first.
    pub season: u32,
    /// The change as Automerge wrote it.
    pub change: Vec<u8>,
}

/// An event of a kind or version that is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// Its kind.
    pub kind: u16,
    /// Its version.
    pub version: u8,
    /// Its body, uninterpreted.
    pub body: Vec<u8>,
}

impl Payload {
    /// The idempotency key, for payloads that a till asked for.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::GoodsReceived(p) => Some(&p.key),
            Self::SaleCompleted(p) => Some(&p.key),
            Self::SaleRefunded(p) => Some(&p.key),
            Self::SaleVoided(p) => Some(&p.key),
            Self::GoodsDispatched(p) => Some(&p.key),
            Self::GoodsTakenIn(p) => Some(&p.key),
            Self::GoodsReturned(p) => Some(&p.key),
            Self::StockCounted(p) => Some(&p.key),
            Self::GoodsSpoiled(p) => Some(&p.key),
            Self::GoodsReserved(p) => Some(&p.key),
            Self::ReservationReleased(p) => Some(&p.key),
            Self::RightsRequested(p) => p.key.as_ref(),
            Self::RightsGranted(p) => p.key.as_ref(),
            Self::ReceiptReprinted(p) => Some(&p.key),
            Self::CashMoved(p) => Some(&p.key),
            Self::ShiftOpened(p) => Some(&p.key),
            Self::ShiftClosed(p) => Some(&p.key),
            Self::DayClosed(p) => Some(&p.key),
            Self::FindingResolved(p) => Some(&p.key),
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
