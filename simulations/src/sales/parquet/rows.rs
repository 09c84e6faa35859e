//! The second reading of the till lines, for the totals: row by row, money as decimal text.
//!
//! It never computes with a float: a double is only printed, shortest text that means it, and
//! [`cents_from_text`] reads that.

use std::path::Path;

use ::parquet::record::{Field, Row};

use super::input::{self, TRANSACTIONS};
use crate::sales::LoadError;
use crate::sales::limits::LINE_PIECES_MAX;
use crate::sales::totals::{self, cents_from_text};

/// The columns read, in the order that [`till_line`] expects.
const COLUMNS: [&str; 7] = [
    "store_id",
    "basket_id",
    "transaction_timestamp",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_match_disc",
];

/// Gives every till line of the file to `each`, in the order of the file.
pub fn each_row(path: &Path, mut each: impl FnMut(totals::Row)) -> Result<(), LoadError> {
    let table = input::open(path, TRANSACTIONS)?;
    for (row, found) in table.rows(&COLUMNS)?.enumerate() {
        let found = found.map_err(|e| table.unreadable(&e))?;
        each(till_line(&found).map_err(|what| LoadError::BadRow { row, what })?);
    }
    Ok(())
}

fn till_line(row: &Row) -> Result<totals::Row, String> {
    let fields: Vec<(&String, &Field)> = row.get_column_iter().collect();
    let wrong = |column: usize| format!("{} has an unusable value", COLUMNS[column]);
    let field = |column: usize| fields.get(column).map(|(_, field)| *field);
    let count = |column| match field(column) {
        Some(Field::Long(value)) => u64::try_from(*value).map_err(|_| wrong(column)),
        _ => Err(wrong(column)),
    };
    let money = |column| match field(column) {
        Some(Field::Double(dollars)) => {
            cents_from_text(&dollars.to_string()).ok_or_else(|| wrong(column))
        }
        _ => Err(wrong(column)),
    };
    let Some(Field::TimestampMillis(utc_ms)) = field(2) else { return Err(wrong(2)) };
    let pieces = count(3)?;
    if pieces > LINE_PIECES_MAX {
        return Err(wrong(3));
    }
    Ok(totals::Row {
        store: count(0)?,
        basket: count(1)?,
        utc_ms: *utc_ms,
        quantity_thousandths: pieces * 1000,
        amount_cents: money(4)?,
        discount_cents: money(5)? + money(6)?,
    })
}
