//! Promise rights: who may sell how much.
//!
//! Sums for each SKU and device, so that no order of delivery matters. What hangs on another event
//! (a claim on its grant, an answer on its request) is kept by that event's id and looked at again
//! when it comes. It never refuses: a device that spends what it does not have goes below zero, and
//! that is a finding.

mod claims;
mod forfeits;
mod judge;
pub mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Books, Origin};
use crate::event::sale::{Quantity, Sale};
use crate::event::{Event, GoodsLine, Payload, Refund, RightsRequested, Void};
use crate::ids::{DeviceId, EventId, Lane, Scope};
use crate::store::ReadError;

pub use forfeits::recount;
pub use judge::{judge, judge_forfeit};
use rows::{Account, Totals, Wish};

/// Quantities by SKU, none of them 0.
type Amounts = BTreeMap<String, i128>;

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    if origin.log.lane == Lane::Authority {
        return match &event.payload {
            Payload::RightsForfeited(document) => forfeits::fold(books, origin, document),
            _ => Ok(()),
        };
    }
    match &event.payload {
        Payload::RightsMinted(minted) => mint(books, origin, &minted.lines),
        Payload::RightsSpent(spent) => spend(books, origin, &of_goods(&spent.lines)),
        Payload::SaleCompleted(sale) if !sale.promised.is_empty() => {
            spend(books, origin, &of_sale(sale))
        }
        Payload::SaleRefunded(refund) if !refund.restored.is_empty() => {
            restore(books, origin, &of_refund(refund))
        }
        Payload::SaleVoided(void) => undo(books, origin, void),
        Payload::RightsRequested(request) => ask(books, origin, request),
        Payload::RightsGranted(grant) => claims::grant(books, origin, grant),
        Payload::RightsAccepted(_) | Payload::RightsReturned(_) => {
            claims::of(&event.payload).map_or(Ok(()), |claim| claims::claim(books, origin, &claim))
        }
        _ => Ok(()),
    }
}

fn mint(books: &mut dyn Books, origin: &Origin, lines: &[GoodsLine]) -> Result<(), ReadError> {
    for (sku, quantity) in of_goods(lines) {
        own(books, origin, &sku, |account| account.minted += quantity)?;
        let key = rows::totals(origin.log.scope, &sku);
        super::update(books, key, |totals: &mut Totals| totals.minted += quantity)?;
    }
    Ok(())
}

fn spend(books: &mut dyn Books, origin: &Origin, amounts: &Amounts) -> Result<(), ReadError> {
    amounts.iter().try_for_each(|(sku, quantity)| {
        own(books, origin, sku, |account| account.spent += quantity)
    })
}

fn restore(books: &mut dyn Books, origin: &Origin, amounts: &Amounts) -> Result<(), ReadError> {
    amounts.iter().try_for_each(|(sku, quantity)| {
        own(books, origin, sku, |account| account.restored += quantity)
    })
}

/// A void restores the promised lines of its sale, once. A second one, on another branch of a
/// clone, believed that it did too: what it restored there may be sold twice.
fn undo(books: &mut dyn Books, origin: &Origin, void: &Void) -> Result<(), ReadError> {
    let Some(sale) = undone(books, origin, void)? else { return Ok(()) };
    let (scope, amounts) = (origin.log.scope, of_sale(&sale));
    let key = rows::voided(scope, &void.sale);
    let before: u64 = super::read(books.row(&key)?)?;
    super::set(books, key, &(before + 1))?;
    if before == 0 {
        return restore(books, origin, &amounts);
    }
    for (sku, quantity) in &amounts {
        own(books, origin, sku, |_| {})?;
        double(books, scope, sku, *quantity)?;
    }
    Ok(())
}

/// The sale with promised lines that a void undoes.
fn undone(books: &dyn Books, origin: &Origin, void: &Void) -> Result<Option<Sale>, ReadError> {
    let original = books.ancestor(origin, &void.sale)?.map(|event| event.payload);
    Ok(match original {
        Some(Payload::SaleCompleted(sale)) if !sale.promised.is_empty() => Some(sale),
        _ => None,
    })
}

