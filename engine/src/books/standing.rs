//! The prices that stand in the catalogue, for a bundle to be made of.

use std::ops::ControlFlow;

use crate::catalogue::Item;
use crate::event::codec;
use crate::event::prices::BundlePrice;
use crate::ids::Scope;
use crate::keys;
use crate::projections::Projection;
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
    let (from, to) = keys::prefix(keys::row(Projection::Catalogue as u8, scope, &[]));
    store.scan(&from, &to, &mut |key, value| {
        let sku = keys::read_row(key).and_then(|(_, _, sku)| String::from_utf8(sku.to_vec()).ok());
        let item: Option<Item> = codec::decode("an item row", value).ok();
        let Some((sku, item)) = sku.zip(item) else { return ControlFlow::Continue(()) };
        let Some(price) = item.price.filter(|_| !item.withdrawn) else {
            return ControlFlow::Continue(());
        };
        if !item.price_conflicts.is_empty() {
            out.conflicts.push((sku.clone(), item.price_conflicts));
        }
        out.prices.push(BundlePrice { sku, price });
        ControlFlow::Continue(())
    })?;
    Ok(out)
}
