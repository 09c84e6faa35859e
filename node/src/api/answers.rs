//! What the till's API answers to writing and operating calls.

use serde::Serialize;
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
