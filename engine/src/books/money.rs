//! Reading the books of money: sums by hour, SKU, tender and stall; drawers, shifts, closed days;
//! receipts and what became of a sale. It only reads.

use std::collections::BTreeMap;
use std::ops::{AddAssign, ControlFlow};

use crate::event::sale::{Sale, TenderKind};
use crate::event::{Event, Payload, ShiftOpened, codec};
use crate::ids::{DeviceId, EventId, LOG_BYTES, Lane, Log, LogId, Scope};
use crate::keys::{self, Range};
use crate::limits::EVIDENCE_MAX;
use crate::projections::days::{self, Closed};
use crate::projections::drawers::{self, Drawer, Shift};
use crate::projections::hours::{self, Hour};
use crate::projections::items::{self, Item};
use crate::projections::reversals::{self, Reversal};
use crate::projections::sales::{self, Sums};
use crate::projections::tenders::{self, Paid};
use crate::projections::{self, DayKey, receipts};
use crate::replica::lanes::StoredEvent;
use crate::store::{Read, ReadError};

/// An ISO 4217 code.
pub type Currency = [u8; 3];

/// Which books: business days from one to another, both included, of one stall or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Of these merchants alone.
    pub scopes: &'a [Scope],
    /// Days since 1970-01-01.
    pub days: (i32, i32),
    /// One stall alone.
    pub stall: Option<DeviceId>,
}

/// A shift with what opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftRow {
    /// The event that opened it.
    pub id: EventId,
    /// The stall.
    pub stall: DeviceId,
    /// The business day that it counts for.
    pub business_day: i32,
    /// Its float and closes.
    pub shift: Shift,
}

/// A sale or a refund, with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The event.
    pub id: EventId,
    /// The merchant whose books it is in.
    pub scope: Scope,
    /// The stall.
    pub stall: DeviceId,
    /// What it states.
    pub payload: Payload,
    /// Copies printed of its receipt.
    pub copies: u64,
}

/// What became of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The sale.
    pub sale: Sale,
    /// The merchant whose books it is in.
    pub scope: Scope,
    /// The stall that made it.
    pub stall: DeviceId,
    /// What was taken back of it.
    pub reversal: Reversal,
    /// The refunds and voids that did, the first [`EVIDENCE_MAX`] in order of id.
    pub reversals: Vec<(EventId, Payload)>,
}

/// Sales by local hour, 0 to 23.
pub fn by_hour(
    store: &dyn Read,
    filter: &Filter<'_>,
) -> Result<BTreeMap<(Currency, u8), Hour>, ReadError> {
    let mut out: BTreeMap<(Currency, u8), Hour> = BTreeMap::new();
    each(store, filter, hours::rows, &mut |key, value| {
        if let Some((day, hour, sums)) = hours::read(key, value) {
            let sum = out.entry((day.currency, hour)).or_default();
            sum.baskets += sums.baskets;
            sum.amount += sums.amount;
        }
    })?;
    Ok(out)
}

/// Sales by SKU.
pub fn by_sku(
    store: &dyn Read,
    filter: &Filter<'_>,
) -> Result<BTreeMap<(Currency, String), Item>, ReadError> {
    let mut out = BTreeMap::new();
    each(store, filter, items::rows, &mut |key, value| {
        if let Some((day, sku, item)) = items::read(key, value) {
            add(&mut out, (day.currency, sku), item);
        }
    })?;
    Ok(out)
}

/// Payments by kind.
pub fn by_tender(
    store: &dyn Read,
    filter: &Filter<'_>,
) -> Result<BTreeMap<(Currency, TenderKind), Paid>, ReadError> {
    let mut out = BTreeMap::new();
    each(store, filter, tenders::rows, &mut |key, value| {
        if let Some((day, kind, paid)) = tenders::read(key, value) {
            add(&mut out, (day.currency, kind), paid);
        }
    })?;
    Ok(out)
}

/// Sales by stall.
pub fn by_stall(
    store: &dyn Read,
    filter: &Filter<'_>,
) -> Result<BTreeMap<(Currency, DeviceId), Sums>, ReadError> {
    let mut out = BTreeMap::new();
    each(store, filter, sales::rows_of, &mut |key, value| {
        if let Some(day) = sales::read(key, value) {
            add(&mut out, (day.currency, day.stall), day.sums);
        }
    })?;
    Ok(out)
}

fn add<K: Ord, V: AddAssign + Default>(sums: &mut BTreeMap<K, V>, key: K, more: V) {
    *sums.entry(key).or_default() += more;
}

/// The drawers, by stall, day, currency and till.
pub fn drawers(
    store: &dyn Read,
    filter: &Filter<'_>,
) -> Result<BTreeMap<(DayKey, String), Drawer>, ReadError> {
    let mut out = BTreeMap::new();
    each(store, filter, drawers::rows, &mut |key, value| {
        if let Some((day, till, drawer)) = drawers::read(key, value) {
            out.insert((day, till), drawer);
        }
    })?;
    Ok(out)
}

/// The shifts, by stall and day.
pub fn shifts(store: &dyn Read, filter: &Filter<'_>) -> Result<Vec<ShiftRow>, ReadError> {
    let mut out = Vec::new();
    each(store, filter, drawers::shifts, &mut |key, value| {
        if let Some((stall, business_day, id, shift)) = drawers::read_shift(key, value) {
            out.push(ShiftRow { id, stall, business_day, shift });
        }
    })?;
    Ok(out)
}

