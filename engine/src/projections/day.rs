//! Rows by stall, business day and currency: the first part of their keys, shared by the books of
//! money. It counts nothing.
//!
//! ```text
//! device 32 | business day u32 BE (offset by 2^31) | currency 3
//! ```

use super::{Origin, Projection};
use crate::ids::{DeviceId, Scope};
use crate::keys::Range;

/// Whose books, of which day, in which currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    /// The stall.
    pub stall: DeviceId,
    /// Days since 1970-01-01.
    pub business_day: i32,
    /// ISO 4217 code.
    pub currency: [u8; 3],
}

impl DayKey {
    /// The key of what an event counts for.
    pub fn of(origin: &Origin, business_day: i32, currency: [u8; 3]) -> Self {
        Self { stall: origin.log.device, business_day, currency }
    }

    /// Its bytes; they sort by stall and day.
    pub fn bytes(&self) -> Vec<u8> {
        [self.stall.0.as_slice(), &sortable(self.business_day), &self.currency].concat()
    }
}

/// A business day as bytes that sort as days do.
pub fn sortable(day: i32) -> [u8; 4] {
    (day as u32 ^ (1 << 31)).to_be_bytes()
}

/// Reads what [`sortable`] wrote.
pub fn read_sortable(bytes: [u8; 4]) -> i32 {
    (u32::from_be_bytes(bytes) ^ (1 << 31)) as i32
}

/// The key at the beginning of `rest`, and what follows it.
pub fn read_day_key(rest: &[u8]) -> Option<(DayKey, &[u8])> {
    let (stall, rest) = rest.split_first_chunk::<32>()?;
    let (day, rest) = rest.split_first_chunk::<4>()?;
    let (currency, rest) = rest.split_first_chunk::<3>()?;
    let business_day = read_sortable(*day);
    Some((DayKey { stall: DeviceId(*stall), business_day, currency: *currency }, rest))
}

/// The rows of a stall from one business day to another, both included. `tag` is what stands
/// before the stall in their keys.
pub fn day_rows(
    projection: Projection,
    scope: Scope,
    tag: &[u8],
    stall: &DeviceId,
    (from, to): (i32, i32),
) -> Range {
    let row = |day: i32| {
        super::row(projection, scope, &[tag, stall.0.as_slice(), &sortable(day)].concat())
    };
    // The successor of the last day's prefix, so that its rows are in.
    (row(from), crate::keys::prefix(row(to)).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_sort_as_bytes_and_come_back() {
        let days = [i32::MIN, -1, 0, 1, 19_675, i32::MAX];
        for pair in days.windows(2) {
            assert!(sortable(pair[0]) < sortable(pair[1]), "{pair:?}");
        }
        for day in days {
            let key = DayKey { stall: DeviceId([7; 32]), business_day: day, currency: *b"EUR" };
            let bytes = [key.bytes().as_slice(), b"rest"].concat();
            assert_eq!(read_day_key(&bytes), Some((key, b"rest".as_slice())));
        }
    }

    #[test]
    fn a_range_of_days_ends_after_its_last_and_holds_no_other_stall() {
        let (scope, stall) = (Scope::Tenant, DeviceId([0xff; 32]));
        let (from, to) = day_rows(Projection::Hours, scope, &[], &stall, (3, i32::MAX));
        let row = |stall, business_day| {
            let key = DayKey { stall, business_day, currency: *b"EUR" };
            super::super::row(Projection::Hours, scope, &key.bytes())
        };
        let within = |key: &Vec<u8>| (from.clone()..to.clone()).contains(key);
        assert!(within(&row(stall, 3)) && within(&row(stall, i32::MAX)));
        assert!(!within(&row(stall, 2)) && !within(&row(DeviceId([0xfe; 32]), 3)));
    }
}
