//! What the read calls about money answer. Sums are wider than 64 bits: what hostile or odd events
//! add up to is stated whole, and serialized straight to text, because `serde_json::Value` cannot
//! hold it.

use engine::books::money::Currency;
use engine::event::sale::TenderKind;
use engine::ids::DeviceId;
use engine::projections::drawers::Drawer;
use engine::projections::items::Item;
use engine::projections::tenders::Paid;
use serde::Serialize;
use utoipa::ToSchema;

use crate::read::Totals;

/// A page of a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportPage<T> {
    /// The hash of the version vector that it holds at.
    pub vector: String,
    /// The items, by their key.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The sales of one local hour.
#[derive(Debug, Serialize, ToSchema)]
pub struct HourRow {
    /// An ISO 4217 code.
    pub currency: String,
    /// 0 to 23.
    pub hour: u8,
    /// Sales.
    pub baskets: i128,
    /// Their amounts.
    pub amount: i128,
}

/// The sales of one SKU.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkuRow {
    /// An ISO 4217 code.
    pub currency: String,
    /// The item.
    pub sku: String,
    /// The sums.
    #[serde(flatten)]
    #[schema(value_type = ItemSchema)]
    pub sums: Item,
    /// Amounts less refunds and voids.
    pub net: i128,
}

/// [`Item`], as the API's document describes it.
#[derive(ToSchema)]
#[schema(as = SkuSums)]
#[expect(dead_code, reason = "it describes `Item`, which knows nothing of HTTP")]
struct ItemSchema {
    /// Lines of sales.
    lines: i128,
    /// Their quantities, in thousandths.
    quantity: i128,
    /// Their amounts charged.
    amount: i128,
    /// Discounts that led to the amounts.
    discount: i128,
    /// Tax within the amounts.
    tax: i128,
    /// Quantities of refund lines.
    refunded_quantity: i128,
    /// Money paid back by them.
    refunded: i128,
    /// Quantities of voided sales.
    voided_quantity: i128,
    /// Their amounts.
    voided: i128,
}

/// Payments of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenderRow {
    /// An ISO 4217 code.
    pub currency: String,
    /// `cash`, `card` or `voucher`.
    #[schema(value_type = String)]
    pub kind: TenderKind,
    /// The sums.
    #[serde(flatten)]
    #[schema(value_type = PaidSchema)]
    pub sums: Paid,
    /// What stayed: amounts less change, refunds, and voided sales with their change.
    pub net: i128,
}

/// [`Paid`], as the API's document describes it.
#[derive(ToSchema)]
#[schema(as = TenderSums)]
#[expect(dead_code, reason = "it describes `Paid`, which knows nothing of HTTP")]
struct PaidSchema {
    /// Tenders of sales.
    count: i128,
    /// Their amounts, change included.
    amount: i128,
    /// Card tenders that no acquirer was asked about.
    offline_count: i128,
    /// Their amounts.
    offline_amount: i128,
    /// Change given; cash alone has it.
    change: i128,
    /// Tenders of refunds.
    refund_count: i128,
    /// Money paid back by them.
    refunded: i128,
    /// Tenders of voided sales.
    void_count: i128,
    /// Their amounts.
    voided: i128,
    /// Their change; cash alone has it.
    voided_change: i128,
}

/// The sales of one stall.
#[derive(Debug, Serialize, ToSchema)]
pub struct StallRow {
    /// An ISO 4217 code.
    pub currency: String,
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// Its sums.
    #[serde(flatten)]
    pub totals: Totals,
}

/// One cash drawer on one business day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DrawerRow {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// The till.
    pub till: String,
    /// The business day.
    pub business_day: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// What moved.
    #[serde(flatten)]
    #[schema(value_type = DrawerSchema)]
    pub sums: Drawer,
    /// What should lie in it.
    pub expected: i128,
}

/// [`Drawer`], as the API's document describes it.
#[derive(ToSchema)]
#[schema(as = DrawerSums)]
#[expect(dead_code, reason = "it describes `Drawer`, which knows nothing of HTTP")]
struct DrawerSchema {
    /// Floats that shifts opened with.
    floats: i128,
    /// Cash of sales, less change.
    sales: i128,
    /// Cash of refunds.
    refunds: i128,
    /// Cash of voided sales.
    voids: i128,
    /// Cash put in.
    paid_in: i128,
    /// Cash taken out.
    paid_out: i128,
    /// Cash taken to the safe.
    dropped: i128,
    /// Cash counted as shifts closed.
    counted: i128,
}

/// A shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShiftRow {
    /// The event that opened it.
    pub shift: String,
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// The till.
    pub till: String,
    /// Who opened it, or nothing.
    pub cashier: String,
    /// The business day that it counts for.
    pub business_day: String,
    /// When it opened: milliseconds since 1970.
    pub opened_ms: i64,
    /// An ISO 4217 code.
    pub currency: String,
    /// What lay in the drawer then.
    pub float: i64,
    /// Whether nothing has closed it.
    pub open: bool,
    /// What closed it; more than one on a cloned disk alone.
    pub closes: Vec<ShiftClose>,
}

/// A close of a shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShiftClose {
    /// The event.
    pub event: String,
    /// What was counted.
    pub counted: i64,
    /// What the stall's own books expected.
    pub expected: i64,
    /// Counted less expected.
    pub difference: i128,
}

/// A closed business day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayRow {
    /// The stall's device.
    #[schema(value_type = String)]
    pub stall: DeviceId,
    /// What people call it.
    pub name: Option<String>,
    /// The day.
    pub business_day: String,
    /// What closed it.
    pub closes: Vec<DayClose>,
    /// The sales of the day, for each currency.
    pub totals: Vec<CurrencyTotals>,
}

/// A close of a business day.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayClose {
    /// The event.
    pub event: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// What was counted.
    pub counted: i64,
    /// What the stall's own books expected.
    pub expected: i64,
    /// Counted less expected.
    pub difference: i128,
}

/// The sums of one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyTotals {
    /// An ISO 4217 code.
    pub currency: String,
    /// The sums.
    #[serde(flatten)]
    pub totals: Totals,
}

/// A currency in text.
pub fn currency_text(code: Currency) -> String {
    String::from_utf8_lossy(&code).into_owned()
}

/// What was counted less what was expected.
pub fn difference(counted: i64, expected: i64) -> i128 {
    i128::from(counted) - i128::from(expected)
}
