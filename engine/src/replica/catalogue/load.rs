//! Reading documents back from the log: the current season's at the start, others on demand.

use std::collections::BTreeMap;

use super::Shelf;
use crate::catalogue::{Catalogue, Item};
use crate::event::{Payload, codec};
use crate::hash;
use crate::ids::{DeviceId, Epoch, EventId, LOG_BYTES, Lane, Log, LogId, Scope};
use crate::keys;
use crate::projections::Projection;
use crate::projections::catalogue as rows;
use crate::replica::Replica;
use crate::replica::lanes::{StoredEvent, garbled};
use crate::store::{Read, ReadError, Row};

type Get<'a> = &'a dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, ReadError>;

/// A change and the actor that wrote it.
type Borne = (Vec<u8>, [u8; 16]);

/// The Automerge actor of a branch: no other branch can bear it.
pub(super) fn actor(device: &DeviceId, epoch: Epoch) -> [u8; 16] {
    hash::ACTOR.of(&[&device.0, &epoch.0.to_le_bytes()]).short().0
}

/// The document of the changes in these rows. Nothing is touched: their rows are written.
fn document(changes: &[Row], get: Get<'_>) -> Result<Catalogue, ReadError> {
    let mut events: Vec<EventId> =
        changes.iter().filter_map(|(_, row)| rows::read_event(row)).collect();
    // In the order of the store, which is mostly that of the branches.
    events.sort_unstable();
    let mut devices = BTreeMap::new();
    let mut catalogue = Catalogue::new();
    for event in events {
        let device = match devices.get(&event.log) {
            Some(device) => *device,
            None => {
                let found = device_of(&event.log, get)?;
                devices.insert(event.log, found);
                found
            }
        };
        if let Some((change, device)) = change_in(&event, get)?.zip(device) {
            catalogue.apply(&change, &actor(&device, event.epoch));
        }
    }
    catalogue.take_touched();
    Ok(catalogue)
}

/// The device whose log it is.
fn device_of(log: &LogId, get: Get<'_>) -> Result<Option<DeviceId>, ReadError> {
    let row = get(&keys::log(log))?;
    let log = row.and_then(|row| <[u8; LOG_BYTES]>::try_from(row).ok());
    Ok(log.and_then(|bytes| Log::from_bytes(&bytes)).map(|log| log.device))
}

/// The change that an event bears.
fn change_in(event: &EventId, get: Get<'_>) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(stored) = get(&keys::event(event))?.as_deref().and_then(StoredEvent::from_bytes)
    else {
        return Ok(None);
    };
    match codec::decode_event(&stored.bytes).map_err(garbled)?.payload {
        Payload::CatalogueChanged(body) => Ok(Some(body.change)),
        _ => Ok(None),
    }
}

/// The items of any season, by SKU, read from the log in a view of a store.
pub fn past_items(
    store: &dyn Read,
    scope: Scope,
    season: u32,
) -> Result<BTreeMap<String, Item>, ReadError> {
    let mut changes = Vec::new();
    let (from, to) = rows::changes(scope, season);
    store.scan(&from, &to, &mut |key, row| {
        changes.push((key.to_vec(), row.to_vec()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(document(&changes, &|key| store.get(key))?.items())
}

impl Replica {
    /// Reads every merchant's current document. While the rows that name its changes are being
    /// rebuilt, documents grow with them.
    pub(in crate::replica) fn load_catalogues(&mut self) -> Result<(), ReadError> {
        if !self.is_whole(Projection::Catalogue) {
            return Ok(());
        }
        let logs = self.logs.values().map(|state| state.log);
        let mut scopes: Vec<Scope> =
            logs.filter(|log| log.lane == Lane::Catalogue).map(|log| log.scope).collect();
        scopes.sort_unstable();
        scopes.dedup();
        for scope in scopes {
            let current = self.current_season(scope)?;
            self.catalogues.insert(scope, Shelf::at(current));
            self.document(scope, current)?;
        }
        Ok(())
    }

    /// The current season, by the rows.
    pub(super) fn current_season(&self, scope: Scope) -> Result<u32, ReadError> {
        rows::current_season(|season| {
            Ok(!self.rows.first(&rows::openings(scope, season), 1)?.is_empty())
        })
    }

    /// An item of a merchant's current catalogue, as committed.
    pub fn item(&self, scope: Scope, sku: &str) -> Result<Option<Item>, ReadError> {
        rows::item_of(self.store().as_ref(), scope, sku)
    }

    /// The seasons of a merchant whose documents are in memory.
    #[cfg(test)]
    pub(in crate::replica) fn documents_in_memory(&self, scope: Scope) -> Vec<u32> {
        self.catalogues.get(&scope).map(Shelf::held).unwrap_or_default()
    }

    /// A season's document; read from the log when it is not in memory.
    pub(super) fn document(
        &mut self,
        scope: Scope,
        season: u32,
    ) -> Result<&mut Catalogue, ReadError> {
        if !self.catalogues.entry(scope).or_default().has(season) {
            let changes = self.rows.collect(&rows::changes(scope, season))?;
            let read = document(&changes, &|key| self.rows.get(key))?;
            self.catalogues.entry(scope).or_default().put(season, read);
        }
        let shelf = self.catalogues.entry(scope).or_default();
        Ok(shelf.get(season).expect("invariant: the document was put into memory"))
    }

    /// The change that an event bears and the actor that wrote it, pending or committed.
    pub(super) fn change_of(&self, event: &EventId) -> Result<Option<Borne>, ReadError> {
        let get: Get<'_> = &|key| self.rows.get(key);
        let device = device_of(&event.log, get)?;
        let change = change_in(event, get)?;
        Ok(change.zip(device).map(|(change, device)| (change, actor(&device, event.epoch))))
    }
}
