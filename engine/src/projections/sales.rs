//! Sales totals: sums for each stall, business day and currency.
//!
//! Sales stand as rung up; refunds and voids stand beside them, so that nothing is netted away.
//!
//! ```text
//! row     device 32 | business day u32 BE (offset by 2^31) | currency 3        value  [`Sums`]
//! ```

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::event::codec;
use crate::event::sale::Sale;
use crate::event::{Event, Payload, Refund};
use crate::ids::{DeviceId, Scope};
use crate::keys::{self, Range};
use crate::store::ReadError;

use super::{Books, Origin, Projection};

/// Sums of sales. Money in minor units, quantities in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Sales.
    pub baskets: i128,
    /// Their lines.
    pub lines: i128,
    /// Their quantities.
    pub quantity: i128,
    /// Their amounts charged, without tips.
    pub amount: i128,
    /// Tax within the amounts.
    pub tax: i128,
    /// Discounts that led to the amounts.
    pub discount: i128,
    /// Tips on top.
    pub tips: i128,
    /// Refunds.
    pub refunds: i128,
    /// Money paid back by them.
    pub refunded: i128,
    /// Sales undone.
    pub voids: i128,
    /// Their amounts.
    pub voided: i128,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.baskets += other.baskets;
        self.lines += other.lines;
        self.quantity += other.quantity;
        self.amount += other.amount;
        self.tax += other.tax;
        self.discount += other.discount;
        self.tips += other.tips;
        self.refunds += other.refunds;
        self.refunded += other.refunded;
        self.voids += other.voids;
        self.voided += other.voided;
    }
}

impl Sums {
    /// What is left of the amounts after refunds and voids.
    pub fn net(&self) -> i128 {
        self.amount - self.refunded - self.voided
    }

    fn of(sale: &Sale) -> Self {
        let mut sums = Self { baskets: 1, tips: i128::from(sale.tip), ..Self::default() };
        for line in &sale.lines {
            sums.lines += 1;
            sums.quantity += i128::from(line.quantity);
            sums.amount += i128::from(line.amount);
            sums.tax += i128::from(line.tax);
            sums.discount += i128::from(line.discount);
        }
        sums
    }
}

/// One row: whose sums, of which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The stall.
    pub stall: DeviceId,
    /// Days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
    /// The sums.
    pub sums: Sums,
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::SaleCompleted(sale) => sold(books, origin, sale),
        Payload::SaleRefunded(refund) => refunded(books, origin, refund),
        Payload::SaleVoided(void) => match super::undo(books, Projection::Sales, origin, void)? {
            Some(sale) => voided(books, origin, &sale),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Counts a sale.
pub fn sold(books: &mut dyn Books, origin: &Origin, sale: &Sale) -> Result<(), ReadError> {
    add(books, origin, sale.business_day, sale.currency, Sums::of(sale))
}

/// Counts a refund on the day of the refund.
pub fn refunded(books: &mut dyn Books, origin: &Origin, refund: &Refund) -> Result<(), ReadError> {
    let refunded = refund.lines.iter().map(|line| i128::from(line.amount)).sum();
    let sums = Sums { refunds: 1, refunded, ..Sums::default() };
    add(books, origin, refund.business_day, refund.currency, sums)
}

/// Counts a void on the day of the sale.
pub fn voided(books: &mut dyn Books, origin: &Origin, sale: &Sale) -> Result<(), ReadError> {
    let sums = Sums { voids: 1, voided: Sums::of(sale).amount, ..Sums::default() };
    add(books, origin, sale.business_day, sale.currency, sums)
}

fn add(
    books: &mut dyn Books,
    origin: &Origin,
    business_day: i32,
    currency: [u8; 3],
    more: Sums,
) -> Result<(), ReadError> {
    let day = (business_day as u32 ^ (1 << 31)).to_be_bytes();
    let rest = [origin.log.device.0.as_slice(), &day, &currency].concat();
    let key = super::row(Projection::Sales, origin.log.scope, &rest);
    super::update(books, key, |sums: &mut Sums| *sums += more)
}

/// The rows of a scope, by stall and day.
pub fn rows(scope: Scope) -> Range {
    keys::prefix(super::row(Projection::Sales, scope, &[]))
}

/// Reads a row.
pub fn read(key: &[u8], value: &[u8]) -> Option<Day> {
    let (_, _, rest) = keys::read_row(key)?;
    let (stall, rest) = rest.split_first_chunk::<32>()?;
    let (day, currency) = rest.split_first_chunk::<4>()?;
    Some(Day {
        stall: DeviceId(*stall),
        business_day: (u32::from_be_bytes(*day) ^ (1 << 31)) as i32,
        currency: currency.try_into().ok()?,
        sums: codec::decode("a sales row", value).ok()?,
    })
}
