//! Book stock: what lies in the custody of each stall, and what of it is set aside.
//!
//! Only a stall's own ledger changes its stock, by sums, so that no order of delivery matters. The
//! book may go below zero: the till is right that the goods were there.
//!
//! ```text
//! row     sku | 0x00 | device 32                                       value  [`Held`]
//! row     0xff | device 32 | until i64 BE (offset by 2^63) | event 48  value  1
//! ```
//!
//! The second is a reservation that nobody let go of, in the order in which they run out. No text
//! holds the byte 0xff, so no SKU is mistaken for one.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::event::codec;
use crate::event::sale::Sale;
use crate::event::{Event, GoodsLine, GoodsReserved, Payload};
use crate::ids::{DeviceId, EventId, Scope};
use crate::keys::{self, Range};
use crate::store::ReadError;

use super::{Books, Origin, Projection, event_key, read_event_key};

/// What a stall has of one SKU, in thousandths. Both may be below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What lies there.
    pub on_hand: i128,
    /// What of it is set aside.
    pub reserved: i128,
}

impl Held {
    /// What may be promised to somebody else.
    pub fn available(&self) -> i128 {
        self.on_hand.saturating_sub(self.reserved)
    }
}

impl AddAssign for Held {
    fn add_assign(&mut self, other: Self) {
        self.on_hand = self.on_hand.saturating_add(other.on_hand);
        self.reserved = self.reserved.saturating_add(other.reserved);
    }
}

/// What an event does to a SKU.
type Moves<'a> = &'a mut dyn FnMut(&str, i128) -> Result<(), ReadError>;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    moved(&event.payload, &mut |sku, quantity| {
        add(books, origin, sku, Held { on_hand: quantity, reserved: 0 })
    })?;
    match &event.payload {
        Payload::SaleVoided(void) => match super::undo(books, Projection::Stock, origin, void)? {
            Some(sale) => sold(&sale, 1, &mut |sku, quantity| {
                add(books, origin, sku, Held { on_hand: quantity, reserved: 0 })
            }),
            None => Ok(()),
        },
        Payload::GoodsReserved(reserved) => {
            set_aside(books, origin, &reserved.lines, 1)?;
            let key = reservation(origin, reserved, &origin.id);
            books.set_row(key, Some(vec![1]))
        }
        Payload::SaleCompleted(Sale { reservation: Some(reservation), .. }) => {
            let_go(books, origin, reservation)
        }
        Payload::ReservationReleased(released) => let_go(books, origin, &released.reservation),
        Payload::ReservationExpired(expired) => let_go(books, origin, &expired.reservation),
        _ => Ok(()),
    }
}

/// What an event moves at its stall by itself, line by line. What a void moves depends on its sale.
pub fn moved(payload: &Payload, moves: Moves<'_>) -> Result<(), ReadError> {
    match payload {
        Payload::GoodsReceived(goods) => goods_moved(&goods.lines, 1, moves),
        Payload::GoodsTakenIn(goods) => goods_moved(&goods.lines, 1, moves),
        Payload::GoodsReturned(goods) if goods.resaleable => goods_moved(&goods.lines, 1, moves),
        Payload::GoodsDispatched(goods) => goods_moved(&goods.lines, -1, moves),
        Payload::GoodsSpoiled(goods) => goods_moved(&goods.lines, -1, moves),
        Payload::StockCounted(count) => {
            count.lines.iter().try_for_each(|line| moves(&line.sku, line.variance()))
        }
        Payload::SaleCompleted(sale) => sold(sale, -1, moves),
        Payload::SaleRefunded(refund) if refund.restock => {
            refund.lines.iter().try_for_each(|line| moves(&line.sku, i128::from(line.quantity)))
        }
        _ => Ok(()),
    }
}

/// What every line of a sale moves: `sign` -1 as sold, 1 as undone.
pub fn sold(sale: &Sale, sign: i128, moves: Moves<'_>) -> Result<(), ReadError> {
    for line in &sale.lines {
        if line.quantity > 0 {
            moves(&line.sku, sign * i128::from(line.quantity))?;
        }
    }
    Ok(())
}

fn goods_moved(lines: &[GoodsLine], sign: i128, moves: Moves<'_>) -> Result<(), ReadError> {
    lines.iter().try_for_each(|line| moves(&line.sku, sign * i128::from(line.quantity)))
}

