//! What the read calls about single documents answer. Totals are wider than 64 bits, as in the
//! reports.

use engine::event::sale::{Tender, TenderKind};
use engine::event::{Refund, RefundLine};
use engine::ids::DeviceId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::read::money::day_text;

/// Receipts that bear one number.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptsPage {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The receipts.
    pub receipts: Vec<Receipt>,
}

/// What a receipt says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Receipt {
    /// Of a sale.
    Sale(Box<SaleReceipt>),
    /// Of a refund.
    Refund(Box<RefundReceipt>),
}

/// The receipt of a sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleReceipt {
    /// The sale's event.
    pub document: String,
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Copies that were printed.
    pub copies: u64,
    /// The sale.
    #[serde(flatten)]
    pub sale: SaleContent,
}

/// The receipt of a refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundReceipt {
    /// `refund`.
    pub kind: &'static str,
    /// The refund's event.
    pub document: String,
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Copies that were printed.
    pub copies: u64,
    /// The till.
    pub till: String,
    /// The sale's event.
    pub sale: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// What was refunded.
    #[serde(flatten)]
    pub content: RefundContent,
    /// What was paid back.
    pub total: i128,
}

/// A sale, as rung up.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleContent {
    /// `sale`.
    pub kind: &'static str,
    /// The till.
    pub till: String,
    /// The number on its receipt; null on sales of before there were numbers.
    pub number: Option<u64>,
    /// Who rang it up, or nothing.
    pub cashier: String,
    /// When, as the till believed: milliseconds since 1970.
    pub sold_at_ms: i64,
    /// The till's offset from UTC.
    pub offset_minutes: i16,
    /// The business day that it counts for.
    pub business_day: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// The price bundle that its amounts came from.
    pub price_bundle: Option<String>,
    /// What was sold.
    pub lines: Vec<SoldLine>,
    /// How it was paid.
    pub tenders: Vec<PaidTender>,
    /// On top.
    pub tip: i64,
    /// The amounts, without the tip.
    pub total: i128,
    /// What went back.
    pub change: i128,
}

/// One line of a sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct SoldLine {
    /// The item.
    pub sku: String,
    /// What the merchant's catalogue calls it now.
    pub name: Option<String>,
    /// Thousandths.
    pub quantity: u64,
    /// What was charged for the line.
    pub amount: i64,
    /// For 1000 thousandths.
    pub unit_price: Option<i64>,
    /// What was taken off.
    pub discount: i64,
    /// Tax within the amount.
    pub tax: i64,
}

/// One means of payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaidTender {
    /// `cash`, `card` or `voucher`.
    #[schema(value_type = String)]
    pub kind: TenderKind,
    /// What was handed over.
    pub amount: i64,
    /// There, and true, where a card was accepted while no acquirer could be asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
}

/// What a refund states, beside its sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundContent {
    /// The number on its receipt; null on refunds of before there were numbers.
    pub number: Option<u64>,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
    /// The business day that it counts for.
    pub business_day: String,
    /// The sale's lines.
    pub lines: Vec<RefundedLine>,
    /// How it was paid back.
    pub tenders: Vec<PaidTender>,
    /// Whether the goods went back on the shelf.
    pub restock: bool,
}

/// One line of a refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundedLine {
    /// The line of the sale, from 0.
    pub line: u16,
    /// The item.
    pub sku: String,
    /// Thousandths.
    pub quantity: u64,
    /// What was paid back.
    pub amount: i64,
}

/// A sale, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaleFate {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The sale's event.
    pub sale: String,
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// `completed`, `partly-refunded`, `refunded` or `voided`.
    pub state: &'static str,
    /// What was taken back, by line.
    pub refunded: Vec<LineBack>,
    /// The refunds and voids.
    pub reversals: Vec<ReversalEntry>,
    /// The sale, as rung up.
    #[serde(flatten)]
    pub content: SaleContent,
}

/// What was taken back of one line of a sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineBack {
    /// The line, from 0.
    pub line: u16,
    /// Thousandths.
    pub quantity: i128,
    /// What was paid back.
    pub amount: i128,
}

/// What took a sale back, or a part of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReversalEntry {
    /// A refund.
    Refund(RefundEntry),
    /// A void.
    Void(VoidEntry),
}

/// A refund of a sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundEntry {
    /// The refund's event.
    pub refund: String,
    /// What it states.
    #[serde(flatten)]
    pub content: RefundContent,
}

/// A void of a sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoidEntry {
    /// The void's event.
    pub void: String,
    /// When, as the till believed: milliseconds since 1970.
    pub at_ms: i64,
}

impl From<&Refund> for RefundContent {
    fn from(refund: &Refund) -> Self {
        let line = |line: &RefundLine| RefundedLine {
            line: line.line,
            sku: line.sku.clone(),
            quantity: line.quantity,
            amount: line.amount,
        };
        Self {
            number: number(refund.receipt),
            at_ms: refund.at_ms,
            business_day: day_text(refund.business_day),
            lines: refund.lines.iter().map(line).collect(),
            tenders: refund.tenders.iter().map(|tender| PaidTender::new(tender, false)).collect(),
            restock: refund.restock,
        }
    }
}

impl PaidTender {
    pub(super) fn new(tender: &Tender, offline: bool) -> Self {
        Self { kind: tender.kind, amount: tender.amount, offline }
    }
}

/// The number on a receipt, if it has one.
pub(super) fn number(receipt: u64) -> Option<u64> {
    Some(receipt).filter(|number| *number > 0)
}
