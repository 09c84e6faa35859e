//! Whether cash may be said to have moved, a shift or a day to be open or closed, a receipt to be
//! printed again.
//!
//! What a drawer should hold is stated by the stall alone, from its own branch, and filled in here.

use std::ops::ControlFlow;

use super::{Refusal, Rules, currency, key, needs, optional_text};
use crate::clock::DAY_MS;
use crate::event::sale::cash as cash_of;
use crate::event::{
    CashMoved, DayClosed, Event, Payload, ReceiptReprinted, ShiftClosed, ShiftOpened,
};
use crate::ids::{EventId, Lane, Scope};
use crate::limits::AMOUNT_MAX;
use crate::projections::drawers::{self, Drawer};
use crate::projections::{self, Books, Projection, days, receipts};
use crate::replica::Replica;
use crate::store::ReadError;

/// How far local time is ahead of UTC, at most.
const EAST_MS_MAX: u64 = 14 * 60 * 60 * 1000;

/// Checks cash that moved outside of sales and refunds.
pub fn cash(
    cash: &CashMoved,
    scope: Scope,
    rules: &Rules,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&cash.key)?;
    optional_text("reason", &cash.reason)?;
    currency(cash.currency, rules)?;
    drawer_amount("amount", cash.amount)?;
    if cash.amount == 0 {
        return Err(Refusal::BadAmount { field: "amount".to_owned(), max: AMOUNT_MAX });
    }
    day_open(cash.business_day, scope, replica)
}

/// Checks the opening of a shift: one at a time for each till.
pub fn open_shift(
    opened: &ShiftOpened,
    scope: Scope,
    rules: &Rules,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&opened.key)?;
    optional_text("cashier", &opened.cashier)?;
    currency(opened.currency, rules)?;
    drawer_amount("float", opened.float)?;
    day_open(opened.business_day, scope, replica)?;
    match shift_of(&opened.key.till, scope, replica)? {
        None => Ok(()),
        Some(shift) => Err(Refusal::BadReference(format!(
            "shift {shift} of till {} is open; close it first",
            opened.key.till
        ))),
    }
}

/// Checks the close of a shift and fills in what its drawer should hold: the float, and what moved
/// on the own branch since.
pub fn close_shift(
    closed: &mut ShiftClosed,
    scope: Scope,
    rules: &Rules,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&closed.key)?;
    drawer_amount("counted", closed.counted)?;
    needs(replica, Projection::Drawers)?;
    let opened = match replica.event(&closed.shift)?.map(|event| event.payload) {
        Some(Payload::ShiftOpened(opened)) if replica.is_own(scope, &closed.shift)? => opened,
        _ => {
            let text = format!("event {} opened no shift of this stall", closed.shift);
            return Err(Refusal::BadReference(text));
        }
    };
    currency(opened.currency, rules)?;
    let row = drawers::shift_key(scope, &replica.device(), opened.business_day, &closed.shift);
    let shift: Option<drawers::Shift> = projections::read(replica.row(&row)?)?;
    for close in shift.unwrap_or_default().closes {
        if replica.is_own(scope, &close.event)? {
            let text = format!("event {} closed the shift before", close.event);
            return Err(Refusal::BadReference(text));
        }
    }
    closed.expected = clamped(since(&closed.shift, &opened, scope, replica)?.expected());
    Ok(())
}

/// Checks the close of a business day at `now_ms`, milliseconds since 1970 by the stall's clock,
/// and fills in what the stall's drawers should hold.
///
/// A day that has begun nowhere on earth is not closed: that cannot be taken back, and nothing
/// could be sold on it when it comes.
pub fn close_day(
    closed: &mut DayClosed,
    scope: Scope,
    rules: &Rules,
    now_ms: u64,
    replica: &Replica,
) -> Result<(), Refusal> {
    key(&closed.key)?;
    currency(closed.currency, rules)?;
    drawer_amount("counted", closed.counted)?;
    let latest = replica.clock_ms(now_ms).saturating_add(EAST_MS_MAX) / DAY_MS;
    if u64::try_from(closed.business_day).is_ok_and(|day| day > latest) {
        return Err(Refusal::BadTime(
            "business_day has not begun, by this stall's clock; close it when it is over, or set \
             the clock right"
                .to_owned(),
        ));
    }
    needs(replica, Projection::Days)?;
    needs(replica, Projection::Drawers)?;
    day_open(closed.business_day, scope, replica)?;
    let days = (closed.business_day, closed.business_day);
    let mut expected = 0_i128;
    for (key, value) in replica.rows(&drawers::rows(scope, &replica.device(), days))? {
        if let Some((day, _, drawer)) = drawers::read(&key, &value)
            && day.currency == closed.currency
        {
            expected += drawer.expected();
        }
    }
    closed.expected = clamped(expected);
    Ok(())
}

