//! Whether a price list may be published, and whether a sale may name the bundles that it names.

use thiserror::Error;

use super::{Refusal, text};
use crate::event::prices::{BundlePrice, bundle_name};
use crate::event::sale::Sale;
use crate::event::{BundlePublished, codec};
use crate::hash::Hash;
use crate::limits::{
    AMOUNT_MAX, BUNDLE_PIECE_BYTES_MAX, BUNDLE_PRICES_MAX, SALE_LINES_MAX, SKU_BYTES_MAX,
};
use crate::store::ReadError;

/// Why a price list cannot be published. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// None or too many prices.
    #[error("prices must have 1 to {BUNDLE_PRICES_MAX} entries")]
    BadCount,
    /// A SKU that no item has, or a price out of bounds.
    #[error(
        "the price of {0:?} cannot stand: a SKU has 1 to {SKU_BYTES_MAX} bytes without control \
         characters, a price is 0 to {AMOUNT_MAX} minor units"
    )]
    BadPrice(String),
    /// Two prices for one SKU.
    #[error("{0:?} has two prices; give it one")]
    Doubled(String),
    /// The pieces cannot be encoded.
    #[error(transparent)]
    Codec(#[from] codec::CodecError),
}

/// A price list, cut into events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its name: the hash of its prices.
    pub name: Hash,
    /// Its pieces, in order.
    pub pieces: Vec<BundlePublished>,
}

/// Whether a price may stand in a bundle.
pub(crate) fn is_price(price: &BundlePrice) -> bool {
    text("sku", &price.sku, SKU_BYTES_MAX).is_ok() && (0..=AMOUNT_MAX).contains(&price.price)
}

/// Checks a price list and makes a bundle of it. The same prices, in any order, give the same.
pub fn bundle(mut prices: Vec<BundlePrice>) -> Result<Bundle, BundleError> {
    if prices.is_empty() || prices.len() > BUNDLE_PRICES_MAX {
        return Err(BundleError::BadCount);
    }
    if let Some(bad) = prices.iter().find(|price| !is_price(price)) {
        return Err(BundleError::BadPrice(bad.sku.clone()));
    }
    prices.sort_by(|a, b| a.sku.cmp(&b.sku));
    if let Some(pair) = prices.windows(2).find(|pair| pair[0].sku == pair[1].sku) {
        return Err(BundleError::Doubled(pair[0].sku.clone()));
    }
    let name = bundle_name(&prices)?;
    let lists = cut(prices)?;
    let parts = lists.len() as u16;
    let piece = |(part, prices)| BundlePublished { bundle: name, part, parts, prices };
    Ok(Bundle { name, pieces: (0..).zip(lists).map(piece).collect() })
}

/// As many prices into each piece as fit. `limits` has it that no bundle takes too many.
fn cut(prices: Vec<BundlePrice>) -> Result<Vec<Vec<BundlePrice>>, BundleError> {
    let mut lists = vec![Vec::new()];
    let mut bytes = 0;
    for price in prices {
        let more = codec::encode(&price)?.len();
        if bytes + more > BUNDLE_PIECE_BYTES_MAX {
            lists.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(list) = lists.last_mut() {
            list.push(price);
        }
    }
    Ok(lists)
}

/// Refuses a sale that names a bundle which is not held. Lines that name the sale's own bundle are
/// put in the one form that says so: they name none.
pub fn bundles(
    sale: &mut Sale,
    held: &dyn Fn(&Hash) -> Result<bool, ReadError>,
) -> Result<(), Refusal> {
    let of_sale = sale.price_bundle;
    sale.line_bundles.retain(|(_, bundle)| Some(*bundle) != of_sale);
    let of_sale = of_sale.map(|bundle| ("price_bundle".to_owned(), bundle));
    let of_line = |(at, bundle): &(u16, Hash)| (format!("lines[{at}].price_bundle"), *bundle);
    // One look for each bundle: a sale of many lines names few.
    let mut seen: Vec<Hash> = Vec::new();
    let lines = sale.line_bundles.iter().take(SALE_LINES_MAX);
    for (field, bundle) in of_sale.into_iter().chain(lines.map(of_line)) {
        if seen.contains(&bundle) {
            continue;
        }
        if !held(&bundle)? {
            return Err(Refusal::UnknownBundle { field, bundle });
        }
        seen.push(bundle);
    }
    Ok(())
}