/// A request is open until the device that it names answers it, which may have come before.
fn ask(books: &mut dyn Books, origin: &Origin, request: &RightsRequested) -> Result<(), ReadError> {
    let (scope, taker, id) = (origin.log.scope, origin.log.device, &origin.id);
    if books.row(&rows::answered(scope, id, &request.giver))?.is_some() {
        return Ok(());
    }
    let wish = |other: DeviceId| {
        Some(Wish { other, sku: request.sku.clone(), quantity: request.quantity })
    };
    super::set(books, rows::open_at(scope, &request.giver, id), &wish(taker))?;
    super::set(books, rows::open_by(scope, &taker, id), &wish(request.giver))
}

/// Changes the account of the device that stated an event, and notes the event there.
fn own(
    books: &mut dyn Books,
    origin: &Origin,
    sku: &str,
    change: impl FnOnce(&mut Account),
) -> Result<(), ReadError> {
    let key = rows::account(origin.log.scope, sku, &origin.log.device);
    super::update(books, key, |account: &mut Account| {
        change(account);
        account.note(origin.id);
    })
}

/// Notes that a quantity may be sold twice.
fn double(books: &mut dyn Books, scope: Scope, sku: &str, more: i128) -> Result<(), ReadError> {
    let key = rows::totals(scope, sku);
    super::update(books, key, |totals: &mut Totals| totals.doubled += more)
}

/// An event of the scope's ledgers, if it is held.
fn held(books: &dyn Books, scope: Scope, id: &EventId) -> Result<Option<Held>, ReadError> {
    let found = books.event(id)?;
    let found = found.filter(|(log, _)| log.scope == scope && log.lane == Lane::Ledger);
    Ok(found.map(|(log, event)| Held { by: log.device, payload: event.payload }))
}

/// What an event that is held says.
struct Held {
    by: DeviceId,
    payload: Payload,
}

fn of_goods(lines: &[GoodsLine]) -> Amounts {
    sums(lines.iter().map(|line| (&line.sku, line.quantity)))
}

/// What the promised lines of a sale come to. An index that is named twice counts once.
fn of_sale(sale: &Sale) -> Amounts {
    let promised: BTreeSet<usize> = sale.promised.iter().map(|at| usize::from(*at)).collect();
    let lines = promised.iter().filter_map(|at| sale.lines.get(*at));
    sums(lines.map(|line| (&line.sku, line.quantity)))
}

/// What the restored lines of a refund come to.
fn of_refund(refund: &Refund) -> Amounts {
    let restored: BTreeSet<usize> = refund.restored.iter().map(|at| usize::from(*at)).collect();
    let lines = restored.iter().filter_map(|at| refund.lines.get(*at));
    sums(lines.map(|line| (&line.sku, line.quantity)))
}

fn sums<'a>(lines: impl Iterator<Item = (&'a String, Quantity)>) -> Amounts {
    let mut out = Amounts::new();
    for (sku, quantity) in lines.filter(|(_, quantity)| *quantity > 0) {
        match out.get_mut(sku) {
            Some(sum) => *sum += i128::from(quantity),
            None => drop(out.insert(sku.clone(), i128::from(quantity))),
        }
    }
    out
}

/// What an event states of its own device's rights: each SKU with what it adds to what the device
/// may sell. Claims aside, which hang on their grants.
pub fn stated(event: &Payload) -> Vec<(String, i128)> {
    let (amounts, sign) = match event {
        Payload::RightsMinted(minted) => (of_goods(&minted.lines), 1),
        Payload::RightsSpent(spent) => (of_goods(&spent.lines), -1),
        Payload::SaleCompleted(sale) => (of_sale(sale), -1),
        Payload::SaleRefunded(refund) => (of_refund(refund), 1),
        Payload::RightsGranted(grant) => (sums([(&grant.sku, grant.quantity)].into_iter()), -1),
        _ => return Vec::new(),
    };
    amounts.into_iter().map(|(sku, quantity)| (sku, sign * quantity)).collect()
}

/// What the promised lines of a sale come to, by SKU, in thousandths.
pub fn promised(sale: &Sale) -> BTreeMap<String, i128> {
    of_sale(sale)
}