/// What an event states that opened a shift.
pub fn shift_opened(store: &dyn Read, id: &EventId) -> Result<Option<ShiftOpened>, ReadError> {
    match event(store, id)?.map(|event| event.payload) {
        Some(Payload::ShiftOpened(opened)) => Ok(Some(opened)),
        _ => Ok(None),
    }
}

/// What closed each business day, by stall and day.
pub type ClosedDays = BTreeMap<(DeviceId, i32), Vec<(EventId, Closed)>>;

/// The closed days that a filter asks for.
pub fn closed_days(store: &dyn Read, filter: &Filter<'_>) -> Result<ClosedDays, ReadError> {
    let mut out = ClosedDays::new();
    for (scope, stall) in stalls(store, filter)? {
        scan(store, &days::rows(scope, &stall, filter.days), &mut |key, value| {
            if let Some((day, id, closed)) = days::read(key, value) {
                out.entry((stall, day)).or_default().push((id, closed));
            }
        })?;
    }
    Ok(out)
}

/// The documents that bear a receipt's number at a till of this name, of whatever day.
pub fn receipts(
    store: &dyn Read,
    till: &str,
    number: u64,
    filter: &Filter<'_>,
) -> Result<Vec<Document>, ReadError> {
    let mut out = Vec::new();
    for (scope, stall) in stalls(store, filter)? {
        let row = store.get(&receipts::key(scope, &stall, till, number))?;
        let documents: Vec<EventId> = projections::read(row)?;
        for id in documents {
            out.extend(document(store, &id)?);
        }
    }
    Ok(out)
}

/// A sale or refund with the copies of its receipt; `None` for anything else.
pub fn document(store: &dyn Read, id: &EventId) -> Result<Option<Document>, ReadError> {
    let Some(log) = log_of(store, &id.log)?.filter(|log| log.lane == Lane::Ledger) else {
        return Ok(None);
    };
    let payload = match event(store, id)?.map(|event| event.payload) {
        Some(payload @ (Payload::SaleCompleted(_) | Payload::SaleRefunded(_))) => payload,
        _ => return Ok(None),
    };
    let mut copies = 0;
    scan(store, &receipts::copies(log.scope, id), &mut |_, _| copies += 1)?;
    Ok(Some(Document { id: *id, scope: log.scope, stall: log.device, payload, copies }))
}

/// A sale and what became of it.
pub fn sale(store: &dyn Read, id: &EventId) -> Result<Option<Fate>, ReadError> {
    let Some(log) = log_of(store, &id.log)?.filter(|log| log.lane == Lane::Ledger) else {
        return Ok(None);
    };
    let Some(Payload::SaleCompleted(sale)) = event(store, id)?.map(|event| event.payload) else {
        return Ok(None);
    };
    let key = reversals::key(log.scope, id);
    let reversal = projections::read(store.get(&key)?)?;
    let mut ids = Vec::new();
    let (from, to) = keys::prefix(key.clone());
    store.scan(&from, &to, &mut |row, _| {
        ids.extend(row.get(key.len()..).and_then(projections::read_event_key));
        if ids.len() < EVIDENCE_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut reversals = Vec::new();
    for id in ids {
        reversals.extend(event(store, &id)?.map(|event| (id, event.payload)));
    }
    Ok(Some(Fate { sale, scope: log.scope, stall: log.device, reversal, reversals }))
}

/// The log with this id.
pub fn log_of(store: &dyn Read, id: &LogId) -> Result<Option<Log>, ReadError> {
    let row = store.get(&keys::log(id))?;
    let bytes = row.and_then(|row| <[u8; LOG_BYTES]>::try_from(row.as_slice()).ok());
    Ok(bytes.and_then(|bytes| Log::from_bytes(&bytes)))
}

fn event(store: &dyn Read, id: &EventId) -> Result<Option<Event>, ReadError> {
    let row = store.get(&keys::event(id))?;
    let Some(stored) = row.as_deref().and_then(StoredEvent::from_bytes) else { return Ok(None) };
    let event = codec::decode_event(&stored.bytes);
    event.map(Some).map_err(|error| ReadError::Device(error.to_string()))
}

/// The ledgers that a filter lets in.
fn stalls(store: &dyn Read, filter: &Filter<'_>) -> Result<Vec<(Scope, DeviceId)>, ReadError> {
    let vector = super::vector(store)?;
    let ledgers = vector.0.keys().filter(|log| log.lane == Lane::Ledger);
    let seen = ledgers.filter(|log| filter.scopes.contains(&log.scope));
    let asked = seen.filter(|log| filter.stall.is_none_or(|stall| stall == log.device));
    Ok(asked.map(|log| (log.scope, log.device)).collect())
}

/// Shows the rows of every ledger that a filter lets in.
fn each(
    store: &dyn Read,
    filter: &Filter<'_>,
    range: impl Fn(Scope, &DeviceId, (i32, i32)) -> Range,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), ReadError> {
    for (scope, stall) in stalls(store, filter)? {
        scan(store, &range(scope, &stall, filter.days), visit)?;
    }
    Ok(())
}

fn scan(
    store: &dyn Read,
    (from, to): &Range,
    visit: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), ReadError> {
    store.scan(from, to, &mut |key, value| {
        visit(key, value);
        ControlFlow::Continue(())
    })
}
