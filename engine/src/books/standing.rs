//! The prices that stand in the catalogue, for a bundle to be made of.

use crate::catalogue::Value;
use crate::event::prices::BundlePrice;
use crate::ids::Scope;
use crate::projections::catalogue;
use crate::store::{Read, ReadError};

/// What the catalogue asks for its items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The price of every item that has one and is not withdrawn, by SKU.
    pub prices: Vec<BundlePrice>,
    /// Of these, the items whose price was set concurrently, with every price that stands.
    pub conflicts: Vec<(String, Vec<i64>)>,
}

/// The standing prices of a merchant.
pub fn standing(store: &dyn Read, scope: Scope) -> Result<Standing, ReadError> {
    let mut out = Standing::default();
    for (sku, item) in catalogue::page(store, scope, None, usize::MAX, |item| !item.withdrawn)? {
        let Some(price) = item.price else { continue };
        if let Some(values) = item.conflicts.get("price") {
            let price = |value: &Value| match value {
                Value::Number(price) => Some(*price),
                _ => None,
            };
            out.conflicts.push((sku.clone(), values.iter().filter_map(price).collect()));
        }
        out.prices.push(BundlePrice { sku, price });
    }
    Ok(out)
}
