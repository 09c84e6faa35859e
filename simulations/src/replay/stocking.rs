//! What the market starts with: a catalogue at the control, and at each stall exactly the stock
//! that will be sold there, so that every shelf must be empty in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use crate::replay::api::Api;
use crate::replay::limits::{ITEMS_PER_CALL, RECEIVED_LINES_PER_CALL};
use crate::sales::{Basket, Line, OFFSET_HOURS, Sales};

/// One product, as the catalogue call takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    /// The product's number.
    pub sku: String,
    /// What people call it.
    pub name: String,
    /// Cents for one piece.
    pub price: i64,
}

/// Every product sold, by number, at the price before discount of its first sale.
pub(crate) fn items(sales: &Sales) -> Vec<Item> {
    let mut prices: BTreeMap<&Arc<str>, Option<i64>> = BTreeMap::new();
    for line in sales.baskets.iter().flat_map(|basket| &basket.lines) {
        let price = prices.entry(&line.sku).or_default();
        *price = price.or_else(|| price_of(line));
    }
    let item = |(sku, price): (&Arc<str>, Option<i64>)| Item {
        sku: sku.to_string(),
        name: sales.products.name(sku),
        price: price.unwrap_or_default(),
    };
    prices.into_iter().map(item).collect()
}

/// Cents a piece before discount, rounded half up; `None` when nothing was handed over.
fn price_of(line: &Line) -> Option<i64> {
    let quantity = i64::try_from(line.quantity_thousandths).ok().filter(|q| *q > 0)?;
    let full = line.amount_cents.checked_add(line.discount_cents)?.checked_mul(1000)?;
    Some((full + quantity / 2) / quantity)
}

/// How much of each product these baskets take, in thousandths, without what they take none of.
pub(crate) fn taken<'a>(baskets: impl IntoIterator<Item = &'a Basket>) -> BTreeMap<Arc<str>, u64> {
    let mut taken: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for line in baskets.into_iter().flat_map(|basket| &basket.lines) {
        if line.quantity_thousandths > 0 {
            *taken.entry(Arc::clone(&line.sku)).or_default() += line.quantity_thousandths;
        }
    }
    taken
}

/// Lists the products at the control.
pub(crate) async fn list(control: &Api, items: &[Item]) -> anyhow::Result<()> {
    for part in items.chunks(ITEMS_PER_CALL) {
        control.post("/v1/catalogue/items", None, &json!({ "items": part })).await?;
    }
    Ok(())
}

/// Publishes the catalogue's prices, in force from midnight of `day`: stalls name them in sales.
pub(crate) async fn publish(control: &Api, day: &str) -> anyhow::Result<()> {
    let from = format!("{day}T00:00:00{OFFSET_HOURS:+03}:00");
    let body = json!({"from_catalogue": true, "from": from});
    control.post("/v1/prices/bundles", None, &body).await?;
    Ok(())
}

/// Receives opening stock at a stall, at midnight of `day`.
pub(crate) async fn receive(
    stall: &Api,
    day: &str,
    stock: &BTreeMap<Arc<str>, u64>,
) -> anyhow::Result<()> {
    let lines: Vec<_> =
        stock.iter().map(|(sku, quantity)| json!({"sku": **sku, "quantity": quantity})).collect();
    for (part, lines) in lines.chunks(RECEIVED_LINES_PER_CALL).enumerate() {
        let at = format!("{day}T00:00:00{OFFSET_HOURS:+03}:00");
        let body = json!({"at": at, "reference": format!("opening {part}"), "lines": lines});
        stall.post("/v1/goods-received", Some(&format!("opening-{part}")), &body).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sales::Products;

    fn line(sku: &str, quantity_thousandths: u64, amount_cents: i64, discount_cents: i64) -> Line {
        Line { sku: sku.into(), quantity_thousandths, amount_cents, discount_cents }
    }

    fn sample() -> Sales {
        let lines = vec![
            line("b", 0, 0, 0),
            line("a", 3000, 200, 100),
            line("a", 1000, 999, 0),
            line("b", 2000, 5, 0),
            line("c", 0, 0, 0),
        ];
        let sold_at = "2017-01-01T10:00:00-05:00".to_owned();
        Sales::new(vec![Basket { store: 1, id: 1, sold_at, lines }], Products::default())
    }

    #[test]
    fn a_product_is_listed_once_at_the_price_of_its_first_real_sale() {
        let listed: Vec<_> =
            items(&sample()).into_iter().map(|item| (item.sku, item.price)).collect();
        let expected = [("a", 100), ("b", 3), ("c", 0)];
        assert_eq!(listed, expected.map(|(sku, price)| (sku.to_owned(), price)));
    }

    #[test]
    fn the_opening_stock_is_what_will_be_sold() {
        let taken = taken(&sample().baskets);
        assert_eq!(taken, BTreeMap::from([("a".into(), 4000), ("b".into(), 2000)]));
    }
}
