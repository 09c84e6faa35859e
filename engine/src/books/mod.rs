//! Reading the books: stock, sales, names, vectors, from any consistent view of a store.
//!
//! It only reads, so that pages and reports need not go through the one writer.

pub mod bundles;
#[cfg(test)]
mod bundles_tests;
pub mod findings;
mod forked;
pub mod goods;
pub mod money;
pub mod rights;
pub mod stale;
#[cfg(feature = "catalogue")]
pub mod standing;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::authority::{Grant, SignedDocument};
use crate::event::codec;
use crate::ids::{DeviceId, LOG_BYTES, Log, MerchantId, Scope};
use crate::keys;
use crate::log::vector::VersionVector;
use crate::projections::Projection;
use crate::projections::catalogue;
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
    Ok(scopes_of(&vector(store)?))
}

/// Every scope that has books at a version vector.
pub fn scopes_of(vector: &VersionVector) -> Vec<Scope> {
    let mut out: Vec<Scope> = vector.0.keys().map(|log| log.scope).collect();
    out.sort_unstable();
    out.dedup();
    out.retain(|scope| *scope != Scope::Tenant);
    out
}

/// The merchant that a stall sells for now; `None` where no grant says so.
pub fn merchant_of(store: &dyn Read, stall: &DeviceId) -> Result<Option<Scope>, ReadError> {
    let row = store.get(&keys::grant(stall))?;
    let document = row.and_then(|row| codec::decode::<SignedDocument>("a grant", &row).ok());
    let grant = document.and_then(|document| document.reopen::<Grant>().ok());
    Ok(grant.map(|grant| Scope::Merchant(MerchantId::from_name(&grant.merchant))))
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
    // Tills go on selling while the rows of an earlier version are rebuilt.
    let rows = [catalogue::item(scope, sku), catalogue::item_version_1(scope, sku)];
    Ok(store.get(&rows[0])?.is_some() || store.get(&rows[1])?.is_some())
}

/// Shows the items of a scope's catalogue to `visit`, by SKU, until it breaks off.
pub fn items(
    store: &dyn Read,
    scope: Scope,
    visit: &mut dyn FnMut(&str, crate::catalogue::Item) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let (from, to) = catalogue::items(scope);
    let prefix = from.len();
    store.scan(&from, &to, &mut |key, row| {
        let sku = key.get(prefix..).and_then(|sku| std::str::from_utf8(sku).ok());
        match sku.zip(codec::decode("an item row", row).ok()) {
            Some((sku, item)) => visit(sku, item),
            None => ControlFlow::Continue(()),
        }
    })
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

fn name_of(store: &dyn Read, scope: Scope, sku: &str) -> Result<Option<String>, ReadError> {
    Ok(catalogue::item_of(store, scope, sku)?.and_then(|item| item.name))
}