/// Checks that the receipt to be printed again is of a sale or refund known here.
pub fn reprint(reprint: &ReceiptReprinted, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&reprint.key)?;
    let document = Books::event(replica, &reprint.document)?;
    let document = document.filter(|(log, _)| log.scope == scope && log.lane == Lane::Ledger);
    match document.map(|(_, event)| event.payload) {
        Some(Payload::SaleCompleted(_) | Payload::SaleRefunded(_)) => Ok(()),
        Some(_) => {
            let text = format!("document {} is neither a sale nor a refund", reprint.document);
            Err(Refusal::BadReference(text))
        }
        None => Err(Refusal::BadReference(format!(
            "document {} is not known here; wait for sync, or ask the stall that made it",
            reprint.document
        ))),
    }
}

/// Which copy of its receipt a reprint on the own branch is, from 1.
pub fn copy_number(
    reprint: &EventId,
    document: &EventId,
    scope: Scope,
    replica: &Replica,
) -> Result<u64, ReadError> {
    let mut copies = 0;
    for (row, _) in replica.rows(&receipts::copies(scope, document))? {
        let Some(other) = receipts::read_copy(&row) else { continue };
        let before = other.log == reprint.log && other.seq <= reprint.seq;
        copies += u64::from(before && replica.is_own(scope, &other)?);
    }
    Ok(copies)
}

/// The shift of a till that is open on the own branch, if any.
pub fn shift_of(till: &str, scope: Scope, replica: &Replica) -> Result<Option<EventId>, Refusal> {
    needs(replica, Projection::Drawers)?;
    for (row, _) in replica.rows(&drawers::open_shifts(scope, &replica.device()))? {
        let Some(shift) = drawers::read_open(&row) else { continue };
        let opened = replica.event(&shift)?.map(|event| event.payload);
        let of_till =
            matches!(opened, Some(Payload::ShiftOpened(opened)) if opened.key.till == till);
        if of_till && replica.is_own(scope, &shift)? {
            return Ok(Some(shift));
        }
    }
    Ok(None)
}

/// Refuses what would count for a business day that the own branch has closed. While the book of
/// days is being rebuilt nothing is refused, because a till must go on selling: what comes too late
/// is a finding.
pub fn day_open(business_day: i32, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    if !replica.is_whole(Projection::Days) {
        return Ok(());
    }
    let row = replica.row(&days::first_key(scope, &replica.device(), business_day))?;
    let closes: Vec<EventId> = projections::read(row)?;
    for close in closes {
        if replica.is_own(scope, &close)? {
            return Err(Refusal::DayClosed(close));
        }
    }
    Ok(())
}

/// What moved in the drawer of a shift since it opened, its float included.
fn since(
    shift: &EventId,
    opened: &ShiftOpened,
    scope: Scope,
    replica: &Replica,
) -> Result<Drawer, ReadError> {
    let mut drawer = Drawer { floats: i128::from(opened.float), ..Drawer::default() };
    let mut failed = None;
    replica.own_events(scope, &mut |id, event| {
        if id == shift {
            return ControlFlow::Break(());
        }
        match count(&mut drawer, opened, &event, replica) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(drawer), Err)
}

fn count(
    drawer: &mut Drawer,
    opened: &ShiftOpened,
    event: &Event,
    replica: &Replica,
) -> Result<(), ReadError> {
    let here =
        |till: &str, currency: [u8; 3]| till == opened.key.till && currency == opened.currency;
    match &event.payload {
        Payload::SaleCompleted(sale) if here(&sale.key.till, sale.currency) => {
            drawer.sales += sale.cash();
        }
        Payload::SaleRefunded(refund) if here(&refund.key.till, refund.currency) => {
            drawer.refunds += cash_of(&refund.tenders);
        }
        Payload::SaleVoided(void) => {
            let sale = replica.event(&void.sale)?.map(|event| event.payload);
            if let Some(Payload::SaleCompleted(sale)) = sale
                && here(&sale.key.till, sale.currency)
            {
                drawer.voids += sale.cash();
            }
        }
        Payload::CashMoved(cash) if here(&cash.key.till, cash.currency) => {
            drawer.moved(cash.direction, cash.amount.into());
        }
        _ => {}
    }
    Ok(())
}

/// A drawer holds more than one sale may come to.
fn drawer_amount(field: &str, found: i64) -> Result<(), Refusal> {
    if (0..=AMOUNT_MAX).contains(&found) {
        Ok(())
    } else {
        Err(Refusal::BadAmount { field: field.to_owned(), max: AMOUNT_MAX })
    }
}

fn clamped(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}
