//! Holds what the replicas' books say against the totals taken straight from the input.
//!
//! It never asks a replica how it came to its figures.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

use crate::replay::cluster::Site;
use crate::replay::limits::STOCK_PAGE;
use crate::sales::totals::Sums;

/// Sums of each stall, by the stall's name.
pub(crate) type Expected = BTreeMap<String, Sums>;

/// How many baskets of a stall a replica has; zero when it has not heard of the stall.
pub(crate) async fn baskets_of(replica: &Site, stall: &str) -> anyhow::Result<u64> {
    let summary = replica.api.get("/v1/sales/summary").await?;
    Ok(stalls_of(&summary).get(stall).map_or(0, |sums| sums.baskets))
}

/// What a replica states for each stall that sold, and for all together.
pub(crate) async fn stated(replica: &Site) -> anyhow::Result<(Expected, Sums)> {
    let summary = replica.api.get("/v1/sales/summary").await?;
    Ok((stalls_of(&summary), sums_of(&summary["total"])))
}

/// Every difference between a replica's books and the input: sales of each stall and in sum, and
/// shelves that are not empty although everything received was sold.
pub(crate) async fn differences(
    replica: &Site,
    expected: &Expected,
) -> anyhow::Result<Vec<String>> {
    let summary = replica.api.get("/v1/sales/summary").await?;
    let mut found = sales_differences(&replica.name, &summary, expected);
    let mut after: Option<String> = None;
    loop {
        let page = match &after {
            None => format!("/v1/stock?limit={STOCK_PAGE}"),
            Some(sku) => format!("/v1/stock?limit={STOCK_PAGE}&after={sku}"),
        };
        let page = replica.api.get(&page).await?;
        found.extend(stock_differences(&replica.name, &page)?);
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn sales_differences(replica: &str, summary: &Value, expected: &Expected) -> Vec<String> {
    let stated = stalls_of(summary);
    let mut sum = Sums::default();
    let mut found = Vec::new();
    for (stall, sums) in expected {
        sum.add(sums);
        let stated = stated.get(stall).cloned().unwrap_or_default();
        found.extend(sums_differences(replica, stall, &stated, sums));
    }
    for stall in stated.keys().filter(|stall| !expected.contains_key(*stall)) {
        found.push(format!("{replica}: {stall} sold, and is not in the input"));
    }
    found.extend(sums_differences(replica, "all stalls", &sums_of(&summary["total"]), &sum));
    found
}

fn sums_differences(replica: &str, whose: &str, stated: &Sums, input: &Sums) -> Vec<String> {
    let pairs = [
        ("baskets", i128::from(stated.baskets), i128::from(input.baskets)),
        ("lines", i128::from(stated.lines), i128::from(input.lines)),
        (
            "thousandths",
            i128::from(stated.quantity_thousandths),
            i128::from(input.quantity_thousandths),
        ),
        ("cents", i128::from(stated.amount_cents), i128::from(input.amount_cents)),
        ("cents of discount", i128::from(stated.discount_cents), i128::from(input.discount_cents)),
    ];
    let differ = pairs.into_iter().filter(|(_, stated, input)| stated != input);
    let tell = |(what, stated, input)| {
        format!("{replica}: {whose}: {stated} {what} stated, {input} in the input")
    };
    differ.map(tell).collect()
}

fn stock_differences(replica: &str, page: &Value) -> anyhow::Result<Vec<String>> {
    let items = page["items"].as_array().context("a page of stock has no `items`")?;
    let mut found = Vec::new();
    for item in items {
        let sku = item["sku"].as_str().unwrap_or("?");
        for stall in item["stalls"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let (name, left) = (&stall["name"], &stall["quantity"]);
            if left.as_i64() != Some(0) {
                let name = name.as_str().unwrap_or("?");
                found.push(format!("{replica}: {name}: {left} thousandths of {sku} left"));
            }
        }
        if item["quantity"].as_i64() != Some(0) {
            let left = &item["quantity"];
            found.push(format!("{replica}: all stalls: {left} thousandths of {sku} left"));
        }
    }
    Ok(found)
}

fn stalls_of(summary: &Value) -> BTreeMap<String, Sums> {
    let list = summary["stalls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let entry = |stall: &Value| {
        (stall["name"].as_str().unwrap_or("a stall without a name").to_owned(), sums_of(stall))
    };
    // The control is a device too, and stands in the list with nothing sold.
    list.iter().map(entry).filter(|(_, sums)| *sums != Sums::default()).collect()
}

/// A figure that is missing or negative where it cannot be counts as none, and so differs.
fn sums_of(stated: &Value) -> Sums {
    let count = |member: &str| stated[member].as_u64().unwrap_or_default();
    let money = |member: &str| stated[member].as_i64().unwrap_or_default();
    Sums {
        baskets: count("baskets"),
        lines: count("lines"),
        quantity_thousandths: count("quantity"),
        amount_cents: money("amount"),
        discount_cents: money("discount"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sums(baskets: u64, amount_cents: i64) -> Sums {
        let (lines, quantity_thousandths, discount_cents) = (baskets * 2, baskets * 3000, 5);
        Sums { baskets, lines, quantity_thousandths, amount_cents, discount_cents }
    }

    fn stated(sums: &Sums, name: &str) -> Value {
        json!({"name": name, "baskets": sums.baskets, "lines": sums.lines,
               "quantity": sums.quantity_thousandths, "amount": sums.amount_cents,
               "discount": sums.discount_cents})
    }

    fn check(first: Sums, second: Sums, total: Sums, expected: &[&str]) {
        let input = Expected::from([
            ("store 1".to_owned(), sums(1, 100)),
            ("store 2".to_owned(), sums(2, 250)),
        ]);
        let summary = json!({
            "stalls": [stated(&first, "store 1"), stated(&second, "store 2"),
                       stated(&Sums::default(), "control")],
            "total": stated(&total, ""),
        });
        assert_eq!(sales_differences("control", &summary, &input), expected);
    }

    fn total() -> Sums {
        let mut total = sums(1, 100);
        total.add(&sums(2, 250));
        total
    }

    #[test]
    fn equal_books_have_no_difference() {
        check(sums(1, 100), sums(2, 250), total(), &[]);
    }

    #[test]
    fn a_cent_is_a_difference() {
        let expected = ["control: store 2: 251 cents stated, 250 in the input"];
        check(sums(1, 100), sums(2, 251), total(), &expected);
        let mut total = total();
        total.amount_cents -= 1;
        let expected = ["control: all stalls: 349 cents stated, 350 in the input"];
        check(sums(1, 100), sums(2, 250), total, &expected);
    }

    #[test]
    fn a_missing_stall_and_a_strange_one_are_differences() {
        let input = Expected::from([("store 1".to_owned(), sums(1, 100))]);
        let summary = json!({"stalls": [stated(&sums(1, 100), "store 9")],
                             "total": stated(&sums(1, 100), "")});
        let found = sales_differences("store 1", &summary, &input);
        assert_eq!(found.len(), 6);
        assert_eq!(found[5], "store 1: store 9 sold, and is not in the input");
        assert_eq!(found[0], "store 1: store 1: 0 baskets stated, 1 in the input");
    }

    #[test]
    fn anything_left_on_a_shelf_is_a_difference() {
        let item = |quantity: i64| {
            json!({"sku": "7", "quantity": quantity,
                   "stalls": [{"name": "store 1", "quantity": quantity}]})
        };
        let page = |quantity| json!({"items": [item(quantity)]});
        let found = |quantity| stock_differences("control", &page(quantity)).expect("a page");
        assert_eq!(found(0), [""; 0]);
        assert_eq!(found(-1000).len(), 2);
        assert_eq!(found(-1000)[0], "control: store 1: -1000 thousandths of 7 left");
        assert!(stock_differences("control", &json!({})).is_err());
    }
}
