//! Whether goods may be stated as received, sent, taken in, returned, lost, set aside or counted.
//!
//! The book does not bind: goods that lie on the counter are sold and sent whatever it says. Only a
//! promise of them, a reservation, is held against it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, count, key, needs, optional_text, quantity, text};
use crate::clock::DAY_MS;
use crate::event::sale::{Key, Sale};
use crate::event::{
    GoodsDispatched, GoodsLine, GoodsReceived, GoodsReserved, GoodsReturned, GoodsSpoiled,
    GoodsTakenIn, Payload, ReservationReleased, StockCounted, codec,
};
use crate::ids::{EventId, Lane, Scope};
use crate::limits::{QUANTITY_MAX, RESERVATION_MS_MAX, SALE_LINES_MAX, SKU_BYTES_MAX};
use crate::projections::stock::{self, Held};
use crate::projections::{self, Books, Projection, transfers};
use crate::replica::Replica;
use crate::replica::own_book::Place;

/// Checks goods received.
pub fn goods(goods: &GoodsReceived) -> Result<(), Refusal> {
    moved(&goods.key, "reference", &goods.reference, &goods.lines)
}

/// Checks goods that customers brought back.
pub fn returned(goods: &GoodsReturned) -> Result<(), Refusal> {
    moved(&goods.key, "reference", &goods.reference, &goods.lines)
}

/// Checks goods that were lost.
pub fn spoiled(goods: &GoodsSpoiled) -> Result<(), Refusal> {
    moved(&goods.key, "reason", &goods.reason, &goods.lines)
}

/// Checks a dispatch: to another stall of the merchant that is known here.
pub fn dispatched(goods: &GoodsDispatched, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    moved(&goods.key, "reference", &goods.reference, &goods.lines)?;
    let to = goods.to;
    if to == replica.device() {
        let text = "to is this stall itself; name the one that the goods go to";
        return Err(Refusal::BadReference(text.to_owned()));
    }
    // Who may write the ledger can take goods in.
    let grant = replica.rights().grant(&to);
    if grant.is_some_and(|grant| grant.writes.contains(&(scope, Lane::Ledger))) {
        return Ok(());
    }
    Err(Refusal::BadReference(format!(
        "to {to} is not a stall of this merchant that is known here; wait for sync, or ask the \
         control for its device id"
    )))
}

/// Checks a taking-in: of a dispatch to this stall that was not taken in. Nothing may have come,
/// or more than was sent; what lies there is what counts.
pub fn taken_in(goods: &GoodsTakenIn, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&goods.key)?;
    if !goods.lines.is_empty() {
        count("lines", goods.lines.len(), SALE_LINES_MAX)?;
    }
    each(&goods.lines, true)?;
    needs(replica, Projection::Transfers)?;
    let id = &goods.dispatch;
    let named = Books::event(replica, id)?;
    let named = named.filter(|(log, _)| log.scope == scope && log.lane == Lane::Ledger);
    let what = match named.map(|(_, event)| event.payload) {
        None => format!("dispatch {id} is not known here; wait for sync, or state goods received"),
        Some(Payload::GoodsDispatched(dispatch)) if dispatch.to != replica.device() => {
            format!("dispatch {id} goes to {}; only that stall takes it in", dispatch.to)
        }
        Some(Payload::GoodsDispatched(_)) => {
            let taken = transfers::taker_key(scope, id, &replica.device());
            if replica.row(&taken)?.is_none() {
                return Ok(());
            }
            format!("dispatch {id} was taken in before; state what came later as goods received")
        }
        Some(other) => format!("event {id} is not a dispatch but {}", codec::kind_name(&other)),
    };
    Err(Refusal::BadReference(what))
}

