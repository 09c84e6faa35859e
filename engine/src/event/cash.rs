//! The cash drawer, shifts and the close of the day.
//!
//! Amounts are minor units and never negative; the kind says which way they went.

use serde::{Deserialize, Serialize};

use super::sale::Key;
use crate::ids::EventId;

/// Which way cash went outside of sales and refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CashDirection {
    /// Change put into the drawer.
    PaidIn,
    /// An expense paid from the drawer.
    PaidOut,
    /// Takings brought to the safe.
    Dropped,
}

/// Cash moved outside of sales and refunds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashMoved {
    /// Whose drawer, and which request.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The business day it counts for: days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// Which way.
    pub direction: CashDirection,
    /// Minor units.
    pub amount: i64,
    /// Why, in words, or nothing.
    pub reason: String,
}

/// A cashier took over a drawer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftOpened {
    /// Whose drawer, and which request.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The business day it counts for: days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// Who, or nothing.
    pub cashier: String,
    /// Minor units counted in the drawer.
    pub float: i64,
}

/// A cashier counted a drawer and left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftClosed {
    /// Whose drawer, and which request.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The shift: an ancestor of this event.
    pub shift: EventId,
    /// Minor units counted in the drawer.
    pub counted: i64,
    /// Minor units that the stall's own books expected there, stated by the only one who knows.
    pub expected: i64,
}

/// A stall closed a business day. A sale for that day after this is a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// Who asked for it.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The day: days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// Minor units counted over all drawers of the stall.
    pub counted: i64,
    /// Minor units that the stall's own books expected in them.
    pub expected: i64,
}

/// A receipt printed once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptReprinted {
    /// Which till printed it, and which request.
    pub key: Key,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The sale or refund whose receipt it is.
    pub document: EventId,
}
