//! Reading the books: stock, sales, names, vectors, from any consistent view of a store.
//!
//! It only reads, so that pages and reports need not go through the one writer.

pub mod findings;
pub mod goods;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::authority::{Grant, SignedDocument};
use crate::event::codec;
use crate::ids::{DeviceId, LOG_BYTES, Log, Scope};
use crate::keys;
use crate::log::vector::VersionVector;
use crate::projections::Projection;
use crate::projections::sales::{self, Day, Sums};
use crate::projections::stock::{self, Held};
use crate::replica::rebuild::is_whole;
use crate::store::{Read, ReadError};

/// The stock of one SKU, in thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockItem {
    /// The item.
    pub sku: String,
    /// What the catalogue calls it.
    pub name: Option<String>,
    /// The sum over the stalls.
    pub held: Held,
    /// Each stall's.
    pub stalls: Vec<(DeviceId, Held)>,
}

/// Refuses to read a projection that is being rebuilt: its rows would be partial.
pub fn whole(store: &dyn Read, projection: Projection) -> Result<(), ReadError> {
    if is_whole(store, projection)? { Ok(()) } else { Err(ReadError::NotWhole(projection.name())) }
}

/// Every scope that has books here.
pub fn scopes(store: &dyn Read) -> Result<Vec<Scope>, ReadError> {
    let vector = vector(store)?;
    let mut out: Vec<Scope> = vector.0.keys().map(|log| log.scope).collect();
    out.sort_unstable();
    out.dedup();
    out.retain(|scope| *scope != Scope::Tenant);
    Ok(out)
}

/// The version vector of a view.
pub fn vector(store: &dyn Read) -> Result<VersionVector, ReadError> {
    let mut out = VersionVector::default();
    let mut logs = Vec::new();
    let (from, to) = keys::logs();
    store.scan(&from, &to, &mut |_, row| {
        let log = <[u8; LOG_BYTES]>::try_from(row).ok();
        logs.extend(log.and_then(|bytes| Log::from_bytes(&bytes)));
        ControlFlow::Continue(())
    })?;
    for log in logs {
        let mut leaves = Vec::new();
        let (from, to) = keys::leaves(&log.id());
        store.scan(&from, &to, &mut |_, row| {
            leaves.extend(row.get(..48).and_then(keys::read_tip));
            ControlFlow::Continue(())
        })?;
        out.set(log, leaves);
    }
    Ok(out)
}

/// What people call each device.
pub fn names(store: &dyn Read) -> Result<BTreeMap<DeviceId, String>, ReadError> {
    let mut out = BTreeMap::new();
    let (from, to) = keys::grants();
    store.scan(&from, &to, &mut |_, row| {
        let document: Result<SignedDocument, _> = codec::decode("a grant", row);
        if let Some(grant) = document.ok().and_then(|document| document.reopen::<Grant>().ok()) {
            out.insert(grant.device, grant.name);
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// The stock of a scope, by SKU, those after `after`, at most `limit` of them.
pub fn stock(
    store: &dyn Read,
    scope: Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<StockItem>, ReadError> {
    whole(store, Projection::Stock)?;
    let range = after.map_or_else(|| stock::rows(scope), |sku| stock::rows_after(scope, sku));
    let mut items = read_stock(store, &range, limit)?;
    for item in &mut items {
        item.name = name_of(store, scope, &item.sku)?;
    }
    Ok(items)
}

/// The stock of one SKU; `None` when neither the books nor the catalogue know it.
pub fn stock_of(store: &dyn Read, scope: Scope, sku: &str) -> Result<Option<StockItem>, ReadError> {
    whole(store, Projection::Stock)?;
    let found = read_stock(store, &stock::rows_of(scope, sku), 1)?.pop();
    let name = name_of(store, scope, sku)?;
    let known = found.is_some() || is_item(store, scope, sku)?;
    let item = found.unwrap_or_else(|| StockItem { sku: sku.to_owned(), ..StockItem::default() });
    Ok(known.then_some(StockItem { name, ..item }))
}

/// Whether the catalogue has an item.
pub fn is_item(store: &dyn Read, scope: Scope, sku: &str) -> Result<bool, ReadError> {
    let projection = Projection::Catalogue as u8;
    Ok(store.get(&keys::row(projection, scope, sku.as_bytes()))?.is_some())
}

/// The sums of each stall of a scope, over every day.
pub fn summary(store: &dyn Read, scope: Scope) -> Result<BTreeMap<DeviceId, Sums>, ReadError> {
    whole(store, Projection::Sales)?;
    let mut out: BTreeMap<DeviceId, Sums> = BTreeMap::new();
    let (from, to) = sales::rows(scope);
    store.scan(&from, &to, &mut |key, value| {
        if let Some(Day { stall, sums, .. }) = sales::read(key, value) {
            *out.entry(stall).or_default() += sums;
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

fn read_stock(
    store: &dyn Read,
    range: &keys::Range,
    limit: usize,
) -> Result<Vec<StockItem>, ReadError> {
    let mut out: Vec<StockItem> = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        let Some((sku, stall, held)) = stock::read(key, value) else {
            return ControlFlow::Continue(());
        };
        if out.last().is_none_or(|item| item.sku != sku) {
            if out.len() == limit {
                return ControlFlow::Break(());
            }
            out.push(StockItem { sku, ..StockItem::default() });
        }
        if let Some(item) = out.last_mut() {
            item.held += held;
            item.stalls.push((stall, held));
        }
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

#[cfg(feature = "catalogue")]
fn name_of(store: &dyn Read, scope: Scope, sku: &str) -> Result<Option<String>, ReadError> {
    let projection = Projection::Catalogue as u8;
    let row = store.get(&keys::row(projection, scope, sku.as_bytes()))?;
    let item: Option<crate::catalogue::Item> =
        row.and_then(|row| codec::decode("an item row", &row).ok());
    Ok(item.and_then(|item| item.name))
}

#[cfg(not(feature = "catalogue"))]
fn name_of(_store: &dyn Read, _scope: Scope, _sku: &str) -> Result<Option<String>, ReadError> {
    Ok(None)
}