/// Checks a reservation: it ends, and no more is set aside than is available here.
pub fn reserved(
    goods: &GoodsReserved,
    scope: Scope,
    now_ms: u64,
    replica: &Replica,
) -> Result<(), Refusal> {
    moved(&goods.key, "reference", &goods.reference, &goods.lines)?;
    let now = i64::try_from(now_ms).unwrap_or(i64::MAX);
    let left = goods.until_ms.saturating_sub(now);
    if !(1..=RESERVATION_MS_MAX).contains(&left) {
        return Err(Refusal::BadTime(format!(
            "until must be later than now, by {} days at most",
            RESERVATION_MS_MAX / DAY_MS.cast_signed()
        )));
    }
    needs(replica, Projection::Stock)?;
    let mut asked: BTreeMap<&str, i128> = BTreeMap::new();
    for line in &goods.lines {
        *asked.entry(&line.sku).or_default() += i128::from(line.quantity);
    }
    for (sku, asked) in asked {
        let row = replica.row(&stock::key(scope, sku, &replica.device()))?;
        let available = projections::read::<Held>(row)?.available();
        if asked > available {
            return Err(Refusal::Unavailable { sku: sku.to_owned(), asked, available });
        }
    }
    Ok(())
}

/// Checks a release: of a reservation of this stall that is open.
pub fn released(
    release: &ReservationReleased,
    scope: Scope,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&release.key)?;
    needs(replica, Projection::Stock)?;
    let id = &release.reservation;
    let reserved = own_reservation(id, scope, replica)?;
    let row = stock::reservation_key(scope, &replica.device(), reserved.until_ms, id);
    if replica.row(&row)?.is_some() {
        return Ok(());
    }
    let text = format!("reservation {id} is no longer open; there is nothing to release");
    Err(Refusal::BadReference(text))
}

/// Checks the reservation that a sale names. One that ran out meanwhile does not stop the sale: the
/// goods are on the counter.
pub fn fulfilled(sale: &Sale, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    match &sale.reservation {
        None => Ok(()),
        Some(id) => own_reservation(id, scope, replica).map(|_| ()),
    }
}

fn own_reservation(
    id: &EventId,
    scope: Scope,
    replica: &Replica,
) -> Result<GoodsReserved, Refusal> {
    let named = replica.event(id)?.map(|event| event.payload);
    let what = match named {
        None => "is not known here",
        Some(Payload::GoodsReserved(reserved)) if replica.is_own(scope, id)? => {
            return Ok(reserved);
        }
        Some(Payload::GoodsReserved(_)) => "was made by another stall, or a copy of this one",
        Some(_) => "is not a reservation",
    };
    let text = format!("reservation {id} {what}; name one that this stall made");
    Err(Refusal::BadReference(text))
}

/// Checks a stock-take and fills in what the book said where it began.
pub fn counted(take: &mut StockCounted, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&take.key)?;
    count("lines", take.lines.len(), SALE_LINES_MAX)?;
    let mut skus = BTreeSet::new();
    for (at, line) in take.lines.iter().enumerate() {
        text(&format!("lines[{at}].sku"), &line.sku, SKU_BYTES_MAX)?;
        if line.counted > QUANTITY_MAX {
            let field = format!("lines[{at}].counted");
            return Err(Refusal::BadQuantity { field });
        }
        if !skus.insert(line.sku.as_str()) {
            let text = format!("lines[{at}].sku {:?} is counted twice; add it up", line.sku);
            return Err(Refusal::BadReference(text));
        }
    }
    needs(replica, Projection::Stock)?;
    needs(replica, Projection::Reversals)?;
    let place = Place { epoch: take.start_epoch, seq: take.start_seq };
    let books = replica.own_book(scope, &skus, place)?;
    for (at, line) in take.lines.iter_mut().enumerate() {
        let book = books.get(&line.sku).copied().unwrap_or_default();
        // Only a book that no till of ours could have written does not fit.
        let field = || Refusal::BadQuantity { field: format!("the book of lines[{at}]") };
        line.book = i64::try_from(book).map_err(|_| field())?;
    }
    Ok(())
}

fn moved(key_: &Key, field: &str, words: &str, lines: &[GoodsLine]) -> Result<(), Refusal> {
    key(key_)?;
    optional_text(field, words)?;
    count("lines", lines.len(), SALE_LINES_MAX)?;
    each(lines, false)
}

fn each(lines: &[GoodsLine], zero: bool) -> Result<(), Refusal> {
    for (at, GoodsLine { sku, quantity: amount }) in lines.iter().enumerate() {
        text(&format!("lines[{at}].sku"), sku, SKU_BYTES_MAX)?;
        quantity(format!("lines[{at}].quantity"), *amount, zero)?;
    }
    Ok(())
}
