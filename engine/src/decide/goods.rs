//! Whether goods may be stated as received.

use super::{Refusal, count, key, optional_text, quantity, text};
use crate::event::{GoodsLine, GoodsReceived};
use crate::limits::{SALE_LINES_MAX, SKU_BYTES_MAX};

/// Checks goods received.
pub fn goods(goods: &GoodsReceived) -> Result<(), Refusal> {
    key(&goods.key)?;
    optional_text("reference", &goods.reference)?;
    count("lines", goods.lines.len(), SALE_LINES_MAX)?;
    for (at, GoodsLine { sku, quantity: amount }) in goods.lines.iter().enumerate() {
        text(&format!("lines[{at}].sku"), sku, SKU_BYTES_MAX)?;
        quantity(format!("lines[{at}].quantity"), *amount, false)?;
    }
    Ok(())
}
