//! Goods on the way between stalls, and what of them arrived.
//!
//! A dispatch is on the way until the stall that it goes to takes it in. The events come in any
//! order: what was taken in waits here for its dispatch.
//!
//! ```text
//! row     0x00 | dispatch event 48                     value  device 32 that it goes to
//! row     0x01 | dispatch event 48                     value  [`Taken`]
//! row     0x02 | dispatch event 48 | device 32 | sku   value  thousandths i128 that it took in
//! row     0x03 | dispatch event 48 | device 32         value  1: it took some in
//! ```
//!
//! The first is there while the dispatch is on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::findings::{self, Finding, Rule};
use super::{Books, Origin, Projection, event_key, read_event_key};
use crate::event::{Event, GoodsDispatched, GoodsTakenIn, Payload};
use crate::ids::{DeviceId, EventId, Lane, Scope};
use crate::keys::{self, Range};
use crate::limits::EVIDENCE_MAX;
use crate::store::ReadError;

/// What was taken in of a dispatch, over every stall.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    /// Thousandths of anything.
    total: i128,
    /// The events that took it in, the first [`EVIDENCE_MAX`] in order.
    events: BTreeSet<EventId>,
}

/// Takes an event in.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    match &event.payload {
        Payload::GoodsDispatched(dispatched) => {
            let scope = origin.log.scope;
            if books.row(&taker_key(scope, &origin.id, &dispatched.to))?.is_some() {
                return Ok(());
            }
            books.set_row(open_key(scope, &origin.id), Some(dispatched.to.0.to_vec()))
        }
        Payload::GoodsTakenIn(taken) => taken_in(books, origin, taken),
        _ => Ok(()),
    }
}

fn taken_in(books: &mut dyn Books, origin: &Origin, taken: &GoodsTakenIn) -> Result<(), ReadError> {
    let (scope, by) = (origin.log.scope, origin.log.device);
    let mut total = 0_i128;
    for line in &taken.lines {
        let quantity = i128::from(line.quantity);
        total += quantity;
        let key = sku_key(scope, &taken.dispatch, &by, &line.sku);
        super::update(books, key, |sum: &mut i128| *sum = sum.saturating_add(quantity))?;
    }
    super::update(books, taken_key(scope, &taken.dispatch), |sums: &mut Taken| {
        sums.total = sums.total.saturating_add(total);
        sums.events.insert(origin.id);
        if sums.events.len() > EVIDENCE_MAX {
            sums.events.pop_last();
        }
    })?;
    books.set_row(taker_key(scope, &taken.dispatch, &by), Some(vec![1]))?;
    let open = open_key(scope, &taken.dispatch);
    match books.row(&open)? {
        Some(to) if to == by.0 => books.set_row(open, None),
        _ => Ok(()),
    }
}

/// Re-examines what an event could have made a finding.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    // What takes it in may have come before the event that it names.
    judge_dispatch(books, origin.log.scope, &origin.id)?;
    match &event.payload {
        Payload::GoodsTakenIn(taken) => judge_dispatch(books, origin.log.scope, &taken.dispatch),
        _ => Ok(()),
    }
}

fn judge_dispatch(books: &mut dyn Books, scope: Scope, id: &EventId) -> Result<(), ReadError> {
    let Some(row) = books.row(&taken_key(scope, id))? else { return Ok(()) };
    let taken: Taken = super::read(Some(row))?;
    let Some((log, event)) = books.event(id)? else { return Ok(()) };
    if log.scope != scope || log.lane != Lane::Ledger {
        return Ok(());
    }
    let about = |rule| Finding::new(rule, id.to_string(), taken.events.iter().copied());
    let Payload::GoodsDispatched(dispatched) = event.payload else {
        let subject = findings::reference(id, GOODS_TAKEN_IN);
        let finding = Some(about(Rule::BadReference));
        return findings::put(books, scope, Rule::BadReference, &subject, finding);
    };
    let (short, over) = off(books, scope, id, &dispatched, taken.total)?;
    for (rule, quantity) in [(Rule::TransferShort, short), (Rule::TransferOver, over)] {
        let evidence = taken.events.iter().copied().chain([*id]);
        let finding = Finding { quantity, ..Finding::new(rule, id.to_string(), evidence) };
        findings::put(books, scope, rule, &event_key(id), (quantity > 0).then_some(finding))?;
    }
    Ok(())
}

/// The thousandths of a dispatch that are missing, and those that were taken in beyond it: by the
/// stall that it went to, or by others at all.
fn off(
    books: &dyn Books,
    scope: Scope,
    id: &EventId,
    dispatched: &GoodsDispatched,
    total: i128,
) -> Result<(i128, i128), ReadError> {
    let mut sent: BTreeMap<&str, i128> = BTreeMap::new();
    for line in &dispatched.lines {
        *sent.entry(&line.sku).or_default() += i128::from(line.quantity);
    }
    let (mut short, mut arrived) = (0, 0);
    for (sku, sent) in sent {
        let row = books.row(&sku_key(scope, id, &dispatched.to, sku))?;
        let came = super::read::<i128>(row)?.min(sent);
        short += sent - came;
        arrived += came;
    }
    let settled = books.row(&taker_key(scope, id, &dispatched.to))?.is_some();
    Ok((if settled { short } else { 0 }, total - arrived))
}

/// The kind of event that names a dispatch.
const GOODS_TAKEN_IN: u16 = 12;

const OPEN: u8 = 0;
const TAKEN: u8 = 1;
const SKU: u8 = 2;
const TAKER: u8 = 3;

fn open_key(scope: Scope, dispatch: &EventId) -> Vec<u8> {
    super::row(Projection::Transfers, scope, &[[OPEN].as_slice(), &event_key(dispatch)].concat())
}

fn taken_key(scope: Scope, dispatch: &EventId) -> Vec<u8> {
    super::row(Projection::Transfers, scope, &[[TAKEN].as_slice(), &event_key(dispatch)].concat())
}

fn sku_key(scope: Scope, dispatch: &EventId, by: &DeviceId, sku: &str) -> Vec<u8> {
    let rest = [[SKU].as_slice(), &event_key(dispatch), &by.0, sku.as_bytes()].concat();
    super::row(Projection::Transfers, scope, &rest)
}

/// The row that says that a stall took some of a dispatch in.
pub fn taker_key(scope: Scope, dispatch: &EventId, by: &DeviceId) -> Vec<u8> {
    let rest = [[TAKER].as_slice(), &event_key(dispatch), &by.0].concat();
    super::row(Projection::Transfers, scope, &rest)
}

/// The rows of the dispatches that are on the way, those after `after`.
pub fn open_rows(scope: Scope, after: Option<&EventId>) -> Range {
    let (first, end) = keys::prefix(super::row(Projection::Transfers, scope, &[OPEN]));
    let beyond = |id: &EventId| [open_key(scope, id).as_slice(), &[0]].concat();
    (after.map_or(first, beyond), end)
}

/// The dispatch in a row of [`open_rows`].
pub fn read_open(row: &[u8]) -> Option<EventId> {
    let (_, _, rest) = keys::read_row(row)?;
    read_event_key(rest.strip_prefix(&[OPEN])?)
}
