//! Reading what is on the way, what is set aside and what stock-takes found.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::event::{GoodsDispatched, GoodsReserved, Payload, codec};
use crate::ids::{DeviceId, EventId, LOG_BYTES, Log, Scope};
use crate::keys;
use crate::projections::drift::{self, Drift};
use crate::projections::{Projection, stock, transfers};
use crate::replica::lanes::StoredEvent;
use crate::store::{Read, ReadError};

/// What each stall's stock-takes of one SKU found.
pub type Drifts = Vec<(DeviceId, Drift)>;

/// The dispatches of a scope that are on the way, by id, those after `after`, at most `limit`: each
/// with the stall that it left.
pub fn on_the_way(
    store: &dyn Read,
    scope: Scope,
    after: Option<&EventId>,
    limit: usize,
) -> Result<Vec<(EventId, DeviceId, GoodsDispatched)>, ReadError> {
    super::whole(store, Projection::Transfers)?;
    let (from, to) = transfers::open_rows(scope, after);
    let mut ids = Vec::new();
    store.scan(&from, &to, &mut |row, _| {
        ids.extend(transfers::read_open(row));
        if ids.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut out = Vec::new();
    for id in ids {
        if let Some((log, Payload::GoodsDispatched(goods))) = stated(store, &id)? {
            out.push((id, log.device, goods));
        }
    }
    Ok(out)
}

/// The open reservations of a scope, by id, those after `after`, at most `limit`: each with its
/// stall. Looks at all of them.
pub fn set_aside(
    store: &dyn Read,
    scope: Scope,
    after: Option<&EventId>,
    limit: usize,
) -> Result<Vec<(EventId, DeviceId, GoodsReserved)>, ReadError> {
    super::whole(store, Projection::Stock)?;
    let (from, to) = stock::reservations(scope);
    let mut first = BTreeMap::new();
    store.scan(&from, &to, &mut |row, _| {
        if let Some((device, _, id)) = stock::read_reservation(row)
            && after.is_none_or(|after| *after < id)
        {
            first.insert(id, device);
            if first.len() > limit {
                first.pop_last();
            }
        }
        ControlFlow::Continue(())
    })?;
    let mut out = Vec::new();
    for (id, device) in first {
        if let Some((_, Payload::GoodsReserved(goods))) = stated(store, &id)? {
            out.push((id, device, goods));
        }
    }
    Ok(out)
}

/// What stock-takes of a scope found, by SKU, those after `after`, at most `limit` SKUs.
pub fn drifts(
    store: &dyn Read,
    scope: Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<BTreeMap<String, Drifts>, ReadError> {
    super::whole(store, Projection::Drift)?;
    let (from, to) = drift::rows(scope, after);
    let mut out: BTreeMap<String, Drifts> = BTreeMap::new();
    store.scan(&from, &to, &mut |key, value| {
        let Some((sku, stall, drift)) = drift::read(key, value) else {
            return ControlFlow::Continue(());
        };
        if out.len() == limit && !out.contains_key(&sku) {
            return ControlFlow::Break(());
        }
        out.entry(sku).or_default().push((stall, drift));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// What an event that is held here states, and in which log.
fn stated(store: &dyn Read, id: &EventId) -> Result<Option<(Log, Payload)>, ReadError> {
    let log = store.get(&keys::log(&id.log))?;
    let log = log.and_then(|row| Log::from_bytes(&<[u8; LOG_BYTES]>::try_from(row).ok()?));
    let row = store.get(&keys::event(id))?;
    let event = row.as_deref().and_then(StoredEvent::from_bytes);
    let event = event.and_then(|stored| codec::decode_event(&stored.bytes).ok());
    Ok(log.zip(event.map(|event| event.payload)))
}
