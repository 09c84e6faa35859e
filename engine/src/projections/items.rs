//! Sales by SKU, stall and business day, with what was taken back of them.
//!
//! Refunds count on their own day, voids on the sale's.
//!
//! ```text
//! row     1 | device 32 | business day u32 BE (offset by 2^31) | currency 3 | sku  value  [`Item`]
//! ```

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Books, DayKey, Origin, Projection, read_day_key};
use crate::event::{Event, Payload, codec};
use crate::ids::{DeviceId, Scope};
use crate::keys::{self, Range};
use crate::store::ReadError;

/// The sales of one SKU. Money in minor units, quantities in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Lines of sales.
    pub lines: i128,
    /// Their quantities.
    pub quantity: i128,
    /// Their amounts charged.
    pub amount: i128,
    /// Discounts that led to the amounts.
    pub discount: i128,
    /// Tax within the amounts.
    pub tax: i128,
    /// Quantities of refund lines.
    pub refunded_quantity: i128,
    /// Money paid back by them.
    pub refunded: i128,
    /// Quantities of voided sales.
    pub voided_quantity: i128,
    /// Their amounts.
    pub voided: i128,
}

impl AddAssign for Item {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.quantity += other.quantity;
        self.amount += other.amount;
        self.discount += other.discount;
        self.tax += other.tax;
        self.refunded_quantity += other.refunded_quantity;
        self.refunded += other.refunded;
        self.voided_quantity += other.voided_quantity;
        self.voided += other.voided;
    }
}

impl Item {
    /// What is left of the amounts after refunds and voids.
    pub fn net(&self) -> i128 {
        self.amount - self.refunded - self.voided
    }
}

const ROWS: u8 = 1;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::SaleCompleted(sale) => {
            let day = DayKey::of(origin, sale.business_day, sale.currency);
            let lines = sale.lines.iter().map(|line| {
                let item = Item {
                    lines: 1,
                    quantity: i128::from(line.quantity),
                    amount: i128::from(line.amount),
                    discount: i128::from(line.discount),
                    tax: i128::from(line.tax),
                    ..Item::default()
                };
                (line.sku.as_str(), item)
            });
            add(books, origin, &day, lines)
        }
        Payload::SaleRefunded(refund) => {
            let day = DayKey::of(origin, refund.business_day, refund.currency);
            let lines = refund.lines.iter().map(|line| {
                let (refunded_quantity, refunded) =
                    (i128::from(line.quantity), i128::from(line.amount));
                (line.sku.as_str(), Item { refunded_quantity, refunded, ..Item::default() })
            });
            add(books, origin, &day, lines)
        }
        Payload::SaleVoided(void) => {
            let Some(sale) = super::undo(books, Projection::Items, origin, void)? else {
                return Ok(());
            };
            let day = DayKey::of(origin, sale.business_day, sale.currency);
            let lines = sale.lines.iter().map(|line| {
                let (voided_quantity, voided) =
                    (i128::from(line.quantity), i128::from(line.amount));
                (line.sku.as_str(), Item { voided_quantity, voided, ..Item::default() })
            });
            add(books, origin, &day, lines)
        }
        _ => Ok(()),
    }
}

/// One write for each SKU, however many lines it stands on.
fn add<'a>(
    books: &mut dyn Books,
    origin: &Origin,
    day: &DayKey,
    lines: impl Iterator<Item = (&'a str, Item)>,
) -> Result<(), ReadError> {
    let mut sums: BTreeMap<&str, Item> = BTreeMap::new();
    for (sku, item) in lines {
        *sums.entry(sku).or_default() += item;
    }
    for (sku, more) in sums {
        let rest = [[ROWS].as_slice(), &day.bytes(), sku.as_bytes()].concat();
        let key = super::row(Projection::Items, origin.log.scope, &rest);
        super::update(books, key, |item: &mut Item| *item += more)?;
    }
    Ok(())
}

/// The rows of a stall from one business day to another, both included.
pub fn rows(scope: Scope, stall: &DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Items, scope, &[ROWS], stall, days)
}

/// Reads a row: which day, which SKU.
pub fn read(key: &[u8], value: &[u8]) -> Option<(DayKey, String, Item)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (day, sku) = read_day_key(rest.strip_prefix(&[ROWS])?)?;
    let sku = String::from_utf8(sku.to_vec()).ok()?;
    Some((day, sku, codec::decode("an items row", value).ok()?))
}
