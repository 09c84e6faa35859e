//! The second computation of what the books must say, straight from till lines.
//!
//! It shares no step with the baskets that are sold: it sees rows one at a time, takes money from
//! decimal text instead of a rounded product, counts days by division instead of by calendar, and
//! never groups lines. It never reads a file itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::sales::OFFSET_HOURS;

/// One till line, as far as totals need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The store.
    pub store: u64,
    /// The receipt that the line is on.
    pub basket: u64,
    /// When, in milliseconds since 1970-01-01T00:00Z.
    pub utc_ms: i64,
    /// Pieces times 1,000.
    pub quantity_thousandths: u64,
    /// What was charged, in cents.
    pub amount_cents: i64,
    /// What was taken off before, in cents.
    pub discount_cents: i64,
}

/// What the sales of one store come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Receipts.
    pub baskets: u64,
    /// Lines on them.
    pub lines: u64,
    /// Pieces times 1,000.
    pub quantity_thousandths: u64,
    /// Charged, in cents.
    pub amount_cents: i64,
    /// Taken off, in cents.
    pub discount_cents: i64,
}

impl Sums {
    /// Adds another store's sums.
    pub fn add(&mut self, other: &Self) {
        self.baskets += other.baskets;
        self.lines += other.lines;
        self.quantity_thousandths += other.quantity_thousandths;
        self.amount_cents += other.amount_cents;
        self.discount_cents += other.discount_cents;
    }
}

/// Sums of all stores and days, filled row by row in any order.
#[derive(Debug, Default)]
pub struct Totals {
    days: BTreeMap<i64, BTreeMap<u64, Day>>,
}

/// One store on one local day.
#[derive(Debug, Default)]
struct Day {
    receipts: BTreeSet<u64>,
    sums: Sums,
}

impl Totals {
    /// Takes in one till line.
    pub fn add(&mut self, row: &Row) {
        let local_ms = row.utc_ms + i64::from(OFFSET_HOURS) * 3_600_000;
        let stores = self.days.entry(local_ms.div_euclid(86_400_000)).or_default();
        let day = stores.entry(row.store).or_default();
        if day.receipts.insert(row.basket) {
            day.sums.baskets += 1;
        }
        day.sums.lines += 1;
        day.sums.quantity_thousandths += row.quantity_thousandths;
        day.sums.amount_cents += row.amount_cents;
        day.sums.discount_cents += row.discount_cents;
    }

    /// The sums of these stores over the first `days` local days that any store sold on. Every
    /// store asked for is in the answer, also one that sold nothing.
    pub fn of(&self, stores: &[u64], days: u32) -> BTreeMap<u64, Sums> {
        let mut of: BTreeMap<u64, Sums> = stores.iter().map(|s| (*s, Sums::default())).collect();
        let first = self.days.keys().next().copied().unwrap_or_default();
        for (_, in_stores) in self.days.range(first..first.saturating_add(i64::from(days))) {
            for (store, day) in in_stores {
                if let Some(sums) = of.get_mut(store) {
                    sums.add(&day.sums);
                }
            }
        }
        of
    }
}

/// Cents from decimal text such as `1.39`, `12`, `0.0`, rounded half up at the third digit.
/// `None` for anything else: signs, exponents, more than nine digits before the point.
pub fn cents_from_text(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let mut mills = part.bytes().map(|byte| i64::from(byte - b'0')).chain([0, 0, 0]);
    let mut next = || mills.next().unwrap_or_default();
    let (tenths, hundredths, thousandths) = (next(), next(), next());
    let cents = whole.parse::<i64>().ok()? * 100 + tenths * 10 + hundredths;
    Some(cents + i64::from(thousandths >= 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(store: u64, basket: u64, utc_ms: i64, amount_cents: i64) -> Row {
        let quantity_thousandths = 2000;
        Row { store, basket, utc_ms, quantity_thousandths, amount_cents, discount_cents: 1 }
    }

    #[test]
    fn money_is_read_from_text_without_a_float() {
        let cases = [
            ("0.0", Some(0)),
            ("1.39", Some(139)),
            ("840.0", Some(84_000)),
            ("12", Some(1_200)),
            ("0.005", Some(1)),
            ("2.994999", Some(299)),
            ("2.9950000000000001", Some(300)),
            ("-1.39", None),
            ("1E-16", None),
            ("NaN", None),
            ("", None),
            (".5", None),
            ("1234567890.0", None),
        ];
        for (text, cents) in cases {
            assert_eq!(cents_from_text(text), cents, "{text}");
        }
    }

    #[test]
    fn lines_of_one_receipt_count_one_basket() {
        let mut totals = Totals::default();
        for (basket, cents) in [(1, 100), (2, 50), (1, 7)] {
            totals.add(&row(5, basket, 1_483_271_606_000, cents));
        }
        let expected = Sums {
            baskets: 2,
            lines: 3,
            quantity_thousandths: 6000,
            amount_cents: 157,
            discount_cents: 3,
        };
        assert_eq!(totals.of(&[5], 1), BTreeMap::from([(5, expected)]));
    }

    #[test]
    fn days_are_local_and_counted_from_the_first_of_any_store() {
        let midnight = 1_483_246_800_000;
        let mut totals = Totals::default();
        totals.add(&row(1, 1, midnight, 1));
        totals.add(&row(2, 2, midnight + 86_400_000 - 1, 10));
        totals.add(&row(2, 3, midnight + 86_400_000, 100));
        let amount = |days| totals.of(&[2, 3], days).values().map(|s| s.amount_cents).sum::<i64>();
        assert_eq!((amount(0), amount(1), amount(2), amount(365)), (0, 10, 110, 110));
        assert_eq!(totals.of(&[3], 365), BTreeMap::from([(3, Sums::default())]));
    }
}
