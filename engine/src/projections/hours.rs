//! Sales by stall, business day and local hour: when a stall is busy.
//!
//! Sales stand where they were rung up; refunds and voids do not move them.
//!
//! ```text
//! row     device 32 | business day u32 BE (offset by 2^31) | currency 3 | hour 1  value  [`Hour`]
//! ```

use serde::{Deserialize, Serialize};

use super::{Books, DayKey, Origin, Projection, read_day_key};
use crate::event::sale::Sale;
use crate::event::{Event, Payload, codec};
use crate::ids::Scope;
use crate::keys::{self, Range};
use crate::store::ReadError;

/// The sales of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Sales.
    pub baskets: i128,
    /// Their amounts charged in minor units, without tips.
    pub amount: i128,
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::SaleCompleted(sale) = &event.payload else { return Ok(()) };
    let day = DayKey::of(origin, sale.business_day, sale.currency);
    let rest = [day.bytes().as_slice(), &[hour_of(sale)]].concat();
    let key = super::row(Projection::Hours, origin.log.scope, &rest);
    super::update(books, key, |hour: &mut Hour| {
        hour.baskets += 1;
        hour.amount += sale.amount();
    })
}

/// The hour that the till's clock showed: 0 to 23.
fn hour_of(sale: &Sale) -> u8 {
    let local = i128::from(sale.sold_at_ms) + i128::from(sale.offset_minutes) * 60_000;
    let hour = local.div_euclid(3_600_000).rem_euclid(24);
    u8::try_from(hour).expect("invariant: a remainder of 24")
}

/// The rows of a stall from one business day to another, both included.
pub fn rows(scope: Scope, stall: &crate::ids::DeviceId, days: (i32, i32)) -> Range {
    super::day_rows(Projection::Hours, scope, &[], stall, days)
}

/// Reads a row: which day, which hour.
pub fn read(key: &[u8], value: &[u8]) -> Option<(DayKey, u8, Hour)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (day, hour) = read_day_key(rest)?;
    let [hour] = hour else { return None };
    Some((day, *hour, codec::decode("an hours row", value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sold_at_ms: i64, offset_minutes: i16, expected: u8) {
        let sale = Sale { sold_at_ms, offset_minutes, ..Sale::default() };
        assert_eq!(hour_of(&sale), expected, "{sold_at_ms} {offset_minutes}");
    }

    #[test]
    fn the_hour_is_the_one_on_the_tills_clock() {
        check(0, 0, 0);
        check(3_599_999, 0, 0);
        check(3_600_000, 0, 1);
        check(0, 60, 1);
        check(0, -60, 23);
        check(-1, 0, 23);
        check(86_400_000, 0, 0);
        check(i64::MAX, i16::MAX, 1);
        check(i64::MIN, i16::MIN, 22);
    }
}