/// Adds to the stock of the stall that the event came from.
fn add(books: &mut dyn Books, origin: &Origin, sku: &str, more: Held) -> Result<(), ReadError> {
    let key = key(origin.log.scope, sku, &origin.log.device);
    let mut held: Held = super::read(books.row(&key)?)?;
    held += more;
    // What is sold out stays in the book, for people to see.
    let row = codec::encode(&held).map_err(|error| ReadError::Device(error.to_string()))?;
    books.set_row(key, Some(row))
}

fn set_aside(
    books: &mut dyn Books,
    origin: &Origin,
    lines: &[GoodsLine],
    sign: i128,
) -> Result<(), ReadError> {
    lines.iter().try_for_each(|line| {
        let reserved = sign * i128::from(line.quantity);
        add(books, origin, &line.sku, Held { on_hand: 0, reserved })
    })
}

/// Lets go of a reservation that stands before this event on its branch. It was folded before, so
/// where its row is gone, somebody let go of it already.
fn let_go(books: &mut dyn Books, origin: &Origin, id: &EventId) -> Result<(), ReadError> {
    let Some(named) = books.ancestor(origin, id)? else { return Ok(()) };
    let Payload::GoodsReserved(reserved) = named.payload else { return Ok(()) };
    let key = reservation(origin, &reserved, id);
    if books.row(&key)?.is_none() {
        return Ok(());
    }
    books.set_row(key, None)?;
    set_aside(books, origin, &reserved.lines, -1)
}

/// Begins the rows of reservations.
const RESERVATION: u8 = 0xff;

fn reservation(origin: &Origin, reserved: &GoodsReserved, id: &EventId) -> Vec<u8> {
    reservation_key(origin.log.scope, &origin.log.device, reserved.until_ms, id)
}

/// The row of a reservation while it is open.
pub fn reservation_key(scope: Scope, device: &DeviceId, until_ms: i64, id: &EventId) -> Vec<u8> {
    let until = (until_ms as u64 ^ (1 << 63)).to_be_bytes();
    let rest = [[RESERVATION].as_slice(), &device.0, &until, &event_key(id)].concat();
    super::row(Projection::Stock, scope, &rest)
}

/// The rows of a stall's open reservations, the first to run out first.
pub fn reservations_of(scope: Scope, device: &DeviceId) -> Range {
    let rest = [[RESERVATION].as_slice(), &device.0].concat();
    keys::prefix(super::row(Projection::Stock, scope, &rest))
}

/// The rows of every open reservation, by stall.
pub fn reservations(scope: Scope) -> Range {
    keys::prefix(super::row(Projection::Stock, scope, &[RESERVATION]))
}

/// The stall, the end in milliseconds since 1970, and the event of a reservation's row.
pub fn read_reservation(row: &[u8]) -> Option<(DeviceId, i64, EventId)> {
    let (_, _, rest) = keys::read_row(row)?;
    let (device, rest) = rest.strip_prefix(&[RESERVATION])?.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let until_ms = (u64::from_be_bytes(*until) ^ (1 << 63)) as i64;
    Some((DeviceId(*device), until_ms, read_event_key(rest)?))
}

/// The row of a SKU at a stall.
pub fn key(scope: Scope, sku: &str, device: &DeviceId) -> Vec<u8> {
    super::row(Projection::Stock, scope, &[sku.as_bytes(), &[0], &device.0].concat())
}

/// The rows of a scope, by SKU and stall.
pub fn rows(scope: Scope) -> Range {
    let bound = |rest: &[u8]| super::row(Projection::Stock, scope, rest);
    (bound(&[]), bound(&[RESERVATION]))
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

/// The SKU, the stall and what it has, of a row.
pub fn read(key: &[u8], value: &[u8]) -> Option<(String, DeviceId, Held)> {
    let (_, _, rest) = keys::read_row(key)?;
    // The mark of an undone sale: 0 and the event. No SKU that a till may sell begins so.
    if rest.len() == 49 && rest[0] == 0 {
        return None;
    }
    let (rest, device) = rest.split_last_chunk::<32>()?;
    let sku = rest.strip_suffix(&[0])?;
    let held = codec::decode("a stock row", value).ok()?;
    Some((String::from_utf8(sku.to_vec()).ok()?, DeviceId(*device), held))
}
