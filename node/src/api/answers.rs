//! What the till's API answers to writing and operating calls.

use serde::Serialize;
use shell::read::documents::body::Receipt;
use shell::read::money::body::{CurrencyTotals, difference};
use utoipa::ToSchema;

use crate::core::Written;

/// A sale that stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "sale": "...", "total": 398, "change": 0, "receipt": 17,
    "price_bundle": null }))]
pub(super) struct SaleAnswer {
    /// Its event's id.
    sale: String,
    /// Its amounts in minor units, without the tip.
    total: i64,
    /// Change due, in minor units.
    change: i64,
    /// The number on its receipt; null on sales of before there were numbers.
    receipt: Option<u64>,
    /// The price bundle that it was priced from.
    price_bundle: Option<String>,
}

/// A refund that stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundAnswer {
    /// Its event's id.
    refund: String,
    /// What is paid back, in minor units.
    total: i64,
    /// The number on its receipt; null on refunds of before there were numbers.
    receipt: Option<u64>,
}

/// A void that stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VoidAnswer {
    /// Its event's id.
    void: String,
}

/// Goods received that stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GoodsAnswer {
    /// Its event's id.
    goods_received: String,
}

/// A till's new token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TillAnswer {
    /// The till.
    pub name: String,
    /// Its token, shown this once.
    pub token: String,
}

/// Whether sync is on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkAnswer {
    /// On or off.
    pub up: bool,
}

/// Cash that moved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CashAnswer {
    /// Its event's id.
    pub cash: String,
}

/// A shift that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShiftAnswer {
    /// Its event's id.
    pub shift: String,
}

/// A shift that is closed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShiftCloseAnswer {
    /// The close's event.
    pub shift_closed: String,
    /// What should have been in the drawer, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<i64>,
    /// What was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<i64>,
    /// Counted less expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<i128>,
}

/// A business day that is closed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DayCloseAnswer {
    /// The close's event.
    pub day_closed: String,
    /// The day.
    pub business_day: String,
    /// What should have been in the drawers, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<i64>,
    /// What was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<i64>,
    /// Counted less expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<i128>,
    /// The stall's sales of the day, for each currency.
    pub totals: Vec<CurrencyTotals>,
    /// Shifts of the day that nobody has closed.
    pub open_shifts: Vec<String>,
}

/// A receipt that was printed again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReprintAnswer {
    /// Its event's id.
    pub reprint: String,
    /// Which copy of this stall it is, from 1.
    pub copy: u64,
    /// What it says.
    pub receipt: Option<Receipt>,
}

/// What a close found in a drawer or in all, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub expected: Option<i64>,
    pub counted: Option<i64>,
    pub difference: Option<i128>,
}

impl Found {
    pub(super) fn of(written: &Written) -> Self {
        let (expected, counted) = written.found.unzip();
        let difference = written.found.map(|(expected, counted)| difference(counted, expected));
        Self { expected, counted, difference }
    }
}

impl SaleAnswer {
    pub(super) fn new(written: &Written) -> Self {
        let Written { total, change, .. } = *written;
        let price_bundle = written.price_bundle.map(|bundle| bundle.to_string());
        let receipt = receipt(written);
        Self { sale: written.id.to_string(), total, change, receipt, price_bundle }
    }
}

impl RefundAnswer {
    pub(super) fn new(written: &Written) -> Self {
        Self { refund: written.id.to_string(), total: written.total, receipt: receipt(written) }
    }
}

impl VoidAnswer {
    pub(super) fn new(written: &Written) -> Self {
        Self { void: written.id.to_string() }
    }
}

impl GoodsAnswer {
    pub(super) fn new(written: &Written) -> Self {
        Self { goods_received: written.id.to_string() }
    }
}

/// The number on a document's receipt, if it has one.
fn receipt(written: &Written) -> Option<u64> {
    Some(written.receipt).filter(|number| *number > 0)
}
