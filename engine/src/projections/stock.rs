//! Book stock: thousandths of each SKU in the custody of each stall.
//!
//! Only a stall's own ledger changes its stock, by sums, so that no order of delivery matters. The
//! book may go below zero: the till is right that the goods were there.
//!
//! ```text
//! row     sku | 0x00 | device 32        value  quantity i128
//! ```

use crate::event::codec;
use crate::event::sale::Sale;
use crate::event::{Event, Payload};
use crate::ids::{DeviceId, Scope};
use crate::keys::{self, Range};
use crate::store::ReadError;

use super::{Books, Origin, Projection};

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::GoodsReceived(goods) => goods
            .lines
            .iter()
            .try_for_each(|line| add(books, origin, &line.sku, i128::from(line.quantity))),
        Payload::SaleCompleted(sale) => sold(books, origin, sale, -1),
        Payload::SaleRefunded(refund) if refund.restock => refund
            .lines
            .iter()
            .try_for_each(|line| add(books, origin, &line.sku, i128::from(line.quantity))),
        Payload::SaleVoided(void) => match super::undo(books, Projection::Stock, origin, void)? {
            Some(sale) => sold(books, origin, &sale, 1),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Adds to the stock of the stall that the event came from.
pub fn add(
    books: &mut dyn Books,
    origin: &Origin,
    sku: &str,
    quantity: i128,
) -> Result<(), ReadError> {
    let rest = [sku.as_bytes(), &[0], &origin.log.device.0].concat();
    let key = super::row(Projection::Stock, origin.log.scope, &rest);
    super::update(books, key, |held: &mut i128| *held = held.saturating_add(quantity))
}

/// Moves every line of a sale: `sign` -1 as sold, 1 as undone.
pub fn sold(
    books: &mut dyn Books,
    origin: &Origin,
    sale: &Sale,
    sign: i128,
) -> Result<(), ReadError> {
    for line in &sale.lines {
        if line.quantity > 0 {
            add(books, origin, &line.sku, sign * i128::from(line.quantity))?;
        }
    }
    Ok(())
}

/// The rows of a scope, by SKU and stall.
pub fn rows(scope: Scope) -> Range {
    keys::prefix(super::row(Projection::Stock, scope, &[]))
}

/// The rows of one SKU.
pub fn rows_of(scope: Scope, sku: &str) -> Range {
    let rest = [sku.as_bytes(), &[0]].concat();
    keys::prefix(super::row(Projection::Stock, scope, &rest))
}

/// The rows of a scope whose SKU sorts after `sku`.
pub fn rows_after(scope: Scope, sku: &str) -> Range {
    let rest = [sku.as_bytes(), &[1]].concat();
    (super::row(Projection::Stock, scope, &rest), rows(scope).1)
}

/// The SKU, the stall and the quantity of a row.
pub fn read(key: &[u8], value: &[u8]) -> Option<(String, DeviceId, i128)> {
    let (_, _, rest) = keys::read_row(key)?;
    let (rest, device) = rest.split_last_chunk::<32>()?;
    let sku = rest.strip_suffix(&[0])?;
    let quantity = codec::decode("a stock row", value).ok()?;
    Some((String::from_utf8(sku.to_vec()).ok()?, DeviceId(*device), quantity))
}
